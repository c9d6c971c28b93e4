"""One forward pass, kept: everything a view of the network needs, as numpy arrays, with no model inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cvt.config import CvtConfig
from cvt.errors import ConfigError, ImageError
from cvt.geometry import CropGeometry, StageGeometry, stage_geometry
from cvt.image_processor import CvtImageProcessor, upright_rgb
from cvt.model import CvtForImageClassification
from cvt.probe import record

__all__ = ["BlockTrace", "StageTrace", "Trace", "class_index", "trace", "traces"]


@dataclass(frozen=True)
class BlockTrace:
    """Queries and keys of one block; its attention is ``softmax(query @ key.T * scale)``, row by row where you look.

    Attributes:
        query: ``[heads, queries, channels / heads]``, CLS first where the stage has one.
        key: ``[heads, keys, channels / heads]``, CLS first where the stage has one.
        value: ``[heads, keys, channels / heads]``, with a target only.
        context_gradient: gradient of the target's logit with respect to ``attention @ value``,
            ``[heads, queries, channels / heads]``, with a target only. The gradient of one attention weight is then
            ``context_gradient[h, q] · value[h, k]``.
    """

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray | None = None
    context_gradient: np.ndarray | None = None


@dataclass(frozen=True)
class StageTrace:
    """One stage.

    Attributes:
        geometry: where tokens and keys lie, in model pixels.
        feature_map: the stage's output without CLS, ``[channels, rows, columns]``.
        blocks: one entry per block.
        has_cls: whether a CLS token stands first among queries and keys.
        scale: factor of the attention logits, ``channels ** -0.5``.
        evidence_map: the map that class evidence is read from, ``[channels, rows, columns]``, with a target only: the
            stage's output or, where the classifier reads CLS alone, the last block's normalised input (the output's
            own gradient is zero there).
        evidence_gradient: gradient of the target's logit with respect to ``evidence_map``, with a target only.
    """

    geometry: StageGeometry
    feature_map: np.ndarray
    blocks: tuple[BlockTrace, ...]
    has_cls: bool
    scale: float
    evidence_map: np.ndarray | None = None
    evidence_gradient: np.ndarray | None = None


@dataclass(frozen=True)
class Trace:
    """What one photo did to the network. All arrays are float32 and read-only unless said otherwise.

    Attributes:
        photo: the upright original, ``[height, width, 3]``, uint8 RGB.
        pixel_values: the model's input, normalised, ``[channels, height, width]``.
        crop: the way from the photo to the model's input.
        config: the model's configuration, class names included.
        logits: ``[num_labels]``.
        probabilities: ``[num_labels]``, softmax of the logits divided by the checkpoint's temperature.
        stages: one entry per stage.
        target: the class whose evidence was kept, or None.
    """

    photo: np.ndarray
    pixel_values: np.ndarray
    crop: CropGeometry
    config: CvtConfig
    logits: np.ndarray
    probabilities: np.ndarray
    stages: tuple[StageTrace, ...]
    target: int | None = None

    def label(self, index: int) -> str:
        """Name of a class."""
        return self.config.id2label[index]

    def top(self, count: int = 5) -> list[tuple[int, float]]:
        """The most probable classes as (index, probability), best first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(int(index), float(self.probabilities[index])) for index in order]


def trace(
    model: CvtForImageClassification,
    processor: CvtImageProcessor,
    image: Image.Image,
    target: int | str | None = None,
    resolution: int | None = None,
) -> Trace:
    """Run the network once on a photo and keep what its explanations need.

    Args:
        model: a classifier; used in evaluation mode and left as it was.
        processor: its preprocessing.
        image: any PIL image; orientation from EXIF is applied.
        target: a class, by index or name, whose evidence is wanted; costs one backward pass.
        resolution: side of the model's input in pixels, instead of the processor's own.

    Raises:
        ImageError: the image cannot be read, or is too small at this resolution.
        ConfigError: the target is not one of the model's classes.
    """
    return traces(model, processor, [image], [target], resolution)[0]


