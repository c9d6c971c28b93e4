"""The ribbon."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvt.tracing import Trace
from ui.components.stages import RibbonData, ribbon_value, stage_attention
from ui.session.look import trace_photo
from ui.session.models import LoadedModel


@pytest.fixture(scope="module")
def trace(loaded: LoadedModel) -> Trace:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    return trace_photo(loaded, Image.fromarray(pixels))


@pytest.fixture(scope="module")
def ribbon(trace: Trace) -> RibbonData:
    return ribbon_value(trace)


def size_of(path: str) -> tuple[int, int]:
    with Image.open(Path(path)) as image:
        return image.size


def test_each_stage_has_its_numbers_its_features_and_its_attention(ribbon: RibbonData) -> None:
    assert [card.numbers["stage"] for card in ribbon.cards] == [1, 2, 3]
    assert [(card.numbers["rows"], card.numbers["columns"]) for card in ribbon.cards] == [(16, 16), (8, 8), (4, 4)]
    assert [(card.numbers["window"], card.numbers["stride"]) for card in ribbon.cards] == [(7, 4), (3, 2), (3, 2)]
    assert [card.has_cls for card in ribbon.cards] == [False, False, True]
    for card in ribbon.cards:
        for picture in (card.feature, card.attention):
            assert picture.alt["en"] != picture.alt["ja"]
            assert picture.alt["en"].endswith(".")


def test_the_photo_is_whole_and_the_maps_show_what_the_model_sees(ribbon: RibbonData, trace: Trace) -> None:
    assert size_of(ribbon.photo.path) == (120, 90)
    assert (ribbon.height, ribbon.width) == (64, 64)
    top, left, bottom, right = trace.crop.box
    for card in ribbon.cards:
        for picture in (card.feature, card.attention):
            width, height = size_of(picture.file.path)
            assert (width, height) == (pytest.approx(right - left, abs=1), pytest.approx(bottom - top, abs=1))


def test_the_answer_is_the_most_probable_class(ribbon: RibbonData, trace: Trace) -> None:
    index, probability = trace.top(1)[0]
    assert (ribbon.answer.label, ribbon.answer.probability) == (trace.label(index), probability)


def test_the_attention_shown_is_that_of_cls_where_there_is_one(trace: Trace) -> None:
    names = [stage_attention(trace, stage).name for stage in range(3)]
    assert names == ["attention received", "attention received", "attention"]


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (3000, 20)])
def test_photos_of_any_shape_have_a_ribbon(loaded: LoadedModel, size: tuple[int, int]) -> None:
    ribbon = ribbon_value(trace_photo(loaded, Image.new("RGB", size, "teal")))
    assert len(ribbon.cards) == 3
