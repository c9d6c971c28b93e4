"""Random checkpoints: small configurations that transformers accepts too, and weights that leave nothing idle."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from cvt.checkpoint_keys import Layout, from_ours

SMALL: dict[str, Any] = {
    "embed_dim": [8, 16, 24],
    "num_heads": [1, 2, 3],
    "depth": [1, 2, 3],  # transformers needs depth[i] > i
    "mlp_ratio": [2.0, 2.0, 2.0],
}


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


def spelled(model: nn.Module, layout: Layout) -> dict[str, Tensor]:
    """A copy of a model's tensors, under the names of ``layout``."""
    return {from_ours(name, layout): tensor.clone() for name, tensor in model.state_dict().items()}
