"""Reading maps between their cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from cvt.errors import ConfigError
from cvt.geometry import Grid
from visualize.heatmap import Heatmap, sample, to_pixels
from visualize.lookup import position

grids = st.builds(
    Grid,
    rows=st.integers(1, 7),
    columns=st.integers(1, 7),
    stride=st.sampled_from([1, 2, 4, 16, 2.5]),
    offset=st.sampled_from([-1, 0, 0.5, 1, 7.5]),
    receptive_field=st.just(1),
)


def test_by_hand() -> None:
    """Two cells, centred at 1 and 5: halfway is halfway, and beyond the last centre the last value goes on."""
    grid = Grid(1, 2, stride=4, offset=1, receptive_field=7)
    read = sample(np.array([[0.0, 10.0]]), grid, np.array([0, 50]), np.array([-3, 1, 2, 3, 5, 9]))
    np.testing.assert_allclose(read, [[0, 0, 2.5, 5, 10, 10]] * 2)


@given(grids)
def test_centres_are_met_exactly(grid: Grid) -> None:
    values = np.random.default_rng(0).normal(size=grid.shape).astype(np.float32)
    y, _ = zip(*(grid.centre(row, 0) for row in range(grid.rows)), strict=True)
    _, x = zip(*(grid.centre(0, column) for column in range(grid.columns)), strict=True)
    np.testing.assert_allclose(sample(values, grid, np.array(y), np.array(x)), values, rtol=1e-6)


@given(grids, st.floats(0, 1), st.floats(0, 1))
def test_a_slope_between_centres_stays_a_slope(grid: Grid, down: float, across: float) -> None:
    """A map that holds its own centres' coordinates reads, anywhere between them, the coordinate itself."""
    rows, columns = np.indices(grid.shape)
    y, x = down * (grid.rows - 1) * grid.stride + grid.offset, across * (grid.columns - 1) * grid.stride + grid.offset
    both = np.stack([grid.offset + rows * grid.stride, grid.offset + columns * grid.stride], axis=-1)
    np.testing.assert_allclose(sample(both, grid, np.array([y]), np.array([x]))[0, 0], [y, x], atol=1e-4)


def test_parity_with_torch_where_cells_do_tile() -> None:
    values = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    heatmap = Heatmap(values, Grid(5, 7, stride=4, offset=1.5, receptive_field=4), "sequential", "noise")
    size = [20, 28]
    expected = F.interpolate(torch.from_numpy(values)[None, None], size, mode="bilinear", align_corners=False)[0, 0]
    np.testing.assert_allclose(to_pixels(heatmap, *size), expected.numpy(), atol=1e-6)


def test_colours_are_read_channel_by_channel() -> None:
    grid = Grid(3, 4, stride=8, offset=1, receptive_field=15)
    values = np.random.default_rng(0).random((3, 4, 3), dtype=np.float32)
    y, x = np.linspace(-2, 20, 9), np.linspace(-2, 30, 11)
    together = sample(values, grid, y, x)
    assert together.shape == (9, 11, 3)
    for channel in range(3):
        np.testing.assert_allclose(together[..., channel], sample(values[..., channel], grid, y, x), atol=1e-6)


def test_what_is_read_is_left_alone() -> None:
    grid = Grid(2, 2, stride=4, offset=1, receptive_field=7)
    values = np.arange(4.0).reshape(2, 2)
    values.flags.writeable = False
    before = values.copy()
    read = sample(values, grid, np.arange(4), np.arange(4))
    read += 1
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize(("index", "expected"), [(0, 0), (2, 2), (-1, 2), (-3, 0), (np.int64(1), 1)])
def test_position(index: int, expected: int) -> None:
    assert position("block", index, 3) == expected


@pytest.mark.parametrize("index", [3, -4, True, 1.0, "1", None])
def test_position_names_what_is_allowed(index: object) -> None:
    with pytest.raises(ConfigError, match=r"block .* does not exist: allowed are 0 to 2, or -3 to -1 from the end"):
        position("block", index, 3)  # type: ignore[arg-type]
