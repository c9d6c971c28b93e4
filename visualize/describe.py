"""One sentence that says what a map shows, computed from the map: the alternative text of its picture."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from visualize.heatmap import Heatmap, cells_holding
from visualize.language import phrase, word
from visualize.palette import limits

if TYPE_CHECKING:
    from cvt.geometry import Grid

__all__ = ["describe", "detail", "number", "place", "title"]

EVEN = 0.4
"""From this share of the cells holding half of a distribution on, it is called almost even (all alike: 0.5)."""

CONCENTRATED = 0.2
"""Up to this share of the cells holding half of a distribution, it is called concentrated."""

SCATTERED = 0.85
"""From this spread on, relative to that of the whole grid, cells have no common place (half a grid: 0.79)."""

LEVEL = 0.05
"""Up to this difference, relative to the largest magnitude, values are called the same."""

ONE_SIGN = 0.01
"""Below this share of the strength, a sign is not worth a word."""


def describe(heatmap: Heatmap, language: str = "en") -> str:
    """A sentence such as "Attention (stage 3) concentrates in the upper left; 4 of 49 keys hold half of it."

    Places are thirds of the part of the photo that the model saw, by the true centres of the cells. The thresholds
    behind the words are this module's constants.

    Raises:
        ConfigError: there is no such language, or the map holds a value that is not finite.
    """
    limits(heatmap)  # refuses values that are not finite
    tell = {"distribution": _distribution, "sequential": _sequential, "diverging": _diverging, "colour": _colour}
    return tell[heatmap.kind](heatmap, title(heatmap, language), language) + phrase(language, "describe", "end")


def title(heatmap: Heatmap, language: str = "en", *, details: bool = True) -> str:
    """What a map is: its name and, in brackets, where it comes from."""
    name = word(language, "name", heatmap.name)
    name = name[:1].upper() + name[1:]
    told = [detail(key, value, language) for key, value in heatmap.details.items()]
    if not details or not told:
        return name
    return phrase(language, "describe", "subject", name=name, details=phrase(language, "describe", "comma").join(told))


def number(value: float) -> str:
    """Three significant digits, with a true minus sign."""
    return f"{value:.3g}".replace("-", "−")


def place(weights: np.ndarray, grid: Grid) -> str:
    """Where non-negative weights lie: "upper_left" … "lower_right" by thirds, or "scattered".

    Read from the cells that hold half of the weight, and those as heavy as the lightest of them; a third in whose cells
    lies less than their share of the weight is not named.
    """
    y, x = _positions(grid)
    flat = weights.ravel()
    cells = np.flatnonzero(flat >= flat[cells_holding(weights)[-1]])
    share = flat[cells].astype(np.float64)
    share /= share.sum() or 1.0
    centre_y, centre_x = float(share @ y[cells]), float(share @ x[cells])
    spread = share @ ((y[cells] - centre_y) ** 2 + (x[cells] - centre_x) ** 2)
    if spread > SCATTERED**2 * (y.var() + x.var()) and len(cells) > 1:
        return "scattered"
    row, column = _thirds(centre_y), _thirds(centre_x)
    inside = flat[(_thirds(y) == row) & (_thirds(x) == column)]
    if not inside.size or inside.mean() < flat.mean():  # heavy cells around a place, as in a ring, are not in it
        return "scattered"
    return ("upper", "middle", "lower")[row] + "_" + ("left", "middle", "right")[column]


def _distribution(heatmap: Heatmap, subject: str, language: str) -> str:
    values, cls = heatmap.values, heatmap.cls_share or 0.0
    if values.sum() <= 0 or cls > 0.995:
        return phrase(language, "describe", "cls_only" if cls > 0 else "zero", subject=subject)
    count = len(cells_holding(values))
    where = place(values, heatmap.grid)
    if count >= EVEN * values.size:
        key = "even"
    elif where == "scattered":
        key = "scattered"
    else:
        key = "concentrated" if count <= CONCENTRATED * values.size else "strongest"
    told = phrase(
        language,
        "describe",
        key,
        subject=subject,
        place=word(language, "place", where),
        count=count,
        hold=word(language, "describe", "hold_one" if count == 1 else "hold_many"),
        total=values.size,
        cells=word(language, "cells", heatmap.name),
    )
    return told + (phrase(language, "describe", "cls", share=f"{cls:.0%}") if cls >= 0.05 else "")


def _sequential(heatmap: Heatmap, subject: str, language: str) -> str:
    values = heatmap.values
    low, high = float(values.min()), float(values.max())
    if low == high == 0:
        return phrase(language, "describe", "zero", subject=subject)
    told = {"subject": subject, "low": number(low), "high": number(high)}
    if high - low <= LEVEL * max(abs(low), abs(high)):
        return phrase(language, "describe", "level", **told)
    highest, lowest = (
        word(language, "place", place(part.astype(np.float32), heatmap.grid))
        for part in (values >= high - (high - low) / 4, values <= low + (high - low) / 4)
    )
    return phrase(language, "describe", "uneven", place=highest, other=lowest, **told)


def _diverging(heatmap: Heatmap, subject: str, language: str) -> str:
    values = heatmap.values
    positive, negative = values.clip(min=0), (-values).clip(min=0)
    strength = float(np.abs(values).sum(dtype=np.float64))
    low, high = float(values.min()), float(values.max())
    if strength == 0 or high - low <= LEVEL * max(abs(low), abs(high)):
        return _sequential(heatmap, subject, language)
    share = float(positive.sum(dtype=np.float64)) / strength
    told = {"subject": subject, "low": number(low), "high": number(high), "share": f"{share:.0%}"}
    if share > 1 - ONE_SIGN or share < ONE_SIGN:
        where = word(language, "place", place(positive if share > 0.5 else negative, heatmap.grid))
        return phrase(language, "describe", "positive" if share > 0.5 else "negative", place=where, **told)
    where, other = (word(language, "place", place(part, heatmap.grid)) for part in (positive, negative))
    return phrase(language, "describe", "signed", place=where, other=other, **told)


def _colour(heatmap: Heatmap, subject: str, language: str) -> str:
    names = _colour_names(heatmap.values)
    found, counts = np.unique(names, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    first, share = found[order[0]], counts[order[0]] / names.size
    colour = word(language, "colour", str(first))
    if share > 0.9:
        return phrase(language, "describe", "one_colour", subject=subject, colour=colour)
    second = found[order[1]]
    return phrase(
        language,
        "describe",
        "two_colours",
        subject=subject,
        colour=colour,
        second=word(language, "colour", str(second)),
        place=word(language, "place", place((names == first).astype(np.float32), heatmap.grid)),
        other=word(language, "place", place((names == second).astype(np.float32), heatmap.grid)),
    )


def _colour_names(rgb: np.ndarray) -> np.ndarray:
    """The everyday name of each colour, ``[rows, columns]`` strings: by hue, or by lightness where there is little."""
    from matplotlib.colors import rgb_to_hsv  # takes longer to import than most sentences to write

    high, low = rgb.max(axis=-1), rgb.min(axis=-1)
    chroma = high - low
    hue = rgb_to_hsv(rgb)[..., 0] * 360
    edges = np.array([15, 45, 70, 160, 200, 260, 295, 345])
    hues = np.array(["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "red"])
    greys = np.select([high < 0.2, low > 0.85], ["black", "white"], "grey")
    return np.where(chroma < 0.15, greys, hues[np.digitize(hue, edges)])


def detail(key: str, value: str | int, language: str) -> str:
    if key in ("query", "start", "token"):
        row_column = re.fullmatch(r"row (\d+), column (\d+)", str(value))
        if row_column:
            value = phrase(language, "detail", "position", row=row_column[1], column=row_column[2])
        value = word(language, "value", str(value))
    if key in ("class", "against"):
        value = word(language, "classes", str(value))
    if key == "head" and value == "mean":
        return word(language, "detail", "head mean")
    return word(language, "detail", key).format(key=key, value=value)


def _positions(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Vertical and horizontal place of each cell's true centre, flat, as shares of the model's input."""
    rows, columns = np.divmod(np.arange(grid.rows * grid.columns), grid.columns)
    return tuple(
        (grid.offset + cell * grid.stride + 0.5) / (count * grid.stride)
        for cell, count in ((rows, grid.rows), (columns, grid.columns))
    )  # type: ignore[return-value]


def _thirds(share: np.ndarray | float) -> np.ndarray:
    """In which third of a side, 0 to 2, something lies."""
    return np.clip(np.floor(np.asarray(share) * 3), 0, 2).astype(np.intp)
