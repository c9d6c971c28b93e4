"""The photo as it comes in, whatever comes."""

from __future__ import annotations

import base64
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gradio.data_classes import ImageData
from PIL import Image

from cvt.errors import ImageError
from ui.components.photo import MAX_BYTES, MAX_MEGAPIXELS, Photo, given
from visualize.language import phrase

GRADIENT = Image.fromarray(np.dstack([np.tile(np.arange(0, 240, 4, dtype=np.uint8), (40, 1))] * 3))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A file of a few bytes whose header promises a huge picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


def heic_that_claims(width: int, height: int) -> bytes:
    """A small photo of a telephone, in whose header it is huge."""
    true, claimed = (struct.pack(">II", *size) for size in ((64, 64), (width, height)))
    content = saved(Image.new("RGB", (64, 64)), "HEIF")
    assert content.count(true) == 1
    return content.replace(true, claimed)


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    return saved(GRADIENT.rotate(90, expand=True), "PNG", exif=exif)


Taken = Callable[[bytes, str], Image.Image]


@pytest.fixture
def upload_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The server's folder, for this test alone."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return folder


@pytest.fixture
def take(upload_folder: Path) -> Taken:
    """What the page makes of a file with that content."""

    def take_in(content: bytes, name: str = "photo.jpg") -> Image.Image:
        path = upload_folder / name
        path.write_bytes(content)
        image = Photo().preprocess(ImageData(path=str(path), orig_name=name))
        return given(image)

    return take_in


@pytest.mark.parametrize(
    ("content", "what_is_wrong"),
    [
        (b"", "is empty"),
        (b"no picture at all", "is not a picture"),
        (saved(GRADIENT, "JPEG")[:400], "damaged or cut off"),
        (saved(GRADIENT, "PNG")[:80], "damaged or cut off"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a picture"),
        (png_that_claims(60_000, 60_000), "too many pixels"),
        (png_that_claims(9_000, 9_000), "81 million; at most 64 million"),
        (heic_that_claims(9_000, 9_000), "81 million; at most 64 million"),
        (b"BM" + bytes(MAX_BYTES), "too large; at most 20 MB"),
    ],
)
def test_what_cannot_be_shown_is_told_in_words(take: Taken, content: bytes, what_is_wrong: str) -> None:
    with pytest.raises(ImageError) as told:
        take(content, "photo.png")
    assert what_is_wrong in str(told.value)
    assert "Traceback" not in str(told.value)
    assert "/" not in str(told.value).replace("JPEG, PNG", "")  # and no path of this machine


@pytest.mark.parametrize(
    "content",
    [
        saved(GRADIENT, "PNG"),
        saved(GRADIENT, "GIF", save_all=True, append_images=[GRADIENT.rotate(180)]),
        saved(GRADIENT.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
        saved(GRADIENT.convert("RGBA"), "WEBP", lossless=True),
        saved(GRADIENT, "HEIF", quality=-1, chroma=444),
        saved(Image.fromarray(np.asarray(GRADIENT.convert("L")).astype(np.uint16) * 257), "PNG"),
        turned(),
    ],
    ids=["png", "animation", "palette", "webp", "heic", "16-bit", "exif-turned"],
)
def test_every_kind_of_picture_is_the_same_picture(take: Taken, content: bytes) -> None:
    image = take(content, "photo.bin")
    assert (image.mode, image.size) == ("RGB", GRADIENT.size)
    assert np.abs(np.asarray(image).astype(int) - np.asarray(GRADIENT)).max() <= 2


def test_cmyk_becomes_rgb(take: Taken) -> None:
    image = take(saved(Image.new("CMYK", (30, 20), (0, 255, 255, 0)), "JPEG"))
    assert image.mode == "RGB"
    red, green, blue = image.getpixel((15, 10))  # type: ignore[misc]
    assert red > 200 > 60 > max(green, blue)


def test_transparency_lies_over_white(take: Taken) -> None:
    image = take(saved(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG"))
    assert image.getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
def test_odd_shapes_come_through(take: Taken, size: tuple[int, int]) -> None:
    assert take(saved(Image.new("RGB", size), "PNG")).size == size


def test_a_photo_that_the_server_has_forgotten() -> None:
    wrong = Photo().preprocess(ImageData(path="/nowhere/photo.jpg"))
    with pytest.raises(ImageError, match="no longer on the server"):
        given(wrong)


def test_only_a_file_in_the_upload_folder_is_read(upload_folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(saved(GRADIENT, "PNG"))
    (upload_folder / "link.png").symlink_to(secret)
    (upload_folder / "folder").symlink_to(tmp_path)
    os.mkfifo(upload_folder / "fifo.png")
    wrong = [secret, upload_folder / "link.png", upload_folder / "folder" / "secret.png", upload_folder / "fifo.png"]
    for path in (*wrong, upload_folder, upload_folder / ".." / "secret.png", "/dev/zero", "secret.png", ""):
        with pytest.raises(ImageError, match="no longer on the server"):
            given(Photo().preprocess(ImageData(path=str(path))))


def test_a_photo_inside_the_address() -> None:
    good = "data:image/png;base64," + base64.b64encode(saved(GRADIENT, "PNG")).decode()
    assert given(Photo().preprocess(ImageData(url=good))).size == GRADIENT.size
    with pytest.raises(ImageError, match="arrived damaged"):
        given(Photo().preprocess(ImageData(url="data:image/png;base64,***")))
    with pytest.raises(ImageError, match="too large"):
        given(Photo().preprocess(ImageData(url="data:image/png;base64," + "A" * (2 * MAX_BYTES))))


def test_no_photo_is_no_error() -> None:
    assert Photo().preprocess(None) is None
    with pytest.raises(ImageError, match="no photo yet"):
        given(None)


def test_the_japanese_limits_are_the_real_ones() -> None:
    told = f"上限{MAX_BYTES // 2**20}MB、{MAX_MEGAPIXELS * 100:,}万画素"
    assert told in phrase("ja", "gradio", "too_large")
