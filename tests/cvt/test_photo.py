"""Reading photos: every way of storing a picture gives the right colours, every broken file an ImageError."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

import cvt.photo
from cvt.errors import ImageError
from cvt.photo import MAX_PIXELS, open_photo, upright_rgb

RED, GREEN, BLUE, WHITE = (220, 20, 30), (10, 200, 60), (30, 40, 210), (255, 255, 255)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What a camera did to an upright picture before it wrote this orientation: the inverse of what a reader must do."""


def scene() -> Image.Image:
    """An upright picture, 48 × 32, whose four quarters differ."""
    image = Image.new("RGB", (48, 32), WHITE)
    image.paste(RED, (0, 0, 24, 16))
    image.paste(GREEN, (24, 0, 48, 16))
    image.paste(BLUE, (0, 16, 24, 32))
    return image


def saved(image: Image.Image, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, **{"format": "PNG", **options})
    return buffer.getvalue()


def assert_scene(image: Image.Image, tolerance: int = 0) -> None:
    assert (image.mode, image.size) == ("RGB", (48, 32))
    for spot, colour in (((12, 8), RED), ((36, 8), GREEN), ((12, 24), BLUE), ((36, 24), WHITE)):
        assert image.getpixel(spot) == pytest.approx(colour, abs=tolerance), spot


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG file written by hand, for kinds that Pillow reads but does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind: str, orientation: int) -> None:
    stored = scene() if orientation == 1 else scene().transpose(TURNS[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind in ("JPEG", "WEBP", "HEIF") else {}
    upright = open_photo(saved(stored, format=kind, exif=exif.tobytes(), **options))
    assert_scene(upright, tolerance=8)
    assert upright_rgb(upright) is upright, "turning an upright picture again does nothing"


def test_damaged_exif_data_does_not_spoil_a_photo() -> None:
    assert_scene(
        open_photo(saved(scene(), format="JPEG", quality=95, exif=b"Exif\x00\x00II*\x00\xff\xff")), tolerance=8
    )


def cmyk(tiff: bool) -> bytes:
    """Four inks without black; Pillow writes JPEG inverted and marked, as Adobe does, and TIFF plainly."""
    inks = Image.merge(
        "CMYK", [*(channel.point(lambda v: 255 - v) for channel in scene().split()), Image.new("L", (48, 32))]
    )
    return saved(inks, format="TIFF") if tiff else saved(inks, format="JPEG", quality=95)


def test_cmyk() -> None:
    assert_scene(open_photo(cmyk(tiff=True)))
    assert_scene(open_photo(cmyk(tiff=False)), tolerance=8)
    assert b"Adobe" in cmyk(tiff=False)


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "LAB", "P", "RGBX", "RGBA", "RGBa"])
def test_other_colour_modes(mode: str) -> None:
    image = scene().convert("RGBA") if mode == "RGBa" else scene()
    assert_scene(upright_rgb(image.quantize(8) if mode == "P" else image.convert(mode)), tolerance=8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "PA", "I;16", "I", "F"])
def test_grey_modes(mode: str) -> None:
    image = Image.new("L", (8, 6), 255)
    image.paste(0, (0, 0, 4, 6))
    grey = np.array(image)
    if mode in ("La", "PA"):
        image = image.convert("LA" if mode == "La" else "P").convert(mode)
    elif mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    assert image.mode == mode
    np.testing.assert_array_equal(np.array(upright_rgb(image)), np.stack([grey] * 3, axis=-1))


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    values = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    expected = np.rint(values / 257)
    for content in (saved(Image.fromarray(values)), saved(Image.fromarray(values), format="TIFF")):
        np.testing.assert_array_equal(np.array(open_photo(content))[..., 0], expected)
    dim = values // 20
    np.testing.assert_array_equal(np.array(open_photo(saved(Image.fromarray(dim))))[..., 0], np.rint(dim / 257))
    rows = b"".join(b"\x00" + np.stack([row, row[::-1], row], axis=-1).astype(">u2").tobytes() for row in values)
    colour = np.array(open_photo(png(16, 16, depth=16, colour=2, rows=rows))).astype(int)
    assert np.abs(colour - np.stack([expected, expected[:, ::-1], expected], axis=-1)).max() <= 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.4, 255.0], [0, 100, 255]),
        ([0.0, 257.0, 65535.0], [0, 1, 255]),
        ([-2.0, 0.0, 2.0], [0, 128, 255]),
        ([0.0, 0.0, 0.0], [0, 0, 0]),
        ([-3.0, -3.0, -3.0], [0, 0, 0]),
        ([0.0, 1e6, 2e6], [0, 128, 255]),
    ],
)
def test_floats_are_scaled_from_the_range_they_fit(values: list[float], expected: list[int]) -> None:
    image = Image.fromarray(np.array([values], np.float32))
    assert np.array(upright_rgb(image))[0, :, 0].tolist() == expected
    assert np.array(open_photo(saved(image, format="TIFF")))[0, :, 0].tolist() == expected


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ImageError, match="not numbers"):
        upright_rgb(Image.fromarray(np.array([[0.0, np.nan]], np.float32)))


