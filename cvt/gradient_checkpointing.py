"""Training with less memory: a layer's activations are computed again in the backward pass instead of being kept.

Chen et al. 2016, arXiv 1604.06174.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

__all__ = ["checkpointed"]


def checkpointed(layer: nn.Module, x: Tensor, *arguments: int) -> Tensor:
    """``layer(x, *arguments)``, keeping ``x`` alone for the backward pass.

    Random choices fall the same way both times, and batch norms count a batch once.
    """

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_kept(layer)

    output: Tensor = checkpoint(layer, x, *arguments, use_reentrant=False, context_fn=contexts)
    return output


@contextmanager
def _statistics_kept(module: nn.Module) -> Iterator[None]:
    """Batch norms normalise by the batch, and leave their running statistics as they are."""
    norms = [norm for norm in module.modules() if isinstance(norm, nn.BatchNorm2d)]
    kept = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, momentum, counted in kept:
            norm.momentum, norm.num_batches_tracked = momentum, counted
