"""AdamW's parameter groups, the learning rate's course, and the moving average of weights."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import nn

__all__ = ["MovingAverage", "decay_groups", "learning_rate_factor"]


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


def learning_rate_factor(step: int, total: int, warmup: int, final: float) -> float:
    """Share of the full learning rate at a step: up a line for ``warmup`` steps, down half a cosine to ``final``."""
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, total - warmup)
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class MovingAverage:
    """Exponential moving average of a model's weights and of its batch norms' statistics.

    The decay rises from 0 to ``decay``, so that the random start is forgotten early.
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
