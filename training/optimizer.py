"""Muon and AdamW, the learning rate's course, and the moving average of weights."""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from .recipe import Recipe
from .run import Workers

__all__ = ["MovingAverage", "Muon", "Schedule", "build_optimizers", "decay_groups", "orthogonalise"]


def build_optimizers(model: nn.Module, recipe: Recipe, workers: Workers) -> list[Optimizer]:
    """AdamW for all parameters; or, where the recipe says "muon", Muon for the blocks' linears and AdamW for the rest.

    Both take the recipe's learning rate and weight decay: Muon's steps are scaled to the size of AdamW's.
    """
    matrices: list[nn.Parameter] = []
    if recipe.optimizer == "muon":
        hidden = [
            name for name, module in model.named_modules() if isinstance(module, nn.Linear) and name != "classifier"
        ]
        matrices = [model.get_parameter(f"{name}.weight") for name in hidden]
    groups = decay_groups(model, recipe.weight_decay)
    for group in groups:
        group["params"] = [
            parameter for parameter in group["params"] if not any(parameter is matrix for matrix in matrices)
        ]
    optimizers: list[Optimizer] = [AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))]
    if matrices:
        optimizers.append(Muon(matrices, workers, lr=recipe.learning_rate, weight_decay=recipe.weight_decay))
    return optimizers


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameters in two groups: matrices and convolution kernels, which decay, and the rest, which do not.

    CLS tokens ``[1, 1, width]`` are vectors in disguise and do not decay.
    """
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_matrix = parameter.ndim >= 2 and not name.endswith("cls_token")
        (decayed if is_matrix else free).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]


class Muon(Optimizer):
    """Momentum whose every step is made orthogonal (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

    A step has the root mean square 0.2 that AdamW's typically has, so that both share learning rate and weight decay
    (Liu et al. 2025, arXiv 2502.16982, section 2.2). It is ``torch.optim.Muon`` but for three things, which make it
    several times as fast on a CPU: it computes in float32, since a processor without bfloat16 has to emulate it (one
    with AMX multiplies in bfloat16 within :meth:`.run.Workers.fast_products`), it takes all matrices of one shape
    together, and processes that train together share them out.

    Args:
        matrices: two-dimensional parameters, with the same gradients in every process.
        workers: the processes.
        lr: learning rate.
        weight_decay: decoupled, per step times the learning rate.
        momentum: share of the running sum that is kept; Nesterov's form.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        workers: Workers,
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        self.workers = workers
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closures: nothing here needs one
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    by_shape[matrix.shape].append(matrix)
            for (rows, columns), matrices in by_shape.items():
                directions = torch.stack([self._direction(matrix, group["momentum"]) for matrix in matrices])
                mine = orthogonalise(directions[self.workers.rank :: self.workers.count])
                steps = self.workers.gather(mine, len(matrices))
                rate = group["lr"] * 0.2 * math.sqrt(max(rows, columns))
                torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(matrices, list(steps), alpha=-rate)

    def _direction(self, matrix: Tensor, momentum: float) -> Tensor:
        assert matrix.grad is not None
        state = self.state[matrix]
        if not state:
            state["momentum"] = torch.zeros_like(matrix)
        state["momentum"].lerp_(matrix.grad, 1 - momentum)
        return matrix.grad.lerp(state["momentum"], momentum)


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Matrices ``[N, rows, columns]`` with their singular values all moved near 1 (0.7 to 1.2), directions kept.

    Newton and Schulz's iteration with Jordan's coefficients, which trade exactness for few steps.
    """
    wide = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    wide = wide / wide.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        square = wide @ wide.mT
        wide = 3.4445 * wide + (-4.7750 * square + 2.0315 * square @ square) @ wide
    return wide if matrices.shape[1] <= matrices.shape[2] else wide.mT


class Schedule:
    """The learning rate over a run, as shares of the full one.

    Up a line during warm-up, then down half a cosine to the recipe's ``final_rate``, and down another one from every
    phase that restarts; a phase that begins within the warm-up restarts nothing.

    Attributes:
        steps: optimizer steps of the whole run.
    """

    def __init__(self, recipe: Recipe, images: int) -> None:
        """``images``: how many there are to train on."""
        self.final = recipe.final_rate
        self.warmup = round(recipe.warmup_epochs * recipe.phases[0].batches(images))
        self.steps = 0
        self.falls = [(self.warmup, 1.0)]  # where each half cosine begins, and how high
        for phase in recipe.phases:
            if phase.restart is not None and self.steps > self.warmup:
                self.falls.append((self.steps, phase.restart))
            self.steps += phase.epochs * phase.batches(images)

    def factor(self, step: int) -> float:
        """The share at a step, counted from 0."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        begun = [fall for fall in self.falls if fall[0] <= step]
        start, height = begun[-1]
        stop = self.falls[len(begun)][0] if len(begun) < len(self.falls) else self.steps
        progress = min(1.0, (step - start) / max(1, stop - start))
        return self.final + (height - self.final) * 0.5 * (1 + math.cos(math.pi * progress))


class MovingAverage:
    """Exponential moving average of a model's weights and of its batch norms' statistics.

    The decay rises from 0 to ``decay``, so that the random start is forgotten early. ``AveragedModel`` of
    ``torch.optim.swa_utils`` leaves such averaging to be written by oneself, and saves under names of its own.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards the model's present weights."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        average, current = self.model.state_dict(), model.state_dict()
        floats = [name for name, tensor in average.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([average[n] for n in floats], [current[n] for n in floats], 1 - decay)
        for name in average.keys() - set(floats):
            average[name].copy_(current[name])

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "model": self.model.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]
        self.model.load_state_dict(state["model"])
