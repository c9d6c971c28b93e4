"""Sheets are valid files of the right size, with every word on the page and large enough to read."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from cvt.config import CvtConfig
from cvt.tracing import Trace
from visualize.fonts import writable
from visualize.report import report

report_module = sys.modules["visualize.report"]  # the package's own `report` is the function

NAMES = {0: "tabby, tabby cat", 1: "トラ猫", 2: "price: $5 to $9", 3: "𓃠 cat", 4: "a name " * 12}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures of the sheets that a test draws; they are not written, which takes the most time."""
    figures: list[Figure] = []
    original = report_module._figure

    def keep(*arguments: Any) -> Figure:
        figures.append(original(*arguments))
        return figures[-1]

    monkeypatch.setattr(report_module, "_figure", keep)
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)
    return figures


def named(trace: Trace) -> Trace:
    return replace(trace, config=CvtConfig.from_dict(trace.config.to_dict(), id2label=NAMES))


def words(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg", ".PNG"])
def test_files_are_valid(noise_trace: Callable[..., Trace], suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"sheet{suffix}"
    report(noise_trace("released", target=1), path, model_name="small", photo_name="noise.png", dpi=100)
    if suffix.lower() == ".png":
        with Image.open(path) as sheet:
            assert sheet.size == (827, 1169)  # A4
            pixels = np.asarray(sheet.convert("L"))
            assert "Predicted LABEL_" in sheet.info["Description"]
        inked = (pixels < 250).mean(axis=1) > 0
        assert 0.15 < (pixels < 250).mean() < 0.9
        assert inked[:1100].reshape(11, 100).any(axis=1).all(), "something on every part of the page"
    elif suffix == ".pdf":
        content = path.read_bytes()
        assert content.startswith(b"%PDF-")
        assert content.rstrip().endswith(b"%%EOF")
        assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") == 1
    else:
        root = ET.parse(path).getroot()
        assert root.tag.endswith("svg")
        assert len(root.findall(".//{*}image")) > 15


def test_other_files_are_refused(noise_trace: Callable[..., Trace], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"sheet.docx' must end in .png, .pdf or .svg"):
        report(noise_trace("released"), tmp_path / "sheet.docx")
    with pytest.raises(ValueError, match="no target"):
        report(noise_trace("released"), tmp_path / "sheet.png", evidence=[noise_trace("released")])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "shape", "language"),
    [("released", (48, 64), "en"), ("linear", (96, 40), "ja"), ("CLS everywhere", (40, 120), "ja")],
)
def test_every_word_is_on_the_page_and_legible(
    noise_trace: Callable[..., Trace],
    drawn: list[Figure],
    tmp_path: Path,
    name: str,
    shape: tuple[int, int],
    language: Any,
) -> None:
    """At least 7 points; names in any script, long ones, and ones with signs that mean something elsewhere."""
    traces = [named(noise_trace(name, *shape, target)) for target in (1, 3, 4)]
    report(traces[0], tmp_path / "sheet.svg", photo_name="noise $x$.png", evidence=traces, language=language)
    (figure,) = drawn
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    width, height = figure.bbox.width, figure.bbox.height
    for text in words(figure):
        box = text.get_window_extent(renderer)
        assert text.get_fontsize() >= 7, text
        assert 0 <= box.x0 <= box.x1 <= width, text
        assert 0 <= box.y0 <= box.y1 <= height, text
        assert writable(text.get_text()), text
    shown = {text.get_text() for text in words(figure)}
    assert {"noise $x$.png", "tabby, tabby cat", "#3"} <= shown


def test_what_is_shown(noise_trace: Callable[..., Trace], drawn: list[Figure], tmp_path: Path) -> None:
    trace = noise_trace("released", target=1)
    report(trace, tmp_path / "sheet.svg", model_name="a model")
    shown = [text.get_text() for text in words(drawn[0])]
    assert any(text.startswith("a model: blocks 1/2/2, width 8/12/24, heads 1/3/6") for text in shown)
    for label in (
        "stage 1",
        "stage 2",
        "head 1",
        "head 6",
        "Class evidence [arbitrary unit]",
        "LibraGrad (stage 3) [logit]",
        "LABEL_1",
    ):
        assert label in shown
    assert sum(text.endswith("%") for text in shown) == 5
    keys = trace.stages[2].geometry.keys
    assert f"1/{keys.rows * keys.columns + 1}: all alike" in shown
    assert len([axes for axes in drawn[0].axes if axes.images]) == 1 + 2 * (3 + 3 + 1 + 6 + 1 + 1)


def test_rows_without_cls_or_class_are_left_out(
    noise_trace: Callable[..., Trace], drawn: list[Figure], tmp_path: Path
) -> None:
    report(noise_trace("linear"), tmp_path / "sheet.svg")
    shown = [text.get_text() for text in words(drawn[0])]
    assert "Rollout" in " ".join(shown)
    assert not any("CLS" in text or "Grad" in text for text in shown)


@pytest.mark.parametrize(
    ("first", "last", "size", "wanted", "expected"),
    [
        (40, 60, 100, 30, (35, 65)),
        (0, 20, 100, 30, (0, 30)),
        (90, 100, 100, 30, (70, 100)),
        (10, 90, 100, 30, (10, 90)),
    ],
)
def test_the_part_of_a_long_photo(first: int, last: int, size: int, wanted: int, expected: tuple[int, int]) -> None:
    assert report_module._around(first, last, size, wanted) == expected


@pytest.mark.parametrize("shape", [(48, 64), (64, 40)])
@pytest.mark.parametrize("count", [1, 3])
def test_pictures_use_the_page_and_scales_stand_below_their_own(
    noise_trace: Callable[..., Trace], drawn: list[Figure], tmp_path: Path, shape: tuple[int, int], count: int
) -> None:
    traces = [noise_trace("released", *shape, target) for target in range(count)]
    report(traces[0], tmp_path / "sheet.svg", evidence=traces)
    (figure,) = drawn
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    images = [axes.get_window_extent(renderer) for axes in figure.axes if axes.images]
    bars = [box for box in images if box.height < 20]
    pictures = [box for box in images if box.height >= 20]
    assert min(box.y0 for box in bars) < 0.25 * figure.bbox.height, "down to the last quarter"
    for bar in bars:
        above = [box for box in pictures if box.y0 >= bar.y1 and box.y0 - bar.y1 < 20]
        assert any(abs(box.x0 - bar.x0) < 1 for box in above), "where its own picture begins"
    numbers = [text.get_window_extent(renderer) for text in words(figure)]
    marks = [line.get_window_extent(renderer) for axes in figure.axes if axes.images for line in axes.lines[:1]]
    texts = [text.get_text() for text in words(figure)]
    for index, box in enumerate(numbers):
        crossed = [texts[index + 1 + at] for at, other in enumerate(numbers[index + 1 :]) if box.overlaps(other)]
        assert not crossed, (texts[index], crossed)
    assert marks
    for mark in marks[1:]:  # the first is the frame around what the model saw
        assert not any(box.overlaps(mark) for box in numbers), "the uniform tick crosses no number"


def test_heights_are_cut_to_a_common_level() -> None:
    assert report_module._levelled([1, 2, 3], 10) == [1, 2, 3]
    assert report_module._levelled([1, 2, 3], 5) == [1, 2, 2]
    assert report_module._levelled([3, 1, 3], 4) == [1.5, 1, 1.5]
    assert report_module._levelled([3, 3], 1) == [0.5, 0.5]
