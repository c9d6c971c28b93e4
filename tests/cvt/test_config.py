"""The configuration: documented defaults, validation that names what is wrong, and config.json there and back."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from cvt.config import CvtConfig
from cvt.errors import ConfigError
from cvt.model import CvtForImageClassification
from cvt.presets import PRESETS

DOCUMENTED_DEFAULTS = {
    "num_channels": 3,
    "patch_sizes": [7, 3, 3],
    "patch_stride": [4, 2, 2],
    "patch_padding": [2, 1, 1],
    "embed_dim": [64, 192, 384],
    "num_heads": [1, 3, 6],
    "depth": [1, 2, 10],
    "mlp_ratio": [4.0, 4.0, 4.0],
    "attention_drop_rate": [0.0, 0.0, 0.0],
    "drop_rate": [0.0, 0.0, 0.0],
    "drop_path_rate": [0.0, 0.0, 0.1],
    "qkv_bias": [True, True, True],
    "cls_token": [False, False, True],
    "qkv_projection_method": ["dw_bn", "dw_bn", "dw_bn"],
    "kernel_qkv": [3, 3, 3],
    "padding_kv": [1, 1, 1],
    "stride_kv": [2, 2, 2],
    "padding_q": [1, 1, 1],
    "stride_q": [1, 1, 1],
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
}


def test_every_documented_default() -> None:
    config = CvtConfig()
    assert {name: getattr(config, name) for name in DOCUMENTED_DEFAULTS} == DOCUMENTED_DEFAULTS
    theirs = transformers.CvtConfig()
    for name, value in DOCUMENTED_DEFAULTS.items():
        of_theirs = getattr(theirs, name)
        assert (list(of_theirs) if isinstance(value, list) else of_theirs) == value, name
    assert (config.num_labels, config.hidden_act, config.temperature, config.problem_type) == (2, "gelu", 1.0, None)
    assert (config.output_hidden_states, config.output_attentions, config.return_dict) == (False, False, True)
    assert config.num_stages == 3


def test_the_dead_default_of_the_epsilon_stands_for_the_one_in_use() -> None:
    assert CvtConfig().norm_eps == 1e-5
    assert CvtConfig(layer_norm_eps=1e-6).norm_eps == 1e-6


def test_any_number_of_stages() -> None:
    for stages in (1, 2, 4):
        lists = {name: [value[0]] * stages for name, value in DOCUMENTED_DEFAULTS.items() if isinstance(value, list)}
        assert CvtConfig(**lists).num_stages == stages


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"num_channels": 0}, r"num_channels=0 .*at least 1"),
    ({"num_channels": 3.0}, r"num_channels=3\.0 .*whole number"),
    ({"patch_sizes": [7, 3]}, r"patch_sizes=\[7, 3\] has 2 entries, but depth=\[1, 2, 10\] has 3"),
    ({"patch_sizes": 7}, r"patch_sizes=7 must be a list"),
    ({"patch_sizes": "733"}, r"patch_sizes='733' must be a list"),
    ({"depth": []}, r"depth=\[\] must have at least one stage"),
    ({"patch_sizes": [7, 0, 3]}, r"patch_sizes\[1\]=0 .*at least 1"),
    ({"patch_stride": [4, 2, 0]}, r"patch_stride\[2\]=0 .*at least 1"),
    ({"patch_padding": [-1, 1, 1]}, r"patch_padding\[0\]=-1 .*at least 0"),
    ({"patch_padding": [7, 1, 1]}, r"patch_padding\[0\]=7 must be below patch_sizes\[0\]=7"),
    ({"embed_dim": [64, 192.0, 384]}, r"embed_dim\[1\]=192\.0 .*whole number"),
    ({"embed_dim": [64, 193, 384]}, r"embed_dim\[1\]=193 must be a multiple of num_heads\[1\]=3"),
    ({"num_heads": [0, 3, 6]}, r"num_heads\[0\]=0 .*at least 1"),
    ({"depth": [1, 2, True]}, r"depth\[2\]=True .*whole number"),
    ({"mlp_ratio": [4.0, 0.0, 4.0]}, r"mlp_ratio\[1\]=0\.0 .*above 0"),
    ({"mlp_ratio": [4.0, float("nan"), 4.0]}, r"mlp_ratio\[1\]=nan .*above 0"),
    ({"attention_drop_rate": [0.0, 1.0, 0.0]}, r"attention_drop_rate\[1\]=1\.0 .*at least 0 and below 1"),
    ({"drop_rate": [-0.1, 0.0, 0.0]}, r"drop_rate\[0\]=-0\.1 .*at least 0 and below 1"),
    ({"drop_path_rate": [0.0, 0.0, "0.1"]}, r"drop_path_rate\[2\]='0\.1' .*probability"),
    ({"qkv_bias": [True, True, 1]}, r"qkv_bias\[2\]=1 must be true or false"),
    ({"cls_token": [None, False, True]}, r"cls_token\[0\]=None must be true or false"),
    ({"qkv_projection_method": ["dw_bn", "conv", "avg"]}, r"projection_method\[1\]='conv' .*'dw_bn', 'avg', 'linear'"),
    ({"kernel_qkv": [3, 3, 0]}, r"kernel_qkv\[2\]=0 .*at least 1"),
    ({"kernel_qkv": [3, 5, 3]}, r"padding_q\[1\]=1 and kernel_qkv\[1\]=5 change the number of queries"),
    ({"stride_q": [1, 2, 1]}, r"stride_q\[1\]=2.*one query per token"),
    ({"padding_q": [0, 1, 1]}, r"padding_q\[0\]=0.*one query per token"),
    ({"stride_kv": [2, 2, 0]}, r"stride_kv\[2\]=0 .*at least 1"),
    ({"padding_kv": [1, 1, 3]}, r"padding_kv\[2\]=3 must be at most 2 for kernel_qkv\[2\]=3"),
    ({"padding_kv": [1, 1, 2], "qkv_projection_method": ["avg"] * 3}, r"padding_kv\[2\]=2 must be at most 1 .*'avg'"),
    ({"initializer_range": 0}, r"initializer_range=0 .*above 0"),
    ({"layer_norm_eps": -1e-5}, r"layer_norm_eps=-1e-05 .*above 0"),
    ({"temperature": 0.0}, r"temperature=0\.0 .*above 0"),
    ({"hidden_act": "relu"}, r"hidden_act='relu' must be one of 'gelu', 'quick_gelu'"),
    ({"problem_type": "ranking"}, r"problem_type='ranking' must be one of 'regression', 'single_label"),
    ({"num_labels": 0}, r"num_labels=0 .*at least 1"),
    ({"num_labels": 3, "id2label": {0: "cat", 1: "dog"}}, r"num_labels=3 does not fit id2label, which names 2"),
    ({"id2label": {0: "cat", 2: "dog"}}, r"from 0 without gaps; got \[0, 2\]"),
    ({"id2label": {}}, r"id2label"),
    ({"id2label": ["cat", "dog"]}, r"id2label=\['cat', 'dog'\] must map class indices to names"),
    ({"id2label": {"zero": "cat"}}, r"id2label=.* must map class indices to names"),
    ({"label2id": ["cat"]}, r"label2id=\['cat'\] must map names to class indices"),
    ({"label2id": {"cat": "first"}}, r"label2id=.* must map names to class indices"),
    ({"id2label": {0: "cat"}, "label2id": {"cat": None}}, r"label2id=.* must map names to class indices"),
    ({"id2label": {0: "cat"}, "label2id": {"cat": 1}}, r"label2id has \{'cat': 1\}; class indices go from 0 to 0"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=[str(fields) for fields, _ in WRONG])
def test_a_wrong_value_is_named_with_what_is_allowed(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CvtConfig(**fields)


def test_every_field_that_shapes_the_network_is_checked() -> None:
    tried = {name for fields, _ in WRONG for name in fields}
    assert set(DOCUMENTED_DEFAULTS) <= tried


def test_a_value_changed_later_is_checked_before_a_model_is_built() -> None:
    config = CvtConfig()
    config.num_heads[1] = 5
    with pytest.raises(ConfigError, match=r"embed_dim\[1\]=192 must be a multiple of num_heads\[1\]=5"):
        CvtForImageClassification(config)


def test_convolutions_that_are_not_used_are_not_checked() -> None:
    CvtConfig(qkv_projection_method=["linear"] * 3, padding_q=[0, 0, 0], padding_kv=[9, 9, 9])
    CvtConfig(qkv_projection_method=["avg"] * 3, padding_q=[0, 0, 0], stride_q=[2, 2, 2])


def test_class_names_follow_from_whichever_is_given() -> None:
    assert CvtConfig(num_labels=3).id2label == {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}
    named = CvtConfig(id2label={1: "dog", 0: "cat"})
    assert (named.num_labels, list(named.id2label), named.label2id) == (2, [0, 1], {"cat": 0, "dog": 1})
    assert CvtConfig(label2id={"dog": 1, "cat": 0}).id2label == {0: "cat", 1: "dog"}
    assert CvtConfig(id2label={"0": "cat", "1": "dog"}) == named, "JSON has no integer keys"
    both = CvtConfig(id2label={0: "crane", 1: "crane"}, label2id={"crane": 0})
    assert both.label2id == {"crane": 0}, "two classes may share a name, as in ImageNet"


def test_another_number_of_classes_takes_away_the_names() -> None:
    config = CvtConfig(id2label={0: "cat", 1: "dog"})
    config.num_labels = 2
    assert config.id2label == {0: "cat", 1: "dog"}
    config.num_labels = 3
    assert config.label2id == {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2}
    with pytest.raises(ConfigError, match="num_labels=0"):
        config.num_labels = 0
    assert config.num_labels == 3


def test_overrides_of_the_classes_replace_all_the_files_classes() -> None:
    fields = CvtConfig(id2label={0: "cat", 1: "dog"}).to_dict()
    assert CvtConfig.from_dict(fields, num_labels=4).id2label[3] == "LABEL_3"
    assert CvtConfig.from_dict(fields, id2label={0: "bird"}).label2id == {"bird": 0}
    assert CvtConfig.from_dict(fields, hidden_act="quick_gelu").id2label == {0: "cat", 1: "dog"}


def test_json_there_and_back_keeps_every_field_known_or_not(tmp_path: Path) -> None:
    config = CvtConfig(
        depth=[1, 1, 2],
        drop_rate=(0.1, 0.2, 0.3),
        hidden_act="quick_gelu",
        temperature=1.3,
        id2label={0: "cat", 1: "犬", 2: "bird"},
        problem_type="multi_label_classification",
        output_hidden_states=True,
        architectures=["CvtForImageClassification"],
        something={"new": [1, 2]},
    )
    config.save_pretrained(tmp_path / "new folder")
    written = json.loads((tmp_path / "new folder" / "config.json").read_text(encoding="utf-8"))
    assert written["model_type"] == "cvt"
    assert written["something"] == {"new": [1, 2]}
    again = CvtConfig.from_pretrained(tmp_path / "new folder")
    assert again == config
    assert again.something == {"new": [1, 2]}
    assert again.id2label[1] == "犬"
    assert CvtConfig.from_dict(config.to_dict()) == config
    assert CvtConfig.from_pretrained(tmp_path / "new folder", depth=[1, 1, 1]).depth == [1, 1, 1]


def test_transformers_reads_ours_and_we_read_theirs(tmp_path: Path) -> None:
    ours = CvtConfig(embed_dim=(32, 64, 96), num_heads=(1, 2, 3), id2label={0: "cat", 1: "dog", 2: "bird"})
    ours.save_pretrained(tmp_path / "ours")
    theirs = transformers.CvtConfig.from_pretrained(tmp_path / "ours")
    assert (theirs.embed_dim, theirs.num_labels, theirs.id2label) == ([32, 64, 96], 3, ours.id2label)
    theirs.save_pretrained(tmp_path / "theirs")
    back = CvtConfig.from_pretrained(tmp_path / "theirs")
    assert {name: getattr(back, name) for name in DOCUMENTED_DEFAULTS} == {
        name: getattr(ours, name) for name in DOCUMENTED_DEFAULTS
    }
    assert back.id2label == ours.id2label


def test_another_architecture_is_refused() -> None:
    with pytest.raises(ConfigError, match="model_type='vit' is another architecture"):
        CvtConfig.from_dict({"model_type": "vit"})


def test_what_is_given_and_what_comes_out_is_not_shared() -> None:
    depth = [1, 2, 3]
    config = CvtConfig(depth=depth)
    depth[0] = 9
    config.to_dict()["depth"][1] = 9
    assert config.depth == [1, 2, 3]


def test_equality_copies_pickles_and_unknown_names() -> None:
    config = CvtConfig(num_labels=4, note="kept")
    for other in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert other == config
        assert other.note == "kept"
    assert config != CvtConfig(num_labels=4)
    assert config != config.to_dict()
    with pytest.raises(AttributeError, match="no field 'dept'"):
        _ = config.dept
    assert '"depth"' in repr(config)


@pytest.mark.parametrize(
    ("preset", "tensors", "parameters"),
    [("cvt-13", 459, 19_997_480), ("cvt-21", 731, 31_622_696), ("cvt-w24", 833, 277_196_392)],
)
def test_presets_are_the_released_architectures(preset: str, tensors: int, parameters: int) -> None:
    with torch.device("meta"):
        model = CvtForImageClassification(CvtConfig(**PRESETS[preset], num_labels=1000))
    assert len(model.state_dict()) == tensors
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
