"""Numbers to colours: perceptually uniform palettes, and scales that say what they are.

Palettes are matplotlib's viridis, inferno and magma (van der Walt & Smith 2015) and, for signed values, coolwarm
(Moreland 2009: equal lightness either side of a neutral middle). A scale is explicit, a :class:`Limits`, and its
default follows from what the values mean (:func:`limits`): it always holds zero, so that brightness is in proportion
to the value, and is stretched to a map's own smallest and largest value only when asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np

from cvt.errors import ConfigError
from visualize.heatmap import Heatmap, Kind

__all__ = [
    "HELD",
    "UNIFORM_REACH",
    "Limits",
    "Palette",
    "colour_rule",
    "colours",
    "default_palette",
    "limits",
    "lookup_table",
    "palette_index",
    "shared_limits",
    "to_bytes",
]

Palette = Literal["viridis", "inferno", "magma", "coolwarm"]

_PALETTES: dict[Kind, Palette] = {"sequential": "viridis", "distribution": "inferno", "diverging": "coolwarm"}

UNIFORM_REACH = 5
"""How many times the uniform share the scale of a distribution reaches: the same for all tokens, heads and blocks."""


HELD = 0.995
"""The share of its magnitudes that a signed map's scale holds: the few beyond it would leave all the others pale."""


@dataclass(frozen=True)
class Limits:
    """A colour scale's ends: ``low`` gets a palette's first colour, ``high`` its last, values beyond are clipped.

    Attributes:
        low, high: in units of the map.
        baseline: a value to mark on the scale, for attention the 1/K of keys that all count alike.
        stretched: whether the ends are one map's own extremes, so that colours of different maps do not compare.

    Raises:
        ConfigError: the ends are not two finite numbers, the low one first.
    """

    low: float
    high: float
    baseline: float | None = None
    stretched: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ConfigError(f"limits from {self.low!r} to {self.high!r} must be finite and rise")


def limits(heatmap: Heatmap, *, stretch: bool = False) -> Limits:
    """The scale a map is drawn on unless told otherwise.

    =============  =====================================================================================
    kind           ends
    =============  =====================================================================================
    distribution   0 to :data:`UNIFORM_REACH` times the uniform baseline, which is marked; without one, as sequential
    diverging      symmetric around 0, as wide as the magnitude that :data:`HELD` of them do not exceed, or the largest
                   where that is 0: of fewer than 200 values the largest anyhow
    sequential     0 to the extreme value (both extremes where there are both signs)
    colour         0 to 1; the values are colours already
    =============  =====================================================================================

    Args:
        heatmap: the map.
        stretch: from the map's smallest to its largest value instead; a difference below a millionth of the values
            counts as rounding and is not stretched. Signed maps, whose neutral colour must stay at 0, reach to their
            largest magnitude, and colour maps are left as they are.

    Raises:
        ConfigError: the map holds a value that is not finite.
    """
    smallest, largest = _extremes(heatmap)
    baseline = heatmap.baseline if heatmap.kind == "distribution" else None
    if heatmap.kind == "colour":
        return Limits(0.0, 1.0)
    if heatmap.kind == "diverging":
        reach = max(abs(smallest), abs(largest))
        reach = (not stretch and _usual(heatmap.values)) or reach or 1.0
        return Limits(-reach, reach)
    if stretch:
        flat = largest - smallest <= 1e-6 * max(abs(smallest), abs(largest))
        return _rising(smallest, smallest if flat else largest, baseline, stretched=True)
    if baseline:
        return Limits(0.0, UNIFORM_REACH * baseline, baseline)
    return _rising(min(0.0, smallest), max(0.0, largest), baseline)


