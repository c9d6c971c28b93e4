"""A map, or several, as a figure for a paper or a slide: on its photo, what it is, its scale, and whose photo it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cvt.errors import ConfigError
from visualize.describe import describe, title
from visualize.drawing import (
    BOLD,
    GREY,
    SMALL,
    TEXT,
    Box,
    axes_in,
    checked_path,
    draw_scale,
    new_figure,
    save_figure,
    wrapped,
    write,
)
from visualize.fonts import writable
from visualize.heatmap import Heatmap
from visualize.paint import prepare
from visualize.palette import limits, shared_limits
from visualize.scale import scale_title

if TYPE_CHECKING:
    from cvt.tracing import Trace

__all__ = ["figure"]

WIDTH = 3.5
"""In inches: a column of a paper."""

PAGE = 7.0
"""In inches: both columns, for maps that stand side by side."""

COLUMNS = {1: 1, 2: 2, 4: 2}
"""Maps in a row, by how many there are; else three."""

TALLEST = 4.5
"""Of a picture, in inches; of a photo that would be taller the figure has white beside it."""

MARGIN, GAP, BETWEEN = 0.06, 0.06, 0.14
LINE, SMALL_LINE = 1.35 * TEXT / 72, 1.35 * SMALL / 72
NUMBERS, BASELINE = 0.28, 0.4
"""Heights of a scale, without and with a baseline."""
PIXELS = 1600
"""Longest side of a picture inside a PDF or SVG."""


def figure(
    trace: Trace,
    heatmap: Heatmap | Sequence[Heatmap],
    path: str | Path,
    *,
    width: int = 1600,
    model_name: str = "",
    credit: str = "",
    language: str = "en",
) -> None:
    """Write a map on its photo as a figure: what it shows above; below, the scale with its quantity and unit.

    Several maps, such as all heads' or two tokens', stand side by side under one scale. Text stays text in a PDF
    (TrueType fonts) and an SVG, which are 3.5 inches wide, a column of a paper; with several maps 7 inches, both.

    Args:
        trace: the traced photo; the maps must come from it.
        heatmap: any map of it, or several of one kind.
        path: where to; the suffix decides: ".png", ".pdf" or ".svg".
        width: of a PNG, in pixels.
        model_name, credit: the model, and whose photo it is, to be named at the foot.
        language: of the words.

    Raises:
        ConfigError: the suffix is none of the three, the width is no whole number from 200 to 10,000, there is no map,
            the maps are of different kinds or hold a value that is not finite, or the language is unknown.
    """
    path = checked_path(path)
    if not isinstance(width, int) or not 200 <= width <= 10_000:
        raise ConfigError(f"width {width!r} must be a whole number of pixels from 200 to 10000")
    maps = [heatmap] if isinstance(heatmap, Heatmap) else list(heatmap)
    scale = limits(maps[0]) if len(maps) == 1 else shared_limits(maps)
    columns = COLUMNS.get(len(maps), 3)
    wide = WIDTH if columns == 1 else PAGE
    inner = wide - 2 * MARGIN
    cell = (inner - (columns - 1) * BETWEEN) / columns
    titles = [title(shown, language) for shown in maps]
    above = [wrapped(heading, cell / BOLD, TEXT) for heading in titles]
    lines = max(map(len, above))
    below = wrapped(scale_title(maps[0], scale, language), inner, SMALL)
    foot = [line for text in (model_name, credit) if writable(text) for line in wrapped(text, inner, SMALL) if line]
    canvas = prepare(trace, PIXELS)
    tall = min(cell * canvas.photo.height / canvas.photo.width, TALLEST)
    row = lines * LINE + GAP + tall + GAP
    rows = -(-len(maps) // columns)
    bar = 0.0 if maps[0].kind == "colour" else BASELINE if scale.baseline else NUMBERS
    drawn = new_figure(wide, rows * row + bar + (len(below) + len(foot)) * SMALL_LINE + 2 * MARGIN)
    for index, (shown, heading) in enumerate(zip(maps, above, strict=True)):
        left, top = MARGIN + index % columns * (cell + BETWEEN), MARGIN + index // columns * row
        for number, text in enumerate(heading):
            write(drawn, left, top + number * LINE, text, TEXT, bold=True)
        picture = Box(left, top + lines * LINE + GAP, tall * canvas.photo.width / canvas.photo.height, tall)
        axes = axes_in(drawn, picture)
        axes.imshow(np.asarray(canvas.paint(shown, scale=scale)), interpolation="antialiased", aspect="auto")
        axes.axis("off")
    top = MARGIN + rows * row
    if bar:
        draw_scale(drawn, Box(MARGIN, top, inner, bar), maps[0], scale, language)
        top += bar
    for text in below:
        write(drawn, MARGIN, top, text, SMALL)
        top += SMALL_LINE
    for text in foot:
        write(drawn, MARGIN, top, text, SMALL, GREY)
        top += SMALL_LINE
    told = " ".join(describe(shown, language) for shown in maps)
    save_figure(drawn, path, title=" | ".join(titles), description=told, dpi=width / wide)
