"""Balanced gradients are those of the network with its attention, deviations and gates held; nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cvt.balanced import BalancedGradients
from tests.cvt.frozen import Frozen
from tests.cvt.networks import small_classifier

NETWORKS: dict[str, dict[str, Any]] = {
    "released": {},
    "quick_gelu": {"hidden_act": "quick_gelu"},
    "average": {"qkv_projection_method": ("avg",) * 3, "cls_token": (False,) * 3},
    "linear": {"qkv_projection_method": ("linear",) * 3},
    "early CLS": {"cls_token": (True, False, False)},
}


def vision_transformer(attention: str) -> Callable[[Tensor], Tensor]:
    """The logits of transformers' ViT, small and random."""
    from transformers import ViTConfig, ViTForImageClassification

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = ViTConfig(**sizes, image_size=32, patch_size=8, num_labels=5, initializer_range=0.3)
    config._attn_implementation = attention
    model = ViTForImageClassification(config).eval()
    return lambda pixels: model(pixels).logits


@pytest.fixture(params=[*NETWORKS, "ViT, sdpa", "ViT, eager"])
def network(request: pytest.FixtureRequest) -> Callable[[Tensor], Tensor]:
    """Logits of a photo, by networks of every kind."""
    torch.manual_seed(0)
    if request.param.startswith("ViT"):
        return vision_transformer(request.param.removeprefix("ViT, "))
    model = small_classifier(**NETWORKS[request.param])
    return lambda pixels: model(pixels).logits


@pytest.fixture
def pixels() -> Tensor:
    return torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)).requires_grad_()


def test_values_and_plain_gradients_stay_as_they_are(network: Callable[[Tensor], Tensor], pixels: Tensor) -> None:
    expected = network(pixels)
    with BalancedGradients() as gradients:
        logits = network(pixels)
    assert torch.equal(logits, expected)
    (of_network,) = torch.autograd.grad(expected[0, 3], pixels)
    (balanced,) = torch.autograd.grad(logits[0, 3], pixels, retain_graph=True)
    gradients.rule = "plain"
    (plain,) = torch.autograd.grad(logits[0, 3], pixels)
    torch.testing.assert_close(plain, of_network, rtol=1e-5, atol=1e-5 * float(of_network.abs().max()))
    assert (balanced - plain).abs().max() > 0.05 * plain.abs().max()


def test_balanced_gradients_are_slopes_of_the_held_network(network: Callable[[Tensor], Tensor], pixels: Tensor) -> None:
    """It is linear, so that a step of any length will do."""
    with BalancedGradients():
        logits = network(pixels)
    (gradient,) = torch.autograd.grad(logits[0, 3], pixels)
    with torch.no_grad(), Frozen() as frozen:
        start = network(pixels)[0, 3]
        torch.testing.assert_close(start, logits[0, 3], rtol=1e-4, atol=1e-5)
        for seed in range(3):
            step = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(seed))
            frozen.again()
            change = network(pixels + step)[0, 3] - start
            torch.testing.assert_close((gradient * step).sum(), change, rtol=1e-3, atol=1e-3 * float(start.abs()))


