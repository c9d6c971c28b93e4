"""Makes the photos of ``photos.toml``; run as a program, reads each as the app does (:mod:`confined`)."""

from __future__ import annotations

import io
import struct
import sys
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin, TiffTags

from tests.hostile.confined import use

__all__ = ["CASES", "MEMORY", "make"]

CASES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["case"]

MEMORY = 2**30
"""Bytes that reading any of them may take."""


def make(case: dict[str, Any]) -> bytes:
    """The bytes of a case's file."""
    arguments = {k: v for k, v in case.items() if k not in ("name", "make", "size", "error", "says", "cut", "flip")}
    content = MAKERS[case["make"]](**arguments)
    if "cut" in case:
        content = content[: int(len(content) * case["cut"])]
    if "flip" in case:  # so many bytes, evenly spread behind the first 40
        changed = bytearray(content)
        for place in np.linspace(40, len(content) - 1, case["flip"]).astype(int):
            changed[place] ^= 0xFF
        content = bytes(changed)
    return content


def scene(width: int, height: int) -> Image.Image:
    """Soft colours and a few edges, as photos have them."""
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * x / max(width - 1, 1)
    green = 255 * y / max(height - 1, 1)
    blue = 255 * ((x // 16 + y // 16) % 2)
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


def saved(
    format: str,
    mode: str = "RGB",
    width: int = 80,
    height: int = 60,
    frames: int = 1,
    orientation: int = 0,
    dtype: str = "",
    **options: Any,
) -> bytes:
    """A good picture in one format and mode."""
    picture = scene(width, height)
    if dtype:
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(dtype) * (200 if "16" in dtype else 1))
    elif mode == "LA":
        picture = picture.convert("RGBA").convert("LA")
    elif mode != "RGB":
        picture = picture.convert(mode)
    buffer = io.BytesIO()
    if orientation:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    if frames > 1:
        options |= {"save_all": True, "append_images": [picture.rotate(angle) for angle in range(1, frames)]}
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def text(text: str, times: int = 1) -> bytes:
    """A file of text."""
    return text.encode("latin1") * times


def chunk(kind: bytes, content: bytes, check: bool = True) -> bytes:
    """A part of a PNG."""
    sum_ = zlib.crc32(kind + content) if check else 0
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", sum_)


SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(
    width: int = 80,
    height: int = 60,
    depth: int = 8,
    colour: int = 2,
    check: bool = True,
    parts: int = 1,
    before: str = "",
    megabytes: int = 0,
    interlace: int = 0,
    rows: int | None = None,
) -> bytes:
    """A PNG put together by hand: any size in its header, ``rows`` rows of black, ``megabytes`` of text or profile."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    row = 1 + (width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 3) + 7) // 8
    black = zlib.compress(bytes(row * (height if rows is None else rows)), 9)
    step = max(1, -(-len(black) // parts))
    data = b"".join(chunk(b"IDAT", black[at : at + step]) for at in range(0, len(black), step))
    bomb = zlib.compress(bytes(megabytes * 2**20), 9)
    extra = {"": b"", "zTXt": b"a\0\0" + bomb, "iCCP": b"a\0\0" + bomb, "iTXt": b"a\0\1\0\0\0" + bomb}[before]
    extra = chunk(before.encode(), extra) if before else b""
    return SIGNATURE + chunk(b"IHDR", header, check) + extra + data + chunk(b"IEND", b"")


def segments(content: bytes, marker: int, payload: bytes, times: int) -> bytes:
    """A JPEG with more segments behind its first marker."""
    return content[:2] + times * (bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload) + content[2:]


def jpeg_with_segments(marker: int, kind: str, times: int = 1) -> bytes:
    """A JPEG with segments of many kinds, or of much content."""
    thumbnail = saved("JPEG", width=16, height=12, progressive=True)
    payload = {
        "nothing": b"",
        "zeros": bytes(60_000),
        "markers": b"\xff\xda" * 3000,
        "thumbnail": b"Exif\0\0" + thumbnail,
        "exif": b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(3000),
        "loop": b"Exif\0\0MM\0*" + struct.pack(">IHI", 8, 0, 8),
        "orientation as text": b"Exif\0\0MM\0*" + struct.pack(">IHHHI4sI", 8, 1, 0x0112, 2, 4, b"six\0", 0),
    }[kind]
    return segments(saved("JPEG"), marker, payload, times)


def scans(count: int, width: int = 1600, height: int = 1200) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    content = saved("JPEG", width=width, height=height, progressive=True)
    last = content.rindex(b"\xff\xda")
    extra = content[last:-2]
    return content[:-2] + extra * (count - content.count(b"\xff\xda")) + content[-2:]


def jpeg_of(width: int, height: int) -> bytes:
    """A JPEG whose header claims another size."""
    content = bytearray(saved("JPEG"))
    place = content.index(b"\xff\xc0")
    content[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def bmp_of(width: int, height: int, bits: int = 24) -> bytes:
    """A BMP whose header claims another size."""
    content = bytearray(saved("BMP"))
    content[18:26] = struct.pack("<ii", width, height)
    content[28:30] = struct.pack("<H", bits)
    return bytes(content)


def gif_of(width: int, height: int) -> bytes:
    """A GIF of which screen and frame claim another size."""
    content = bytearray(saved("GIF", "P"))
    content[6:10] = struct.pack("<HH", width, height)
    place = content.index(b",")
    content[place + 5 : place + 9] = struct.pack("<HH", width, height)
    return bytes(content)


def tiff(**tags: Any) -> bytes:
    """A TIFF of which tags were changed."""
    content = bytearray(saved("TIFF"))
    start = struct.unpack("<I", content[4:8])[0]
    for entry in range(struct.unpack("<H", content[start : start + 2])[0]):
        at = start + 2 + 12 * entry
        tag = struct.unpack("<H", content[at : at + 2])[0]
        name = TiffTags.lookup(tag).name
        if name in tags:
            value = tags[name]
            content[at + 2 : at + 12] = struct.pack("<HII", 4, value.get("count", 1), value.get("value", 0))
    if "next" in tags:
        end = start + 2 + 12 * struct.unpack("<H", content[start : start + 2])[0]
        content[end : end + 4] = struct.pack("<I", tags["next"])
    return bytes(content)


def archive(member: str) -> bytes:
    """A zip, as office documents are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(member, saved("PNG"))
    return buffer.getvalue()


def animated_png(frames: int) -> bytes:
    """A PNG of several frames."""
    return saved("PNG", frames=frames)


def icon_of_png(width: int, height: int) -> bytes:
    """An icon whose picture is a PNG of another size than it says."""
    inside = png(width, height, rows=1)
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(inside), 22) + inside


