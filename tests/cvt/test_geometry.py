"""Where cells lie, held against the real convolutions and Pillow's real resize."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from cvt.config import CvtConfig
from cvt.errors import ImageError
from cvt.geometry import (
    CropGeometry,
    Grid,
    StageGeometry,
    convolved_size,
    smallest_input,
    stage_geometry,
    token_footprint,
)
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtModel
from cvt.probe import record
from tests.cvt.networks import randomise, small_config, uniform_config

CONFIGS = {
    "released": small_config(),
    "stride-2 5 × 5 stem, four stages": uniform_config(
        4, patch_sizes=(5, 3, 3, 3), patch_padding=(2, 1, 1, 1), cls_token=(False, True, False, True)
    ),
    "average pooling": small_config(qkv_projection_method=("avg", "avg", "avg")),
    "linear": small_config(qkv_projection_method=("linear", "linear", "linear")),
    "wide projections": uniform_config(2, kernel_qkv=(5, 7), padding_q=(2, 3), padding_kv=(2, 1), stride_kv=(3, 2)),
    "even kernels, no padding": uniform_config(2, patch_sizes=(4, 2), patch_stride=(4, 2), patch_padding=0),
    "one stage, mixed": uniform_config(1, patch_sizes=9, patch_stride=3, patch_padding=1, stride_kv=1),
}


def convolutions_only(config: CvtConfig) -> CvtModel:
    """The real network with its attention and MLP branches multiplied by 0, so that only convolutions mix pixels."""
    model = CvtModel(config).double()
    randomise(model)
    for layer in (layer for stage in model.encoder.stages for layer in stage.layers):  # type: ignore[union-attr]
        for linear in (layer.attention.output_linear, layer.mlp.contract):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
    return model


def heard_maps(model: CvtModel, pixels: Tensor, geometry: tuple[StageGeometry, ...]) -> dict[tuple[int, str], Tensor]:
    """Tokens, queries and keys of each stage's first layer as maps ``[batch, channels, rows, columns]``."""
    wanted = ["embedding.output", "layers.0.attention.query", "layers.0.attention.key"]
    with torch.no_grad(), record(model, *wanted) as heard:
        model(pixels)
    maps = {}
    for stage, grids in enumerate(geometry):
        maps[stage, "tokens"] = heard[f"encoder.stages.{stage}.embedding.output"]
        for kind, name, grid in (("queries", "query", grids.queries), ("keys", "key", grids.keys)):
            cls = int(model.config.cls_token[stage])
            tensor = heard[f"encoder.stages.{stage}.layers.0.attention.{name}"][:, :, cls:]
            maps[stage, kind] = tensor.transpose(2, 3).flatten(1, 2).unflatten(2, grid.shape)
    return maps


