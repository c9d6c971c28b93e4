"""The ribbon: the whole network at a glance, from the photo through every stage to the answer."""

from __future__ import annotations

from gradio.data_classes import FileData, GradioModel

from cvt.tracing import StageTrace, Trace
from visualize.attention import attention_map, attention_received
from visualize.describe import describe
from visualize.feature_maps import feature_map
from visualize.heatmap import Heatmap
from visualize.language import LANGUAGES
from visualize.paint import Canvas, prepare
from visualize.palette import limits

from .cached import cached_picture
from .part import Part

__all__ = ["Ribbon", "RibbonData", "ribbon_value", "stage_attention"]

SIDE = 320
"""Longest side of the photo in the ribbon, in pixels; the heatmaps show the part of it that the model sees."""

QUALITY = 82
"""WebP's, of all its pictures."""


class PictureData(GradioModel):
    """A small heatmap, and what it says in each language."""

    file: FileData
    alt: dict[str, str]


class StageCard(GradioModel):
    """What the ribbon says of one stage: the numbers that fill its words (``stage`` counts from 1), and its maps."""

    numbers: dict[str, int]
    has_cls: bool
    feature: PictureData
    attention: PictureData


class AnswerData(GradioModel):
    """The most probable class."""

    label: str
    probability: float


class RibbonData(GradioModel):
    """The whole ribbon; ``height`` and ``width`` are those of the model's input, in pixels."""

    photo: FileData
    height: int
    width: int
    cards: list[StageCard]
    answer: AnswerData


class Ribbon(Part):
    """Root ``#stages``, with one ``[data-stage]`` child per stage; choosing one opens that stage in the explorer."""

    part = "stages"
    data_model = RibbonData


def ribbon_value(trace: Trace) -> RibbonData:
    """Draw the ribbon of a trace."""
    canvas = prepare(trace, min(SIDE, max(trace.photo.shape[:2])))
    winner, probability = trace.top(1)[0]
    return RibbonData(
        photo=cached_picture(canvas.photo, "photo.webp", QUALITY),
        height=trace.crop.height,
        width=trace.crop.width,
        cards=[_card(trace, index, stage, canvas) for index, stage in enumerate(trace.stages)],
        answer=AnswerData(label=trace.label(winner), probability=probability),
    )


def stage_attention(trace: Trace, stage: int) -> Heatmap:
    """The attention that says most of a stage: of CLS where there is one, else that which each key receives.

    Of the last block, mean over its heads.
    """
    if trace.stages[stage].has_cls:
        return attention_map(trace, stage, -1, "cls", head="mean")
    return attention_received(trace, stage, -1, "mean")


def _card(trace: Trace, index: int, stage: StageTrace, canvas: Canvas) -> StageCard:
    rows, columns = stage.geometry.tokens.shape
    numbers = {
        "stage": index + 1,
        "rows": rows,
        "columns": columns,
        "channels": len(stage.feature_map),
        "window": trace.config.patch_sizes[index],
        "stride": trace.config.patch_stride[index],
        "blocks": len(stage.blocks),
    }
    return StageCard(
        numbers=numbers,
        has_cls=stage.has_cls,
        feature=_heatmap(canvas, feature_map(trace, index)),
        attention=_heatmap(canvas, stage_attention(trace, index)),
    )


def _heatmap(canvas: Canvas, heatmap: Heatmap) -> PictureData:
    left, top, right, bottom = canvas.inside
    picture = canvas.paint(heatmap, scale=limits(heatmap))
    if right > left and bottom > top:  # of a very long photo nothing may be left that was seen
        picture = picture.crop(canvas.inside)
    alt = {language: describe(heatmap, language) for language in LANGUAGES}
    return PictureData(file=cached_picture(picture, f"{heatmap.kind}.webp", QUALITY), alt=alt)