def transparent() -> Iterator[tuple[str, bytes]]:
    """The scene with its white quarter stored as fully transparent black, in every way there is."""
    alpha = Image.new("L", (48, 32), 255)
    alpha.paste(0, (24, 16, 48, 32))
    rgba = scene()
    rgba.paste((0, 0, 0), (24, 16, 48, 32))
    keyed = rgba.copy()
    rgba.putalpha(alpha)
    yield "RGBA", saved(rgba)
    yield "WebP", saved(rgba, format="WEBP", lossless=True)
    yield "colour key", saved(keyed, transparency=(0, 0, 0))
    palette = keyed.quantize(4)
    clear = palette.getpixel((36, 24))
    yield "palette key", saved(palette, transparency=clear)
    yield "palette alpha", saved(palette, transparency=bytes(0 if i == clear else 255 for i in range(4)))
    yield "GIF", saved(palette, format="GIF", transparency=clear)


@pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in transparent()])
def test_transparency_is_laid_over_white(content: bytes) -> None:
    assert_scene(open_photo(content), tolerance=1)


def test_half_transparent_grey_over_white() -> None:
    image = Image.merge("LA", [Image.new("L", (2, 2), 100), Image.new("L", (2, 2), 51)])
    assert upright_rgb(image).getpixel((0, 0)) == (224, 224, 224), "0.2 · 100 + 0.8 · 255"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_an_animation(kind: str) -> None:
    others = [Image.new("RGB", (48, 32), colour) for colour in (BLUE, GREEN)]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = saved(scene(), format=kind, save_all=True, append_images=others, **options)
    assert_scene(open_photo(content), tolerance=1)
    with Image.open(BytesIO(content)) as image:
        assert getattr(image, "n_frames") == 3  # noqa: B009  (of some formats alone)
        assert_scene(upright_rgb(image), tolerance=1)
        kept = upright_rgb(image)
        image.seek(1)
        assert upright_rgb(image).getpixel((5, 5)) == pytest.approx(BLUE, abs=1)
        assert_scene(kept, tolerance=1)
        assert image.tell() == 1


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "TIFF", "BMP", "PPM", "JPEG2000", "ICO"]
)
def test_formats(kind: str) -> None:
    module = {"AVIF": "avif", "WEBP": "webp", "JPEG2000": "jpg_2000"}.get(kind)
    if module and not features.check(module):
        pytest.skip(f"this Pillow was built without {kind}")
    options = {"sizes": [(48, 32)]} if kind == "ICO" else {}
    assert_scene(open_photo(saved(scene(), format=kind, **options)), tolerance=12)


def test_a_path_its_name_bytes_and_an_open_file(tmp_path: Path) -> None:
    path = tmp_path / "scene.jpg"
    path.write_bytes(saved(scene()))  # a PNG by content, whatever it is called
    for source in (path, str(path), path.read_bytes(), BytesIO(path.read_bytes())):
        assert_scene(open_photo(source))
    with path.open("rb") as file:
        assert_scene(open_photo(file))


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
def test_slim_pictures_are_pictures(size: tuple[int, int]) -> None:
    assert open_photo(saved(Image.new("RGB", size, RED))).size == size


