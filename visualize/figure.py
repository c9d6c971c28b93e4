"""One map as a figure for a paper or a slide: the map on its photo, what it is, its scale, and whose photo it is."""

from __future__ import annotations

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
from visualize.palette import limits
from visualize.scale import scale_title

if TYPE_CHECKING:
    from cvt.tracing import Trace

__all__ = ["figure"]

WIDTH = 3.5
"""In inches: a column of a paper."""

TALLEST = 4.5
"""Of the picture, in inches; of a photo that would be taller the figure has white beside it."""

MARGIN, GAP = 0.06, 0.06
LINE, SMALL_LINE = 1.35 * TEXT / 72, 1.35 * SMALL / 72
NUMBERS, BASELINE = 0.28, 0.4
"""Heights of a scale, without and with a baseline."""
PIXELS = 1600
"""Longest side of the picture inside a PDF or SVG."""


def figure(
    trace: Trace,
    heatmap: Heatmap,
    path: str | Path,
    *,
    width: int = 1600,
    model_name: str = "",
    credit: str = "",
    language: str = "en",
) -> None:
    """Write one map on its photo as a figure: what it shows above; below, the scale with its quantity and unit.

    Text stays text in a PDF (TrueType fonts) and an SVG, which are 3.5 inches wide, a column of a paper.

    Args:
        trace: the traced photo; the map must come from it.
        heatmap: any map of it.
        path: where to; the suffix decides: ".png", ".pdf" or ".svg".
        width: of a PNG, in pixels.
        model_name, credit: the model, and whose photo it is, to be named at the foot.
        language: of the words.

    Raises:
        ConfigError: the suffix is none of the three, the width is no whole number from 200 to 10,000, the map holds a
            value that is not finite, or the language is unknown.
    """
    path = checked_path(path)
    if not isinstance(width, int) or not 200 <= width <= 10_000:
        raise ConfigError(f"width {width!r} must be a whole number of pixels from 200 to 10000")
    scale = limits(heatmap)
    inner = WIDTH - 2 * MARGIN
    heading = title(heatmap, language)
    above = wrapped(heading, inner / BOLD, TEXT)
    below = wrapped(scale_title(heatmap, scale, language), inner, SMALL)
    foot = [line for text in (model_name, credit) if writable(text) for line in wrapped(text, inner, SMALL) if line]
    canvas = prepare(trace, PIXELS)
    tall = min(inner * canvas.photo.height / canvas.photo.width, TALLEST)
    bar = 0.0 if heatmap.kind == "colour" else BASELINE if scale.baseline else NUMBERS
    height = len(above) * LINE + tall + bar + (len(below) + len(foot)) * SMALL_LINE + 2 * GAP + 2 * MARGIN
    drawn = new_figure(WIDTH, height)
    top = MARGIN
    for text in above:
        write(drawn, MARGIN, top, text, TEXT, bold=True)
        top += LINE
    top += GAP
    axes = axes_in(drawn, Box(MARGIN, top, tall * canvas.photo.width / canvas.photo.height, tall))
    axes.imshow(np.asarray(canvas.paint(heatmap, scale=scale)), interpolation="antialiased", aspect="auto")
    axes.axis("off")
    top += tall + GAP
    if bar:
        draw_scale(drawn, Box(MARGIN, top, inner, bar), heatmap, scale, language)
        top += bar
    for text in below:
        write(drawn, MARGIN, top, text, SMALL)
        top += SMALL_LINE
    for text in foot:
        write(drawn, MARGIN, top, text, SMALL, GREY)
        top += SMALL_LINE
    save_figure(drawn, path, title=heading, description=describe(heatmap, language), dpi=width / WIDTH)
