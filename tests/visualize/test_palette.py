"""Scales say what they are, and colours are those of the published palettes."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import matplotlib
import numpy as np
import pytest

import visualize
from cvt.geometry import Grid
from visualize.heatmap import Heatmap, Kind
from visualize.palette import (
    Limits,
    Palette,
    colour_rule,
    colours,
    default_palette,
    limits,
    lookup_table,
    shared_limits,
)


def heatmap(values: Any, kind: Kind = "sequential", **fields: Any) -> Heatmap:
    values = np.asarray(values, dtype=np.float32)
    return Heatmap(values, Grid(*values.shape[:2], 4, 1, 7), kind, "test", **fields)


def lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE L* of sRGB bytes."""
    linear = np.where(rgb <= 0.04045 * 255, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return np.asarray(np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance))


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([[0.1, 0.3], [0.2, 0.2]], "distribution", Limits(0, 1.25, 0.25)),  # 5 × uniform, whatever the map
        ([[0.01, 0.02], [0.01, 0.02]], "distribution", Limits(0, 1.25, 0.25)),
        ([[-1, 3], [0, 2]], "diverging", Limits(-3, 3)),
        ([[-4, 3], [0, 2]], "diverging", Limits(-4, 4)),
        ([[-1] * 995 + [7] * 5], "diverging", Limits(-1, 1)),  # one value in 200 lies beyond
        ([[-1] * 994 + [7] * 6], "diverging", Limits(-7, 7)),
        ([[0] * 399 + [4]], "diverging", Limits(-4, 4)),
        ([[2, 3], [5, 4]], "sequential", Limits(0, 5)),
        ([[-2, 3], [0, 1]], "sequential", Limits(-2, 3)),
        ([[-2, -3], [-5, -1]], "sequential", Limits(-5, 0)),
    ],
)
def test_default_scales_hold_zero(values: Any, kind: Kind, expected: Limits) -> None:
    got = limits(heatmap(values, kind, baseline=0.25 if kind == "distribution" else None))
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high))
    assert (got.baseline, got.stretched) == (expected.baseline, False)


@pytest.mark.parametrize("kind", ["sequential", "diverging", "distribution"])
def test_the_rule_handed_on_is_the_one_kept(kind: Kind) -> None:
    """A browser that follows the rule gets the scale that is drawn here."""
    rule = colour_rule()[kind]
    drawn = heatmap([[0.25, -3, 2]] if kind != "distribution" else [[0.5, 0.2]], kind)
    for picture in (drawn, replace(drawn, baseline=0.125)):
        far = float(np.abs(picture.values).max())
        if picture.baseline and "uniform" in rule:
            far = float(rule["uniform"]) * picture.baseline
        elif rule["low"] == "zero":
            far = float(picture.values.max())
        low = -far if rule["low"] == "symmetric" else min(0.0, float(picture.values.min()))
        assert (limits(picture).low, limits(picture).high) == pytest.approx((low, far))
    assert rule["palette"] == default_palette(kind)


@pytest.mark.parametrize("kind", ["sequential", "diverging", "distribution"])
def test_maps_of_nothing_have_a_scale(kind: Kind) -> None:
    got = limits(heatmap(np.zeros((2, 2)), kind))
    assert got.low in (0, -1)
    assert got.high == 1


def test_stretching_goes_from_smallest_to_largest_and_says_so() -> None:
    assert limits(heatmap([[2, 3], [5, 4]]), stretch=True) == Limits(2, 5, stretched=True)


def test_stretching_leaves_zero_neutral() -> None:
    assert limits(heatmap([[-1, 3]], "diverging"), stretch=True) == Limits(-3, 3)
    assert limits(heatmap([[-1] * 995 + [7] * 5], "diverging"), stretch=True) == Limits(-7, 7)


def test_stretching_leaves_rounding_alone() -> None:
    almost_flat = 10 + np.arange(4).reshape(2, 2) * 1e-6
    got = limits(heatmap(almost_flat), stretch=True)
    assert got.high - got.low == pytest.approx(1)


def test_maps_to_compare_share_the_widest_scale() -> None:
    assert shared_limits([heatmap([[-1, 3]], "diverging"), heatmap([[-4, 2]], "diverging")]) == Limits(-4, 4)
    maps = [heatmap(values, "distribution", baseline=0.25) for values in ([[0.125, 0.5]], [[0.2, 0.3]])]
    assert shared_limits(maps) == Limits(0, 1.25, 0.25)
    finer = heatmap([[0.2, 0.3]], "distribution", baseline=0.01)
    assert shared_limits([*maps, finer]).baseline is None
    signed = [heatmap([[-1, 2]], "diverging"), heatmap([[-5, 2]], "diverging")]
    assert shared_limits(signed) == Limits(-5, 5)


def test_maps_of_different_kinds_share_nothing() -> None:
    with pytest.raises(ValueError, match=r"one kind; got \['diverging', 'sequential'\]"):
        shared_limits([heatmap([[1]]), heatmap([[1]], "diverging")])
    with pytest.raises(ValueError, match="no maps"):
        shared_limits([])


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1), (0, float("nan")), (float("-inf"), 0)])
def test_limits_rise(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="finite and rise"):
        Limits(low, high)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="'test' holds values that are not finite"):
        limits(heatmap([[0, value]]))


@pytest.mark.parametrize("palette", get_args(Palette))
def test_look_up_tables_are_matplotlibs(palette: Palette) -> None:
    table = lookup_table(palette)
    assert (table.shape, table.dtype) == ((256, 3), np.uint8)
    expected = matplotlib.colormaps[palette](np.linspace(0, 1, 256))[:, :3] * 255
    assert np.abs(table - expected).max() <= 1


@pytest.mark.parametrize("palette", ["viridis", "inferno", "magma"])
def test_sequential_palettes_grow_steadily_lighter(palette: Palette) -> None:
    steps = np.diff(lightness(lookup_table(palette)[::8]))
    assert steps.min() > 0
    assert steps.max() < 2.2 * steps.mean()


def test_the_diverging_palette_is_as_light_on_either_side() -> None:
    light = lightness(lookup_table("coolwarm"))
    assert np.abs(light - light[::-1]).max() < 6
    assert light.argmax() == pytest.approx(127.5, abs=8)


@pytest.mark.parametrize("kind", ["sequential", "diverging", "distribution"])
def test_colours_run_from_low_to_high_and_stop_there(kind: Kind) -> None:
    table = lookup_table(default_palette(kind))
    got = colours(np.array([-9.0, -2, 0, 2, 9]), kind, Limits(-2, 2))
    np.testing.assert_array_equal(got, table[[0, 0, 128, 255, 255]])


def test_colours_that_are_colours_already() -> None:
    got = colours(np.array([[[0, 0.5, 1]]], dtype=np.float32), "colour", Limits(0, 1))
    np.testing.assert_array_equal(got, [[[0, 128, 255]]])


def test_an_unknown_palette() -> None:
    with pytest.raises(ValueError, match="'jet' must be one of viridis, inferno, magma, coolwarm"):
        colours(np.zeros(1), "sequential", Limits(0, 1), "jet")  # type: ignore[arg-type]


def test_nothing_of_pyplot() -> None:
    """Its global state and its windows have no place in a server."""
    for path in Path(visualize.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            assert not any("pyplot" in name for name in names), path
