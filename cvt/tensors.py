"""Tensors of PyTorch and TensorFlow, told and made without importing either before it is needed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["is_array", "is_tensor", "tensor"]


def is_tensor(value: object) -> TypeGuard[Tensor]:
    """Whether this is a tensor of PyTorch; while nobody has imported that, nothing is."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_array(value: object) -> TypeGuard[np.ndarray | Tensor]:
    """Whether this is an array of NumPy or a tensor of PyTorch."""
    return isinstance(value, np.ndarray) or is_tensor(value)


def tensor(array: np.ndarray, kind: Literal["pt", "np", "tf"]) -> Any:
    """An array as a tensor of PyTorch ("pt") or TensorFlow ("tf"), or as it is ("np")."""
    if kind == "pt":
        import torch

        return torch.from_numpy(array)
    if kind == "tf":
        import tensorflow

        return tensorflow.constant(array)
    return array
