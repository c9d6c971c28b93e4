"""Small networks of every kind, photos run through them, and traces written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cvt.config import CvtConfig
from cvt.geometry import CropGeometry, stage_geometry
from cvt.image_processor import PreparedImage
from cvt.model import CvtForImageClassification
from cvt.tracing import BlockTrace, StageTrace, Trace, trace
from tests.cvt.networks import small_config

SMALL: dict[str, dict[str, Any]] = {
    "released": {},
    "average": {"qkv_projection_method": ("avg",) * 3, "patch_sizes": (5, 3, 2), "patch_padding": (1, 1, 0)},
    "linear": {"qkv_projection_method": ("linear",) * 3, "cls_token": (False,) * 3},
    "early CLS": {"cls_token": (True, False, False), "stride_kv": (1, 2, 3)},
    "CLS everywhere": {
        "cls_token": (True,) * 3,
        "kernel_qkv": (5, 3, 3),
        "padding_kv": (2, 1, 0),
        "padding_q": (2, 1, 1),
    },
}
"""Configurations that differ from a narrow CvT in how tokens and keys are laid out."""

WIDE_HEADS = {"embed_dim": (8, 12, 24), "num_heads": (1, 3, 6), "initializer_range": 0.5}


@cache
def small_model(name: str) -> CvtForImageClassification:
    torch.manual_seed(1)
    return CvtForImageClassification(small_config(**WIDE_HEADS, **SMALL[name])).eval()


class AsItIs:
    """Preprocessing that neither resizes nor crops, so that a network can be given any shape."""

    def prepare(self, image: Image.Image, resolution: int | None = None) -> PreparedImage:
        pixels = (np.asarray(image, dtype=np.float32) / 255 - 0.5) / 0.25
        size = image.height, image.width
        crop = CropGeometry(photo=size, resized=size, top=0, left=0, height=image.height, width=image.width)
        return PreparedImage(torch.from_numpy(pixels.transpose(2, 0, 1))[None], crop)


def noise_photo(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.fixture(params=list(SMALL))
def kind(request: pytest.FixtureRequest) -> str:
    """Name of one of the small networks; a test that takes it runs for each."""
    return str(request.param)


@pytest.fixture
def network() -> Callable[[str], CvtForImageClassification]:
    """A small network by name."""
    return small_model


@pytest.fixture
def noise_trace() -> Callable[..., Trace]:
    """``noise_trace(name, height=48, width=64, target=None)``: a photo of noise, run through a small network."""

    @cache
    def make(name: str, height: int = 48, width: int = 64, target: int | None = None) -> Trace:
        return trace(small_model(name), AsItIs(), noise_photo(height, width), target=target)  # type: ignore[arg-type]

    return make


@pytest.fixture
def by_hand() -> Callable[..., Trace]:
    """A one-stage trace written by hand: see :func:`_by_hand`."""
    return _by_hand


def _by_hand(
    *attention: Sequence[Any],
    features: Any = None,
    gradient: Any = None,
    values: Sequence[Any] | None = None,
    context_gradients: Sequence[Any] | None = None,
    evidence: Sequence[Any] | None = None,
    relevance: Sequence[Any] | None = None,
    pixels: Any = None,
    pixel_gradient: Any = None,
    pixel_relevance: Any = None,
    cls: bool = False,
    size: tuple[int, int] = (2, 2),
    **fields: Any,
) -> Trace:
    """A trace of one stage whose tokens are the pixels, with the attention that is asked for.

    Args:
        attention: one ``[heads, queries, keys]`` per block, rows summing to 1. Query ``i`` is the unit vector ``i``
            and the keys hold logarithms, so that the softmax gives back exactly these weights.
        features, gradient: the stage's map and its gradient, ``[channels, rows, columns]``.
        values, context_gradients: one per block, ``[heads, keys or queries, width]``.
        evidence, relevance: one per block, ``[queries]``.
        pixels, pixel_gradient: ``[3, rows, columns]``; pixel_relevance: ``[rows, columns]``.
        cls: whether the first query and key are CLS.
        size: rows and columns of the photo.
        fields: of the configuration; keys are all tokens unless they say otherwise.
    """
    one_stage = {"patch_sizes": [1], "patch_stride": [1], "patch_padding": [0], "qkv_projection_method": ["linear"]}
    plain = {"embed_dim": [8], "num_heads": [1], "mlp_ratio": [1.0], "qkv_bias": [True], "kernel_qkv": [3]}
    strides = {"padding_kv": [1], "stride_kv": [2], "padding_q": [1], "stride_q": [1]}
    rates = {name: [0.0] for name in ("attention_drop_rate", "drop_rate", "drop_path_rate")}
    depth = max(len(attention), 1)
    config = CvtConfig(
        num_labels=3, depth=[depth], cls_token=[cls], **{**one_stage, **plain, **strides, **rates, **fields}
    )
    blocks = []
    for block, weights in enumerate(attention):
        rows = np.asarray(weights, dtype=np.float32)
        heads, queries, _ = rows.shape
        with np.errstate(divide="ignore"):
            logs = np.maximum(np.log(rows), -1e4).transpose(0, 2, 1)
        blocks.append(
            BlockTrace(
                query=np.tile(np.eye(queries, dtype=np.float32), (heads, 1, 1)),
                key=np.ascontiguousarray(logs),
                value=None if values is None else np.asarray(values[block], dtype=np.float32),
                context_gradient=(
                    None if context_gradients is None else np.asarray(context_gradients[block], dtype=np.float32)
                ),
                evidence=None if evidence is None else np.asarray(evidence[block], dtype=np.float32),
                relevance=None if relevance is None else np.asarray(relevance[block], dtype=np.float32),
            )
        )
    features = np.zeros((1, *size), dtype=np.float32) if features is None else np.asarray(features, dtype=np.float32)
    of_a_target = (gradient, values, evidence, relevance, pixel_gradient, pixel_relevance)
    has_target = any(given is not None for given in of_a_target)
    stage = StageTrace(
        geometry=stage_geometry(config, *size)[0],
        feature_map=features,
        blocks=tuple(blocks),
        has_cls=cls,
        scale=1.0,
        evidence_map=features if has_target else None,
        evidence_gradient=(
            (np.zeros_like(features) if gradient is None else np.asarray(gradient, dtype=np.float32))
            if has_target
            else None
        ),
    )
    return Trace(
        photo=np.zeros((*size, 3), dtype=np.uint8),
        pixel_values=np.zeros((3, *size), dtype=np.float32) if pixels is None else np.asarray(pixels, dtype=np.float32),
        crop=CropGeometry(photo=size, resized=size, top=0, left=0, height=size[0], width=size[1]),
        config=config,
        logits=np.zeros(3, dtype=np.float32),
        probabilities=np.full(3, 1 / 3, dtype=np.float32),
        stages=(stage,),
        target=1 if has_target else None,
        explained=10.0 if has_target else None,
        pixel_gradient=None if pixel_gradient is None else np.asarray(pixel_gradient, dtype=np.float32),
        pixel_relevance=None if pixel_relevance is None else np.asarray(pixel_relevance, dtype=np.float32),
    )
