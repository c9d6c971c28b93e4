"""How far a map can be trusted on this photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cvt.scoring import class_scorer
from cvt.tracing import Trace
from visualize.comparison import Compared, compare
from visualize.faithfulness import Faithfulness, faithfulness
from visualize.lookup import target_of
from visualize.methods import METHODS, Family, MethodEntry, map_of, method_named

from .models import LoadedModel

__all__ = ["MEASURABLE", "STEPS", "compared", "measure"]

STEPS = 20
"""Points of each curve beside its start; every one is a run of the network."""

FAMILIES: tuple[Family, ...] = "evidence", "attention", "features"

MEASURABLE = tuple(
    entry.id
    for family in FAMILIES
    for entry in METHODS.values()
    if entry.family == family and "query" not in entry.uses
)
"""What can be measured on the page: every method whose map ranks places by itself, what speaks for a class first."""


def measure(loaded: LoadedModel, seen: Trace, method: str, progress: Callable[[float], Any]) -> Faithfulness:
    """What happens as a method's most, or least, important pixels are taken away.

    For the class of the trace, else for the most probable one.

    Raises:
        ConfigError: there is no such method, or it needs a target that the trace has not got.
    """
    score, done = class_scorer(loaded.model, seen.top(1)[0][0] if seen.target is None else seen.target), 0

    def told(pixels: np.ndarray) -> np.ndarray:
        nonlocal done
        scores = score(pixels)
        done += len(pixels)
        progress(done / (2 * STEPS))
        return scores

    shown = map_of(seen, method, stage=_stage_of(method_named(method), len(seen.stages)))
    return faithfulness(seen, {method: shown}, told, steps=STEPS)[method]


def compared(loaded: LoadedModel, seen: Trace, progress: Callable[[float], Any]) -> list[Compared]:
    """Every method on this photo, the most faithful first, with the lines of what knows nothing: chance and the centre.

    For the class of the trace. A run of the network for each of some 400 pictures: seconds on a core for a small model.

    Raises:
        ConfigError: the trace has no target.
    """
    return compare(seen, class_scorer(loaded.model, target_of(seen)), tell=progress)


def _stage_of(method: MethodEntry, count: int) -> int:
    """Where a method is measured: evidence in the first stage that shows it, for there it tells most; others last."""
    shown = [stage for stage in range(count) if method.shown_in(stage, count)]
    return shown[0] if method.family == "evidence" and shown else count - 1
