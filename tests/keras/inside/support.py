"""The same few steps on every backend: run a model, take its gradients, read numbers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cvt import CvtConfig, TFCvtForImageClassification
from cvt.keras.weights import named_weights, to_pytorch

BACKEND = keras.backend.backend()
GOLDEN = Path(__file__).parent.parent / "golden"
MADE = Path(os.environ["CVT_CASES"])
"""Cases that the process around this one computed with our PyTorch models."""

CASES = {path.parent.name: path.parent for root in (GOLDEN, MADE) for path in sorted(root.glob("*/expected.npz"))}


def small(**fields: Any) -> CvtConfig:
    """CvT-13 in miniature, five classes. ``fields`` win."""
    few = {"embed_dim": (4, 6, 8), "num_heads": (1, 3, 2), "depth": (1, 1, 2), "mlp_ratio": (2.0, 2.0, 2.0)}
    return CvtConfig(**{**few, "num_labels": 5, **fields})


def tiny(**fields: Any) -> CvtConfig:
    """One stage of one layer, for what has to be compiled again and again. ``fields`` win; no list is needed."""
    every = {
        "patch_sizes": 7, "patch_stride": 8, "patch_padding": 2, "embed_dim": 4, "num_heads": 2, "depth": 1,
        "mlp_ratio": 2.0, "attention_drop_rate": 0.0, "drop_rate": 0.0, "drop_path_rate": 0.0, "qkv_bias": True,
        "cls_token": True, "qkv_projection_method": "dw_bn", "kernel_qkv": 3, "padding_kv": 1, "stride_kv": 2,
        "padding_q": 1, "stride_q": 1,
    }  # fmt: skip
    lists = {name: [fields.pop(name, value)] for name, value in every.items()}
    return CvtConfig(**lists, **{"num_labels": 5, **fields})


def photos(batch: int = 2, height: int = 32, width: int = 32) -> np.ndarray:
    """Random pixels, ``[batch, 3, height, width]``."""
    return np.random.default_rng(batch).normal(size=(batch, 3, height, width)).astype(np.float32)


def array(tensor: Any) -> np.ndarray:
    """A tensor of any backend as an array."""
    return keras.ops.convert_to_numpy(tensor)


def compiled(call: Callable[..., Any]) -> Callable[..., Any]:
    """``call``, under JAX as one program: operation by operation it takes half a minute."""
    if BACKEND != "jax":
        return call
    import jax

    return jax.jit(call)


def named(model: keras.Model) -> dict[str, np.ndarray]:
    """A model's weights, by our names and in PyTorch's layout."""
    return {name: to_pytorch(name, weight) for name, weight in named_weights(model).items()}


def assert_equal(model: Any, expected: dict[str, np.ndarray]) -> None:
    """A model's weights are these, and no others."""
    found = named(model)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def training_step(
    model: TFCvtForImageClassification, pixels: np.ndarray, labels: np.ndarray
) -> tuple[float, dict[str, np.ndarray]]:
    """The mean loss in training and its gradients, in PyTorch's layout; the batch statistics are left changed."""
    names = {id(weight): name for name, weight in named_weights(model).items()}
    variables = model.trainable_variables
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = keras.ops.mean(model(pixels, labels=labels, training=True).loss)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
    elif BACKEND == "torch":
        loss = model(pixels, labels=labels, training=True).loss.mean()
        loss.backward()
        gradients = [variable.value.grad for variable in variables]
    else:
        import jax

        def mean_loss(trainable: Any, fixed: Any) -> Any:
            output, fixed = model.stateless_call(trainable, fixed, pixels, labels=labels, training=True)
            return keras.ops.mean(output.loss), fixed

        state = [variable.value for variable in variables], [v.value for v in model.non_trainable_variables]
        (loss, fixed), gradients = jax.jit(jax.value_and_grad(mean_loss, has_aux=True))(*state)
        for variable, value in zip(model.non_trainable_variables, fixed, strict=True):
            variable.assign(value)
    found = {}
    for variable, gradient in zip(variables, gradients, strict=True):
        name = names[id(variable)]
        found[name] = to_pytorch(name, array(gradient))
    return float(array(loss)), found