def windows(model: CvtModel, height: int, width: int, axis: int) -> dict[tuple[int, str], list[np.ndarray]]:
    """For every cell along an axis, which pixels along that axis change it, by perturbing one pixel at a time."""
    geometry = stage_geometry(model.config, height, width)
    length = (height, width)[axis]
    pixels = torch.randn(1, 3, height, width, dtype=torch.float64).repeat(length, 1, 1, 1)
    positions = torch.arange(length)
    middle = torch.full((length,), (width, height)[axis] // 2)
    row, column = (positions, middle) if axis == 0 else (middle, positions)
    untouched = heard_maps(model, pixels[:1], geometry)
    pixels[positions, :, row, column] += 5.0
    touched = heard_maps(model, pixels, geometry)
    changed = {}
    for name, values in touched.items():
        moved = (values - untouched[name]).abs().amax(dim=(1, 3 - axis)) > 1e-9  # [pixel, cell]
        changed[name] = [np.flatnonzero(moved[:, cell]) for cell in range(moved.shape[1])]
    return changed


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_an_impulse_reaches_exactly_the_cells_that_geometry_says(config: CvtConfig, axis: int) -> None:
    height, width = (131, 26) if axis == 0 else (22, 140)
    geometry = stage_geometry(config, height, width)
    for (stage, kind), cells in windows(convolutions_only(config), height, width, axis).items():
        grid: Grid = getattr(geometry[stage], kind)
        whole_windows = 0
        for cell, pixels in enumerate(cells):
            centre = grid.centre(cell, cell)[axis]
            first, last = centre - (grid.receptive_field - 1) / 2, centre + (grid.receptive_field - 1) / 2
            if first >= 0 and last < (height, width)[axis]:
                whole_windows += 1
                assert (pixels[0], pixels[-1]) == (first, last), (stage, kind, cell)
                assert abs((pixels[0] + pixels[-1]) / 2 - centre) < 0.5
            elif len(pixels):  # cut off by the border of the photo, or of a map on the way
                assert pixels[0] >= first and pixels[-1] <= last, (stage, kind, cell)
        assert whole_windows, f"no cell of stage {stage}'s {kind} sees a whole window; the photo is too small"


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_an_impulse_is_found_at_the_nearest_cell(config: CvtConfig) -> None:
    """In two dimensions: the window of changed cells around a pixel is centred on that pixel, within half a cell."""
    geometry = stage_geometry(config, 128, 144)
    model = convolutions_only(config)
    pixels = torch.randn(1, 3, 128, 144, dtype=torch.float64)
    for y, x in ((64, 72), (61, 83)):
        touched = pixels.clone()
        touched[0, :, y, x] += 5.0
        before, after = heard_maps(model, pixels, geometry), heard_maps(model, touched, geometry)
        for (stage, kind), values in after.items():
            grid: Grid = getattr(geometry[stage], kind)
            changed = np.argwhere(((values - before[stage, kind]).abs().amax(dim=(0, 1)) > 1e-9).numpy())
            if not len(changed):  # with strides wider than kernels a pixel can fall between windows
                continue
            found = grid.centre(*(changed.min(axis=0) + changed.max(axis=0)) / 2)
            assert abs(found[0] - y) <= grid.stride / 2 and abs(found[1] - x) <= grid.stride / 2, (stage, kind)


@pytest.mark.parametrize(("resolution", "rows"), [(224, (56, 28, 14)), (384, (96, 48, 24))])
def test_released_models(resolution: int, rows: tuple[int, ...]) -> None:
    geometry = stage_geometry(CvtConfig(), resolution, resolution)
    for stage, stride, field in zip(range(3), (4, 8, 16), (7, 15, 31), strict=True):
        tokens, queries, keys = geometry[stage].tokens, geometry[stage].queries, geometry[stage].keys
        assert [tokens.centre(i, i) for i in (0, 1, 5)] == [(stride * i + 1,) * 2 for i in (0, 1, 5)]
        assert tokens.shape == queries.shape == (rows[stage],) * 2
        assert keys.shape == (rows[stage] // 2,) * 2
        assert tokens.receptive_field == field
        assert queries.receptive_field == keys.receptive_field == 2 * field + 1
        assert (keys.offset, keys.stride) == (1, 2 * stride), "keys sit on every second token"


def test_treating_cells_as_tiles_is_wrong_by_fourteen_and_a_half_pixels() -> None:
    keys = stage_geometry(CvtConfig(), 224, 224)[2].keys
    as_tiles = (np.arange(7) + 0.5) * 224 / 7 - 0.5
    assert np.abs(as_tiles - [keys.centre(i, 0)[0] for i in range(7)]).max() == 14.5


@st.composite
def configs(draw: st.DrawFn) -> CvtConfig:
    stages = draw(st.integers(1, 3))
    fields: dict[str, list[object]] = {}

    def put(name: str, value: object) -> None:
        fields.setdefault(name, []).append(value)

    for _ in range(stages):
        kernel, half = draw(st.integers(1, 7)), draw(st.integers(0, 2))
        method = draw(st.sampled_from(["dw_bn", "avg", "linear"]))
        put("patch_sizes", kernel)
        put("patch_stride", draw(st.integers(1, 4)))
        put("patch_padding", draw(st.integers(0, kernel - 1)))
        put("qkv_projection_method", method)
        put("kernel_qkv", 2 * half + 1)
        put("padding_q", half)
        put("padding_kv", draw(st.integers(0, half if method == "avg" else 2 * half)))
        put("stride_kv", draw(st.integers(1, 3)))
        put("cls_token", draw(st.booleans()))
    return uniform_config(stages, **fields)


@settings(max_examples=60, deadline=None)
@given(config=configs(), height=st.integers(1, 40), width=st.integers(1, 40))
def test_grids_have_the_shapes_of_the_tensors(config: CvtConfig, height: int, width: int) -> None:
    model = CvtModel(config).eval()
    pixels = torch.zeros(1, 3, height, width)
    try:
        geometry = stage_geometry(config, height, width)
    except ImageError as error:
        with pytest.raises(ImageError, match=f"at least {smallest_input(config)} each way"):
            model(pixels)
        assert min(height, width) < smallest_input(config), error
        return
    with torch.no_grad(), record(model) as heard:
        model(pixels)
    for stage, grids in enumerate(geometry):
        cls = int(config.cls_token[stage])
        attention = f"encoder.stages.{stage}.layers.0.attention."
        assert heard[f"encoder.stages.{stage}.embedding.output"].shape[-2:] == grids.tokens.shape
        assert heard[attention + "query"].shape[2] == grids.queries.rows * grids.queries.columns + cls
        for name in ("key", "value"):
            assert heard[attention + name].shape[2] == grids.keys.rows * grids.keys.columns + cls


@settings(max_examples=30, deadline=None)
@given(config=configs())
def test_the_smallest_input_runs_and_a_smaller_one_does_not(config: CvtConfig) -> None:
    side = smallest_input(config)
    assert CvtModel(config).eval()(torch.zeros(1, 3, side, side)).last_hidden_state.numel()
    if side > 1:
        with pytest.raises(ImageError, match=f"{side - 1} × {side} pixels.* at least {side} each way"):
            stage_geometry(config, side, side - 1)


def test_convolved_size_is_that_of_torch() -> None:
    for kernel in range(1, 6):
        for stride, padding, size in np.ndindex(4, kernel, 9):
            stride, size = stride + 1, size + kernel
            image = torch.zeros(1, 1, size, size)
            convolved = nn.functional.conv2d(image, torch.zeros(1, 1, kernel, kernel), stride=stride, padding=padding)
            assert convolved.shape[-1] == convolved_size(size, kernel, stride, padding)
            if padding <= kernel // 2:
                pooled = nn.functional.avg_pool2d(image, kernel, stride, padding, ceil_mode=True)
                assert pooled.shape[-1] == convolved_size(size, kernel, stride, padding, ceil=True)


def test_token_footprint_by_hand() -> None:
    """Five tokens, kernel 3, stride 2, padding 1: the windows are {0, 1}, {1, 2, 3} and {3, 4}."""
    third = 1 / 3
    expected = [[0.5, 0.5, 0, 0, 0], [0, third, third, third, 0], [0, 0, 0, 0.5, 0.5]]
    np.testing.assert_allclose(token_footprint(size=5, cells=3, kernel=3, stride=2, padding=1), expected)


@given(size=st.integers(1, 40), kernel=st.integers(1, 7), stride=st.integers(1, 4), data=st.data())
def test_token_footprint_covers_what_a_convolution_sees(
    size: int, kernel: int, stride: int, data: st.DataObject
) -> None:
    padding = data.draw(st.integers(0, kernel - 1))
    cells = convolved_size(size, kernel, stride, padding)
    if cells < 1:
        return
    footprint = token_footprint(size, cells, kernel, stride, padding)
    np.testing.assert_allclose(footprint.sum(axis=1), 1)
    seen = nn.functional.conv1d(torch.eye(size)[:, None], torch.ones(1, 1, kernel), stride=stride, padding=padding)
    np.testing.assert_array_equal(footprint > 0, seen[:, 0].T.numpy() > 0)


CROPS = {
    "landscape": ((427, 640), 224, {}),
    "portrait": ((640, 427), 224, {}),
    "odd": ((301, 333), 97, {}),
    "warped": ((427, 640), 384, {}),
    "enlarged": ((60, 90), 224, {}),
    "padded": ((300, 500), 224, {"crop_pct": 1.25}),
    "as it is": ((120, 200), 224, {"do_resize": False}),
}


@pytest.mark.parametrize(("photo", "resolution", "fields"), CROPS.values(), ids=CROPS)
def test_a_spot_on_the_photo_is_found_where_the_crop_says(
    photo: tuple[int, int], resolution: int, fields: dict[str, float]
) -> None:
    """Through Pillow's real resize: the centre of mass of a soft bright spot lies within half a model pixel."""
    processor = CvtImageProcessor(size=resolution, do_normalize=False, **fields)
    crop = processor.prepare(Image.new("RGB", photo[::-1])).crop
    radius = 2.5 * max(1, *crop.scale)  # photo pixels; wide enough to survive shrinking
    rows, columns = np.mgrid[: photo[0], : photo[1]]
    for fraction_y, fraction_x in ((0.35, 0.3), (0.35, 0.65), (0.6, 0.3), (0.6, 0.65)):
        y, x = map(round, crop.to_photo(fraction_y * crop.height, fraction_x * crop.width))
        spot = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * radius**2))
        image = Image.fromarray((255 * spot).astype(np.uint8)).convert("RGB")
        seen = processor.prepare(image).pixel_values[0, 0].double().numpy()
        found = [np.average(axis, weights=seen) for axis in np.mgrid[: crop.height, : crop.width]]
        assert found == pytest.approx(crop.to_model(y, x), abs=0.15)


