"""A map that knows where it is, and how to read it between its cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

if TYPE_CHECKING:
    from cvt.geometry import Grid

__all__ = ["Heatmap", "Kind", "cells_holding", "gaussian", "sample", "to_pixels"]

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
        cls_share: in a stage with CLS, what falls on CLS itself: a share of the distribution, or of ``total``.
        details: where the map comes from (stage, block, head, query, class), as people count, in the order to be told.
        total: for evidence that adds up, the number that it takes apart: the sum of the values, of ``cls_share`` and of
            what the biases bring. Only of such a map it may be said that a region carries so much of the answer.
    """

    values: np.ndarray
    grid: Grid
    kind: Kind
    name: str
    unit: str = ""
    baseline: float | None = None
    cls_share: float | None = None
    details: dict[str, str | int] = field(default_factory=dict)
    total: float | None = None

    _repr_png_: ClassVar[Callable[[Heatmap], bytes]]
    """What a notebook shows; set by :mod:`visualize.paint`, which builds on this module."""


def sample(values: np.ndarray, grid: Grid, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Read a map at the crossings of some rows and columns of model pixels.

    Bilinear between the true centres of the cells; beyond the outermost centres the nearest cell's value continues.

    Args:
        values: ``[rows, columns]`` or ``[rows, columns, channels]`` on ``grid``.
        grid: where the cells lie.
        y: ``[height]``, vertical positions in model pixels, in any order and not necessarily whole.
        x: ``[width]``, horizontal positions.

    Returns:
        ``[height, width]`` or ``[height, width, channels]``, float32.
    """
    values = np.asarray(values, dtype=np.float32)
    down = _interpolation(y, grid.offset, grid.stride, grid.rows)
    across = _interpolation(x, grid.offset, grid.stride, grid.columns)
    rows = (down @ values.reshape(grid.rows, -1)).reshape(len(down), *values.shape[1:])
    return np.matmul(across, rows) if values.ndim == 3 else np.asarray(rows @ across.T)


def _interpolation(where: np.ndarray, offset: float, stride: float, cells: int) -> np.ndarray:
    """Bilinear weights ``[positions, cells]`` of the cells at each position; rows sum to 1."""
    cell = np.clip((np.asarray(where, dtype=np.float64) - offset) / stride, 0, cells - 1)
    below = np.minimum(cell.astype(np.intp), max(cells - 2, 0))
    share = cell - below
    weights = np.zeros((len(cell), cells), dtype=np.float32)
    each = np.arange(len(cell))
    weights[each, np.minimum(below + 1, cells - 1)] = share
    weights[each, below] += 1 - share
    return weights


def to_pixels(heatmap: Heatmap, height: int, width: int) -> np.ndarray:
    """A map brought to model pixels by the true centres of its cells, ``[height, width]`` (or ``[…, 3]``), float32."""
    return sample(heatmap.values, heatmap.grid, np.arange(height), np.arange(width))


def cells_holding(values: np.ndarray, share: float = 0.5) -> np.ndarray:
    """The fewest cells that hold ``share`` of a sum of non-negative values, as flat indices, largest value first."""
    order = np.argsort(-values, axis=None, kind="stable")
    held = np.cumsum(values.ravel()[order], dtype=np.float64)
    count = int(np.searchsorted(held, share * held[-1] * (1 - 1e-6))) + 1
    return order[:count]


@lru_cache(maxsize=16)
def gaussian(size: int, spread: float) -> np.ndarray:
    """A one-dimensional Gaussian blur as a matrix, ``[size, size]``, read-only; ``spread`` is its standard deviation.

    Rows sum to 1: at the edges the weights that remain are scaled up, so that nothing darkens.
    """
    place = np.arange(size)
    weights = np.exp(-0.5 * ((place[:, None] - place[None, :]) / spread) ** 2)
    matrix = np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
    matrix.flags.writeable = False
    return matrix
