"""Small random networks for tests."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cvt.config import CvtConfig
from cvt.model import CvtForImageClassification, CvtModel


def small_config(**fields: Any) -> CvtConfig:
    """CvT-13 in miniature: the released convolutions, three narrow stages, five classes. ``fields`` win."""
    small = {"embed_dim": (8, 12, 16), "num_heads": (1, 3, 2), "depth": (1, 2, 2), "mlp_ratio": (2.0, 2.0, 2.0)}
    return CvtConfig(**{**small, "num_labels": 5, **fields})


def uniform_config(stages: int, **fields: Any) -> CvtConfig:
    """A configuration whose stages are alike: a 3 × 3 embedding of stride 2, width 8, two heads, one block.

    A field that is not a list stands for every stage.
    """
    every: dict[str, Any] = {
        "patch_sizes": 3,
        "patch_stride": 2,
        "patch_padding": 1,
        "embed_dim": 8,
        "num_heads": 2,
        "depth": 1,
        "mlp_ratio": 2.0,
        "attention_drop_rate": 0.0,
        "drop_rate": 0.0,
        "drop_path_rate": 0.0,
        "qkv_bias": True,
        "cls_token": False,
        "qkv_projection_method": "dw_bn",
        "kernel_qkv": 3,
        "padding_kv": 1,
        "stride_kv": 2,
        "padding_q": 1,
        "stride_q": 1,
    }
    lists = {name: fields.pop(name, value) for name, value in every.items()}
    lists = {name: value if isinstance(value, list | tuple) else [value] * stages for name, value in lists.items()}
    return CvtConfig(**lists, **{"num_labels": 5, **fields})


def randomise(model: nn.Module) -> nn.Module:
    """Weights and statistics that leave no part of the network idle: fresh ones have zero biases and unit scales."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2.0)
            elif name.endswith("num_batches_tracked"):
                tensor.fill_(7)
            elif name.endswith("weight") and tensor.ndim == 1:
                tensor.normal_(1.0, 0.2)
            elif name.endswith("weight"):
                tensor.normal_(0.0, tensor[0].numel() ** -0.5)
            else:
                tensor.normal_(0.0, 0.2)
    return model.eval()


def small_classifier(**fields: Any) -> CvtForImageClassification:
    """A classifier of :func:`small_config` with random weights and batch statistics, in evaluation mode."""
    model = CvtForImageClassification(small_config(**fields))
    randomise(model)
    return model


def small_model(**fields: Any) -> CvtModel:
    """As :func:`small_classifier`, without the classification head."""
    model = CvtModel(small_config(**fields))
    randomise(model)
    return model
