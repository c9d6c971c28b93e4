"""Every method put to the test on one photo, side by side with maps that know nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from visualize.faithfulness import Faithfulness, Imputer, Score, baselines, faithfulness
from visualize.heatmap import Heatmap
from visualize.methods import METHODS, Family

if TYPE_CHECKING:
    from cvt.tracing import Trace

__all__ = ["Compared", "compare", "measurable_maps"]


@dataclass(frozen=True)
class Compared:
    """How faithful one map is.

    Attributes:
        method: an identifier of :data:`visualize.methods.METHODS`; or "random" or "centre", which know nothing.
        stage: from 0; None for a map of the whole network.
        heatmap: the map.
        faithfulness: its curves and its gain.
    """

    method: str
    stage: int | None
    heatmap: Heatmap
    faithfulness: Faithfulness


def compare(
    trace: Trace,
    score: Score,
    *,
    imputer: Imputer = "blur",
    steps: int = 10,
    batch: int = 32,
    tell: Callable[[float], object] = lambda share: None,
) -> list[Compared]:
    """The maps of all methods that are worth showing, and two that know nothing, the most faithful first.

    Args:
        trace: traced with the class that ``score`` follows.
        score, imputer, steps, batch: as for :func:`visualize.faithfulness.faithfulness`.
        tell: called after every batch with the share of the work that is done, 0 to 1; what it raises ends the work.

    Raises:
        ConfigError: the trace has no target, or as for :func:`visualize.faithfulness.faithfulness`.
    """
    maps = measurable_maps(trace)
    knowing_nothing = baselines(trace)
    maps |= {(name, None): knowing_nothing[name] for name in ("random", "centre")}
    images, done = 2 + 2 * (steps - 1) * len(maps), 0

    def told(pixels: np.ndarray) -> np.ndarray:
        nonlocal done
        scores = score(pixels)
        done += len(pixels)
        tell(done / images)
        return scores

    named = {f"{method} {stage}": heatmap for (method, stage), heatmap in maps.items()}
    curves = faithfulness(trace, named, told, imputer=imputer, steps=steps, batch=batch)
    rows = [Compared(*key, heatmap, curves[f"{key[0]} {key[1]}"]) for key, heatmap in maps.items()]
    return sorted(rows, key=lambda row: -row.faithfulness.gain)


def measurable_maps(
    trace: Trace, families: Sequence[Family] = ("evidence", "attention"), *, everywhere: bool = False
) -> dict[tuple[str, int | None], Heatmap]:
    """The map of every method and stage that ranks places by itself, by (identifier, stage from 0 or None).

    Left out is what depends on a token that somebody chooses. Attention is that of each stage's last block.

    Args:
        trace: traced with a target.
        families: of methods.
        everywhere: in every stage, and not only in those where the method is worth showing.

    Raises:
        ConfigError: the trace has no target.
    """
    stages = range(len(trace.stages))
    maps: dict[tuple[str, int | None], Heatmap] = {}
    for entry in METHODS.values():
        if entry.family not in families or "query" in entry.uses:
            continue
        if entry.shown == "whole":
            maps[entry.id, None] = entry.map_of(trace)
        else:
            wanted = [stage for stage in stages if everywhere or entry.shown_in(stage, len(stages))]
            maps |= {(entry.id, stage): entry.map_of(trace, stage=stage) for stage in wanted}
    return maps
