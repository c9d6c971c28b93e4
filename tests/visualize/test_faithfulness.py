"""Measures of faith: by hand, by the laws they obey, and what a map that knows nothing gets."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from cvt.errors import ConfigError
from cvt.geometry import Grid
from cvt.tracing import Trace
from visualize.comparison import compare, measurable_maps
from visualize.faithfulness import (
    Faithfulness,
    Imputer,
    Score,
    baselines,
    faithfulness,
    missing,
    rank_correlation,
    saco,
    share_inside,
)
from visualize.feature_maps import feature_map
from visualize.heatmap import Heatmap

PHOTO = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)[None].repeat(3, axis=0)


def pixel_map(values: np.ndarray) -> Heatmap:
    return Heatmap(values, Grid(*values.shape, 1, 0, 1), "sequential", "by hand")


def first_pixel(batch: np.ndarray) -> np.ndarray:
    return batch[:, 0, 0, 0]


def curves_of(
    trace: Trace, heatmap: Heatmap, score: Score, steps: int, imputer: Imputer = "mean", batch: int = 32
) -> Faithfulness:
    return faithfulness(trace, {"map": heatmap}, score, steps=steps, imputer=imputer, batch=batch)["map"]


def test_by_hand(by_hand: Callable[..., Trace]) -> None:
    """Only the first pixel counts: it is gone after one of four steps, or after all."""
    trace = by_hand(pixels=PHOTO)
    good = curves_of(trace, pixel_map(np.array([[9.0, 1], [1, 1]])), first_pixel, 4)
    np.testing.assert_allclose(good.most_first.fractions, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(good.most_first.scores, [1, 0, 0, 0, 0])
    np.testing.assert_allclose(good.least_first.scores, [1, 1, 1, 1, 0])
    assert good.gain == pytest.approx(0.875 - 0.125)
    bad = curves_of(trace, pixel_map(np.array([[0.0, 1], [1, 1]])), first_pixel, 4)
    assert bad.gain == pytest.approx(-good.gain)


def test_equal_values_go_in_reading_order(by_hand: Callable[..., Trace]) -> None:
    """Every third column first: 560 of 1,600 pixels, their upper half before their lower; then the rest alike."""
    trace = by_hand(pixels=np.ones((3, 40, 40)), size=(40, 40))
    columns = np.tile(np.arange(40) % 3 == 0, (40, 1)).astype(np.float32)
    result = curves_of(trace, pixel_map(columns), lambda batch: batch[:, 0, :20].sum(axis=(1, 2)), 40)
    np.testing.assert_allclose(result.most_first.scores[[0, 7, 14, 27, 40]], [800, 520, 520, 0, 0])


@settings(max_examples=30, deadline=None)
@given(arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)), st.integers(0, 1000))
def test_the_true_order_cannot_be_beaten(weights: np.ndarray, seed: int) -> None:
    """For a score that adds up pixels, no map gains more than that of what each adds; and one turned over loses it."""
    trace: Any = SimpleNamespace(pixel_values=np.ones((1, 3, 4), dtype=np.float32))

    def score(batch: np.ndarray) -> np.ndarray:
        return (batch[:, 0] * weights).sum(axis=(1, 2))

    other = np.random.default_rng(seed).permutation(12).reshape(3, 4).astype(np.float32)
    best, any_order, turned = (
        curves_of(trace, pixel_map(values), score, 12).gain for values in (weights, other, -other)
    )
    assert best >= any_order - 1e-5
    assert turned == pytest.approx(-any_order, abs=1e-5)


@pytest.mark.parametrize("imputer", ["blur", "mean"])
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_ends_batches_and_inputs(noise_trace: Callable[..., Trace], batch: int, imputer: Imputer) -> None:
    """Curves run from the photo to what is left of it, whatever the map; ends are scored once; batches do not show."""
    trace = noise_trace("released")
    before = trace.pixel_values.copy()
    sizes: list[int] = []

    def score(images: np.ndarray) -> np.ndarray:
        sizes.append(len(images))
        assert images.shape[1:] == trace.pixel_values.shape and images.dtype == np.float32
        return (images**2).mean(axis=(1, 2, 3))

    maps = {"first": feature_map(trace, 1), "second": feature_map(trace, 2)}
    result = faithfulness(trace, maps, score, steps=7, batch=batch, imputer=imputer)
    assert max(sizes) <= batch and sum(sizes) == 2 + 2 * 2 * 6
    photo, gone = (score(pixels[None])[0] for pixels in (trace.pixel_values, missing(trace.pixel_values, imputer)))
    for measured in result.values():
        for curve in (measured.most_first, measured.least_first):
            assert (curve.scores[0], curve.scores[-1]) == (pytest.approx(photo), pytest.approx(gone, abs=1e-9))
    alone = faithfulness(trace, {"second": maps["second"]}, score, steps=7, batch=50, imputer=imputer)["second"]
    np.testing.assert_allclose(result["second"].least_first.scores, alone.least_first.scores)
    np.testing.assert_array_equal(trace.pixel_values, before)


def test_what_is_missing() -> None:
    """A blur keeps what is even and takes what is fine; the mean colour is 0."""
    even = np.full((3, 40, 56), 0.7, dtype=np.float32)
    np.testing.assert_allclose(missing(even, "blur"), even, atol=1e-5)
    stripes = np.indices((3, 224, 224)).sum(axis=0).astype(np.float32) % 2
    assert np.ptp(missing(stripes, "blur")) < 0.02
    assert not missing(even, "mean").any()
    with pytest.raises(ConfigError, match="imputer='grey' is unknown: allowed are 'blur', 'mean'"):
        missing(even, "grey")  # type: ignore[arg-type]


@pytest.mark.parametrize("imputer", ["blur", "mean"])
def test_what_knows_nothing_gains_nothing(by_hand: Callable[..., Trace], imputer: Imputer) -> None:
    """A noise map over many photos, with a score that its places have a say in."""
    generator = np.random.default_rng(0)
    gains = []
    for seed in range(60):
        trace = by_hand(pixels=generator.random((3, 24, 24)), size=(24, 24))
        weights = generator.random((24, 24))
        score: Score = lambda batch, weights=weights: (batch[:, 0] * weights).mean(axis=(1, 2))  # type: ignore[misc]  # noqa: E731
        noise = baselines(trace, seed)["random"]
        gains.append(curves_of(trace, noise, score, 10, imputer).gain)
    assert abs(np.mean(gains)) < 3 * np.std(gains) / np.sqrt(len(gains)) + 1e-6


def test_saco_by_hand(by_hand: Callable[..., Trace]) -> None:
    """Taking away pixels of value 4, 3, 2 and 1 costs 4, 1, 2 and 1: one pair of six is in the wrong order."""
    trace = by_hand(pixels=np.ones((3, 2, 2)))
    costs = np.array([[4, 1], [2, 1]])
    score: Score = lambda batch: (batch[:, 0] * costs).sum(axis=(1, 2))  # noqa: E731
    values = np.array([[4.0, 3], [2, 1]])
    assert saco(trace, pixel_map(values), score, groups=4) == pytest.approx((1 + 2 + 3 - 1 + 2 + 1) / 10)
    assert saco(trace, pixel_map(costs.astype(float)), score, groups=4) == 1
    assert saco(trace, pixel_map(np.ones((2, 2))), score, groups=4) == 0
    with pytest.raises(ConfigError, match="groups=1 must be at least 2"):
        saco(trace, pixel_map(values), score, groups=1)


def test_the_pointing_game_by_hand(by_hand: Callable[..., Trace]) -> None:
    trace = by_hand()
    values = np.array([[3.0, 1], [-5, 0]])
    assert share_inside(trace, pixel_map(values), (0, 0, 1, 1)) == 0.75
    assert share_inside(trace, pixel_map(values), (0, 0, 2, 2)) == 1
    assert share_inside(trace, pixel_map(-np.ones((2, 2))), (0, 0, 1, 1)) == 0.25


@settings(max_examples=50, deadline=None)
@given(arrays(np.int64, (2, 30), elements=st.integers(0, 9)))
def test_rank_correlation_is_scipys(values: np.ndarray) -> None:
    first, second = values.reshape(2, 5, 6)
    got = rank_correlation(first, second)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        assert got == 0
    else:
        assert got == pytest.approx(spearmanr(values[0], values[1]).statistic, abs=1e-9)


def test_baselines(noise_trace: Callable[..., Trace]) -> None:
    trace = noise_trace("released")
    maps, again, others = baselines(trace, 3), baselines(trace, 3), baselines(trace, 4)
    for name in ("random", "random smooth"):
        np.testing.assert_array_equal(maps[name].values, again[name].values)
        assert (maps[name].values != others[name].values).any()
    assert maps["random"].values.shape == trace.pixel_values.shape[1:]
    assert maps["random smooth"].values.shape == trace.stages[-1].geometry.tokens.shape
    values = maps["centre"].values
    assert values.shape == trace.pixel_values.shape[1:]
    np.testing.assert_allclose(values, values[::-1, ::-1], atol=1e-6)
    height, width = values.shape
    np.testing.assert_allclose(values.max(), values[height // 2, width // 2])


def test_all_methods_side_by_side(noise_trace: Callable[..., Trace]) -> None:
    """Every map that is worth showing, and two that know nothing, in the order of what they gain."""
    trace = noise_trace("released", target=3)
    told: list[float] = []
    score: Score = lambda batch: batch.mean(axis=(1, 2, 3))  # noqa: E731
    rows = compare(trace, score, steps=4, batch=16, tell=told.append)
    assert told == sorted(told) and told[-1] == 1
    keys = [(row.method, row.stage) for row in rows]
    assert set(keys) == {*measurable_maps(trace), ("random", None), ("centre", None)}
    assert {("class_evidence", None), ("libragrad", 0), ("grad_cam", 2), ("attention_received", 1)} <= set(keys)
    assert not {("grad_cam", 0), ("attention", 2), ("similarity", 2)} & set(keys)
    assert ("grad_cam", 0) in measurable_maps(trace, everywhere=True)
    gains = [row.faithfulness.gain for row in rows]
    assert gains == sorted(gains, reverse=True)
    row = rows[3]
    assert row.faithfulness.gain == pytest.approx(curves_of(trace, row.heatmap, score, 4, "blur").gain)
    with pytest.raises(ConfigError, match="target"):
        compare(noise_trace("released"), score)


def test_errors(noise_trace: Callable[..., Trace]) -> None:
    trace = noise_trace("released")
    with pytest.raises(ConfigError, match="'colour'"):
        curves_of(trace, feature_map(trace, 0, "pca"), first_pixel, 3)
    with pytest.raises(ConfigError, match="steps=0"):
        curves_of(trace, feature_map(trace, 0), first_pixel, 0)
