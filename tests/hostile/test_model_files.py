"""Model files that do harm: each ends in a sentence that names the value, soon, and without the machine's memory."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from cvt.config import CvtConfig
from cvt.config_fields import count_parameters
from cvt.model import CvtForImageClassification
from cvt.presets import PRESETS
from tests.cvt.networks import small_config
from tests.hostile.confined import told_by
from tests.hostile.model_files import CASES


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What came of every case, in a process of its own that may neither take memory nor time."""
    return told_by("model_files", tmp_path_factory.mktemp("models"))


def test_the_corpus_is_as_large_as_is_said() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES) >= 95


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_model_file(told: dict[str, dict[str, Any]], case: dict[str, Any]) -> None:
    said = told[case["name"]]
    assert said["error"] == case.get("error"), said
    assert re.search(case.get("says", ""), said["says"]), said
    assert len(said["says"]) < 1200, said


@pytest.mark.parametrize("fields", [*PRESETS.values(), {"qkv_projection_method": ["avg", "linear", "dw_bn"]}])
def test_parameters_are_counted_without_building(fields: dict[str, Any]) -> None:
    config = CvtConfig(**{"num_labels": 7, "qkv_bias": [True, False, True], **fields})
    with torch.device("meta"):
        built = CvtForImageClassification(config)
    assert count_parameters(vars(config)) == built.num_parameters()


def test_small_networks_are_counted_too() -> None:
    config = small_config(mlp_ratio=[1.3, 2.7, 4.0])
    assert count_parameters(vars(config)) == CvtForImageClassification(config).num_parameters()
