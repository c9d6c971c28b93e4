"""Preprocessing, held against the Pillow-based ConvNeXt processor of transformers on real photos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import skimage
import sklearn
import torch
from PIL import Image
from transformers import AutoImageProcessor
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil

from cvt.errors import CheckpointError, ConfigError, ImageError
from cvt.image_processor import IMAGENET_MEAN, IMAGENET_STD, CvtImageProcessor

SKIMAGE, SKLEARN = (Path(package.__file__).parent for package in (skimage, sklearn))
FILES = {
    "landscape": SKLEARN / "datasets/images/china.jpg",
    "flower": SKLEARN / "datasets/images/flower.jpg",
    "square": SKIMAGE / "data/astronaut.png",
    "portrait": Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg",
    "cat": SKIMAGE / "data/chelsea.png",
    "large": SKIMAGE / "data/retina.jpg",
}
OLD_FORM = {
    "crop_pct": 0.875,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "ConvNextFeatureExtractor",
    "image_mean": list(IMAGENET_MEAN),
    "image_std": list(IMAGENET_STD),
    "resample": 3,
    "size": 224,
}
NEW_FORM = {
    "crop_pct": 0.9,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_processor_type": "ConvNextImageProcessor",
    "image_std": [0.2, 0.3, 0.4],
    "resample": 2,
    "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": 192},
}


def reference(**fields: Any) -> ConvNextImageProcessorPil:
    """transformers' processor with the mean and deviation that CvT's checkpoints name."""
    fields = {"size": {"shortest_edge": 224}, "crop_pct": 0.875, **fields}
    return ConvNextImageProcessorPil(**{"image_mean": list(IMAGENET_MEAN), "image_std": list(IMAGENET_STD), **fields})


def photo(name: str) -> Image.Image:
    return Image.open(FILES[name]).convert("RGB")


def assert_same(ours: CvtImageProcessor, theirs: Any, images: Any) -> None:
    got = ours(images, return_tensors="np")["pixel_values"]
    expected = np.asarray(theirs(images, return_tensors="np")["pixel_values"])
    assert got.shape == expected.shape
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("side", [224, 97, 383, 384, 401])
@pytest.mark.parametrize("name", FILES)
def test_equal_to_transformers_on_photos(name: str, side: int) -> None:
    assert_same(CvtImageProcessor(size=side), reference(size={"shortest_edge": side}), photo(name))


@pytest.mark.parametrize("size", [(333, 201), (201, 333), (257, 256), (31, 17), (5, 3), (1, 1), (1, 120), (500, 3)])
@pytest.mark.parametrize("crop_pct", [0.875, 1.0, 0.9, 1.25])
def test_equal_to_transformers_at_odd_sizes(size: tuple[int, int], crop_pct: float) -> None:
    """A ``crop_pct`` above 1 makes the crop larger than the resized photo, which is then padded with black."""
    image = photo("flower").crop((100, 60, 100 + size[0], 60 + size[1]))
    assert_same(CvtImageProcessor(size=113, crop_pct=crop_pct), reference(size=113, crop_pct=crop_pct), image)


def test_equal_to_transformers_on_a_strip() -> None:
    """A strip whose resized whole would have 36 million pixels; only what is seen is made, with the same values."""
    strip = photo("landscape").resize((1, 550))
    assert_same(CvtImageProcessor(), reference(), strip)
    upright, lying = (
        CvtImageProcessor()(image, return_tensors="np")["pixel_values"]
        for image in (strip, strip.transpose(Image.Transpose.TRANSPOSE))
    )
    np.testing.assert_array_equal(lying, upright.swapaxes(2, 3))


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (1, 100_000)])
def test_a_long_strip_takes_little_memory(size: tuple[int, int]) -> None:
    """Resized as a whole, 1 × 5000 pixels would be 327 million; the centre of an even strip is even."""
    pixels = CvtImageProcessor(do_normalize=False)(Image.new("RGB", size, (51, 102, 255)), return_tensors="np")
    np.testing.assert_allclose(
        pixels["pixel_values"][0], np.full((3, 224, 224), [[[0.2]], [[0.4]], [[1.0]]]), atol=1e-7
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"do_resize": False},
        {"do_rescale": False},
        {"do_normalize": False},
        {"do_rescale": False, "do_normalize": False},
        {"do_resize": False, "do_rescale": False, "do_normalize": False},
        {"resample": 2},
        {"resample": 0},
        {"rescale_factor": 1 / 127.5},
        {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]},
    ],
    ids=str,
)
def test_every_field_is_honoured(fields: dict[str, Any]) -> None:
    assert_same(CvtImageProcessor(**fields), reference(**fields), photo("cat"))
    plain = CvtImageProcessor()(photo("cat"), return_tensors="np", **fields)["pixel_values"]
    np.testing.assert_array_equal(plain, CvtImageProcessor(**fields)(photo("cat"), return_tensors="np")["pixel_values"])


def test_arrays_tensors_lists_and_batches_give_what_the_photo_gives() -> None:
    processor, image = CvtImageProcessor(), photo("cat")
    array = np.array(image)
    expected = processor(image, return_tensors="np")["pixel_values"]
    same: list[Any] = [array, array.transpose(2, 0, 1), torch.from_numpy(array), array.astype(np.float32), [image]]
    same += [array[None], torch.from_numpy(array).permute(2, 0, 1)[None], array.astype(np.int64), (array,)]
    for images in same:
        np.testing.assert_array_equal(processor(images, return_tensors="np")["pixel_values"], expected)
    both = processor([image, photo("square")], return_tensors="np")["pixel_values"]
    assert both.shape == (2, 3, 224, 224)
    np.testing.assert_array_equal(both[:1], expected)


def test_greys_and_transparency_become_rgb() -> None:
    processor = CvtImageProcessor()
    grey = np.array(photo("cat").convert("L"))
    as_rgb = processor(np.stack([grey] * 3, axis=-1), return_tensors="np")["pixel_values"]
    for images in (grey, grey[..., None], grey[None], Image.fromarray(grey)):
        np.testing.assert_array_equal(processor(images, return_tensors="np")["pixel_values"], as_rgb)
    clear = np.zeros((40, 50, 4), np.uint8)
    white = processor(np.full((40, 50, 3), 255, np.uint8), return_tensors="np")["pixel_values"]
    np.testing.assert_array_equal(processor(clear, return_tensors="np")["pixel_values"], white)


def test_kinds_of_output() -> None:
    processor, image = CvtImageProcessor(), photo("cat")
    as_list, as_array, as_tensor = (processor(image, return_tensors=kind) for kind in (None, "np", "pt"))
    assert isinstance(as_list["pixel_values"], list)
    assert as_list["pixel_values"][0].shape == (3, 224, 224)
    np.testing.assert_array_equal(as_array["pixel_values"][0], as_list["pixel_values"][0])
    assert isinstance(as_tensor.pixel_values, torch.Tensor)
    np.testing.assert_array_equal(as_tensor.pixel_values.numpy(), as_array.pixel_values)
    assert {**as_tensor}.keys() == {"pixel_values"}, "a model takes it as model(**inputs)"
    assert as_tensor.to(torch.float64).pixel_values.dtype == torch.float64
    with pytest.raises(AttributeError, match="pixel_values"):
        _ = as_tensor.labels


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((8, 8, 3), 1.5), r"from 1\.5 to 1\.5; expected whole numbers from 0 to 255, or fractions from 0 to 1"),
        (np.full((8, 8, 3), 300), "from 300 to 300"),
        (np.full((8, 8, 3), -1), "from -1 to -1"),
        (np.full((8, 8, 3), np.nan), "not numbers"),
        (np.zeros((8, 8, 5), np.uint8), r"shape \[8, 8, 5\] is no image"),
        (np.zeros(8, np.uint8), r"shape \[8\] is no image"),
        (np.zeros((0, 8, 3), np.uint8), r"shape \[0, 8, 3\] has no pixels"),
        ([], "no images"),
        ("nowhere.jpg", "nowhere.jpg cannot be read: No such file"),
        ("http://127.0.0.1:9/cat.jpg", "cat.jpg cannot be fetched: .*refused"),
        ("data:image/png;base64,!", "is not base64"),
        ("data:image/png;base64,aGVsbG8=", "not a picture"),
        (np.full((8, 8, 3), 1j), "an array of complex128 is no image"),
        (np.full((8, 8, 3), "a"), "is no image"),
        (None, "expected a Pillow image, got NoneType"),
    ],
    ids=str,
)
def test_what_is_no_image_is_refused(images: Any, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        CvtImageProcessor()(images)


def test_images_of_different_sizes_make_no_batch() -> None:
    sizes = [Image.new("RGB", (4, 5)), Image.new("RGB", (6, 5))]
    with pytest.raises(ImageError, match="4 × 5, 6 × 5"):
        CvtImageProcessor(do_resize=False)(sizes, return_tensors="pt")
    assert len(CvtImageProcessor(do_resize=False)(sizes)["pixel_values"]) == 2


@pytest.mark.parametrize("resolution", [None, 224, 160, 384])
@pytest.mark.parametrize("name", ["landscape", "portrait", "square"])
def test_prepare_gives_the_same_pixels_and_their_place(name: str, resolution: int | None) -> None:
    image = photo(name)
    prepared = CvtImageProcessor().prepare(image, resolution)
    side = resolution or 224
    expected = CvtImageProcessor(size=side)(image, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(prepared.pixel_values, expected, rtol=0, atol=0)
    crop = prepared.crop
    assert crop.photo == (image.height, image.width)
    assert (crop.height, crop.width) == (side, side)
    if side >= 384:
        assert crop.box == (0, 0, image.height, image.width), "warped: the model sees the whole photo"
    else:
        assert min(crop.resized) == int(side / 0.875)
        top, left, bottom, right = crop.box
        assert abs((top + bottom) / 2 - image.height / 2) <= crop.scale[0] / 2 + 1e-6, "the crop is in the middle"
        assert abs((left + right) / 2 - image.width / 2) <= crop.scale[1] / 2 + 1e-6


def test_prepare_turns_the_photo_upright() -> None:
    turned = Image.new("RGB", (40, 30), "red")
    turned.getexif()[0x0112] = 6
    assert CvtImageProcessor().prepare(turned).crop.photo == (40, 30)


def test_the_image_is_left_as_it_was() -> None:
    image = photo("cat")
    before = image.tobytes()
    array = np.array(image)
    CvtImageProcessor().prepare(image)
    CvtImageProcessor()([image, array])
    assert image.tobytes() == before == array.tobytes()


@pytest.mark.parametrize("form", [OLD_FORM, NEW_FORM], ids=["old form", "new form"])
def test_both_forms_of_config_are_read_as_transformers_reads_them(form: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(form))
    ours = CvtImageProcessor.from_pretrained(tmp_path)
    theirs = AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    assert_same(ours, theirs, photo("portrait"))


def test_the_defaults_are_those_of_the_published_checkpoints() -> None:
    assert CvtImageProcessor() == CvtImageProcessor.from_dict(OLD_FORM)
    assert CvtImageProcessor().resolution == 224


def test_saved_and_read_by_transformers(tmp_path: Path) -> None:
    ours = CvtImageProcessor(size=160, crop_pct=0.8, image_mean=[0.1, 0.2, 0.3], note="kept")
    ours.save_pretrained(tmp_path / "new folder")
    theirs = AutoImageProcessor.from_pretrained(tmp_path / "new folder", backend="pil")
    assert type(theirs).__name__ == "ConvNextImageProcessorPil"
    assert_same(ours, theirs, photo("cat"))
    again = CvtImageProcessor.from_pretrained(tmp_path / "new folder")
    assert again == ours
    assert again.extra == {"note": "kept"}
    assert CvtImageProcessor.from_pretrained(tmp_path / "new folder", size=99).resolution == 99
    theirs.save_pretrained(tmp_path / "theirs")
    assert_same(CvtImageProcessor.from_pretrained(tmp_path / "theirs"), theirs, photo("cat"))


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("{", CheckpointError, "is not valid JSON"),
        ("[]", CheckpointError, "must hold a JSON object, not list"),
        ('{"image_processor_type": "ViTImageProcessor"}', ConfigError, "'ViTImageProcessor' is another kind"),
    ],
)
def test_a_config_that_cannot_be_used(content: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(content)
    with pytest.raises(error, match=message):
        CvtImageProcessor.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("size", 0, "from 1 to 4096"),
        ("size", {"height": 3, "width": 4}, "shortest_edge"),
        ("size", True, "from 1 to 4096"),
        ("crop_pct", 0, "above 0"),
        ("rescale_factor", float("nan"), "above 0"),
        ("resample", 9, r"3 \(bicubic\)"),
        ("do_resize", 1, "true or false"),
        ("image_mean", [0.5], "three numbers"),
        ("image_std", [0.5, 0, 0.5], "no 0 in image_std"),
    ],
)
def test_values_that_are_not_allowed(field: str, value: Any, allowed: str) -> None:
    with pytest.raises(ConfigError, match=f"^{field}=.*{allowed}"):
        CvtImageProcessor(**{field: value})


def test_calls_that_are_not_allowed() -> None:
    with pytest.raises(ConfigError, match="return_tensors='jax'"):
        CvtImageProcessor()(Image.new("RGB", (4, 4)), return_tensors="jax")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="size=-3"):
        CvtImageProcessor().prepare(Image.new("RGB", (4, 4)), resolution=-3)
