"""Probabilities that mean what they say: expected calibration error, and the temperature that lowers it.

Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv 1706.04599. And a threshold beyond which a model had
better say nothing.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["auroc", "doubt_threshold", "expected_calibration_error", "fit_temperature"]

BINS = 15
LOWEST, HIGHEST = 0.05, 20.0
RIGHT_DOUBTED = 0.10
"""The share of rightly named photos that a threshold may doubt."""


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """Mean gap between confidence and accuracy, over equal bins of confidence (section 2, equation 3).

    Args:
        probabilities: ``[N, classes]``, rows summing to 1.
        labels: class indices ``[N]``.

    Returns:
        A number from 0 (the model is right as often as it says) to 1.
    """
    confidence, prediction = probabilities.max(dim=1)
    correct = (prediction == labels).double()
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1  # a bin holds its upper border, not its lower
    gaps = torch.zeros(bins, dtype=torch.float64).index_add(0, place, correct - confidence.double())
    return float(gaps.abs().sum() / len(labels))


def fit_temperature(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> float:
    """The temperature T for which ``softmax(logits / T)`` gives these labels the highest likelihood (section 4.2).

    The loss is convex in 1/T, so a golden-section search over log T finds its one minimum.

    Args:
        logits: ``[N, classes]`` of images the model was not trained on.
        labels: class indices ``[N]``.
        weights: what each image counts, ``[N]``; all the same unless given.

    Returns:
        A temperature from 0.05 to 20, rounded to four digits.
    """
    logits = logits.double()
    weights = torch.ones(len(labels)) if weights is None else weights

    def loss(log_temperature: float) -> float:
        losses = F.cross_entropy(logits / torch.tensor(log_temperature).exp(), labels, reduction="none")
        return float((losses * weights).sum() / weights.sum())

    low, high = torch.tensor([LOWEST, HIGHEST]).log().tolist()
    golden = (5**0.5 - 1) / 2
    while high - low > 1e-6:
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return round(float(torch.tensor((low + high) / 2).exp()), 4)


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """The probability that an unknown image has the higher score of two, one of each kind; ties count half."""
    order = np.sort(known)
    below, not_above = np.searchsorted(order, unknown, "left"), np.searchsorted(order, unknown, "right")
    return float((below + not_above).mean() / (2 * len(known)))


def doubt_threshold(right: np.ndarray) -> float:
    """The score that at most a tenth of the rightly named images exceed, rounded up to four digits."""
    return float(np.ceil(np.quantile(right, 1 - RIGHT_DOUBTED, method="higher") * 10**4) / 10**4)
