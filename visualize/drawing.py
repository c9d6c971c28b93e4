"""Words, pictures and scales on matplotlib's figures, and the figures' files.

Things are placed in inches, by hand: matplotlib's own layout engines shrink a row of maps until its labels fit, and
then no two sheets have maps of one size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from cvt.errors import ConfigError
from visualize.fonts import families, pillow_font
from visualize.heatmap import Heatmap
from visualize.palette import Limits, default_palette, lookup_table
from visualize.scale import scale_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BOLD",
    "GREY",
    "INK",
    "SMALL",
    "SUFFIXES",
    "TEXT",
    "Box",
    "axes_in",
    "checked_path",
    "draw_scale",
    "fitting",
    "length",
    "new_figure",
    "save_figure",
    "wrapped",
    "write",
]

TEXT, SMALL = 8.5, 7.0
INK, GREY = "#222222", "#666666"
BOLD = 1.12
"""A bold line's length against a plain one's, at most."""

SUFFIXES = (".png", ".pdf", ".svg")

SETTINGS: Any = {"svg.fonttype": "none", "pdf.fonttype": 42}
"""Text stays text, to be searched and edited: in SVG as it is, in PDF in TrueType, which publishers ask for."""

_settings = Lock()
"""Matplotlib's settings are the whole process's."""


@dataclass(frozen=True)
class Box:
    """A rectangle of the page in inches from its top-left corner."""

    left: float
    top: float
    width: float
    height: float


def draw_scale(figure: Figure, box: Box, heatmap: Heatmap, scale: Limits, language: str) -> None:
    """A colour bar with its numbers, and the baseline below them; the high end there, where the two have no room."""
    axes = axes_in(figure, Box(box.left, box.top + 0.04, box.width, 0.07))
    axes.imshow(lookup_table(default_palette(heatmap.kind))[None], aspect="auto", extent=(scale.low, scale.high, 0, 1))
    axes.axis("off")
    ticks = scale_ticks(heatmap, scale, language)
    ends = 2 * max(length(ticks[end], SMALL) for end in (scale.low, scale.high))
    lower = scale.baseline or (scale.high if ends > box.width else None)
    for value, text in ticks.items():
        share = (value - scale.low) / (scale.high - scale.low)
        is_baseline = value == scale.baseline
        if is_baseline:
            axes.axvline(value, ymin=-0.2, ymax=1.4, color=INK, linewidth=1.2, clip_on=False)
        elif scale.low < value < scale.high and ends + 2 * length(text, SMALL) > box.width:
            continue  # no room between the ends
        half = length(text, SMALL) / 2
        x = box.left + min(max(share * box.width, half), max(box.width - half, half))
        write(figure, x - half, box.top + (0.25 if value == lower else 0.13), text, SMALL)


def axes_in(figure: Figure, box: Box) -> Axes:
    width, height = figure.get_size_inches()
    return figure.add_axes(
        (box.left / width, 1 - (box.top + box.height) / height, box.width / width, box.height / height)
    )


def write(
    figure: Figure,
    left: float,
    top: float,
    text: str,
    size: float,
    colour: str = INK,
    *,
    bold: bool = False,
    right: bool = False,
) -> None:
    across, down = figure.get_size_inches()
    figure.text(
        left / across,
        1 - top / down,
        text,
        fontsize=size,
        color=colour,
        fontfamily=families(),
        fontweight="bold" if bold else "normal",
        horizontalalignment="right" if right else "left",
        verticalalignment="top",
        parse_math=False,
    )


def length(text: str, size: float) -> float:
    """Length of a line of text in inches."""
    return float(pillow_font(text, 100).getlength(text)) * size / 100 / 72


def fitting(text: str, width: float, size: float) -> str:
    """A text cut to a width in inches, with an ellipsis where something is missing."""
    if length(text, size) <= width:
        return text
    while text and length(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def wrapped(text: str, width: float, size: float) -> list[str]:
    """A text on as many lines of a width in inches as it needs, broken at spaces, or anywhere where there are none.

    Numbers stay whole.
    """
    lines = [""]
    for word in text.replace(" ", " \0").split("\0"):
        if lines[-1] and length(lines[-1] + word.rstrip(), size) > width:
            lines.append("")
        for piece in re.findall(r"\d{1,12}|.", word):
            if lines[-1] and length(lines[-1] + piece.rstrip(), size) > width:
                lines.append("")
            lines[-1] += piece
    return [line.rstrip() for line in lines]


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of that size in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def checked_path(path: str | Path) -> Path:
    """A path that a figure can be written to.

    Raises:
        ConfigError: its suffix is none of :data:`SUFFIXES`.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{str(path)!r} must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    return path


def save_figure(figure: Figure, path: Path, *, title: str, description: str, dpi: float) -> None:
    """Write a figure as what its path's suffix says, with a title and a description inside and no date."""
    suffix = path.suffix.lower()
    kinds: dict[str, dict[str, Any]] = {
        ".png": {"Title": title, "Description": description},
        ".pdf": {"Title": title, "Subject": description, "CreationDate": None},
        ".svg": {"Title": title, "Description": description, "Date": None},
    }
    from matplotlib import rc_context

    with _settings, rc_context(SETTINGS):
        figure.savefig(path, format=suffix[1:], dpi=dpi, metadata=kinds[suffix])
