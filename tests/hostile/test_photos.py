"""Photos that do harm, and photos of every kind: read as the app reads them, soon and without the machine's memory."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvt.photo import open_photo
from tests.hostile.confined import told_by
from tests.hostile.photos import CASES, saved


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What came of every case."""
    return told_by("photos", tmp_path_factory.mktemp("photos"))


def test_the_corpus_is_as_large_as_is_said() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES) >= 130


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_photo(told: dict[str, dict[str, Any]], case: dict[str, Any]) -> None:
    said = told[case["name"]]
    assert (said["error"], said["result"]) == (case.get("error"), case.get("size")), said
    assert re.search(case.get("says", ""), said["says"]), said
    assert len(said["says"]) <= 300, said


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_large_photo_is_read_smaller_and_remembers_its_size(format: str, orientation: int) -> None:
    content = saved(format, width=800, height=600, orientation=orientation)
    whole, small = open_photo(content), open_photo(content, 800 * 600 // 4)
    assert small.info["photo_size"] == whole.size == ((800, 600) if orientation == 1 else (600, 800))
    assert small.size == tuple(side // 2 for side in whole.size)
    expected = np.asarray(whole.reduce(2), float)
    assert (
        np.abs(np.asarray(small, float) - expected).mean() < 8
    )  # JPEG keeps colours at half the size; another picture is 80 away


def test_a_photo_that_is_small_enough_is_read_whole() -> None:
    content = saved("PNG", width=80, height=60)
    np.testing.assert_array_equal(np.asarray(open_photo(content, 80 * 60)), np.asarray(Image.open(io.BytesIO(content))))
