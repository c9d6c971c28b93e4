"""The architecture that a checkpoint's shapes settle."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cvt.checkpoint_architecture import complete_fields, fields_from_shapes
from cvt.config import CvtConfig
from cvt.errors import CheckpointError
from cvt.model import CvtForImageClassification
from cvt.presets import PRESETS


def shapes(config: CvtConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        model = CvtForImageClassification(config)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_released_architecture_is_told_whole(preset: str) -> None:
    config = CvtConfig(**PRESETS[preset], num_labels=1000)
    assert CvtConfig.from_dict(complete_fields(shapes(config))) == config


def test_choices_that_shapes_show_need_no_preset() -> None:
    config = CvtConfig(num_channels=1, num_labels=3, qkv_bias=[False] * 3, cls_token=[False] * 3, mlp_ratio=[3.0] * 3)
    assert CvtConfig.from_dict(complete_fields(shapes(config))) == config


@pytest.mark.parametrize(
    "fields",
    [
        {"embed_dim": [32, 96, 192]},
        {"depth": [1, 2, 9]},
        {"patch_sizes": [8, 3, 3]},
        {"kernel_qkv": [5, 5, 5], "padding_q": [2, 2, 2], "padding_kv": [2, 2, 2]},
        {"qkv_projection_method": ["dw_bn", "dw_bn", "avg"]},
    ],
)
def test_strides_and_heads_of_other_models_are_not_guessed(fields: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=r"pass config=") as caught:
        complete_fields(shapes(CvtConfig(**fields)))
    assert next(iter(fields)) in str(caught.value)


@st.composite
def configs(draw: st.DrawFn) -> CvtConfig:
    num_stages = draw(st.integers(1, 4))

    def per_stage(strategy: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(strategy, min_size=num_stages, max_size=num_stages))

    kernels = per_stage(st.sampled_from([1, 3, 5]))
    return CvtConfig(
        num_channels=draw(st.integers(1, 4)),
        patch_sizes=per_stage(st.integers(1, 9)),
        patch_stride=[2] * num_stages,
        patch_padding=[0] * num_stages,
        embed_dim=per_stage(st.integers(1, 50)),
        num_heads=[1] * num_stages,
        depth=per_stage(st.integers(1, 3)),
        mlp_ratio=per_stage(st.sampled_from([1, 1.3, 2.0, 3.7, 4.0, 7.9])),
        attention_drop_rate=[0.0] * num_stages,
        drop_rate=[0.0] * num_stages,
        drop_path_rate=[0.0] * num_stages,
        qkv_bias=per_stage(st.booleans()),
        cls_token=per_stage(st.booleans()),
        qkv_projection_method=["dw_bn"] * num_stages,
        kernel_qkv=kernels,
        padding_kv=[0] * num_stages,
        stride_kv=[2] * num_stages,
        padding_q=[kernel // 2 for kernel in kernels],
        stride_q=[1] * num_stages,
        num_labels=draw(st.integers(1, 30)),
    )


@settings(deadline=None, max_examples=40)
@given(configs())
def test_what_shapes_tell_is_true(config: CvtConfig) -> None:
    told = fields_from_shapes(shapes(config))
    ratios = told.pop("mlp_ratio")
    hidden = [int(width * ratio) for width, ratio in zip(config.embed_dim, config.mlp_ratio, strict=True)]
    assert [int(width * ratio) for width, ratio in zip(config.embed_dim, ratios, strict=True)] == hidden
    assert told == {name: getattr(config, name) for name in told}
    assert len(told) == 9


def test_a_torn_checkpoint_says_what_is_missing() -> None:
    torn = shapes(CvtConfig())
    del torn["cvt.encoder.stages.1.embedding.projection.weight"]
    with pytest.raises(CheckpointError, match=r"cvt\.encoder\.stages\.1\.embedding\.projection\.weight is missing"):
        complete_fields(torn)
    torn["cvt.encoder.stages.1.embedding.projection.weight"] = (192, 64)
    with pytest.raises(CheckpointError, match=r"is \[192, 64\]"):
        complete_fields(torn)


def test_a_ratio_that_rounds_down_still_gives_the_hidden_width() -> None:
    assert int(7 * (61 / 7)) == 60
    config = CvtConfig(embed_dim=[7, 192, 384], mlp_ratio=[61.5 / 7, 4.0, 4.0])
    ratio = fields_from_shapes(shapes(config))["mlp_ratio"][0]
    assert int(7 * ratio) == 61
