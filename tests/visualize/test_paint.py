"""Colours lie where the cells are, mixed as asked, on the scale that is shown."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvt.config import CvtConfig
from cvt.geometry import CropGeometry, Grid, stage_geometry
from cvt.image_processor import CvtImageProcessor
from cvt.tracing import Trace
from visualize.heatmap import Heatmap, Kind
from visualize.paint import framed, overlay, prepare, scale_bar
from visualize.palette import UNIFORM_REACH, Limits, colours, limits, lookup_table

GOLDEN = Path(__file__).parent / "golden"

PHOTOS = {
    "portrait": ((500, 300), 224),
    "landscape": ((310, 470), 224),
    "square": ((224, 224), 224),
    "larger": ((900, 701), 224),
    "warped": ((300, 500), 384),
    "tiny": ((60, 90), 224),
}
"""(height, width) of a photo, and the resolution of the model that sees it."""


@pytest.fixture
def on_photo(by_hand: Callable[..., Trace]) -> Callable[..., Trace]:
    """``on_photo(photo, resolution)``: a trace of a photo as the processor crops it; nothing else in it is real"""

    def make(photo: np.ndarray, resolution: int = 224) -> Trace:
        crop = CvtImageProcessor(size=resolution).prepare(Image.fromarray(photo)).crop
        return replace(by_hand(), photo=photo, crop=crop)

    return make


def grids(resolution: int) -> dict[str, Grid]:
    stages = stage_geometry(CvtConfig(), resolution, resolution)
    named = {f"tokens {number}": stage.tokens for number, stage in enumerate(stages, 1)}
    return named | {f"keys {number}": stage.keys for number, stage in enumerate(stages, 1)}


def one_bright_cell(grid: Grid, row: int, column: int, kind: Kind = "sequential") -> Heatmap:
    values = np.zeros(grid.shape, dtype=np.float32)
    values[row, column] = 1
    return Heatmap(values, grid, kind, "test")


def values_of(picture: Image.Image, inside: tuple[int, int, int, int]) -> np.ndarray:
    """The values, 0 to 1, that viridis's colours stand for in a part of a picture; 0 elsewhere."""
    left, top, right, bottom = inside
    palette, pixels = (
        colours.astype(int) @ [1 << 16, 1 << 8, 1]
        for colours in (lookup_table("viridis"), np.asarray(picture)[top:bottom, left:right])
    )
    order = np.argsort(palette)
    found = order[np.searchsorted(palette, pixels, sorter=order).clip(max=255)]
    assert (palette[found] == pixels).all(), "a colour that is not viridis's"
    values = np.zeros((picture.height, picture.width))
    values[top:bottom, left:right] = found / 255
    return values


def centroid(values: np.ndarray) -> tuple[float, float]:
    rows, columns = np.indices(values.shape)
    return (rows * values).sum() / values.sum(), (columns * values).sum() / values.sum()


@pytest.mark.parametrize("mode", ["smooth", "cells"])
@pytest.mark.parametrize("photo", PHOTOS)
def test_a_bright_cell_lies_at_its_true_centre(on_photo: Callable[..., Trace], photo: str, mode: Any) -> None:
    """Within half a pixel of the photo, for queries and keys of every stage."""
    shape, resolution = PHOTOS[photo]
    trace = on_photo(np.zeros((*shape, 3), dtype=np.uint8), resolution)
    canvas = prepare(trace)
    for name, grid in grids(resolution).items():
        if mode == "cells" and grid.stride * min(trace.crop.scale) < 2:
            continue  # cells finer than the photo's pixels: some are nearest to none
        row, column = grid.rows // 2, grid.columns // 3
        picture = overlay(trace, one_bright_cell(grid, row, column), opacity=1, mode=mode)
        assert picture.size == (shape[1], shape[0])
        y, x = trace.crop.to_photo(*grid.centre(row, column))
        assert centroid(values_of(picture, canvas.inside)) == pytest.approx((y, x), abs=0.5), name


