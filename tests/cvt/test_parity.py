"""The same numbers as the references: transformers' CvT, and Microsoft's layout through an independent computation."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cvt.config import CvtConfig
from cvt.model import CvtForImageClassification, CvtModel
from tests.cvt.checkpoints import SMALL, spelled
from tests.cvt.networks import randomise

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import transformers

CLOSE = {"rtol": 0, "atol": 1e-5}
MAPS_CLOSE = {"rtol": 1e-5, "atol": 1e-5}  # the residual stream grows to tens, where float32 itself steps by 2e-6

VARIANTS: dict[str, dict[str, Any]] = {
    "small": {},
    "every stage has its own stride, kernel and bias": {
        "kernel_qkv": [3, 5, 1],
        "padding_q": [1, 2, 0],
        "padding_kv": [1, 2, 0],
        "stride_kv": [1, 3, 2],
        "qkv_bias": [True, False, True],
        "mlp_ratio": [1.5, 3.0, 2.0],
    },
    "another stem": {
        "patch_sizes": [8, 2, 5],
        "patch_stride": [8, 2, 1],
        "patch_padding": [0, 0, 2],
        "num_channels": 1,
    },
    "two stages": {
        **{name: value[1:] for name, value in CvtConfig(**SMALL).to_dict().items() if isinstance(value, list)},
        "depth": [1, 2],
    },
}


def reference(folder: Path, head: bool = True, **fields: Any) -> Any:
    """A model of transformers' own, random throughout, saved by itself into ``folder``."""
    config = transformers.CvtConfig(**{**SMALL, "num_labels": 5, **fields})
    model = (transformers.CvtForImageClassification if head else transformers.CvtModel)(config)
    randomise(model)
    model.save_pretrained(folder)
    return model


def pixels(batch: int, height: int, width: int, channels: int = 3) -> Tensor:
    return torch.randn(batch, channels, height, width)


def assert_all_close(ours: Any, theirs: Any) -> None:
    assert len(ours) == len(theirs)
    for mine, yours in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, yours, **MAPS_CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [(1, 224, 224), (3, 97, 131), (2, 65, 33)], ids=str)
def test_classifiers_agree(tmp_path: Path, variant: str, size: tuple[int, int, int]) -> None:
    theirs = reference(tmp_path, **VARIANTS[variant])
    ours = CvtForImageClassification.from_pretrained(tmp_path)
    x = pixels(*size, channels=theirs.config.num_channels)
    expected, output = theirs(x, output_hidden_states=True), ours(x, output_hidden_states=True)
    torch.testing.assert_close(output.logits, expected.logits, **CLOSE)
    assert_all_close(output.hidden_states, expected.hidden_states)


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 224, 224), (2, 50, 119)], ids=str)
def test_bare_models_agree(tmp_path: Path, size: tuple[int, int, int]) -> None:
    theirs = reference(tmp_path, head=False)
    ours = CvtModel.from_pretrained(tmp_path)
    x = pixels(*size)
    expected, output = theirs(x, output_hidden_states=True), ours(x, output_hidden_states=True)
    torch.testing.assert_close(output.last_hidden_state, expected.last_hidden_state, **CLOSE)
    torch.testing.assert_close(output.cls_token_value, expected.cls_token_value, **CLOSE)
    assert_all_close(output.hidden_states, expected.hidden_states)


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 224, 224), (2, 161, 97)], ids=str)
def test_the_whole_cvt_13_agrees(tmp_path: Path, size: tuple[int, int, int]) -> None:
    released = {name: getattr(CvtConfig(), name) for name in SMALL}
    theirs = reference(tmp_path, **released, num_labels=1000)
    ours = CvtForImageClassification.from_pretrained(tmp_path)
    x = pixels(*size)
    expected, output = theirs(x, output_hidden_states=True), ours(x, output_hidden_states=True)
    assert expected.logits.std() > 0.1, "a model whose logits are all alike proves nothing"
    torch.testing.assert_close(output.logits, expected.logits, **CLOSE)
    assert_all_close(output.hidden_states, expected.hidden_states)
    listening = ours(x, output_attentions=True)
    torch.testing.assert_close(listening.logits, expected.logits, **CLOSE)


@torch.no_grad()
def test_without_any_cls_token_the_mean_of_the_tokens_agrees(tmp_path: Path) -> None:
    theirs = reference(tmp_path, cls_token=[False] * 3)
    ours = CvtForImageClassification.from_pretrained(tmp_path)
    x = pixels(2, 64, 96)
    expected = theirs(x, output_hidden_states=True)  # without hidden states, transformers fails here
    torch.testing.assert_close(ours(x).logits, expected.logits, **CLOSE)


