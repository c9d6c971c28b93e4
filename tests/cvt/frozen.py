"""A network whose attention, deviations and gates are held: what is left is linear, and known without gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Frozen(TorchFunctionMode):
    """Keeps the weights, deviations and gates of the first run inside it, and runs every later one with them.

    Call :meth:`again` before each later run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Tensor] = []
        self.place: int | None = None

    def again(self) -> None:
        self.place = 0

    def _held(self, work_out: Callable[[], Tensor]) -> Tensor:
        if self.place is None:
            self.kept.append(work_out().detach())
            return self.kept[-1]
        self.place += 1
        return self.kept[self.place - 1]

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is F.layer_norm:
            return self._layer_norm(*args, **kwargs)
        if function is F.gelu:
            x = args[0]
            return x * self._held(lambda: torch.special.ndtr(x))
        if function in (torch.sigmoid, Tensor.sigmoid, torch.softmax, Tensor.softmax, F.softmax):
            return self._held(lambda: function(*args, **kwargs))
        if function is F.scaled_dot_product_attention:
            query, key, value = args[:3]
            scale = kwargs.get("scale") or 1 / math.sqrt(query.shape[-1])
            return self._held(lambda: (query @ key.transpose(-2, -1) * scale).softmax(dim=-1)) @ value
        return function(*args, **kwargs)

    def _layer_norm(self, x: Tensor, shape: Sequence[int], weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
        assert len(shape) == 1
        centred = x - x.mean(dim=-1, keepdim=True)
        deviation = self._held(lambda: (centred.square().mean(dim=-1, keepdim=True) + eps).sqrt())
        return centred / deviation * weight + bias