def with_text(megabytes: int) -> bytes:
    """A PNG with a long text beside it."""
    buffer, info = io.BytesIO(), PngImagePlugin.PngInfo()
    info.add_text("comment", "x" * (megabytes * 2**20))
    scene(80, 60).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def around(format: str, before: str = "", after: str = "", times: int = 1) -> bytes:
    """A good picture with something before or behind it."""
    return before.encode("latin1") * times + saved(format) + after.encode("latin1") * times


def joined(first: str, second: str) -> bytes:
    """One picture's file directly behind another's."""
    return saved(first) + saved(second, width=40, height=30)


MAKERS: dict[str, Callable[..., bytes]] = {
    make.__name__: make
    for make in (
        *(saved, text, png, jpeg_with_segments, scans, jpeg_of, bmp_of, gif_of, tiff, archive, animated_png),
        *(icon_of_png, with_text, around, joined),
    )
}


def main(folder: Path) -> None:
    """Read every photo as the app does, and print what comes of it."""
    from ui.components.photo import read_content

    for case in CASES:
        (folder / case["name"].replace("/", "-")).write_bytes(make(case))
    read_content(saved("AVIF"))  # what is imported and mapped once is none's fault
    use(CASES, lambda case: read_content((folder / case["name"].replace("/", "-")).read_bytes()).size, MEMORY)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(tempfile.mkdtemp()))
