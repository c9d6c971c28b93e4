"""How fresh weights are drawn."""

from torch import nn

__all__ = ["initialise"]


def initialise(module: nn.Module, std: float) -> None:
    """Initialisation as published, of one module without its children; for :meth:`torch.nn.Module.apply`.

    A truncated normal of standard deviation ``std`` for the weights of linears and for CLS, zero for the linears'
    biases; convolutions and norms keep PyTorch's own.
    """
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=std)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    cls_token = getattr(module, "cls_token", None)
    if cls_token is not None:
        nn.init.trunc_normal_(cls_token, std=std)