def test_an_rgb_picture_is_returned_as_it_is_and_no_picture_is_changed() -> None:
    image = scene()
    assert upright_rgb(image) is image
    for mode in ("RGBA", "P", "L", "CMYK"):
        other = scene().convert(mode)
        before = other.copy()
        upright_rgb(other)
        assert other == before


HEIC = saved(scene().resize((128, 64)), format="HEIF")


def heic_that_claims(width: int, height: int) -> bytes:
    """A photo of 128 × 64 pixels, as telephones make them, with another size in its header."""
    assert HEIC.count(struct.pack(">II", 128, 64)) == 1
    return HEIC.replace(struct.pack(">II", 128, 64), struct.pack(">II", width, height))


BOMB = png(60_000, 60_000, depth=8, colour=2, rows=b"")
NOT_A_PICTURE = r"not a picture .* JPEG, PNG"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "empty: it holds 0 bytes", id="empty"),
        pytest.param(b"These are words.\n" * 50, NOT_A_PICTURE, id="text"),
        pytest.param(b"\x00" * 500, NOT_A_PICTURE, id="zeros"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", NOT_A_PICTURE, id="SVG"),
        pytest.param(saved(scene(), format="EPS"), NOT_A_PICTURE, id="EPS would start another program"),
        pytest.param(saved(scene())[:8], NOT_A_PICTURE, id="a signature alone"),
        pytest.param(saved(scene())[:-40], "damaged or cut off", id="PNG cut off"),
        pytest.param(saved(scene(), format="JPEG")[:-200], "damaged or cut off", id="JPEG cut off"),
        pytest.param(saved(scene(), format="GIF")[:-30], "damaged or cut off", id="GIF cut off"),
        pytest.param(saved(scene()).replace(b"IDAT", b"IDAX"), "beginning is damaged", id="PNG without data"),
        pytest.param(png(0, 5, 8, 2, b""), "0 × 5 pixels|damaged|not a picture", id="no width"),
        pytest.param(BOMB, "too many pixels; at most 178 million", id="bomb"),
        pytest.param(heic_that_claims(60_000, 60_000), "too many pixels; at most 178 million", id="HEIC bomb"),
        pytest.param(heic_that_claims(64, 32), "damaged or cut off", id="HEIC that is larger than it says"),
        pytest.param(HEIC[:-30], "damaged or cut off", id="HEIC cut off"),
    ],
)
def test_what_cannot_be_read_says_why(content: bytes, message: str) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(ImageError, match=message):
        open_photo(content)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_the_size_is_checked_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cvt.photo, "MAX_PIXELS", 1000)
    with pytest.raises(ImageError, match="48 × 32 pixels, 0 million; at most"):
        open_photo(saved(scene())[:-40])
    assert MAX_PIXELS == 2 * Image.MAX_IMAGE_PIXELS


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nowhere\.jpg cannot be read: No such file"):
        open_photo(tmp_path / "nowhere.jpg")
    with pytest.raises(ImageError, match="Is a directory"):
        open_photo(tmp_path)
    closed = BytesIO()
    closed.close()
    with pytest.raises(ImageError, match=r"the photo cannot be read: .*closed"):
        open_photo(closed)


def test_what_is_no_image() -> None:
    with pytest.raises(ImageError, match="expected a Pillow image, got str"):
        upright_rgb("cat.jpg")  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="0 × 7 pixels: there is nothing in it"):
        upright_rgb(Image.new("RGB", (0, 7)))
    image = Image.open(BytesIO(saved(scene())))
    image.close()
    with pytest.raises(ImageError, match="cannot be read"):
        upright_rgb(image)


FILES = [saved(scene(), format=kind) for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO")]


@settings(max_examples=150, deadline=None)
@given(
    content=st.sampled_from(FILES), changes=st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=4)), max_size=6)
)
def test_whatever_is_in_a_file_it_is_a_picture_or_an_image_error(
    content: bytes, changes: list[tuple[int, bytes]]
) -> None:
    for position, replacement in changes:
        position %= len(content)
        content = content[:position] + replacement + content[position + len(replacement) :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cvt.photo, "MAX_PIXELS", 10**6)
        try:
            assert open_photo(content).mode == "RGB"
        except ImageError as error:
            assert str(error)
