"""The strip of stages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvt.geometry import CropGeometry, Grid
from cvt.tracing import Trace
from ui.components.stages import StripData, grid_picture, stage_attention, strip_value
from ui.session.look import traced
from ui.session.models import LoadedModel
from visualize.paint import Canvas


@pytest.fixture(scope="module")
def trace(loaded: LoadedModel) -> Trace:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    return traced(loaded, Image.fromarray(pixels))


@pytest.fixture(scope="module")
def strip(trace: Trace) -> StripData:
    return strip_value(trace)


def test_each_stage_has_its_grid_its_features_and_its_attention(strip: StripData) -> None:
    assert [card.numbers["stage"] for card in strip.cards] == [1, 2, 3]
    assert [(card.numbers["rows"], card.numbers["columns"]) for card in strip.cards] == [(16, 16), (8, 8), (4, 4)]
    assert [card.has_cls for card in strip.cards] == [False, False, True]
    for card in strip.cards:
        for file in (card.grid, card.feature.file, card.attention.file):
            with Image.open(Path(file.path)) as image:
                assert image.size == (strip.width, strip.height) == (120, 90)
        for picture in (card.feature, card.attention):
            assert picture.alt["en"] != picture.alt["ja"]
            assert picture.alt["en"].endswith(".")


def test_every_heatmap_has_a_scale_and_attention_its_baseline(strip: StripData) -> None:
    for card in strip.cards:
        for picture in (card.feature, card.attention):
            assert [picture.ticks[0].at, picture.ticks[1].at] == [0, 1]
        assert (card.feature.kind, card.attention.kind) == ("sequential", "distribution")
        assert any(tick.text["en"].startswith("1/") for tick in card.attention.ticks)


def test_the_attention_shown_is_that_of_cls_where_there_is_one(trace: Trace) -> None:
    names = [stage_attention(trace, stage).name for stage in range(3)]
    assert names == ["attention received", "attention received", "attention"]


def canvas(pixels: int, crop_left: int = 0) -> Canvas:
    """A black photo, ``pixels`` wide and high, of which the model sees all but ``crop_left`` columns."""
    black = Image.new("RGB", (pixels, pixels))
    seen = pixels - crop_left
    crop = CropGeometry((pixels, pixels), (pixels, pixels), 0, crop_left, pixels, seen)
    return Canvas(black, black, (crop_left, 0, pixels, pixels), np.arange(pixels), np.arange(seen), crop)


def test_lines_lie_half_way_between_the_centres_of_the_cells() -> None:
    grid = Grid(
        rows=4, columns=4, stride=4, offset=1, receptive_field=7
    )  # centres 1, 5, 9, 13: borders −1, 3, 7, 11, 15
    row = np.asarray(grid_picture(canvas(16), grid))[1, :, 0]
    assert np.flatnonzero(row).tolist() == [3, 7, 11, 15]
    assert (row[[3, 7, 11, 15]] == 140).all()  # 55 % white over black


def test_a_line_between_two_pixels_is_shared_by_both() -> None:
    grid = Grid(rows=4, columns=4, stride=4, offset=1.5, receptive_field=7)  # borders at −0.5, 3.5, 7.5
    row = np.asarray(grid_picture(canvas(16), grid))[1, :8, 0]
    assert row.tolist() == [70, 0, 0, 70, 70, 0, 0, 70]


def test_no_line_where_the_model_saw_nothing() -> None:
    grid = Grid(rows=4, columns=3, stride=4, offset=1, receptive_field=7)
    picture = np.asarray(grid_picture(canvas(16, crop_left=5), grid))
    assert not picture[:, :5].any()
    assert np.flatnonzero(picture[1, 5:, 0]).tolist() == [3, 7]


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (3000, 20)])
def test_photos_of_any_shape_have_a_strip(loaded: LoadedModel, size: tuple[int, int]) -> None:
    strip = strip_value(traced(loaded, Image.new("RGB", size, "teal")))
    assert len(strip.cards) == 3