@pytest.mark.parametrize("size", [512, 100])
@pytest.mark.parametrize("photo", ["portrait", "landscape", "warped"])
def test_at_any_size_too(on_photo: Callable[..., Trace], photo: str, size: int) -> None:
    shape, resolution = PHOTOS[photo]
    trace = on_photo(np.zeros((*shape, 3), dtype=np.uint8), resolution)
    canvas = prepare(trace, size)
    grid = grids(resolution)["keys 3"]
    picture = canvas.paint(one_bright_cell(grid, 3, 2), opacity=1)
    assert max(picture.size) == size
    scale = picture.height / shape[0], picture.width / shape[1]
    y, x = trace.crop.to_photo(*grid.centre(3, 2))
    expected = (y + 0.5) * scale[0] - 0.5, (x + 0.5) * scale[1] - 0.5
    assert centroid(values_of(picture, canvas.inside)) == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize(("name", "index", "error"), [("keys 3", 3, 14.5), ("tokens 3", 6, 6.5), ("keys 1", 9, 2.5)])
def test_the_naive_drawing_is_off_by_what_geometry_says(
    on_photo: Callable[..., Trace], name: str, index: int, error: float
) -> None:
    trace = on_photo(np.zeros((224, 256, 3), dtype=np.uint8), 256)
    trace = replace(trace, crop=CropGeometry((224, 256), (224, 256), 0, 16, 224, 224))
    heatmap = one_bright_cell(grids(224)[name], index, index)
    inside = prepare(trace).inside
    true, naive = (centroid(values_of(overlay(trace, heatmap, opacity=1, naive=n), inside)) for n in (False, True))
    assert naive == pytest.approx((true[0] + error, true[1] + error), abs=0.1)


def test_the_naive_drawing_tiles_the_crop(on_photo: Callable[..., Trace]) -> None:
    trace = replace(
        on_photo(np.zeros((64, 96, 3), dtype=np.uint8)), crop=CropGeometry((64, 96), (64, 96), 0, 0, 64, 96)
    )
    heatmap = Heatmap(np.eye(2, 3, dtype=np.float32), Grid(2, 3, 32, 1, 7), "sequential", "test")
    values = values_of(overlay(trace, heatmap, opacity=1, naive=True, mode="cells"), (0, 0, 96, 64))
    np.testing.assert_array_equal(values, np.kron(np.eye(2, 3), np.ones((32, 32))))