def test_pixels_and_biases_add_up_to_the_logit(network: Callable[[Tensor], Tensor], pixels: Tensor) -> None:
    """Without any pixels the held network gives what its biases bring."""
    with BalancedGradients():
        logit = network(pixels)[0, 3]
    (gradient,) = torch.autograd.grad(logit, pixels)
    with torch.no_grad(), Frozen() as frozen:
        network(pixels)
        frozen.again()
        biases = network(torch.zeros_like(pixels))[0, 3]
    torch.testing.assert_close((pixels * gradient).sum() + biases, logit, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("function", [F.gelu, F.silu, lambda x: F.gelu(x, approximate="tanh")])
def test_gates_by_hand(function: Callable[[Tensor], Tensor]) -> None:
    """The slope is the value over the input; at 0, where there is none, the gate is ½."""
    x = torch.tensor([-3.0, -1e-3, 0.0, 0.5, 4.0], requires_grad=True)
    with BalancedGradients() as gradients:
        result = function(x)
    (slope,) = torch.autograd.grad(result.sum(), x, retain_graph=True)
    expected = torch.where(x == 0, 0.5, result / x)
    torch.testing.assert_close(slope, expected)
    assert slope[2] == 0.5
    gradients.rule = "plain"
    (plain,) = torch.autograd.grad(result.sum(), x)
    (own,) = torch.autograd.grad(function(x).sum(), x)
    torch.testing.assert_close(plain, own)


@pytest.mark.parametrize("options", [{}, {"scale": 0.3}, {"is_causal": True}, {"attn_mask": torch.eye(600) > 0}])
def test_attention_is_its_weights_held(options: dict[str, Any]) -> None:
    """Also for more queries than are worked out at a time, and for what has masks."""
    query, key, value, weigh = (torch.randn(2, 3, 600, 4, requires_grad=place < 3) for place in range(4))
    with BalancedGradients() as gradients:
        result = (F.scaled_dot_product_attention(query, key, value, **options) * weigh).sum()
    (balanced,) = torch.autograd.grad(result, value, retain_graph=True)
    assert torch.autograd.grad(result, (query, key), retain_graph=True, allow_unused=True) == (None, None)
    expected = (F.scaled_dot_product_attention(query, key, value, **options) * weigh).sum()
    plain = torch.autograd.grad(expected, (query, key, value))
    torch.testing.assert_close(balanced, plain[2])
    gradients.rule = "plain"
    torch.testing.assert_close(torch.autograd.grad(result, (query, key, value)), plain)


def test_attnlrp_of_attention_by_hand() -> None:
    """Relevance passed back rule by rule (the paper's for softmax and for products), and never a gradient."""
    query, key, value = (torch.randn(1, 1, 4, 3, requires_grad=True) for _ in range(3))
    with BalancedGradients() as gradients:
        result = F.scaled_dot_product_attention(query, key, value, scale=0.7)
    gradients.rule = "attnlrp"
    relevance = torch.randn_like(result)
    of_each = torch.autograd.grad((result * (relevance / result).detach()).sum(), (query, key, value))
    q, k, v, out, shared = (tensor.detach()[0, 0] for tensor in (query, key, value, result, relevance))
    logits = 0.7 * q @ k.T
    weights = logits.softmax(dim=1)
    parts = torch.einsum("ji,ip,jp->jip", weights, v, shared / out) / 2  # of the product of weights and values
    of_weights = parts.sum(dim=2)
    of_logits = logits * (of_weights - weights * of_weights.sum(dim=1, keepdim=True))
    pairs = torch.einsum("jd,id,ji->jid", q, k, 0.7 * of_logits / logits) / 2  # of the product of queries and keys
    for got, tensor, expected in zip(
        of_each, (query, key, value), (pairs.sum(dim=1), pairs.sum(dim=0), parts.sum(dim=0)), strict=True
    ):
        torch.testing.assert_close((got * tensor)[0, 0], expected, rtol=1e-4, atol=1e-5)


def test_attnlrp_is_the_same_however_attention_is_written(pixels: Tensor) -> None:
    """In one function, or as two products with a softmax between; half of its answer is not what LibraGrad says."""
    found = {}
    for attention in ("sdpa", "eager"):
        torch.manual_seed(0)
        network = vision_transformer(attention)
        with BalancedGradients() as gradients:
            logit = network(pixels)[0, 3]
        (of_values,) = torch.autograd.grad(logit, pixels, retain_graph=True)
        gradients.rule = "attnlrp"
        (found[attention],) = torch.autograd.grad(logit, pixels)
        assert (found[attention] - of_values).abs().max() > 0.05 * of_values.abs().max()
    torch.testing.assert_close(found["sdpa"], found["eager"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm_over_several_axes(affine: bool) -> None:
    """Weight and bias get their gradients either way; the input's is that of a division by a constant."""
    norm = nn.LayerNorm((2, 3), elementwise_affine=affine)
    if affine:
        nn.init.normal_(norm.weight)
    x = torch.randn(4, 2, 3, requires_grad=True)
    weigh = torch.randn(4, 2, 3)
    wanted = [x, *norm.parameters()]
    with BalancedGradients() as gradients:
        result = (norm(x) * weigh).sum()
    balanced = torch.autograd.grad(result, wanted, retain_graph=True)
    gradients.rule = "plain"
    for got, expected in zip(
        torch.autograd.grad(result, wanted), torch.autograd.grad((norm(x) * weigh).sum(), wanted), strict=True
    ):
        torch.testing.assert_close(got, expected)
    deviation = (x.var(dim=(1, 2), unbiased=False, keepdim=True) + norm.eps).sqrt().detach()
    centred = x - x.mean(dim=(1, 2), keepdim=True)
    by_hand = centred / deviation * norm.weight + norm.bias if affine else centred / deviation
    for got, expected in zip(balanced, torch.autograd.grad((by_hand * weigh).sum(), wanted), strict=True):
        torch.testing.assert_close(got, expected)
