"""Which parameters decay, how the learning rate runs, what the moving average holds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cvt.config import CvtConfig
from cvt.model import CvtForImageClassification
from training.optimizer import MovingAverage, decay_groups, learning_rate_factor


def test_matrices_and_kernels_decay_and_nothing_else() -> None:
    config = CvtConfig(embed_dim=(8, 12, 16), num_heads=(1, 2, 2), depth=(1, 1, 1))
    model = CvtForImageClassification(config)
    decayed, free = decay_groups(model, 0.05)
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.05, 0.0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert len(decayed["params"]) + len(free["params"]) == len(names)
    for parameter in decayed["params"]:
        assert names[id(parameter)].endswith(("linear.weight", "convolution.weight", "projection.weight")) or names[
            id(parameter)
        ].endswith(("expand.weight", "contract.weight", "classifier.weight"))
    for parameter in free["params"]:
        assert names[id(parameter)].endswith((".bias", "norm.weight", "cls_token"))
    assert any(names[id(parameter)].endswith("cls_token") for parameter in free["params"])


def test_learning_rate_by_hand() -> None:
    factors = [learning_rate_factor(step, total=12, warmup=4, final=0.1) for step in range(13)]
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert factors[4] == 1.0
    assert factors[8] == pytest.approx(0.55)  # halfway between 1 and 0.1
    assert factors[12] == pytest.approx(0.1)
    assert factors[4:] == sorted(factors[4:], reverse=True)
    assert learning_rate_factor(0, total=5, warmup=0, final=0.0) == 1.0


def test_moving_average_by_hand() -> None:
    model = nn.BatchNorm1d(1)
    average = MovingAverage(model, decay=0.5)
    values = {1: 10.0, 2: 20.0}
    expected = 0.0  # the running mean's start
    for step, value in values.items():
        model.running_mean.fill_(value)  # type: ignore[union-attr]
        model.num_batches_tracked.fill_(step)  # type: ignore[union-attr]
        average.update(model)
        decay = min(0.5, step / (step + 10))
        expected = decay * expected + (1 - decay) * value
    assert average.model.running_mean.item() == pytest.approx(expected)
    assert average.model.num_batches_tracked.item() == 2, "counts are copied, not averaged"


def test_moving_average_converges_and_never_trains() -> None:
    model = nn.Linear(3, 2)
    average = MovingAverage(model, decay=0.9)
    with torch.no_grad():
        model.weight.fill_(5.0)
    for _ in range(200):
        average.update(model)
    torch.testing.assert_close(average.model.weight, torch.full((2, 3), 5.0))
    assert not any(parameter.requires_grad for parameter in average.model.parameters())
    assert not average.model.training
