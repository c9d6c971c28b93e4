"""The close-ups as a Gradio component, and what their browser side gets of a network and a photo.

The value describes the network; the numbers themselves, weights and what the photo did, are *pieces*
(:mod:`session.pieces`) that travel as files, and only when somebody opens what needs them::

    @closeup.pieces(inputs=[...], outputs=closeup, show_progress="hidden")
    def answer(..., event: gr.EventData):
        return closeup_value(explorer, config, processor, pieces(loaded, trace, requested_pieces(event)))

The browser keeps what it has been given, so a value carries no more pieces than were asked for. The root is
``#closeup``, with ``data-closeup`` (absent while it is closed), ``data-state``, ``data-stage``, ``data-block``,
``data-head``, ``data-query`` and ``data-channel``, and an object ``closeup``::

    await root.closeup.open({ kind, stage, block, head, query, channel, target })   # all count from 1; any of them
    root.closeup.close()

``kind`` is "embedding", "projection", "attention", "block" or "answer". The root dispatches ``closeup:change`` with
its state in ``detail`` whenever that changes, and ``closeup:look`` when somebody looks at one number of a grid.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Literal

import gradio as gr
import numpy as np
from gradio.data_classes import FileData, GradioModel
from pydantic import Field

from cvt.config import CvtConfig
from cvt.errors import ConfigError
from cvt.geometry import Grid, StageGeometry, stage_geometry
from cvt.image_processor import CvtImageProcessor

from ..session.pieces import Piece, normalisation
from .cached import cached_file
from .explorer import ClassData, ExplorerData
from .part import Part

__all__ = ["CloseUp", "CloseUpData", "closeup_value", "requested_pieces"]

PIECE = "piece.bin"
"""What the files of pieces are called."""

MOST = 16
"""How many pieces may be asked for at once."""


class ConvolutionData(GradioModel):
    """Window, step and zero border of a convolution or a pooling, in cells of its input."""

    kernel: int
    stride: int
    padding: int


class CloseUpStage(GradioModel):
    """One stage. ``input`` is the grid of the map below, of the first stage that of the pixels."""

    input: Grid
    inputs: int
    tokens: Grid
    keys: Grid
    channels: int
    heads: int
    blocks: int
    hidden: int
    has_cls: bool
    embedding: ConvolutionData
    method: str
    query: ConvolutionData
    key: ConvolutionData


class TensorData(GradioModel):
    """One array of a piece's file, which holds them one after the other."""

    name: str
    shape: list[int]


class PieceData(GradioModel):
    """A piece's file: little-endian numbers of one type, or a JSON list of names."""

    name: str
    type: Literal["float32", "uint8", "json"]
    file: FileData
    tensors: list[TensorData]


class CloseUpData(GradioModel):
    """A network and a photo as close-ups get them.

    Attributes:
        key: the explorer's, which names photo, model and resolution.
        made: seconds since 1970, so that no two answers are alike: Gradio shows the browser only what has changed.
        height, width: of the model's input, in pixels.
        factor, mean, deviation: a byte becomes ``(byte * factor - mean) / deviation``, by colour.
        norm_eps, batch_eps: of the layer norms and the batch norms.
        classes: the most probable ones.
    """

    key: str
    made: float
    height: int
    width: int
    factor: float
    mean: list[float]
    deviation: list[float]
    norm_eps: float
    batch_eps: float
    activation: str
    temperature: float
    class_count: int
    classes: list[ClassData]
    stages: list[CloseUpStage]
    pieces: list[PieceData] = Field(default_factory=list)


class CloseUp(Part):
    """Every number of the network to be followed by hand: convolution, projection, attention, block and answer."""

    part = "closeup"
    raises = ("pieces",)
    data_model = CloseUpData


BATCH_NORM_EPS = 1e-5
"""PyTorch's own, which no CvT changes."""


def closeup_value(
    explorer: ExplorerData,
    config: CvtConfig,
    processor: CvtImageProcessor,
    pieces: Mapping[str, Piece] | None = None,
) -> CloseUpData:
    """What close-ups get of the photo that an explorer shows; ``pieces`` are those that were asked for."""
    height, width = explorer.crop.height, explorer.crop.width
    factor, mean, deviation = normalisation(processor)
    geometries = stage_geometry(config, height, width)
    pixels = Grid(height, width, stride=1, offset=0, receptive_field=1)
    below = [pixels, *(stage.tokens for stage in geometries)]
    return CloseUpData(
        key=explorer.key,
        made=time.time(),
        height=height,
        width=width,
        factor=factor,
        mean=mean,
        deviation=deviation,
        norm_eps=config.norm_eps,
        batch_eps=BATCH_NORM_EPS,
        activation=config.hidden_act,
        temperature=config.temperature,
        class_count=config.num_labels,
        classes=explorer.classes,
        stages=[_stage(config, index, below[index], geometry) for index, geometry in enumerate(geometries)],
        pieces=[_piece(name, piece) for name, piece in (pieces or {}).items()],
    )


def requested_pieces(event: gr.EventData) -> list[str]:
    """The names that a ``pieces`` event asks for.

    Raises:
        ConfigError: what the browser sent is no short list of names.
    """
    names = event._data.get("names") if isinstance(event._data, dict) else None
    if not isinstance(names, list) or len(names) > MOST or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"pieces are asked for by a list of at most {MOST} names")
    return names


def _stage(config: CvtConfig, stage: int, below: Grid, geometry: StageGeometry) -> CloseUpStage:
    width = config.embed_dim[stage]
    return CloseUpStage(
        input=below,
        inputs=config.embed_dim[stage - 1] if stage else config.num_channels,
        tokens=geometry.tokens,
        keys=geometry.keys,
        channels=width,
        heads=config.num_heads[stage],
        blocks=config.depth[stage],
        hidden=int(width * config.mlp_ratio[stage]),
        has_cls=config.cls_token[stage],
        embedding=_window(config.patch_sizes, config.patch_stride, config.patch_padding, stage),
        method=config.qkv_projection_method[stage],
        query=_window(config.kernel_qkv, config.stride_q, config.padding_q, stage),
        key=_window(config.kernel_qkv, config.stride_kv, config.padding_kv, stage),
    )


def _window(kernel: list[int], stride: list[int], padding: list[int], stage: int) -> ConvolutionData:
    return ConvolutionData(kernel=kernel[stage], stride=stride[stage], padding=padding[stage])


def _piece(name: str, piece: Piece) -> PieceData:
    if isinstance(piece, list):
        return PieceData(name=name, type="json", file=cached_file(json.dumps(piece).encode(), PIECE), tensors=[])
    is_bytes = all(array.dtype == np.uint8 for array in piece.values())
    content = b"".join(array.astype("u1" if is_bytes else "<f4").tobytes() for array in piece.values())
    tensors = [TensorData(name=key, shape=list(array.shape)) for key, array in piece.items()]
    return PieceData(
        name=name, type="uint8" if is_bytes else "float32", file=cached_file(content, PIECE), tensors=tensors
    )