def traces(
    model: CvtForImageClassification,
    processor: CvtImageProcessor,
    images: Sequence[Image.Image],
    targets: Sequence[int | str | None] | None = None,
    resolution: int | None = None,
) -> list[Trace]:
    """:func:`trace` of several photos in one forward pass; targets, one a photo, may be None.

    Raises:
        ImageError: as for :func:`trace`; or the photos' pixels differ in shape, which only happens unresized.
        ConfigError: as for :func:`trace`.
    """
    config = model.config
    indices = [None if target is None else class_index(config, target) for target in targets or [None] * len(images)]
    photos = [upright_rgb(image) for image in images]
    prepared = [processor.prepare(photo, resolution=resolution) for photo in photos]
    shapes = {tuple(one.pixel_values.shape[-2:]) for one in prepared}
    if len(shapes) != 1:
        raise ImageError(f"photos of sizes {sorted(shapes)} make no batch: expected one size, and at least one photo")
    pixel_values = torch.cat([one.pixel_values for one in prepared]).to(model.device, model.dtype)
    with_target = [(row, index) for row, index in enumerate(indices) if index is not None]
    logits, heard, gradients = _run(model, pixel_values, with_target)
    geometry = stage_geometry(config, *pixel_values.shape[-2:])
    probabilities = (logits.float() / config.temperature).softmax(dim=1)
    return [
        Trace(
            photo=_frozen(np.asarray(photos[row])),
            pixel_values=_array(prepared[row].pixel_values[0]),
            crop=prepared[row].crop,
            config=config,
            logits=_array(logits[row]),
            probabilities=_array(probabilities[row]),
            stages=tuple(
                _stage(config, s, geometry[s], row, heard, gradients if index is not None else {})
                for s in range(config.num_stages)
            ),
            target=index,
        )
        for row, index in enumerate(indices)
    ]


def _run(
    model: CvtForImageClassification, pixel_values: Tensor, targets: list[tuple[int, int]]
) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """Logits, what the probes heard, and the gradients of the targets' logits, given as (row, class)."""
    wanted = [f"{_stage_path(stage)}.output" for stage in range(model.config.num_stages)]
    heard_of_attention = ("query", "key", "value", "context", "input") if targets else ("query", "key")
    wanted += [f"layers.*.attention.{name}" for name in heard_of_attention]
    was_training = model.training
    if was_training:  # walking through the whole model would cost as much as a map
        model.eval()
    try:
        with torch.inference_mode(not targets), torch.set_grad_enabled(bool(targets)), record(model, *wanted) as heard:
            pixel_values = pixel_values.clone()  # what was made in inference mode can have no gradient
            pixel_values.requires_grad_(bool(targets))
            logits = model(pixel_values).logits
            if not targets:
                return logits, heard, {}
            total = torch.stack([logits[row, index] for row, index in targets]).sum()  # no photo sees another's logit
            return logits, heard, _gradients(model.config, total, heard)
    finally:
        if was_training:
            model.train()


def class_index(config: CvtConfig, target: int | str) -> int:
    """The index of a class given by index or by name.

    Raises:
        ConfigError: there is no such class; the message says which there are.
    """
    if isinstance(target, str) and target in config.label2id:
        return config.label2id[target]
    if isinstance(target, int | np.integer) and not isinstance(target, bool) and 0 <= target < config.num_labels:
        return int(target)
    names = ", ".join(repr(config.id2label[i]) for i in range(min(3, config.num_labels)))
    raise ConfigError(
        f"class {target!r} is not one of this model's {config.num_labels}: an index from 0 to "
        f"{config.num_labels - 1}, or a name such as {names}"
    )


def _stage_path(stage: int) -> str:
    return f"cvt.encoder.stages.{stage}"


def _evidence_probe(config: CvtConfig, stage: int) -> str:
    """Where class evidence of a stage is read: see :class:`StageTrace`."""
    reads_cls_alone = stage == config.num_stages - 1 and config.cls_token[stage]
    path = _stage_path(stage)
    return f"{path}.layers.{config.depth[stage] - 1}.attention.input" if reads_cls_alone else f"{path}.output"


def _gradients(config: CvtConfig, logit: Tensor, heard: dict[str, Tensor]) -> dict[str, Tensor]:
    names = [_evidence_probe(config, stage) for stage in range(config.num_stages)]
    names += [name for name in heard if name.endswith(".attention.context")]
    return dict(zip(names, torch.autograd.grad(logit, [heard[name] for name in names]), strict=True))


def _stage(
    config: CvtConfig,
    stage: int,
    geometry: StageGeometry,
    row: int,
    heard: dict[str, Tensor],
    gradients: dict[str, Tensor],
) -> StageTrace:
    """One photo's part, ``row`` of the batch."""
    evidence = _evidence_probe(config, stage)
    attention = [f"{_stage_path(stage)}.layers.{layer}.attention." for layer in range(config.depth[stage])]
    return StageTrace(
        geometry=geometry,
        feature_map=_array(heard[f"{_stage_path(stage)}.output"][row]),
        blocks=tuple(
            BlockTrace(
                query=_array(heard[name + "query"][row]),
                key=_array(heard[name + "key"][row]),
                value=_array(heard[name + "value"][row]) if gradients else None,
                context_gradient=_array(gradients[name + "context"][row]) if gradients else None,
            )
            for name in attention
        ),
        has_cls=config.cls_token[stage],
        scale=config.embed_dim[stage] ** -0.5,
        evidence_map=_array(heard[evidence][row]) if gradients else None,
        evidence_gradient=_array(gradients[evidence][row]) if gradients else None,
    )


def _array(tensor: Tensor) -> np.ndarray:
    return _frozen(tensor.detach().float().cpu().numpy())  # strided as it comes: a copy would cost more than it saves


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
