"""The laboratories as a Gradio component: what can be changed in a photo or a network, and what came of it.

The value says what the model on the page offers; what somebody tries arrives in it bit by bit, under the number of
their wish::

    @laboratory.trial(inputs=[...], outputs=laboratory, show_progress="hidden")
    def answer(..., event: gr.EventData):
        wish = requested_trial(event, config, resolution)
        for outcome in try_out(loaded, network, trace, photo, wish.trial, with_curve=wish.with_curve):
            yield laboratory_value(explorer.key, config, resolution, trial_data(wish.number, outcome))

The root is ``#laboratory``, with ``data-laboratory``, "place" or "break" (absent while it is closed), ``data-state``,
``data-change``, ``data-tried`` (what is on the screen, in words of the address), and an object ``laboratory``::

    await root.laboratory.open({ kind, change, way, by, longest, shape, over, pieces, seed, to, stage, block, head })
    root.laboratory.close()

Any of them may be left out; stages, blocks and heads count from 1. The root dispatches ``laboratory:change`` with its
state in ``detail`` whenever that changes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import FileData, GradioModel
from PIL import Image

from cvt.ablation import (
    ChangeActivation,
    ChangeDepthwise,
    ChangeKeyStride,
    ChangePadding,
    SilenceBlock,
    SilenceCls,
    SilenceHead,
)
from cvt.config import CvtConfig
from cvt.errors import ConfigError, shown
from cvt.tracing import Trace
from visualize.heatmap import Heatmap
from visualize.paint import Canvas, prepare
from visualize.palette import shared_limits

from ..session.laboratory import Outcome, StageMaps, Trial
from ..session.photo_changes import MOST_SHIFT, PIECES, SHAPES, WAYS, Flip, Shift, Shuffle, Size, longest_sides
from .cached import cached_picture
from .explorer import ClassData
from .part import Part

__all__ = ["Laboratory", "LaboratoryData", "Wish", "laboratory_value", "requested_trial", "trial_data"]

SIDE = 288
"""Longest side of a picture, in pixels, unless the model sees more."""

PICTURE, QUALITY = "laboratory.webp", 88
"""What the files of pictures are called, and WebP's quality."""

MOST_NUMBER = 2**53
"""What a browser can count to."""

TOLD = 3
"""Classes that are told of a prediction."""

PLACE = ("shift", "size", "flip", "shuffle", "border")
BREAK = ("convolution", "keys", "head", "block", "cls", "activation")
CHANGES = PLACE + BREAK
ACTIVATIONS = ("gelu", "quick_gelu", "relu")


class RoomData(GradioModel):
    """What a stage has that can be silenced, and the pixels from one of its tokens to the next."""

    blocks: int
    heads: int
    step: int


class SideData(GradioModel):
    """What the model sees, before or after; its tokens by stage; the likeliest classes, and the one it was before."""

    picture: FileData
    height: int
    width: int
    tokens: list[int]
    classes: list[ClassData]
    winner: ClassData


class PairData(GradioModel):
    """A map before and after, on one scale."""

    before: FileData
    after: FileData


class StageMapsData(GradioModel):
    """One stage: see :class:`~ui.session.laboratory.StageMaps`."""

    evidence: PairData
    features: PairData
    alike: float | None


class CurveLine(GradioModel):
    """See :class:`~ui.session.laboratory.Curve`."""

    name: str
    changes: list[float]


class TrialData(GradioModel):
    """What is known so far of the trial with that number. ``change`` is that of the logits."""

    number: int
    before: SideData
    after: SideData
    change: float
    maps: list[StageMapsData]
    curves: list[CurveLine]
    done: bool


class LaboratoryData(GradioModel):
    """What can be tried with the model on the page, and what was tried last.

    Attributes:
        key: the explorer's, which names photo, model and resolution.
        made: seconds since 1970, so that no two answers are alike.
        side: of the model's input, in pixels; ``least`` and ``most`` bound the longest side of another size.
        changes: what can be changed, by kind of laboratory.
        activations: those that this network has not got.
        activation: the one it has.
        keys: step of its keys, the largest of all stages.
        refused: number of a wish that could not be granted.
    """

    key: str
    made: float
    side: int
    least: int
    most: int
    most_shift: int
    pieces: list[int]
    stages: list[RoomData]
    changes: dict[str, list[str]]
    activations: list[str]
    activation: str
    keys: int
    trial: TrialData | None = None
    refused: int | None = None


class Laboratory(Part):
    """A photo or a network with one thing changed. Raises ``trial`` when somebody tries something."""

    part = "laboratory"
    raises = ("trial",)
    data_model = LaboratoryData


@dataclass(frozen=True)
class Wish:
    """What somebody wants to try, under a number that grows with each wish."""

    number: int
    trial: Trial
    with_curve: bool