def colour_rule() -> dict[str, dict[str, str | float]]:
    """The rule of :func:`limits` as plain JSON types, for a browser that draws maps itself.

    For every kind with a scale: ``palette``; ``low``, "zero" (0, or the smallest value if that is lower) or "symmetric"
    (minus the high end); and ``uniform``, the multiple of the baseline where the high end lies, if the map has a
    baseline; else it lies at the largest value, or at 0 if that is higher, and at 1 above the low end where both would
    be the same. A symmetric scale ``holds`` a share of the magnitudes: it reaches to the one that so many do not
    exceed, to the largest if that is 0, or to 1 if that is 0 too.
    """
    return {
        "sequential": {"palette": _PALETTES["sequential"], "low": "zero"},
        "distribution": {"palette": _PALETTES["distribution"], "low": "zero", "uniform": UNIFORM_REACH},
        "diverging": {"palette": _PALETTES["diverging"], "low": "symmetric", "holds": HELD},
    }


def shared_limits(heatmaps: Sequence[Heatmap]) -> Limits:
    """One scale for maps that invite comparison: wide enough for each; the baseline is kept where all have the same.

    Raises:
        ConfigError: there are no maps, or they are of different kinds.
    """
    kinds = {heatmap.kind for heatmap in heatmaps}
    if len(kinds) != 1:
        raise ConfigError(f"maps that share a scale must be of one kind; got {sorted(kinds) or 'no maps'}")
    each = [limits(heatmap) for heatmap in heatmaps]
    baselines = {scale.baseline for scale in each}
    baseline = baselines.pop() if len(baselines) == 1 else None
    return Limits(min(scale.low for scale in each), max(scale.high for scale in each), baseline)


def default_palette(kind: Kind) -> Palette:
    """viridis for sequential maps, inferno for distributions, coolwarm for signed ones."""
    return _PALETTES[kind]


@cache
def lookup_table(palette: Palette) -> np.ndarray:
    """A palette's 256 colours, ``[256, 3]`` uint8, read-only.

    Raises:
        ConfigError: there is no such palette.
    """
    from matplotlib import colormaps

    if palette not in get_args(Palette):
        raise ConfigError(f"palette {palette!r} must be one of {', '.join(get_args(Palette))}")
    table: np.ndarray = colormaps[palette](np.arange(256), bytes=True)[:, :3].copy()
    table.flags.writeable = False
    return table


def palette_index(values: np.ndarray, scale: Limits) -> np.ndarray:
    """Where values lie on a palette: float32, 0 for ``scale.low`` to 255 for ``scale.high``, not yet clipped."""
    factor = 255.0 / (scale.high - scale.low)
    return ((values.astype(np.float64) - scale.low) * factor).astype(np.float32)


def colours(values: np.ndarray, kind: Kind, scale: Limits, palette: Palette | None = None) -> np.ndarray:
    """Values of any shape as RGB, ``[..., 3]`` uint8; colour maps ``[..., 3]`` keep their shape and ignore the scale.

    Raises:
        ConfigError: there is no such palette.
    """
    if kind == "colour":
        return to_bytes(values * np.float32(255))
    return lookup_table(palette or default_palette(kind))[to_bytes(palette_index(values, scale))]


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Clipped to 0…255 and rounded to uint8."""
    return (np.clip(values, 0, 255) + np.float32(0.5)).astype(np.uint8)


def _extremes(heatmap: Heatmap) -> tuple[float, float]:
    smallest, largest = float(heatmap.values.min()), float(heatmap.values.max())
    if not (math.isfinite(smallest) and math.isfinite(largest)):
        raise ConfigError(f"the map {heatmap.name!r} holds values that are not finite, and cannot be drawn")
    return smallest, largest


def _usual(values: np.ndarray) -> float:
    """The magnitude that :data:`HELD` of all do not exceed."""
    magnitudes = np.abs(values).ravel()
    place = math.ceil(HELD * magnitudes.size) - 1
    return float(np.partition(magnitudes, place)[place])


def _rising(low: float, high: float, baseline: float | None, *, stretched: bool = False) -> Limits:
    """Limits whose high end is moved up where there is no difference to show, so that a flat map gets one colour."""
    flat = high - low <= np.finfo(np.float32).tiny
    return Limits(low, low + 1.0 if flat else high, baseline, stretched)
