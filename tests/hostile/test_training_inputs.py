"""Folders and states of runs that do harm: each ends in a sentence, and a run among other people's files ends well."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.hostile.confined import told_by
from tests.hostile.training_inputs import CASES


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What came of every case."""
    return told_by("training_inputs", tmp_path_factory.mktemp("training"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_training_input(told: dict[str, dict[str, Any]], case: dict[str, Any]) -> None:
    said = told[case["name"]]
    assert said["error"] == case.get("error"), said
    assert re.search(case.get("says", ""), said["says"]), said
    assert len(said["says"]) < 700, said