@pytest.mark.parametrize(
    ("num_labels", "labels"),
    [
        (5, torch.tensor([4, 0, 2])),
        (1, torch.tensor([0.3, -2.0, 1.5])),
        (5, torch.tensor([[0, 1, 1, 0, 0], [1, 0, 0, 0, 1], [0, 0, 0, 0, 0]]).float()),
    ],
    ids=["classes", "regression", "several labels"],
)
def test_losses_and_their_gradients_agree(tmp_path: Path, num_labels: int, labels: Tensor) -> None:
    theirs = reference(tmp_path, num_labels=num_labels)
    ours = CvtForImageClassification.from_pretrained(tmp_path)
    x = pixels(3, 48, 64)
    expected, output = theirs(x, labels=labels), ours(x, labels=labels)
    torch.testing.assert_close(output.loss, expected.loss, **CLOSE)
    expected.loss.backward()
    output.loss.backward()
    torch.testing.assert_close(ours.classifier.weight.grad, theirs.classifier.weight.grad, **CLOSE)
    stem = theirs.cvt.encoder.stages[0].embedding.convolution_embeddings.projection
    torch.testing.assert_close(ours.cvt.encoder.stages[0].embedding.projection.weight.grad, stem.weight.grad, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize(("head", "labelled"), [(False, False), (True, False), (True, True)])
def test_plain_tuples_agree_in_length_and_order(tmp_path: Path, head: bool, hidden: bool, labelled: bool) -> None:
    theirs = reference(tmp_path, head)
    ours = (CvtForImageClassification if head else CvtModel).from_pretrained(tmp_path)
    arguments: dict[str, Any] = {"output_hidden_states": hidden, "return_dict": False}
    if labelled:
        arguments["labels"] = torch.tensor([1, 3])
    x = pixels(2, 64, 64)
    expected, output = theirs(x, **arguments), ours(x, **arguments)
    assert type(output) is tuple
    assert_all_close(output[: len(output) - hidden], expected[: len(expected) - hidden])
    if hidden:
        assert_all_close(output[-1], expected[-1])


@torch.no_grad()
@pytest.mark.parametrize("head", [False, True])
def test_transformers_loads_what_we_save(tmp_path: Path, head: bool) -> None:
    kind = "CvtForImageClassification" if head else "CvtModel"
    names = {0: "cat", 1: "dog", 2: "owl"}
    ours = (CvtForImageClassification if head else CvtModel)(CvtConfig(**SMALL, id2label=names, temperature=1.7))
    randomise(ours)
    ours.save_pretrained(tmp_path)
    theirs, info = getattr(transformers, kind).from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values()), info
    assert theirs.config.id2label == names
    assert theirs.dtype == torch.float32
    assert type(transformers.AutoModelForImageClassification.from_pretrained(tmp_path)).__name__ == (
        "CvtForImageClassification"
    )
    x = pixels(2, 97, 64)
    assert_all_close(
        ours(x, output_hidden_states=True).hidden_states, theirs(x, output_hidden_states=True).hidden_states
    )
    assert_all_close(ours(x, return_dict=False), theirs(x, return_dict=False))


@torch.no_grad()
def test_a_round_trip_through_us_changes_nothing(tmp_path: Path) -> None:
    theirs = reference(tmp_path / "theirs", **VARIANTS["every stage has its own stride, kernel and bias"])
    CvtForImageClassification.from_pretrained(tmp_path / "theirs").save_pretrained(tmp_path / "ours")
    again = transformers.CvtForImageClassification.from_pretrained(tmp_path / "ours")
    before, after = theirs.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@torch.no_grad()
def test_half_precision_of_transformers_comes_back_at_full_precision(tmp_path: Path) -> None:
    reference(tmp_path / "theirs").half().save_pretrained(tmp_path / "theirs")
    ours = CvtForImageClassification.from_pretrained(tmp_path / "theirs")
    ours.save_pretrained(tmp_path / "ours")
    theirs = transformers.CvtForImageClassification.from_pretrained(tmp_path / "ours")
    x = pixels(1, 64, 64)
    torch.testing.assert_close(theirs(x).logits, ours(x).logits, **CLOSE)


# Microsoft's layout


