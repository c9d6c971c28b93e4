"""The strip: stage by stage, the grid it works on, its features and its attention, each drawn on the photo."""

from __future__ import annotations

import io

import numpy as np
from gradio.data_classes import FileData, GradioModel
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from cvt.geometry import Grid
from cvt.tracing import StageTrace, Trace
from visualize.attention import attention_map, attention_received
from visualize.describe import describe
from visualize.feature_maps import feature_map
from visualize.heatmap import Heatmap, Kind
from visualize.language import LANGUAGES
from visualize.paint import Canvas, prepare
from visualize.palette import limits
from visualize.scale import scale_ticks

from .part import Part

__all__ = ["StageStrip", "StripData", "grid_picture", "stage_attention", "strip_value"]

SIDE = 480
"""Longest side of the strip's pictures, in pixels."""


class TickData(GradioModel):
    """A number on a scale: where it stands, 0 (left) to 1 (right), and how it is written in each language."""

    at: float
    text: dict[str, str]


class PictureData(GradioModel):
    """A heatmap on the photo: its kind, what it says in each language, and the numbers on its scale."""

    file: FileData
    kind: Kind
    alt: dict[str, str]
    ticks: list[TickData]


class StageCard(GradioModel):
    """What the strip says of one stage: the numbers that fill its words (``stage`` counts from 1), and its pictures."""

    numbers: dict[str, int]
    has_cls: bool
    grid: FileData
    feature: PictureData
    attention: PictureData


class StripData(GradioModel):
    """The whole strip."""

    width: int
    height: int
    cards: list[StageCard]


class StageStrip(Part):
    """Root ``#stages``, with one ``[data-stage]`` child per stage; choosing one opens that stage in the explorer."""

    part = "stages"
    data_model = StripData


def strip_value(trace: Trace) -> StripData:
    """Draw the strip of a trace."""
    canvas = prepare(trace, min(SIDE, max(trace.photo.shape[:2])))
    cards = [_card(trace, index, stage, canvas) for index, stage in enumerate(trace.stages)]
    return StripData(width=canvas.photo.width, height=canvas.photo.height, cards=cards)


def stage_attention(trace: Trace, stage: int) -> Heatmap:
    """The attention that says most of a stage: of CLS where there is one, else that which each key receives.

    Of the last block, mean over its heads.
    """
    if trace.stages[stage].has_cls:
        return attention_map(trace, stage, -1, "cls", head="mean")
    return attention_received(trace, stage, -1, "mean")


def grid_picture(canvas: Canvas, grid: Grid) -> Image.Image:
    """The photo under the borders between tokens: lines half-way between the true centres of the cells."""
    left, top, right, bottom = canvas.inside
    if right <= left or bottom <= top:
        return canvas.dimmed
    down, across = _lines(canvas.y, grid), _lines(canvas.x, grid)
    line = np.maximum(down[:, None], across[None, :])[:, :, None] * 0.55
    photo = np.asarray(canvas.photo.crop(canvas.inside), dtype=np.float32)
    picture = canvas.dimmed.copy()
    picture.paste(Image.fromarray((photo * (1 - line) + 255 * line).astype(np.uint8)), (left, top))
    return picture


def _lines(where: np.ndarray, grid: Grid) -> np.ndarray:
    """How much of each pixel, 0 to 1, a line one pixel wide between two cells covers; ``where`` in model pixels."""
    if len(where) < 2:
        return np.zeros(len(where))
    pixel = (where[-1] - where[0]) / (len(where) - 1) / grid.stride  # in cells
    border = (where - grid.offset) / grid.stride + 0.5
    distance = np.abs(border - np.rint(border)) / pixel
    return np.clip(1 - distance, 0, 1)


def _card(trace: Trace, index: int, stage: StageTrace, canvas: Canvas) -> StageCard:
    rows, columns = stage.geometry.tokens.shape
    numbers = {
        "stage": index + 1,
        "rows": rows,
        "columns": columns,
        "channels": len(stage.feature_map),
        "window": stage.geometry.tokens.receptive_field,
        "blocks": len(stage.blocks),
        "heads": len(stage.blocks[0].query),
    }

    return StageCard(
        numbers=numbers,
        has_cls=stage.has_cls,
        grid=_saved(grid_picture(canvas, stage.geometry.tokens), "grid"),
        feature=_heatmap(canvas, feature_map(trace, index)),
        attention=_heatmap(canvas, stage_attention(trace, index)),
    )


def _heatmap(canvas: Canvas, heatmap: Heatmap) -> PictureData:
    scale = limits(heatmap)
    ticks = {language: scale_ticks(heatmap, scale, language) for language in LANGUAGES}
    return PictureData(
        file=_saved(canvas.paint(heatmap, scale=scale), heatmap.kind),
        kind=heatmap.kind,
        alt={language: describe(heatmap, language) for language in LANGUAGES},
        ticks=[
            TickData(
                at=(value - scale.low) / (scale.high - scale.low),
                text={language: ticks[language][value] for language in LANGUAGES},
            )
            for value in ticks["en"]
        ],
    )


def _saved(picture: Image.Image, name: str) -> FileData:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=82, method=2)
    return FileData(path=save_bytes_to_cache(buffer.getvalue(), f"{name}.webp", get_upload_folder()))
