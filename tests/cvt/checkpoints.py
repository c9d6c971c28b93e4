"""Small checkpoints: a configuration that transformers accepts too, and tensors under the names of every layout."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from cvt.checkpoint_keys import Layout, from_ours

SMALL: dict[str, Any] = {
    "embed_dim": [8, 16, 24],
    "num_heads": [1, 2, 3],
    "depth": [1, 2, 3],  # transformers needs depth[i] > i
    "mlp_ratio": [2.0, 2.0, 2.0],
}


def spelled(model: nn.Module, layout: Layout) -> dict[str, Tensor]:
    """A copy of a model's tensors, under the names of ``layout``."""
    return {from_ours(name, layout): tensor.clone() for name, tensor in model.state_dict().items()}
