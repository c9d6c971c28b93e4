"""Whether a saved state can be gone on from: what a killed run, another run or a stranger left is looked at first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from torch import Tensor
from torch.optim import Optimizer

from cvt.errors import CheckpointError, shown

__all__ = ["check_count", "check_numbers", "check_optimizer", "check_progress"]

_MOST = 10**9
"""Epochs, batches, steps, images: no run has more."""


class Standing(Protocol):
    """What is read of a :class:`training.loop.Progress`."""

    epoch: int
    batch: int
    step: int
    loss: float
    correct: float
    seen: int
    seconds: float
    rows: list[dict[str, float]]


def check_progress(progress: Standing) -> None:
    """Refuse a place in a run that no run can be at.

    Raises:
        CheckpointError: it names the number.
    """
    for name in ("epoch", "batch", "step", "seen"):
        check_count(name, getattr(progress, name))
    for name in ("loss", "correct", "seconds"):
        value = getattr(progress, name)
        if type(value) not in (int, float) or not 0 <= value < math.inf:
            raise CheckpointError(f"state.pt says {name}={shown(value)}; expected a number from 0")
    if progress.batch and not (progress.seen and progress.seconds):
        raise CheckpointError(f"state.pt says batch={progress.batch} of an epoch in which nothing was seen")
    rows = progress.rows
    if not isinstance(rows, list) or len(rows) != progress.epoch or not all(_is_row(row) for row in rows):
        raise CheckpointError(f"state.pt says rows={shown(rows)}; expected one of numbers for each finished epoch")


def check_count(name: str, value: object) -> None:
    """Refuse what is no number of things.

    Raises:
        CheckpointError: it names the value.
    """
    if type(value) is not int or not 0 <= value <= _MOST:
        raise CheckpointError(f"state.pt says {name}={shown(value)}; expected a whole number from 0")


def _is_row(row: object) -> bool:
    return isinstance(row, Mapping) and all(
        isinstance(name, str) and type(value) in (int, float) for name, value in row.items()
    )


def check_optimizer(optimizer: Optimizer, saved: Any) -> None:
    """Refuse what an optimizer of this kind never saves; PyTorch itself looks at the number of parameters alone.

    Raises:
        CheckpointError: it names what does not fit.
    """
    groups = saved["param_groups"]
    for mine, other in zip(optimizer.param_groups, groups, strict=True):
        for name, value in mine.items():
            if name != "params" and type(other[name]) is not type(value):
                raise CheckpointError(f"state.pt has {name}={shown(other[name])} for the optimizer; expected {value!r}")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    numbers = [number for group in groups for number in group["params"]]
    for number, state in saved["state"].items():
        shape = parameters[numbers.index(number)].shape
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape not in (shape, ()):
                raise CheckpointError(
                    f"state.pt has {name} of shape {list(value.shape)} for a parameter of {list(shape)}"
                )
        check_numbers(value for value in state.values() if isinstance(value, Tensor))


def check_numbers(tensors: Iterable[Tensor]) -> None:
    """Refuse weights with which no run goes on.

    Raises:
        CheckpointError: there is NaN or infinity among them.
    """
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        raise CheckpointError("state.pt holds NaN or infinity: the training went wrong before it was saved")
