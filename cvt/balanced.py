"""Balanced gradients: the network as it is going forward, and one that shares out its answer going back.

Two rules say how; the forward pass is unchanged by both.

LibraGrad (Mehri et al. 2024, arXiv 2411.16760): in the backward pass, attention weights, LayerNorm's deviation and the
gate of an activation, x ↦ gelu(x) / x, are constants. What is left is linear, so that input times gradient, summed,
and with it what the biases bring, is the output itself, at every depth of the network; plain gradients add up to
nothing in particular.

AttnLRP (Achtibat et al. 2024, arXiv 2402.05602, section 3): deviations and gates are constants too, but attention
weights are not. A product of two activations gives half to each (the uniform rule), and softmax passes its share on to
the logits it was worked out from (a first-order Taylor expansion, which is its plain gradient, and does not keep the
sum), so that what a token was looked at for counts beside what it had to say. Input times gradient is then the
relevance that the paper passes on from layer to layer.

Nothing in the network need know of it: a :class:`~torch.overrides.TorchFunctionMode` answers ``layer_norm``, ``gelu``,
``silu``, ``sigmoid`` (the gate of QuickGELU), ``softmax``, ``matmul`` and ``scaled_dot_product_attention`` wherever
they are called, so that it serves transformers' and timm's Vision Transformers too. Operations that are linear already,
among them batch norm in evaluation, and ReLU, whose gate is constant, need no answer; ``torch.nn.MultiheadAttention``
and other norms get none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.overrides import TorchFunctionMode

__all__ = ["RULES", "BalancedGradients", "Rule"]

aten = torch.ops.aten

Rule = Literal["attnlrp", "libragrad", "plain"]
"""Whose gradients a backward pass gives: the two above, or PyTorch's own."""

RULES: tuple[Rule, ...] = get_args(Rule)


class BalancedGradients(TorchFunctionMode):
    """What runs inside can be differentiated by every rule; ``rule`` says by which, at the time of the backward pass.

    Example::

        with BalancedGradients() as gradients:
            logit = model(pixels)[0, 3]
        (balanced,) = torch.autograd.grad(logit, pixels, retain_graph=True)
        gradients.rule = "plain"
        (plain,) = torch.autograd.grad(logit, pixels)

    Args:
        of_parameters: whether parameters of norms need gradients too, which cost time even where nobody asks for them.
    """

    def __init__(self, *, of_parameters: bool = True) -> None:
        super().__init__()
        self.rule: Rule = "libragrad"
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


def _gate(mode: BalancedGradients, function: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Any:
    return _Scaled.apply(mode, {"libragrad": 0, "attnlrp": 0}, function(*args, **kwargs))


def _softmax(mode: BalancedGradients, function: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Any:
    return _Scaled.apply(mode, {"libragrad": 0}, function(*args, **kwargs))


def _product(mode: BalancedGradients, function: Callable[..., Tensor], *factors: Tensor, **kwargs: Any) -> Any:
    if all(isinstance(factor, Tensor) and factor.grad_fn is not None for factor in factors):  # none is a parameter
        factors = tuple(_Scaled.apply(mode, {"attnlrp": 0.5}, factor) for factor in factors)
    return function(*factors, **kwargs)


def _attention(
    mode: BalancedGradients, function: Any, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any
) -> Any:
    return _Attention.apply(mode, args, kwargs, query, key, value)


class _Scaled(Function):
    """A value whose gradient is scaled by what is given for the rule: 0 makes it a constant, and without it stays 1."""

    @staticmethod
    def forward(ctx: Any, mode: BalancedGradients, scale: dict[Rule, float], value: Tensor) -> Tensor:
        ctx.mode, ctx.scale = mode, scale
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        scale = ctx.scale.get(ctx.mode.rule, 1)
        return None, None, gradient * scale if scale else None


def _products(gradient: Tensor, result: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    """A gradient times the Jacobians of a result.

    The gradient comes by way of a sum: one that is handed over makes PyTorch import SymPy, which takes a second.
    """
    with torch.enable_grad():
        total = (result * gradient).sum()
    return torch.autograd.grad(total, inputs, retain_graph=True)


class _Attention(Function):
    """Attention. By LibraGrad its weights count as constants, and only the values have gradients.

    By AttnLRP half goes to the values, and half to the weights, of which each of queries and keys gets half.
    """

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
        if ctx.mode.rule == "plain":
            return None, None, None, *_products(gradient, result, query, key, value)
        if ctx.mode.rule == "attnlrp":
            of_query, of_key, of_value = _products(gradient / 4, result, query, key, value)
            return None, None, None, of_query, of_key, 2 * of_value
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
    """x · gate(x), whose gate counts as a constant unless gradients are plain."""

    @staticmethod
    def forward(ctx: Any, mode: BalancedGradients, function: Callable[..., Tensor], kwargs: Any, *args: Any) -> Tensor:
        result = function(*args, **kwargs)
        ctx.mode, ctx.function, ctx.rest, ctx.kwargs = mode, function, args[1:], kwargs
        ctx.save_for_backward(args[0], result)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, result = ctx.saved_tensors
        if ctx.mode.rule != "plain":
            gate = (result / x).nan_to_num_(0.5)  # 0 / 0, where the gates of gelu and silu are ½
            through = gate.mul_(gradient)
        else:
            known = {name: value for name, value in ctx.kwargs.items() if name != "inplace"}
            through = _GATED[ctx.function](gradient, x, *ctx.rest, **known)
        return None, None, None, through, *(None for _ in ctx.rest)


class _LayerNorm(Function):
    """Layer norm, whose deviation counts as a constant unless gradients are plain; its mean does not."""

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
        plain = wants_x and ctx.mode.rule == "plain"
        mask = [plain, wants_weight, wants_bias]
        of_x = of_weight = of_bias = None
        if any(mask):
            of_x, of_weight, of_bias = aten.native_layer_norm_backward(
                gradient.contiguous(), x, ctx.shape, mean, inverse, weight, bias, mask
            )
        if wants_x and not plain:
            scaled = gradient * inverse if weight is None else (gradient * weight).mul_(inverse)
            of_x = scaled.sub_(scaled.mean(dim=tuple(range(-len(ctx.shape), 0)), keepdim=True))
        return None, of_x, None, of_weight, of_bias, None


_GATED: dict[Any, Callable[..., Tensor]] = {F.gelu: aten.gelu_backward, F.silu: aten.silu_backward}
"""Activations that are x times a gate, with their plain backward functions."""

_ANSWERS: dict[Any, Callable[..., Any]] = {
    F.layer_norm: _layer_norm,
    F.scaled_dot_product_attention: _attention,
    **dict.fromkeys(_GATED, _gated),
    **dict.fromkeys((torch.sigmoid, Tensor.sigmoid, F.sigmoid), _gate),
    **dict.fromkeys((torch.softmax, Tensor.softmax, F.softmax), _softmax),
    **dict.fromkeys((torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm), _product),
}
"""What is run instead of a function: takes the mode, the function and the function's own arguments."""
