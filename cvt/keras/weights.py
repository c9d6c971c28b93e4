"""A Keras model's weights under this package's names and in PyTorch's layout, where all checkpoints meet.

Keras keeps dense kernels as ``[in, out]``, convolutions as ``[height, width, in, out]`` and depthwise ones as
``[height, width, channels, 1]``; PyTorch as ``[out, in]``, ``[out, in, height, width]`` and
``[channels, 1, height, width]``.
"""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np

__all__ = ["LEAVES", "from_pytorch", "named_weights", "pytorch_name", "pytorch_shape", "to_pytorch"]

LEAVES = {
    "kernel": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""Keras's names of a layer's weights, and PyTorch's."""

_PATH = re.compile(r"(?:cvt/encoder|layernorm|classifier)/.*")


def pytorch_name(path: str) -> str:
    """A weight's path below its model, ``cvt/encoder/stages_0/…/kernel``, as PyTorch writes it."""
    *modules, leaf = re.sub(r"(stages|layers)_(\d+)", r"\1/\2", path).split("/")
    return ".".join([*modules, LEAVES.get(leaf, leaf)])


def named_weights(model: keras.Model) -> dict[str, keras.Variable]:
    """Every weight by our name of it, as a PyTorch classifier's ``state_dict`` has it (:mod:`cvt.checkpoint_keys`)."""
    return {pytorch_name(match[0]): weight for weight in model.weights if (match := _PATH.search(weight.path))}


def _axes(name: str, ndim: int) -> tuple[int, ...]:
    """The axes of Keras's array, in PyTorch's order."""
    if ndim == 4:
        return (2, 3, 0, 1) if "_convolution." in name else (3, 2, 0, 1)
    return (1, 0) if ndim == 2 else tuple(range(ndim))


def pytorch_shape(name: str, weight: keras.Variable) -> tuple[int, ...]:
    """The shape that PyTorch's tensor of this name has."""
    return tuple(weight.shape[axis] for axis in _axes(name, len(weight.shape)))


def to_pytorch(name: str, weight: keras.Variable) -> np.ndarray:
    """A copy of a weight in PyTorch's layout."""
    array = keras.ops.convert_to_numpy(weight)
    return np.ascontiguousarray(array.transpose(_axes(name, array.ndim)))


def from_pytorch(name: str, array: Any) -> np.ndarray:
    """An array in PyTorch's layout, in Keras's."""
    return np.asarray(array).transpose(np.argsort(_axes(name, np.ndim(array))))
