"""Networks with one thing changed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from cvt.ablation import (
    Change,
    ChangeActivation,
    ChangeDepthwise,
    ChangeKeyStride,
    ChangePadding,
    SilenceBlock,
    SilenceCls,
    SilenceHead,
    ablated,
)
from cvt.errors import ConfigError
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.probe import record
from cvt.tracing import trace
from tests.cvt.networks import randomise, small_config, uniform_config

CHANGES: list[Change] = [
    ChangeDepthwise("identity"),
    ChangeDepthwise("mean"),
    ChangeKeyStride(1),
    ChangeActivation("quick_gelu"),
    ChangeActivation("relu"),
    ChangePadding(),
    SilenceHead(1, 0, 2),
    SilenceBlock(2, 1),
    SilenceCls(),
]


def network(**fields: Any) -> CvtForImageClassification:
    model = CvtForImageClassification(small_config(**fields))
    randomise(model)
    return model.eval()


@pytest.fixture
def pixels() -> Tensor:
    return torch.randn(2, 3, 48, 64)


@torch.inference_mode()
def heard(model: nn.Module, pixels: Tensor, probe: str) -> Tensor:
    with record(model, probe) as passed:
        model(pixels)
    (value,) = passed.values()
    return value


@pytest.mark.parametrize("change", CHANGES, ids=repr)
def test_the_original_never_notices(pixels: Tensor, change: Change) -> None:
    model = network().train()
    tensors = {name: (tensor.data_ptr(), tensor.clone()) for name, tensor in model.state_dict().items()}
    config = model.config.to_dict()
    changed = ablated(model, change)
    with torch.inference_mode():
        answer = changed(pixels).logits
        assert not torch.allclose(answer, ablated(model)(pixels).logits)
        with record(changed, "attention.weights") as weights:  # the explicit path gives the same
            torch.testing.assert_close(changed(pixels).logits, answer)
    assert all(torch.allclose(rows.sum(-1), torch.ones(())) for rows in weights.values())
    assert model.training
    assert model.config.to_dict() == config
    for name, tensor in model.state_dict().items():
        assert tensor.data_ptr() == tensors[name][0]
        assert torch.equal(tensor, tensors[name][1])


def test_it_shares_what_it_does_not_change() -> None:
    model = network()
    changed = ablated(model, SilenceHead(1, 0, 2))
    mine, theirs = ({name: p.data_ptr() for name, p in network.named_parameters()} for network in (model, changed))
    assert {name for name in mine if mine[name] != theirs[name]} == {
        "cvt.encoder.stages.1.layers.0.attention.output_linear.weight"
    }


def test_without_a_change_nothing_changes(pixels: Tensor) -> None:
    model = network()
    with torch.inference_mode():
        assert torch.equal(ablated(model)(pixels).logits, model(pixels).logits)


def test_a_silent_head_adds_nothing(pixels: Tensor) -> None:
    model, layer = network(), "cvt.encoder.stages.1.layers.0.attention"
    changed = ablated(model, SilenceHead(1, 0, 2))
    with (
        model.get_submodule(f"{layer}.context").register_forward_hook(
            lambda module, given, context: context * torch.tensor([1.0, 1.0, 0.0])[:, None, None]
        ),
        torch.inference_mode(),
    ):
        expected = model(pixels).logits
    with torch.inference_mode():
        torch.testing.assert_close(changed(pixels).logits, expected)


def test_tokens_leave_a_silent_block_as_they_came(pixels: Tensor) -> None:
    changed = ablated(network(), SilenceBlock(2, 1))
    before, after = (heard(changed, pixels, f"stages.2.layers.{layer}.output") for layer in (0, 1))
    assert torch.equal(before, after)


def test_cls_does_not_see_itself_and_others_still_see_it(pixels: Tensor) -> None:
    changed = ablated(network(), SilenceCls())
    for layer in (0, 1):
        weights = heard(changed, pixels, f"stages.2.layers.{layer}.attention.weights")
        assert (weights[..., 0, 0] == 0).all()
        assert (weights[..., 1:, 0] > 0).all()


def test_a_step_of_one_keeps_every_key_and_the_trace_knows(pixels: Tensor) -> None:
    model = network()
    changed = ablated(model, ChangeKeyStride(1))
    assert heard(changed, pixels, "stages.0.layers.0.attention.key").shape[2] == 12 * 16
    assert heard(model, pixels, "stages.0.layers.0.attention.key").shape[2] == 6 * 8
    assert changed.config.stride_kv == changed.cvt.config.stride_kv == [1, 1, 1]
    changed_trace = trace(changed, CvtImageProcessor(size=64), Image.new("RGB", (80, 70), "teal"))
    assert changed_trace.stages[0].geometry.keys.rows == changed_trace.stages[0].geometry.queries.rows == 16


@pytest.mark.parametrize("method", ["dw_bn", "avg"])
def test_pooled_keys_are_kept_too(method: str) -> None:
    model = CvtForImageClassification(uniform_config(2, qkv_projection_method=method)).eval()
    changed = ablated(model, ChangeKeyStride(1))
    assert heard(changed, torch.randn(1, 3, 32, 32), "stages.0.layers.0.attention.key").shape[2] == 16 * 16


def test_another_activation_is_the_network_built_with_it(pixels: Tensor) -> None:
    model = network()
    built = network(hidden_act="quick_gelu")
    built.load_state_dict(model.state_dict())
    changed = ablated(model, ChangeActivation("quick_gelu"))
    with torch.inference_mode():
        assert torch.equal(changed(pixels).logits, built(pixels).logits)


def test_an_identity_leaves_a_kernel_of_one_weight(pixels: Tensor) -> None:
    changed = ablated(network(), ChangeDepthwise("identity"))
    module = changed.get_submodule("cvt.encoder.stages.0.layers.0.attention.query_convolution.convolution")
    maps = torch.randn(1, 8, 5, 7)
    assert torch.equal(module(maps), maps)


def test_zeros_at_the_edge_are_all_that_tells_a_place() -> None:
    """A photo of one colour looks the same everywhere to a network that sees it reflected, and not to the original."""
    model, flat = network(), torch.full((1, 3, 64, 64), 0.7)
    for stage in range(3):
        probe = f"stages.{stage}.output"
        spread = [
            heard(network, flat, probe).std(dim=(2, 3)).max() for network in (model, ablated(model, ChangePadding()))
        ]
        assert spread[0] > 1e-3
        assert spread[1] < 1e-5


@pytest.mark.parametrize(
    ("change", "fields", "message"),
    [
        (ChangeDepthwise("identity"), {"qkv_projection_method": "linear"}, "without a depthwise convolution"),
        (ChangeDepthwise("median"), {}, "to='median' must be identity or mean"),  # type: ignore[arg-type]
        (ChangeKeyStride(1), {"qkv_projection_method": "linear"}, "does not squeeze its keys"),
        (ChangeKeyStride(0), {}, "to=0 must be a step of at least 1"),
        (ChangeActivation("tanh"), {}, "to='tanh' must be one of gelu, quick_gelu, relu"),
        (SilenceCls(), {"cls_token": False}, "no CLS token"),
        (SilenceHead(0, 0, 2), {}, "head=2 must be from 0 to 1 in stage 0"),
        (SilenceBlock(2, 0), {}, "stage=2 must be from 0 to 1"),
        (SilenceBlock(0, -1), {}, "block=-1 must be from 0 to 0 in stage 0"),
    ],
)
def test_what_is_not_there_cannot_be_changed(change: Change, fields: dict[str, Any], message: str) -> None:
    model = CvtForImageClassification(uniform_config(2, **fields))
    with pytest.raises(ConfigError, match=message):
        ablated(model, change)