@pytest.mark.parametrize("wide", [True, False])
def test_a_long_strip_is_cropped_where_the_crop_says(wide: bool) -> None:
    """A strip too long to resize as a whole: its brightness rises by 30 a pixel, and so tells where a pixel lies."""
    rise = np.clip(128 + 30 * (np.arange(5000) - 2500), 0, 255).astype(np.uint8)
    strip = np.tile(rise, (8, 1))
    prepared = CvtImageProcessor(do_normalize=False).prepare(Image.fromarray(strip if wide else strip.T))
    values = 255 * prepared.pixel_values[0, 0].double().numpy()[40:180, 40:180]
    found = 2500 + ((values if wide else values.T) - 128) / 30
    position = np.arange(40, 180)
    expected = prepared.crop.to_photo(position, position)[1 if wide else 0]
    assert np.abs(found - expected).max() < 0.03, "8-bit rounding alone is 1 / 60 of a pixel"
    assert abs((found - expected).mean()) < 0.005


crops = st.builds(
    CropGeometry,
    photo=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    resized=st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    top=st.integers(-50, 500),
    left=st.integers(-50, 500),
    height=st.integers(1, 384),
    width=st.integers(1, 384),
)


@given(crop=crops, y=st.floats(-10, 400), x=st.floats(-10, 400))
def test_there_and_back(crop: CropGeometry, y: float, x: float) -> None:
    assert crop.to_model(*crop.to_photo(y, x)) == pytest.approx((y, x), abs=1e-6)


@given(crop=crops)
def test_the_box_is_bounded_by_the_edges_of_the_outer_pixels(crop: CropGeometry) -> None:
    top, left, bottom, right = crop.box
    assert crop.to_photo(-0.5, -0.5) == pytest.approx((top - 0.5, left - 0.5), abs=1e-6)
    assert crop.to_photo(crop.height - 0.5, crop.width - 0.5) == pytest.approx((bottom - 0.5, right - 0.5), abs=1e-6)


def test_a_crop_takes_arrays() -> None:
    crop = CropGeometry(photo=(512, 512), resized=(256, 256), top=16, left=16, height=224, width=224)
    y, x = crop.to_photo(np.array([0.0, 223.0]), np.array([0.0, 1.0]))
    np.testing.assert_array_equal(y, [32.5, 478.5])
    np.testing.assert_array_equal(x, [32.5, 34.5])
