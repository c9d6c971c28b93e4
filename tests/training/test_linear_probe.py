"""A linear probe answers for images it was not fitted to, from features of any scale."""

from __future__ import annotations

import pytest
import torch

from training.linear_probe import cross_fitted

LABELS = torch.arange(300) % 3


def accuracy(features: torch.Tensor) -> float:
    return float((cross_fitted(features, LABELS, 3).argmax(1) == LABELS).float().mean())


@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e3])
def test_what_features_tell_is_found(scale: float) -> None:
    noise = torch.randn(300, 8, generator=torch.Generator().manual_seed(0))
    noise[torch.arange(300), LABELS] += 3
    assert accuracy(noise * scale + 5 * scale) > 0.9


def test_no_image_is_answered_by_a_layer_that_has_seen_it() -> None:
    """As many features as images: a layer fitted to these names them all, and what it says of others is chance."""
    noise = torch.randn(300, 300, generator=torch.Generator().manual_seed(0))
    assert 0.2 < accuracy(noise) < 0.47


def test_the_same_features_give_the_same_answers() -> None:
    features = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(cross_fitted(features, LABELS[:60], 3), cross_fitted(features, LABELS[:60], 3))
