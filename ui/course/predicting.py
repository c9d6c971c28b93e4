"""Questions that ask for a prediction, before the page shows what happens."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cvt.costs import stage_costs
from cvt.tracing import Trace

from ..session.photo_changes import MOST_SHIFT
from .asked import Asked, choice
from .facts import class_name

__all__ = [
    "brighter",
    "coarser",
    "costly",
    "for_these_weights",
    "neighbours_gone",
    "no_place",
    "numbers_for_all",
    "random_map",
    "shift",
    "shuffled",
    "squeezed_queries",
    "temperature",
]


def coarser(trace: Trace, chance: random.Random) -> Asked:
    """What becomes of the first grid when its step is doubled."""
    grid, config = trace.stages[0].geometry.tokens, trace.config
    step = config.patch_stride[0]
    after = (grid.rows + 1) // 2 * ((grid.columns + 1) // 2)
    asked = _among(("quarter", "half", "same"), chance)
    return _with(asked, step=step, twice=2 * step, tokens=grid.rows * grid.columns, after=after)


def brighter(trace: Trace, chance: random.Random) -> Asked:
    """What layer normalisation makes of a token whose numbers are all doubled."""
    return _among(("same", "twice", "zero"), chance)


def costly(trace: Trace, chance: random.Random) -> Asked | None:
    """Which stage does the most multiply-adds, for a larger photo."""
    times = chance.choice([2, 3, 4])
    height, width = times * trace.crop.height, times * trace.crop.width
    counts = [cost.multiply_adds for cost in stage_costs(trace.config, height, width)]
    if len(counts) < 2:
        return None
    best = int(np.argmax(counts))
    options = {f"stage{stage + 1}": {"stage": stage + 1} for stage in range(len(counts))}
    share = 100 * counts[best] / sum(counts)
    told = {"stage": best + 1, "share": f"{share:.0f}", "high": height, "wide": width, "times": times}
    return _with(choice(f"stage{best + 1}", options), **told)


def squeezed_queries(trace: Trace, chance: random.Random) -> Asked | None:
    """What would go wrong if queries were squeezed instead of keys."""
    stage = trace.stages[0]
    if stage.geometry.keys.shape == stage.geometry.tokens.shape:
        return None
    grid, keys = stage.geometry.tokens, stage.geometry.keys
    asked = _among(("fewer", "nothing", "blind"), chance)
    return _with(asked, tokens=grid.rows * grid.columns, keys=keys.rows * keys.columns)


def no_place(trace: Trace, chance: random.Random) -> Asked | None:
    """What the convolutions of the projection do with CLS."""
    return _among(("skips", "corner", "everywhere"), chance) if trace.stages[-1].has_cls else None


def numbers_for_all(trace: Trace, chance: random.Random) -> Asked | None:
    """What of CLS is the same for every photo."""
    return _among(("start", "end", "looks"), chance) if trace.stages[-1].has_cls else None


def shuffled(trace: Trace, chance: random.Random) -> Asked:
    """What attention alone makes of tokens in another order."""
    return _among(("permuted", "changed", "lost"), chance)


def shift(trace: Trace, chance: random.Random) -> Asked:
    """What becomes of the first embedding when the photo moves by one step."""
    step = trace.config.patch_stride[0]
    ways = {"right": (0, 1), "down": (1, 0)}
    way = chance.choice(sorted(ways))
    asked = _with(_among(("moved", "changed", "still"), chance), step=step, way=way)
    return replace(asked, laboratory={"change": "shift", "way": way, "by": step} if step <= MOST_SHIFT else {})


def temperature(trace: Trace, chance: random.Random) -> Asked:
    """What a doubled temperature does to the answer; ``before`` and ``after`` are the first class's probabilities."""
    double = trace.logits / (2 * trace.config.temperature)
    cold = np.exp(double - double.max())
    winner, before = trace.top(1)[0]
    after = float(cold[winner] / cold.sum())
    asked = _among(("calmer", "surer", "other"), chance)
    told = {"class": class_name(trace, winner), "before": f"{100 * before:.0f}", "after": f"{100 * after:.0f}"}
    return _with(asked, **told)


def random_map(trace: Trace, chance: random.Random) -> Asked:
    """Where the two curves of the measure lie for a map that knows nothing."""
    return _among(("together", "apart", "crossed"), chance)


def neighbours_gone(trace: Trace, chance: random.Random) -> Asked | None:
    """What is lost where the depthwise convolutions hand on each token as it is."""
    convolves = "dw_bn" in trace.config.qkv_projection_method
    if not convolves:
        return None
    seen = {"change": "convolution", "to": "identity"}
    return replace(_among(("place", "colour", "nothing"), chance), laboratory=seen)


def for_these_weights(trace: Trace, chance: random.Random) -> Asked:
    """What a wrong answer of a broken network proves."""
    return _among(("weights", "every", "useless"), chance)


def _among(names: Sequence[str], chance: random.Random) -> Asked:
    """A choice whose first option is right."""
    return choice(names[0], {name: {} for name in names}, chance)


def _with(asked: Asked, **values: object) -> Asked:
    return Asked(asked.kind, asked.answer, values, options=asked.options)