def test_opacity_mixes_photo_and_colour(on_photo: Callable[..., Trace]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    trace = replace(on_photo(photo), crop=CropGeometry((224, 224), (224, 224), 0, 0, 224, 224))
    heatmap = one_bright_cell(grids(224)["tokens 2"], 9, 9)
    colour = np.asarray(overlay(trace, heatmap, opacity=1)).astype(float)
    for opacity in (0, 0.25, 0.6, 1):
        mixed = np.asarray(overlay(trace, heatmap, opacity=opacity))
        assert np.abs(mixed - ((1 - opacity) * photo + opacity * colour)).max() < 1.001


def test_what_the_model_did_not_see_is_dimmed_and_gets_no_colour(on_photo: Callable[..., Trace]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (100, 200, 3), dtype=np.uint8)
    trace = replace(on_photo(photo), crop=CropGeometry((100, 200), (100, 200), 20, 50, 64, 96))
    picture = np.asarray(overlay(trace, one_bright_cell(Grid(16, 24, 4, 1, 7), 3, 3), opacity=0))
    expected = photo // 2
    expected[20:84, 50:146] = photo[20:84, 50:146]
    np.testing.assert_array_equal(picture, expected)
    coloured = np.asarray(overlay(trace, one_bright_cell(Grid(16, 24, 4, 1, 7), 3, 3), opacity=1))
    outside = np.ones((100, 200), dtype=bool)
    outside[20:84, 50:146] = False
    np.testing.assert_array_equal(coloured[outside], photo[outside] // 2)
    assert (coloured[20:84, 50:146] != photo[20:84, 50:146]).any(axis=-1).all()


def test_a_crop_beyond_the_photo(on_photo: Callable[..., Trace]) -> None:
    """Where the crop pads, there is no photo to paint on."""
    trace = replace(
        on_photo(np.zeros((40, 100, 3), dtype=np.uint8)), crop=CropGeometry((40, 100), (40, 100), -12, 18, 64, 64)
    )
    canvas = prepare(trace)
    assert canvas.inside == (18, 0, 82, 40)
    grid = Grid(16, 16, 4, 1, 7)
    picture = canvas.paint(one_bright_cell(grid, 8, 8), opacity=1)
    assert centroid(values_of(picture, canvas.inside)) == pytest.approx((33 - 12, 33 + 18), abs=0.5)


def test_the_scale_is_the_one_asked_for(on_photo: Callable[..., Trace]) -> None:
    trace = on_photo(np.zeros((224, 224, 3), dtype=np.uint8))
    inside = prepare(trace).inside
    heatmap = Heatmap(np.array([[2, 4], [4, 2]], dtype=np.float32), Grid(2, 2, 112, 56, 7), "sequential", "test")

    def extremes(**options: Any) -> tuple[float, float]:
        values = values_of(overlay(trace, heatmap, opacity=1, mode="cells", **options), inside)
        left, top, right, bottom = inside
        return values[top:bottom, left:right].min(), values[top:bottom, left:right].max()

    assert extremes() == pytest.approx((0.5, 1), abs=0.002)
    assert extremes(stretch=True) == pytest.approx((0, 1), abs=0.002)
    assert extremes(limits=Limits(0, 8)) == pytest.approx((0.25, 0.5), abs=0.002)
    assert extremes(limits=Limits(3, 3.5)) == (0, 1)


def test_colour_maps_keep_their_colours(on_photo: Callable[..., Trace]) -> None:
    trace = replace(on_photo(np.zeros((64, 64, 3), np.uint8)), crop=CropGeometry((64, 64), (64, 64), 0, 0, 64, 64))
    values = np.random.default_rng(0).random((4, 4, 3)).astype(np.float32)
    picture = np.asarray(overlay(trace, Heatmap(values, Grid(4, 4, 16, 1, 7), "colour", "test"), opacity=1))
    np.testing.assert_array_equal(picture[1::16, 1::16], np.rint(values * 255))


def test_drawing_changes_nothing(on_photo: Callable[..., Trace]) -> None:
    photo = np.full((50, 80, 3), 90, dtype=np.uint8)
    trace = on_photo(photo)
    heatmap = one_bright_cell(grids(224)["keys 3"], 1, 1)
    canvas = prepare(trace, 64)
    first = canvas.paint(heatmap)
    second = canvas.paint(heatmap)
    assert first.tobytes() == second.tobytes()
    assert (photo == 90).all()
    assert heatmap.values.sum() == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opacity": 1.5}, "opacity 1.5 must be between 0 and 1"),
        ({"mode": "fancy"}, "mode 'fancy' must be 'smooth' or 'cells'"),
        ({"size": 0}, "size 0 must be a whole number of pixels"),
        ({"size": 99.5}, "size 99.5 must be a whole number"),
        ({"palette": "jet"}, "palette 'jet' must be one of"),
    ],
)
def test_arguments_out_of_range(on_photo: Callable[..., Trace], options: dict[str, Any], message: str) -> None:
    trace = on_photo(np.zeros((30, 40, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match=message):
        overlay(trace, one_bright_cell(grids(224)["keys 3"], 1, 1), **options)


def test_the_scale_bar_runs_through_the_palette() -> None:
    heatmap = Heatmap(np.eye(7, dtype=np.float32), Grid(7, 7, 32, 1, 7), "distribution", "attention", baseline=1 / 50)
    picture = np.asarray(scale_bar(heatmap, width=400)).astype(int)
    table = lookup_table("inferno").astype(int)
    row = next(y for y in range(len(picture)) if np.abs(picture[y, -20] - table[-8]).sum() < 30)
    bar = picture[row + 2, 6:394]
    expected = table[np.linspace(0, 255, len(bar)).astype(int)]
    off = np.abs(bar - expected).sum(axis=1) > 40
    assert off.sum() <= 4, "only the baseline's tick may differ"
    tick = np.flatnonzero(off).mean() / len(bar)
    assert tick == pytest.approx(1 / UNIFORM_REACH, abs=0.02)


def photograph() -> np.ndarray:
    """A synthetic photo, 72 × 96: two gradients and a disc."""
    rows, columns = np.mgrid[:72, :96]
    disc = (rows - 30) ** 2 + (columns - 60) ** 2 < 300
    return np.stack([rows * 3, columns * 2, 200 * disc], axis=-1).astype(np.uint8)


def drawn(name: str, trace: Trace) -> Image.Image:
    rng = np.random.default_rng(3)
    geometry = stage_geometry(CvtConfig(), 224, 224)
    shares = rng.dirichlet(np.full(50, 0.3)).astype(np.float32)
    attention = Heatmap(
        shares[1:].reshape(7, 7), geometry[2].keys, "distribution", "attention", "share of attention", 1 / 50
    )
    signed = Heatmap(rng.normal(size=(14, 14)).astype(np.float32), geometry[2].tokens, "diverging", "Grad-CAM")
    return {
        "smooth": lambda: overlay(trace, attention, size=160),
        "cells": lambda: overlay(trace, attention, size=160, mode="cells"),
        "signed": lambda: overlay(trace, signed, size=160),
        "framed": lambda: framed(trace, attention, size=256, stretch=True),
        "japanese": lambda: scale_bar(attention, width=320, language="ja"),
    }[name]()


@pytest.mark.parametrize("name", ["smooth", "cells", "signed", "framed", "japanese"])
def test_golden_pictures(on_photo: Callable[..., Trace], name: str) -> None:
    """Kept pictures; letters may differ a little from one version of the font library to the next."""
    picture = drawn(name, on_photo(photograph()))
    with Image.open(GOLDEN / f"{name}.png") as file:
        expected = file.convert("RGB")
    assert picture.size == expected.size
    difference = np.abs(np.asarray(picture).astype(int) - np.asarray(expected)).mean()
    assert difference < (1 if name in ("smooth", "cells", "signed") else 5)


@pytest.mark.parametrize("kind", ["sequential", "diverging", "distribution", "colour"])
def test_a_map_shows_itself_in_a_notebook(kind: Kind) -> None:
    """Every cell a square in its colour on the default scale, and the scale below."""
    values = np.array([[0.0, 0.25, 0.5], [0.75, 1.0, 0.125]], dtype=np.float32)
    values = np.stack([values] * 3, axis=2) if kind == "colour" else values
    heatmap = Heatmap(values, Grid(2, 3, stride=4, offset=1.5, receptive_field=7), kind, "attention")
    picture = Image.open(io.BytesIO(heatmap._repr_png_()))
    assert picture.format == "PNG"
    side = 384 // 3
    assert picture.width == 3 * side
    assert picture.height > 2 * side
    shown = np.asarray(picture)[: 2 * side].reshape(2, side, 3, side, 3)
    expected = colours(values, kind, limits(heatmap))
    assert (shown == expected[:, None, :, None]).all()
    below = np.asarray(picture)[2 * side :]
    assert (below == np.asarray(scale_bar(heatmap, width=picture.width))).all()


def test_a_fine_map_keeps_its_cells_in_a_notebook() -> None:
    grid = Grid(500, 30, stride=1, offset=0, receptive_field=1)
    heatmap = Heatmap(np.ones(grid.shape, dtype=np.float32), grid, "sequential", "attention")
    assert Image.open(io.BytesIO(heatmap._repr_png_())).width == 192
