"""Calibration: errors worked out by hand, temperatures that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.calibration import auroc, doubt_threshold, expected_calibration_error, fit_temperature


def test_calibration_error_by_hand() -> None:
    """Two images at 0.9, one of them right: a gap of 0.4; two at 0.6, both right: 0.4 as well; one at 1, right: 0."""
    probabilities = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [1.0, 0.0]])
    labels = torch.tensor([0, 1, 0, 1, 0])
    expected = 2 / 5 * 0.4 + 2 / 5 * 0.4 + 1 / 5 * 0.0
    assert expected_calibration_error(probabilities, labels) == pytest.approx(expected, abs=1e-6)


def test_gaps_of_one_bin_cancel_and_of_two_do_not() -> None:
    probabilities = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.75, 0.25]])
    labels = torch.tensor([0, 0, 0, 1])
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0, abs=1e-6)
    split = torch.tensor([[0.55, 0.45], [0.95, 0.05]])
    assert expected_calibration_error(split, torch.tensor([0, 1])) == pytest.approx((0.45 + 0.95) / 2, abs=1e-6)


def test_the_border_of_two_bins_belongs_to_the_lower() -> None:
    """With ten bins 0.5 is (0.4, 0.5]; with 0.45 beside it, their errors of opposite sign cancel."""
    probabilities = torch.tensor([[0.5, 0.3, 0.2], [0.45, 0.3, 0.25]])
    error = expected_calibration_error(probabilities, torch.tensor([0, 1]), bins=10)
    assert error == pytest.approx(abs((1 - 0.5) - 0.45) / 2, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_behind_the_labels_is_found(temperature: float) -> None:
    logits = torch.randn(10_000, 4)
    labels = torch.multinomial(logits.softmax(1), 1).flatten()
    assert fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.06)


def test_scaling_the_logits_scales_the_temperature() -> None:
    logits = torch.randn(500, 5)
    labels = torch.where(torch.rand(500) < 0.7, logits.argmax(1), torch.randint(5, (500,)))
    assert fit_temperature(logits * 2, labels) == pytest.approx(2 * fit_temperature(logits, labels), abs=3e-4)


def test_a_temperature_lowers_the_error_of_an_overconfident_model() -> None:
    logits = torch.randn(20_000, 4)
    labels = torch.multinomial(logits.softmax(1), 1).flatten()
    loud = logits * 4
    before = expected_calibration_error(loud.softmax(1), labels)
    after = expected_calibration_error((loud / fit_temperature(loud, labels)).softmax(1), labels)
    assert before > 0.2 and after < 0.02


def test_auroc_counts_pairs_and_halves_ties() -> None:
    known, unknown = np.array([0.0, 1, 2, 2]), np.array([2.0, 3])
    assert auroc(known, unknown) == (2 + 2 * 0.5 + 4) / 8
    assert auroc(unknown, known) == pytest.approx(1 - 7 / 8)


def test_a_temperature_goes_by_what_each_image_counts() -> None:
    """Images that count nothing change nothing, and one that counts twice is as good as two."""
    generator = torch.Generator().manual_seed(0)
    logits, labels = 3 * torch.randn(60, 4, generator=generator), torch.randint(0, 4, (60,), generator=generator)
    first = torch.arange(60) < 30
    logits[torch.arange(60), labels] += torch.where(first, 4.0, 2.0)  # of the first half it may be surer
    alone = pytest.approx(fit_temperature(logits[first], labels[first]), abs=1e-3)
    assert fit_temperature(logits, labels, first.float()) == alone
    twice = torch.cat([torch.arange(60), torch.arange(30)])
    doubled = pytest.approx(fit_temperature(logits[twice], labels[twice]), abs=1e-3)
    assert fit_temperature(logits, labels, 1 + first.float()) == doubled
    assert fit_temperature(logits, labels) not in (alone, doubled)


def test_a_threshold_doubts_a_tenth_of_the_right_ones() -> None:
    scores = np.linspace(0, 1, 101)
    assert doubt_threshold(scores) == 0.9
    assert (scores > doubt_threshold(scores)).mean() == pytest.approx(0.1, abs=0.01)
    uneven = np.random.default_rng(0).random(1123)
    assert 0.098 < (uneven > doubt_threshold(uneven)).mean() <= 0.1, "never more than a tenth"
