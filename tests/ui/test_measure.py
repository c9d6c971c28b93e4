"""Faith curves and files to take home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvt.errors import ConfigError
from cvt.tracing import Trace
from ui.components.curves import curves_value
from ui.session.downloads import KINDS, take_home
from ui.session.look import trace_photo
from ui.session.measure import MEASURABLE, STEPS, compared, measure
from ui.session.models import LoadedModel


@pytest.fixture(scope="module")
def seen(loaded: LoadedModel) -> Trace:
    pixels = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    return trace_photo(loaded, Image.fromarray(pixels), target=2)


def test_every_map_that_ranks_places_by_itself_can_be_measured_evidence_first() -> None:
    assert MEASURABLE[0] == "class_evidence"
    assert "hires_cam" in MEASURABLE and "feature" in MEASURABLE
    assert "attention" not in MEASURABLE and "similarity" not in MEASURABLE


@pytest.mark.parametrize(
    ("method", "stage"), [("hires_cam", 1), ("grad_attention", 3), ("grad_cam", 3), ("feature", 3)]
)
def test_each_is_measured_where_it_tells_most(
    loaded: LoadedModel, seen: Trace, method: str, stage: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.session.measure.faithfulness", lambda _, maps, *__, **___: maps)
    measured: Any = measure(loaded, seen, method, lambda done: None)
    assert measured.details["stage"] == stage


@pytest.mark.parametrize("method", MEASURABLE)
def test_curves_of_every_method_run_between_nothing_and_the_whole_photo(
    loaded: LoadedModel, seen: Trace, method: str
) -> None:
    progress: list[float] = []
    measured = measure(loaded, seen, method, progress.append)
    assert progress == sorted(progress)
    assert progress[-1] == pytest.approx(1)
    assert measured.least_first.scores[0] == pytest.approx(seen.probabilities[2], abs=1e-5)
    assert measured.most_first.scores[0] == pytest.approx(seen.probabilities[2], abs=1e-5)
    chart = curves_value(measured, "golf ball")
    assert chart.label == "golf ball"
    assert [len(curve.points) for curve in chart.curves] == [STEPS + 1, STEPS + 1]
    assert [(curve.name, curve.area) for curve in chart.curves] == [
        ("least_first", measured.least_first.area),
        ("most_first", measured.most_first.area),
    ]


def test_all_methods_side_by_side_with_what_knows_nothing(loaded: LoadedModel, seen: Trace) -> None:
    told: list[float] = []
    rows = compared(loaded, seen, told.append)
    assert told[-1] == 1 and told == sorted(told)
    assert {"class_evidence", "pixel_evidence", "grad_cam", "rollout", "random", "centre"} <= {r.method for r in rows}
    assert [row.faithfulness.gain for row in rows] == sorted((row.faithfulness.gain for row in rows), reverse=True)
    assert rows[0].faithfulness.most_first.scores[0] == pytest.approx(seen.probabilities[2], abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "beginning"),
    [("svg", b"<?xml"), ("npz", b"PK"), ("json", b"{")],
)
def test_every_file_is_what_its_name_says(loaded: LoadedModel, seen: Trace, kind: str, beginning: bytes) -> None:
    path = take_home(loaded, seen, kind)
    assert path.name == f"cvt-explorer.{kind}"
    assert path.read_bytes().startswith(beginning)


def test_arrays_and_summary_hold_this_photo(loaded: LoadedModel, seen: Trace) -> None:
    with np.load(take_home(loaded, seen, "npz")) as arrays:
        assert any(np.array_equal(arrays[name], seen.logits) for name in arrays.files)
    summary = json.loads(take_home(loaded, seen, "json", "ja").read_text(encoding="utf-8"))
    assert summary["model"] == "Small cvt" or "Small cvt" in json.dumps(summary)


def test_no_other_kind_and_nothing_left_behind(
    loaded: LoadedModel, seen: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ConfigError, match="'exe' must be one of png, pdf"):
        take_home(loaded, seen, "exe")
    take_home(loaded, seen, KINDS[3])
    assert list(tmp_path.glob("**/cvt-explorer.*")) == list(tmp_path.glob("gradio/**/cvt-explorer.*"))
