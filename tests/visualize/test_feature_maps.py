"""Feature maps, the channels of a class, and similarity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.decomposition import PCA

from cvt.errors import ConfigError
from cvt.tracing import Trace
from visualize.feature_maps import COLOUR_SPREAD, class_channels, feature_map, similarity_map

FEATURES = [[[3, 0], [1, 0]], [[4, -2], [0, 0]]]
"""Two channels of 2 × 2 tokens: (3, 4), (0, −2), (1, 0) and (0, 0)."""


@pytest.mark.parametrize(
    ("reduce", "kind", "expected"),
    [
        ("norm", "sequential", [[5, 2], [1, 0]]),
        ("mean", "diverging", [[3.5, -1], [0.5, 0]]),
        (0, "diverging", [[3, 0], [1, 0]]),
        (-1, "diverging", [[4, -2], [0, 0]]),
    ],
)
def test_by_hand(by_hand: Callable[..., Trace], reduce: str | int, kind: str, expected: list[list[float]]) -> None:
    heatmap = feature_map(by_hand(features=FEATURES), 0, reduce)  # type: ignore[arg-type]
    np.testing.assert_allclose(heatmap.values, expected)
    assert (heatmap.kind, heatmap.values.dtype, heatmap.details["stage"]) == (kind, np.float32, 1)


def test_similarity_by_hand(by_hand: Callable[..., Trace]) -> None:
    heatmap = similarity_map(by_hand(features=FEATURES), 0, (0, -2))
    np.testing.assert_allclose(heatmap.values, [[1, -0.8], [0.6, 0]], atol=1e-6)


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_pca_is_that_of_scikit_learn(noise_trace: Callable[..., Trace], stage: int) -> None:
    """Stage 2 has more channels than tokens here, and stage 0 the reverse: both ways to the axes are taken."""
    trace = noise_trace("released", 48, 64)
    channels = len(trace.stages[stage].feature_map)
    tokens = trace.stages[stage].feature_map.reshape(channels, -1).T.astype(np.float64)
    scores = PCA(3, svd_solver="full").fit_transform(tokens)
    expected = 0.5 + np.abs(scores) / (2 * COLOUR_SPREAD * scores.std(axis=0))
    colours = feature_map(trace, stage, "pca").values.reshape(-1, 3)
    np.testing.assert_allclose(0.5 + np.abs(colours - 0.5), expected.clip(0, 1), atol=1e-4)


def test_pca_signs_do_not_flicker(by_hand: Callable[..., Trace]) -> None:
    """A little noise, as between two machines, changes colours a little; so does a mirrored photo's order of tokens."""
    generator = np.random.default_rng(0)
    axes, scores = generator.normal(size=(10, 3)), generator.normal(size=(3, 5, 6)) * [[[9]], [[4]], [[2]]]
    features = np.tensordot(axes, scores, axes=1)
    colours = feature_map(by_hand(features=features, size=(5, 6)), 0, "pca").values
    for seed in range(20):
        noise = 1e-3 * np.random.default_rng(seed).normal(size=features.shape)
        again = feature_map(by_hand(features=features + noise, size=(5, 6)), 0, "pca").values
        np.testing.assert_allclose(again, colours, atol=0.02)
    mirrored = feature_map(by_hand(features=features[:, :, ::-1], size=(5, 6)), 0, "pca").values
    np.testing.assert_allclose(mirrored, colours[:, ::-1], atol=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_pca_signs_are_a_rule_and_not_an_accident(by_hand: Callable[..., Trace], seed: int) -> None:
    """Silent channels change nothing, though with them there are more channels than tokens and other axes are found."""
    features = np.random.default_rng(seed).normal(size=(4, 3, 4)) * [[[9]], [[5]], [[2]], [[1]]]
    silent = np.concatenate([features, np.zeros((20, 3, 4))])
    few, many = (feature_map(by_hand(features=some, size=(3, 4)), 0, "pca").values for some in (features, silent))
    np.testing.assert_allclose(many, few, atol=1e-4)


def test_pca_of_what_does_not_vary_is_grey(by_hand: Callable[..., Trace]) -> None:
    assert (feature_map(by_hand(features=np.full((4, 2, 2), 0.1)), 0, "pca").values == 0.5).all()
    colours = feature_map(by_hand(features=[[[0, 1], [2, 3]]]), 0, "pca").values
    assert (colours[..., 1:] == 0.5).all() and np.ptp(colours[..., 0]) > 0.5


def test_class_channels_by_hand(by_hand: Callable[..., Trace]) -> None:
    """Activation × gradient: 3 · 1 + 1 · 2 = 5 and 4 · −1 + −2 · −3 = 2; the third channel's −4 is left out."""
    features, gradient = [*FEATURES, [[1, 1], [1, 1]]], [[[1, 9], [2, 9]], [[-1, -3], [9, 9]], [[-1] * 2] * 2]
    trace = by_hand(features=features, gradient=gradient)
    assert class_channels(trace, 0, 3) == [(0, 5.0), (1, 2.0)]
    assert class_channels(trace, 0, 1) == [(0, 5.0)]


def test_class_channels_are_what_the_logit_owes(noise_trace: Callable[..., Trace], kind: str) -> None:
    """Every channel's evidence, positive or not, adds up to the first-order change from nothing to the whole map."""
    trace = noise_trace(kind, target=2)
    for stage in range(3):
        found = dict(class_channels(trace, stage, 10**6))
        activation, gradient = trace.stages[stage].evidence_map, trace.stages[stage].evidence_gradient
        each = (activation * gradient).sum(axis=(1, 2))
        assert found.keys() == set(np.flatnonzero(each > 0))
        np.testing.assert_allclose(sum(found.values()), each[each > 0].sum(), rtol=1e-4)
        assert list(found.values()) == sorted(found.values(), reverse=True)


def test_errors(by_hand: Callable[..., Trace]) -> None:
    trace = by_hand(features=FEATURES)
    with pytest.raises(ConfigError, match="stage 1 does not exist: allowed are 0 to 0"):
        feature_map(trace, 1)
    with pytest.raises(ConfigError, match="channel 2 does not exist: allowed are 0 to 1"):
        feature_map(trace, 0, 2)
    with pytest.raises(ConfigError, match="reduce='max' is unknown: allowed are 'norm', 'mean', 'pca'"):
        feature_map(trace, 0, "max")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="column 2 does not exist"):
        similarity_map(trace, 0, (0, 2))
    with pytest.raises(ConfigError, match="target="):
        class_channels(trace, 0)
