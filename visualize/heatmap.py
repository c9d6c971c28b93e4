"""A map that knows where it is, and how to read it between its cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from cvt.errors import ConfigError

if TYPE_CHECKING:
    from cvt.geometry import Grid
    from cvt.tracing import BlockTrace, StageTrace, Trace

__all__ = ["Heatmap", "Kind", "block_of", "position", "sample", "stage_of", "to_pixels"]

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


def position(name: str, index: int, count: int) -> int:
    """A 0-based index among ``count`` things called ``name``; negative ones count from the end.

    Raises:
        ConfigError: there is no such thing; the message says which there are.
    """
    whole = isinstance(index, int | np.integer) and not isinstance(index, bool)
    if not whole or not -count <= index < count:
        raise ConfigError(
            f"{name} {index!r} does not exist: allowed are 0 to {count - 1}, or {-count} to -1 from the end"
        )
    return int(index) % count


def stage_of(trace: Trace, stage: int) -> tuple[int, StageTrace]:
    """A stage by its index, which may be negative: the index from 0, and the stage.

    Raises:
        ConfigError: there is no such stage.
    """
    index = position("stage", stage, len(trace.stages))
    return index, trace.stages[index]


def block_of(stage: StageTrace, block: int) -> tuple[int, BlockTrace]:
    """A block of a stage by its index, which may be negative: the index from 0, and the block.

    Raises:
        ConfigError: there is no such block.
    """
    index = position("block", block, len(stage.blocks))
    return index, stage.blocks[index]
