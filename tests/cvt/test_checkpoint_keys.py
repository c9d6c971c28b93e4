"""The three spellings of every tensor's name."""

from __future__ import annotations

import pytest
import torch

from cvt.checkpoint_keys import LAYOUTS, detect_layout, from_ours, to_ours
from cvt.config import CvtConfig
from cvt.model import CvtForImageClassification
from cvt.presets import PRESETS

ROWS = [  # ours, transformers', Microsoft's: written out by hand
    (
        "cvt.encoder.stages.0.embedding.projection.weight",
        "cvt.encoder.stages.0.embedding.convolution_embeddings.projection.weight",
        "stage0.patch_embed.proj.weight",
    ),
    (
        "cvt.encoder.stages.1.embedding.norm.bias",
        "cvt.encoder.stages.1.embedding.convolution_embeddings.normalization.bias",
        "stage1.patch_embed.norm.bias",
    ),
    ("cvt.encoder.stages.2.cls_token", "cvt.encoder.stages.2.cls_token", "stage2.cls_token"),
    (
        "cvt.encoder.stages.2.layers.11.attention_norm.weight",
        "cvt.encoder.stages.2.layers.11.layernorm_before.weight",
        "stage2.blocks.11.norm1.weight",
    ),
    (
        "cvt.encoder.stages.2.layers.0.mlp_norm.weight",
        "cvt.encoder.stages.2.layers.0.layernorm_after.weight",
        "stage2.blocks.0.norm2.weight",
    ),
    (
        "cvt.encoder.stages.1.layers.3.attention.query_convolution.convolution.weight",
        "cvt.encoder.stages.1.layers.3.attention.attention.convolution_projection_query.convolution_projection"
        ".convolution.weight",
        "stage1.blocks.3.attn.conv_proj_q.conv.weight",
    ),
    (
        "cvt.encoder.stages.1.layers.3.attention.value_convolution.norm.running_var",
        "cvt.encoder.stages.1.layers.3.attention.attention.convolution_projection_value.convolution_projection"
        ".normalization.running_var",
        "stage1.blocks.3.attn.conv_proj_v.bn.running_var",
    ),
    (
        "cvt.encoder.stages.0.layers.0.attention.key_linear.bias",
        "cvt.encoder.stages.0.layers.0.attention.attention.projection_key.bias",
        "stage0.blocks.0.attn.proj_k.bias",
    ),
    (
        "cvt.encoder.stages.0.layers.0.attention.output_linear.weight",
        "cvt.encoder.stages.0.layers.0.attention.output.dense.weight",
        "stage0.blocks.0.attn.proj.weight",
    ),
    (
        "cvt.encoder.stages.0.layers.0.mlp.expand.weight",
        "cvt.encoder.stages.0.layers.0.intermediate.dense.weight",
        "stage0.blocks.0.mlp.fc1.weight",
    ),
    (
        "cvt.encoder.stages.0.layers.0.mlp.contract.bias",
        "cvt.encoder.stages.0.layers.0.output.dense.bias",
        "stage0.blocks.0.mlp.fc2.bias",
    ),
    ("layernorm.weight", "layernorm.weight", "norm.weight"),
    ("classifier.bias", "classifier.bias", "head.bias"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2])
def test_each_layout_spells_it_as_documented(row: tuple[str, str, str]) -> None:
    for layout, spelling in zip(LAYOUTS, row, strict=True):
        assert to_ours(spelling, layout) == row[0]
        assert from_ours(row[0], layout) == spelling


def test_a_bare_model_of_transformers_has_no_prefix() -> None:
    assert to_ours("encoder.stages.2.cls_token", "transformers") == "cvt.encoder.stages.2.cls_token"


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("transformers", "vit.encoder.layer.0.output.dense.bias"),
        ("transformers", "cvt.encoder.stages.0.layers.0.output.dense.gamma"),
        ("transformers", "xcvt.encoder.stages.2.cls_token"),
        ("microsoft", "stage0.blocks.0.attn.conv_proj_query.conv.weight"),
        ("microsoft", "stage0.blocks.0.attn.rel_pos_emb"),
        ("ours", "cvt.encoder.stages.0.layers.0.mlp.expand.weight.extra"),
    ],
)
def test_an_unknown_name_has_no_translation(layout: str, name: str) -> None:
    assert to_ours(name, layout) is None  # type: ignore[arg-type]


def test_a_tensor_we_do_not_have_cannot_be_spelled() -> None:
    with pytest.raises(KeyError):
        from_ours("cvt.encoder.stages.0.layers.0.attention.query", "microsoft")


@pytest.mark.parametrize(
    ("preset", "tensors", "parameters"),
    [("cvt-13", 459, 19_997_480), ("cvt-21", 731, 31_622_696), ("cvt-w24", 833, 277_196_392)],
)
def test_released_models_have_their_tensors_and_every_name_returns(preset: str, tensors: int, parameters: int) -> None:
    with torch.device("meta"):
        model = CvtForImageClassification(CvtConfig(**PRESETS[preset], num_labels=1000))
    names = list(model.state_dict())
    assert len(names) == tensors
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    for layout in LAYOUTS:
        spelled = [from_ours(name, layout) for name in names]
        assert len(set(spelled)) == tensors
        assert [to_ours(name, layout) for name in spelled] == names
        assert detect_layout(spelled) == layout


def test_nothing_is_detected_in_another_architecture() -> None:
    assert detect_layout(["layer1.0.conv1.weight", "fc.weight", "stage.0.weight"]) is None
    assert detect_layout([]) is None
