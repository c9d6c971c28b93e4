"""A map that knows where it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from cvt.geometry import Grid

__all__ = ["Heatmap", "Kind"]

Kind = Literal["sequential", "diverging", "distribution", "colour"]


@dataclass(frozen=True)
class Heatmap:
    """Values on a grid of cells whose centres are known.

    Attributes:
        values: ``[rows, columns]`` float32; for the kind "colour" ``[rows, columns, 3]`` in 0 to 1.
        grid: where the cells lie, in model pixels.
        kind: "sequential" (larger is more), "diverging" (signed, zero means nothing), "distribution" (shares of one
            whole: with ``cls_share`` they sum to 1) or "colour" (already RGB).
        name: what the values are, in a few words: "attention", "feature norm", "Grad-CAM".
        unit: what one unit of value means, for the scale bar; empty for plain numbers.
        baseline: for a distribution, the value every key would have if all were equal.
        cls_share: for a distribution in a stage with CLS, the share that falls on CLS itself.
        details: where the map comes from (stage and block 1-based, head, query, class), in the order to be told.
    """

    values: np.ndarray
    grid: Grid
    kind: Kind
    name: str
    unit: str = ""
    baseline: float | None = None
    cls_share: float | None = None
    details: dict[str, str | int] = field(default_factory=dict)
