"""The words and numbers of a scale: what it measures, its ends, and its baseline."""

from __future__ import annotations

from visualize.describe import number, title
from visualize.heatmap import Heatmap
from visualize.language import phrase, word
from visualize.palette import Limits

__all__ = ["in_unit", "scale_ticks", "scale_title"]


def in_unit(name: str, heatmap: Heatmap, language: str = "en") -> str:
    """A name of what a map's scale measures, with its unit; numbers of the network's own have an arbitrary one.

    Evidence that adds up takes the class's logit apart, so that is what it counts in.
    """
    unit = heatmap.unit or ("arbitrary unit" if heatmap.total is None else "logit")
    return phrase(language, "scale", "in_unit", name=name, unit=word(language, "unit", unit))


def scale_ticks(heatmap: Heatmap, scale: Limits, language: str = "en") -> dict[float, str]:
    """The numbers on a scale by their value: both ends, zero if it lies between, and the baseline in words."""
    ticks = {scale.low: number(scale.low), scale.high: number(scale.high)}
    if scale.low < 0 < scale.high:
        ticks[0.0] = "0"
    if scale.baseline and scale.low <= scale.baseline <= scale.high:
        ticks[scale.baseline] = phrase(language, "scale", "baseline", count=round(1 / scale.baseline))
    return ticks


def scale_title(heatmap: Heatmap, scale: Limits, language: str = "en") -> str:
    """What a scale measures, in which unit, and, where it applies, that it is stretched or that values lie beyond."""
    name = title(heatmap, language, details=False)
    if heatmap.kind == "colour":
        return " · ".join([name, phrase(language, "scale", "no_scale")])
    words = [in_unit(name, heatmap, language)]
    if scale.stretched:
        words.append(phrase(language, "scale", "stretched"))
    if heatmap.values.min() < scale.low or heatmap.values.max() > scale.high:
        words.append(phrase(language, "scale", "beyond"))
    return " · ".join(words)
