"""Which parameters decay, how the learning rate runs, what the moving average holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from cvt.config import CvtConfig
from cvt.model import CvtForImageClassification
from training.optimizer import (
    MovingAverage,
    Muon,
    Schedule,
    build_optimizers,
    decay_groups,
    orthogonalise,
)
from training.recipe import Phase, Recipe
from training.run import Workers

ALONE = Workers(torch.device("cpu"))


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
    recipe = Recipe("r", (Phase(2, 32, 4), Phase(1, 64, 4)), 64, warmup_epochs=1, final_rate=0.1)
    schedule = Schedule(recipe, 17)  # four whole batches an epoch
    assert schedule.steps == 12
    factors = [schedule.factor(step) for step in range(13)]
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert factors[4] == 1.0
    assert factors[8] == pytest.approx(0.55)  # halfway between 1 and 0.1
    assert factors[12] == pytest.approx(0.1)
    assert factors[4:] == sorted(factors[4:], reverse=True)
    assert Schedule(replace(recipe, warmup_epochs=0), 17).factor(0) == 1.0


def test_a_phase_that_restarts_begins_a_new_half_cosine() -> None:
    phases = (Phase(2, 32, 4), Phase(2, 32, 4), Phase(1, 32, 2, restart=0.5), Phase(1, 32, 4))
    schedule = Schedule(Recipe("r", phases, 32, warmup_epochs=1, final_rate=0.1), 16)
    assert schedule.steps == 16 + 8 + 4
    plain = Schedule(Recipe("r", phases[:2], 32, warmup_epochs=1, final_rate=0.1), 16)
    assert [schedule.factor(step) for step in range(16)] == [plain.factor(step) for step in range(16)]
    assert schedule.factor(16) == pytest.approx(0.5)
    assert schedule.factor(22) == pytest.approx(0.3)  # halfway between 0.5 and 0.1, over both phases
    assert schedule.factor(28) == pytest.approx(0.1)


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


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4)])
def test_orthogonalised_matrices_keep_their_directions(shape: tuple[int, int]) -> None:
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    result = orthogonalise(matrices)
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    inner = left.mT @ result @ right.mT
    reached = inner.diagonal(dim1=1, dim2=2)
    assert reached.min() > 0.4
    assert reached.max() < 1.25
    torch.testing.assert_close(inner, torch.diag_embed(reached), atol=1e-4, rtol=0)
    assert values.max() / values.min() > 2 * reached.max() / reached.min()


def test_muon_steps_as_pytorchs_does() -> None:
    generator = torch.Generator().manual_seed(0)
    ours = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in [(8, 8), (8, 24), (24, 8), (8, 8)]]
    theirs = [nn.Parameter(matrix.detach().clone()) for matrix in ours]
    settings: dict[str, float] = {"lr": 0.02, "weight_decay": 0.1}
    our_muon = Muon(ours, ALONE, **settings)
    torch_muon = torch.optim.Muon(theirs, adjust_lr_fn="match_rms_adamw", **settings)
    for _ in range(4):
        for mine, their in zip(ours, theirs, strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            their.grad = mine.grad.clone()
        before = [mine.detach().clone() for mine in ours]
        our_muon.step()
        torch_muon.step()
        for start, mine, their in zip(before, ours, theirs, strict=True):
            assert (mine - their).norm() < 0.03 * (mine - start).norm() + 0.002  # theirs rounds to bfloat16


def test_muon_leaves_matrices_without_gradient_alone() -> None:
    matrix = nn.Parameter(torch.ones(3, 4))
    Muon([matrix], ALONE, lr=0.1, weight_decay=0.5).step()
    assert torch.equal(matrix, torch.ones(3, 4))


def test_each_parameter_has_one_optimizer() -> None:
    config = CvtConfig(embed_dim=(8, 12, 16), num_heads=(1, 2, 2), depth=(1, 1, 1))
    model = CvtForImageClassification(config)
    recipe = Recipe("small", (Phase(1, 32, 4),), 32, optimizer="muon", learning_rate=0.01, weight_decay=0.1)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    adamw, muon = (
        [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
        for optimizer in build_optimizers(model, recipe, ALONE)
    )
    assert sorted(adamw + muon) == sorted(names.values())
    assert len(muon) == 3 * 6
    assert all(name.endswith(("linear.weight", "expand.weight", "contract.weight")) for name in muon)
    assert len(build_optimizers(model, replace(recipe, optimizer="adamw"), ALONE)) == 1
