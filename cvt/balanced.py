"""Balanced gradients: the network as it is going forward, and a network that only adds up going back.

LibraGrad (Mehri et al. 2024, arXiv 2411.16760): in the backward pass, attention weights, LayerNorm's deviation and the
gate of an activation, x ↦ gelu(x) / x, are constants. What is left is linear, so that input times gradient, summed,
and with it what the biases bring, is the output itself, at every depth of the network; plain gradients add up to
nothing in particular. The forward pass is unchanged.

Nothing in the network need know of it: a :class:`~torch.overrides.TorchFunctionMode` answers ``layer_norm``, ``gelu``,
``silu``, ``sigmoid`` (the gate of QuickGELU), ``softmax`` and ``scaled_dot_product_attention`` wherever they are
called, so that it serves transformers' and timm's Vision Transformers too. Operations that are linear already, among
them batch norm in evaluation, and ReLU, whose gate is constant, need no answer; ``torch.nn.MultiheadAttention`` and
other norms get none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.overrides import TorchFunctionMode

__all__ = ["BalancedGradients"]

aten = torch.ops.aten


class BalancedGradients(TorchFunctionMode):
    """What runs inside can be differentiated both ways; ``balanced`` says which, at the time of the backward pass.

    Example::

        with BalancedGradients() as gradients:
            logit = model(pixels)[0, 3]
        (balanced,) = torch.autograd.grad(logit, pixels, retain_graph=True)
        gradients.balanced = False
        (plain,) = torch.autograd.grad(logit, pixels)

    Args:
        of_parameters: whether parameters of norms need gradients too, which cost time even where nobody asks for them.
    """

    def __init__(self, *, of_parameters: bool = True) -> None:
        super().__init__()
        self.balanced = True
        self.of_parameters = of_parameters

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        answer = _ANSWERS.get(function)
        if answer is None:
            return function(*args, **kwargs) if kwargs else function(*args)
        return answer(self, function, *args, **(kwargs or {}))


def _layer_norm(
    mode: BalancedGradients,
    function: Any,
    x: Tensor,
    shape: Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Any:
    if not mode.of_parameters:
        weight, bias = (None if parameter is None else parameter.detach() for parameter in (weight, bias))
    return _LayerNorm.apply(mode, x, tuple(shape), weight, bias, eps)


def _gated(mode: BalancedGradients, function: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Any:
    return _Gated.apply(mode, function, kwargs, *args)


def _constant(mode: BalancedGradients, function: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Any:
    return _Constant.apply(mode, function(*args, **kwargs))


def _attention(
    mode: BalancedGradients, function: Any, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any
) -> Any:
    return _Attention.apply(mode, args, kwargs, query, key, value)


class _Constant(Function):
    """A value that counts as a constant where gradients are balanced."""

    @staticmethod
    def forward(ctx: Any, mode: BalancedGradients, value: Tensor) -> Tensor:
        ctx.mode = mode
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return None, None if ctx.mode.balanced else gradient


def _products(gradient: Tensor, result: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    """A gradient times the Jacobians of a result.

    The gradient comes by way of a sum: one that is handed over makes PyTorch import SymPy, which takes a second.
    """
    with torch.enable_grad():
        total = (result * gradient).sum()
    return torch.autograd.grad(total, inputs, retain_graph=True)


class _Attention(Function):
    """Attention, whose weights count as constants where gradients are balanced: only the values have gradients then."""

    ROWS = 512
    """Queries whose weights are worked out at a time, so that a matrix of weights is never whole."""

    @staticmethod
    def forward(ctx: Any, mode: BalancedGradients, args: Any, kwargs: Any, *inputs: Tensor) -> Tensor:
        with torch.enable_grad():  # for the plain gradients, which PyTorch knows
            query, key, value = inside = tuple(tensor.detach().requires_grad_() for tensor in inputs)
            result = F.scaled_dot_product_attention(query, key, value, *args, **kwargs)
        ctx.mode, ctx.args, ctx.kwargs = mode, args, kwargs
        ctx.save_for_backward(*inside, result)
        return result.detach()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        query, key, value, result = ctx.saved_tensors
        if not ctx.mode.balanced:
            return None, None, None, *_products(gradient, result, query, key, value)
        if ctx.args or ctx.kwargs.keys() - {"scale", "dropout_p"} or ctx.kwargs.get("dropout_p"):
            (of_value,) = _products(gradient, result, value)
            return None, None, None, None, None, of_value
        # The same, without the queries' and keys' share of the work.
        scale = ctx.kwargs.get("scale") or query.shape[-1] ** -0.5
        across = key.transpose(-2, -1) * scale
        of_value = torch.zeros_like(value)
        for some, of_some in zip(query.split(_Attention.ROWS, -2), gradient.split(_Attention.ROWS, -2), strict=True):
            of_value += (some @ across).softmax(dim=-1).transpose(-2, -1) @ of_some
        return None, None, None, None, None, of_value


class _Gated(Function):
    """x · gate(x), whose gate counts as a constant where gradients are balanced."""

    @staticmethod
    def forward(ctx: Any, mode: BalancedGradients, function: Callable[..., Tensor], kwargs: Any, *args: Any) -> Tensor:
        result = function(*args, **kwargs)
        ctx.mode, ctx.function, ctx.rest, ctx.kwargs = mode, function, args[1:], kwargs
        ctx.save_for_backward(args[0], result)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, result = ctx.saved_tensors
        if ctx.mode.balanced:
            gate = (result / x).nan_to_num_(0.5)  # 0 / 0, where the gates of gelu and silu are ½
            through = gate.mul_(gradient)
        else:
            known = {name: value for name, value in ctx.kwargs.items() if name != "inplace"}
            through = _GATED[ctx.function](gradient, x, *ctx.rest, **known)
        return None, None, None, through, *(None for _ in ctx.rest)


class _LayerNorm(Function):
    """Layer norm, whose deviation counts as a constant where gradients are balanced; its mean does not."""

    @staticmethod
    def forward(
        ctx: Any, mode: BalancedGradients, x: Tensor, shape: tuple[int, ...], weight: Any, bias: Any, eps: float
    ) -> Tensor:
        result, mean, inverse = torch.native_layer_norm(x, shape, weight, bias, eps)
        ctx.mode, ctx.shape = mode, shape
        ctx.save_for_backward(x, mean, inverse, weight, bias)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, mean, inverse, weight, bias = ctx.saved_tensors
        _, wants_x, _, wants_weight, wants_bias, _ = ctx.needs_input_grad
        plain = wants_x and not ctx.mode.balanced
        mask = [plain, wants_weight, wants_bias]
        of_x = of_weight = of_bias = None
        if any(mask):
            of_x, of_weight, of_bias = aten.native_layer_norm_backward(
                gradient.contiguous(), x, ctx.shape, mean, inverse, weight, bias, mask
            )
        if wants_x and ctx.mode.balanced:
            scaled = gradient * inverse if weight is None else (gradient * weight).mul_(inverse)
            of_x = scaled.sub_(scaled.mean(dim=tuple(range(-len(ctx.shape), 0)), keepdim=True))
        return None, of_x, None, of_weight, of_bias, None


_GATED: dict[Any, Callable[..., Tensor]] = {F.gelu: aten.gelu_backward, F.silu: aten.silu_backward}
"""Activations that are x times a gate, with their plain backward functions."""

_CONSTANT = (torch.softmax, Tensor.softmax, F.softmax, torch.sigmoid, Tensor.sigmoid, F.sigmoid)
"""Functions whose results count as constants: attention weights, and the gate of QuickGELU."""

_ANSWERS: dict[Any, Callable[..., Any]] = {
    F.layer_norm: _layer_norm,
    F.scaled_dot_product_attention: _attention,
    **dict.fromkeys(_GATED, _gated),
    **dict.fromkeys(_CONSTANT, _constant),
}
"""What is run instead of a function: takes the mode, the function and the function's own arguments."""