def computed_by_hand(weights: dict[str, Tensor], config: CvtConfig, x: Tensor) -> Tensor:
    """Logits from Microsoft's tensor names alone, after the paper and the published code; shares nothing with cvt."""

    def norm(name: str, tokens: Tensor) -> Tensor:
        mean, variance = tokens.mean(-1, keepdim=True), tokens.var(-1, keepdim=True, unbiased=False)
        return (tokens - mean) / (variance + 1e-5).sqrt() * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def linear(name: str, tokens: Tensor) -> Tensor:
        return torch.einsum("btc,oc->bto", tokens, weights[f"{name}.weight"]) + weights[f"{name}.bias"]

    def project(name: str, letter: str, cls: Tensor | None, grid: Tensor, stride: int) -> Tensor:
        convolution, batch_norm = f"{name}.conv_proj_{letter}.conv.weight", f"{name}.conv_proj_{letter}.bn"
        y = F.conv2d(grid, weights[convolution], stride=stride, padding=1, groups=grid.shape[1])
        scale = weights[f"{batch_norm}.weight"] / (weights[f"{batch_norm}.running_var"] + 1e-5).sqrt()
        y = (y - weights[f"{batch_norm}.running_mean"][:, None, None]) * scale[:, None, None]
        tokens = (y + weights[f"{batch_norm}.bias"][:, None, None]).flatten(2).transpose(1, 2)
        return linear(f"{name}.proj_{letter}", tokens if cls is None else torch.cat([cls, tokens], 1))

    def attention(name: str, tokens: Tensor, height: int, heads: int) -> Tensor:
        spatial = tokens.shape[1] // height * height
        cls = tokens[:, :1] if spatial < tokens.shape[1] else None
        grid = tokens[:, -spatial:].transpose(1, 2).unflatten(2, (height, -1))
        width = tokens.shape[2]
        q, k, v = (project(name, letter, cls, grid, stride) for letter, stride in (("q", 1), ("k", 2), ("v", 2)))
        outputs = []
        for head in range(heads):
            part = slice(head * width // heads, (head + 1) * width // heads)
            scores = torch.einsum("bqd,bkd->bqk", q[..., part], k[..., part]) / width**0.5
            outputs.append(
                torch.einsum("bqk,bkd->bqd", scores.exp() / scores.exp().sum(-1, keepdim=True), v[..., part])
            )
        return linear(f"{name}.proj", torch.cat(outputs, -1))

    def mlp(name: str, tokens: Tensor) -> Tensor:
        hidden = linear(f"{name}.fc1", tokens)
        return linear(f"{name}.fc2", hidden / (1 + torch.exp(-1.702 * hidden)))

    cls = None
    for stage in range(3):
        embed = f"stage{stage}.patch_embed"
        x = F.conv2d(
            x,
            weights[f"{embed}.proj.weight"],
            weights[f"{embed}.proj.bias"],
            stride=config.patch_stride[stage],
            padding=config.patch_padding[stage],
        )
        height = x.shape[2]
        tokens = norm(f"{embed}.norm", x.flatten(2).transpose(1, 2))
        if stage == 2:
            tokens = torch.cat([weights["stage2.cls_token"].expand(len(x), -1, -1), tokens], 1)
        for block in range(config.depth[stage]):
            name = f"stage{stage}.blocks.{block}"
            tokens = tokens + attention(f"{name}.attn", norm(f"{name}.norm1", tokens), height, config.num_heads[stage])
            tokens = tokens + mlp(f"{name}.mlp", norm(f"{name}.norm2", tokens))
        if stage == 2:
            cls, tokens = tokens[:, :1], tokens[:, 1:]
        x = tokens.transpose(1, 2).unflatten(2, (height, -1))
    assert cls is not None
    return linear("head", norm("norm", cls))[:, 0]


@torch.no_grad()
@pytest.mark.parametrize("size", [(2, 97, 131), (1, 224, 224)], ids=str)
def test_microsofts_file_gives_the_numbers_of_its_own_names(tmp_path: Path, size: tuple[int, int, int]) -> None:
    config = CvtConfig(**SMALL, num_labels=5)
    model = CvtForImageClassification(config)
    randomise(model)
    weights = spelled(model, "microsoft")
    assert {"stage2.cls_token", "stage1.blocks.0.attn.conv_proj_q.bn.running_var", "head.bias"} < weights.keys()
    torch.save(weights, tmp_path / "CvT-small.pth")
    x = pixels(*size)
    loaded = CvtForImageClassification.from_pretrained(tmp_path / "CvT-small.pth", config=config)
    expected = computed_by_hand(weights, config, x)
    torch.testing.assert_close(loaded(x).logits, expected, **CLOSE)
    loaded.save_pretrained(tmp_path / "ours")
    again = CvtForImageClassification.from_pretrained(tmp_path / "ours")
    assert again.config.hidden_act == "quick_gelu"
    assert torch.equal(again(x).logits, loaded(x).logits)
    exact = CvtForImageClassification.from_pretrained(tmp_path / "CvT-small.pth", config=config, hidden_act="gelu")
    assert (exact(x).logits - expected).abs().max() > 1e-4, "the two activations can be told apart"


def test_quick_gelu_by_hand() -> None:
    config = CvtConfig(**SMALL, hidden_act="quick_gelu")
    activation = CvtModel(config).encoder.stages[0].layers[0].mlp.activation
    values = [-3.0, -1.0, 0.0, 0.5, 2.0]
    expected = [value / (1 + math.exp(-1.702 * value)) for value in values]
    np.testing.assert_allclose(activation(torch.tensor(values)).numpy(), expected, rtol=1e-6)