def laboratory_value(
    key: str,
    config: CvtConfig,
    resolution: int,
    trial: TrialData | None = None,
    refused: int | None = None,
) -> LaboratoryData:
    """What can be tried with a model on the photo that an explorer shows under that key."""
    least, most = longest_sides(config, resolution)
    squeezed = [
        stride
        for stride, method in zip(config.stride_kv, config.qkv_projection_method, strict=True)
        if method != "linear" and stride > 1
    ]
    steps = np.cumprod(config.patch_stride)
    rooms = zip(config.depth, config.num_heads, steps, strict=True)
    has = {"convolution": "dw_bn" in config.qkv_projection_method, "keys": bool(squeezed), "cls": any(config.cls_token)}
    lacking = [name for name, is_there in has.items() if not is_there]
    return LaboratoryData(
        key=key,
        made=time.time(),
        side=resolution,
        least=least,
        most=most,
        most_shift=MOST_SHIFT,
        pieces=list(PIECES),
        stages=[RoomData(blocks=blocks, heads=heads, step=int(step)) for blocks, heads, step in rooms],
        changes={
            "place": list(PLACE),
            "break": [name for name in BREAK if name not in lacking],
        },
        activations=[name for name in ACTIVATIONS if name != config.hidden_act],
        activation=config.hidden_act,
        keys=max(squeezed, default=1),
        trial=trial,
        refused=refused,
    )


def requested_trial(event: gr.EventData, config: CvtConfig, resolution: int) -> Wish:
    """What a ``trial`` event asks for. Stages, blocks and heads count from 1.

    Raises:
        ConfigError: it cannot be; the message names what was sent, and what can be.
    """
    data = event._data if isinstance(event._data, dict) else {}
    number = _whole(data, "number", 1, MOST_NUMBER)
    return Wish(number, _trial(data, config, resolution), data.get("curve") is True)


def trial_data(number: int, outcome: Outcome, *, done: bool = False) -> TrialData:
    """What the browser gets of a trial; ``done`` says that nothing more will come."""
    before, after = outcome.traces
    winner = before.top(1)[0][0]
    canvases = tuple(prepare(trace, max(SIDE, *trace.photo.shape[:2])) for trace in outcome.traces)
    return TrialData(
        number=number,
        before=_side(before, winner),
        after=_side(after, winner),
        change=outcome.change,
        maps=[_stage_maps(maps, canvases) for maps in outcome.maps],
        curves=[CurveLine(name=curve.name, changes=list(curve.changes)) for curve in outcome.curves],
        done=done,
    )


def _side(trace: Trace, winner: int) -> SideData:
    def entry(index: int) -> ClassData:
        return ClassData(index=index, label=trace.label(index), probability=float(trace.probabilities[index]))

    height, width = trace.photo.shape[:2]
    return SideData(
        picture=cached_picture(Image.fromarray(trace.photo), PICTURE, QUALITY),
        height=height,
        width=width,
        tokens=[stage.geometry.tokens.rows * stage.geometry.tokens.columns for stage in trace.stages],
        classes=[entry(index) for index, _ in trace.top(TOLD)],
        winner=entry(winner),
    )


def _stage_maps(maps: StageMaps, canvases: Sequence[Canvas]) -> StageMapsData:
    return StageMapsData(
        evidence=_pair(maps.evidence, canvases), features=_pair(maps.features, canvases), alike=maps.alike
    )


def _pair(maps: Sequence[Heatmap], canvases: Sequence[Canvas]) -> PairData:
    scale = shared_limits(maps)
    pictures = [canvas.paint(shown, scale=scale) for canvas, shown in zip(canvases, maps, strict=True)]
    before, after = (cached_picture(picture, PICTURE, QUALITY) for picture in pictures)
    return PairData(before=before, after=after)


def _trial(data: Mapping[str, Any], config: CvtConfig, resolution: int) -> Trial:
    match _among(data, "change", CHANGES):
        case "shift":
            return Shift(_among(data, "way", tuple(WAYS)), _whole(data, "by", 0, MOST_SHIFT))
        case "size":
            return Size(_whole(data, "longest", *longest_sides(config, resolution)), _among(data, "shape", SHAPES))
        case "flip":
            return Flip(_among(data, "over", ("vertical", "horizontal")))
        case "shuffle":
            return Shuffle(_among(data, "pieces", PIECES), _whole(data, "seed", 1, MOST_NUMBER))
        case "border":
            return ChangePadding()
        case "convolution":
            return ChangeDepthwise(_among(data, "to", ("identity", "mean")))
        case "keys":
            return ChangeKeyStride(1)
        case "cls":
            return SilenceCls()
        case "activation":
            return ChangeActivation(_among(data, "to", ACTIVATIONS))
        case change:
            stage = _whole(data, "stage", 1, config.num_stages) - 1
            block = _whole(data, "block", 1, config.depth[stage]) - 1
            if change == "block":
                return SilenceBlock(stage, block)
            return SilenceHead(stage, block, _whole(data, "head", 1, config.num_heads[stage]) - 1)


def _among(data: Mapping[str, Any], name: str, known: Sequence[Any]) -> Any:
    value = data.get(name)
    if isinstance(value, bool) or value not in known:
        raise ConfigError(f"{name}={shown(value)} must be one of {', '.join(map(str, known))}")
    return known[known.index(value)]


def _whole(data: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigError(f"{name}={shown(value)} must be a whole number from {least} to {most}")
    return value
