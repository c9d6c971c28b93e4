"""Insertion and deletion curves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cvt.errors import ConfigError
from cvt.geometry import Grid
from cvt.tracing import Trace
from visualize.faithfulness import blurred, centre_map, faithfulness, random_map
from visualize.feature_maps import feature_map
from visualize.heatmap import Heatmap

PHOTO = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)[None].repeat(3, axis=0)


def with_photo(trace: Trace, photo: np.ndarray) -> Trace:
    object.__setattr__(trace, "pixel_values", photo)
    return trace


def pixel_map(values: np.ndarray) -> Heatmap:
    return Heatmap(values, Grid(*values.shape, 1, 0, 1), "sequential", "by hand")


def first_pixel(batch: np.ndarray) -> np.ndarray:
    return batch[:, 0, 0, 0]


def test_by_hand(by_hand: Callable[..., Trace]) -> None:
    """Only the first pixel counts. Put first, it is there after one of four steps; put last, after all."""
    trace = with_photo(by_hand(), PHOTO)
    start = blurred(PHOTO)[0, 0, 0]
    first = faithfulness(trace, pixel_map(np.array([[9.0, 1], [1, 1]])), first_pixel, steps=4)
    np.testing.assert_allclose(first.insertion.fractions, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(first.insertion.scores, [start, 1, 1, 1, 1])
    np.testing.assert_allclose(first.deletion.scores, [1, 0, 0, 0, 0])
    assert first.deletion.area == pytest.approx(0.125)
    assert first.insertion.area == pytest.approx((start + 7) / 8)
    last = faithfulness(trace, pixel_map(np.array([[0.0, 1], [1, 1]])), first_pixel, steps=4)
    np.testing.assert_allclose(last.insertion.scores, [start, start, start, start, 1])
    np.testing.assert_allclose(last.deletion.scores, [1, 1, 1, 1, 0])


def test_equal_values_go_in_reading_order(by_hand: Callable[..., Trace]) -> None:
    """Every third column first: 560 of 1,600 pixels, their upper half before their lower; then the rest alike."""
    trace = with_photo(by_hand(), np.ones((3, 40, 40), dtype=np.float32))
    columns = np.tile(np.arange(40) % 3 == 0, (40, 1)).astype(np.float32)
    result = faithfulness(trace, pixel_map(columns), lambda batch: batch[:, 0, :20].sum(axis=(1, 2)), steps=40)
    np.testing.assert_allclose(result.deletion.scores[[0, 7, 14, 27, 40]], [800, 520, 520, 0, 0])


@settings(max_examples=30, deadline=None)
@given(arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)), st.integers(0, 1000))
def test_the_true_order_cannot_be_beaten(weights: np.ndarray, seed: int) -> None:
    """For a score that adds up pixels, the map of what each adds has the smallest deletion area of all orders."""
    photo = np.ones((1, 3, 4), dtype=np.float32)
    trace = with_photo(Trace(*[None] * 7), photo)  # type: ignore[arg-type]

    def score(batch: np.ndarray) -> np.ndarray:
        return (batch[:, 0] * weights).sum(axis=(1, 2))

    other = np.random.default_rng(seed).permutation(12).reshape(3, 4).astype(np.float32)
    best, any_order = (faithfulness(trace, pixel_map(values), score, steps=12) for values in (weights, other))
    assert best.deletion.area <= any_order.deletion.area + 1e-5


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_ends_batches_and_inputs(traced: Callable[..., Trace], batch: int) -> None:
    """Insertion ends and deletion starts with the photo itself, whatever the map; batches do not show."""
    trace = traced("released")
    before = trace.pixel_values.copy()
    sizes: list[int] = []

    def score(images: np.ndarray) -> np.ndarray:
        sizes.append(len(images))
        assert images.shape[1:] == trace.pixel_values.shape and images.dtype == np.float32
        return (images**2).mean(axis=(1, 2, 3))

    heatmap = feature_map(trace, 1)
    result = faithfulness(trace, heatmap, score, steps=7, batch=batch)
    photo, blur = score(trace.pixel_values[None])[0], score(blurred(trace.pixel_values)[None])[0]
    assert result.insertion.scores[-1] == result.deletion.scores[0] == pytest.approx(photo)
    assert result.insertion.scores[0] == pytest.approx(blur)
    assert result.deletion.scores[-1] == 0
    assert max(sizes) <= batch and sum(sizes) == 2 * 8 + 2
    whole = faithfulness(trace, heatmap, score, steps=7, batch=50)
    np.testing.assert_allclose(result.insertion.scores, whole.insertion.scores)
    np.testing.assert_array_equal(trace.pixel_values, before)


def test_blur_keeps_what_is_even_and_takes_what_is_fine() -> None:
    even = np.full((3, 40, 56), 0.7, dtype=np.float32)
    np.testing.assert_allclose(blurred(even), even, atol=1e-5)
    stripes = np.indices((3, 224, 224)).sum(axis=0).astype(np.float32) % 2
    assert np.ptp(blurred(stripes)) < 0.02


def test_baselines(traced: Callable[..., Trace]) -> None:
    trace = traced("released")
    np.testing.assert_array_equal(random_map(trace, 3).values, random_map(trace, 3).values)
    assert (random_map(trace, 3).values != random_map(trace, 4).values).any()
    values = centre_map(trace).values
    assert values.shape == trace.pixel_values.shape[1:]
    np.testing.assert_allclose(values, values[::-1, ::-1], atol=1e-6)
    height, width = values.shape
    np.testing.assert_allclose(values.max(), values[height // 2, width // 2])


def test_errors(traced: Callable[..., Trace]) -> None:
    trace = traced("released")
    with pytest.raises(ConfigError, match="'colour'"):
        faithfulness(trace, feature_map(trace, 0, "pca"), first_pixel)
    with pytest.raises(ConfigError, match="steps=0"):
        faithfulness(trace, feature_map(trace, 0), first_pixel, steps=0)
