"""Reading a photo: any file or Pillow image to an upright RGB picture, or an error a person understands."""

from __future__ import annotations

import math
import re
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base
from pillow_heif import register_heif_opener

from cvt.errors import ImageError

__all__ = ["FORMATS", "MAX_PIXELS", "MOST_SCANS", "open_photo", "upright_rgb"]

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "TIFF", "BMP", "JPEG2000", "ICO", "PPM")
"""Pillow's names of the formats that are read, whatever the file is called. Formats that start other programs (EPS)
or need data from elsewhere are left out."""

register_heif_opener()  # HEIC, as telephones make it: Pillow itself does not know it

MAX_PIXELS = 178_956_970
"""Largest photo that is decoded; twice Pillow's warning level, the size at which Pillow itself refuses."""


MOST_SCANS = 64
"""Passes over a progressive JPEG that are decoded; cameras and editors write about ten, and each costs a decoding."""

_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # what ends a scan's data, whatever bytes that data holds
_START_OF_SCAN, _END = 0xDA, 0xD9


def open_photo(source: str | Path | bytes | BinaryIO, most_pixels: int | None = None) -> Image.Image:
    """Read a photo as an upright RGB picture.

    The format is recognised by content, not by the file's name; of an animation the first frame is taken. The size
    is checked before anything is decoded.

    Args:
        source: a path, a file's content, or a file open for reading bytes.
        most_pixels: a photo of more is read at a half, a third … of its width and height; its own size, upright, is
            then ``info["photo_size"]``, (width, height), of the picture.

    Raises:
        ImageError: there is no such file, or it is empty, too large, damaged or not a picture.
    """
    content = _content(source)
    if not content:
        raise ImageError("the file is empty: it holds 0 bytes, so there is no picture in it")
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            if image.format in ("JPEG", "MPO"):
                _check_scans(content)
            return upright_rgb(image) if most_pixels is None else _reduced(image, most_pixels)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(
            "the file is not a picture that can be read here, or its beginning is damaged; JPEG, PNG, WebP, AVIF, "
            "HEIC, GIF, TIFF and BMP can be read, whatever the file is called"
        ) from None
    except Image.DecompressionBombError:
        raise ImageError(
            f"the picture has too many pixels; at most {MAX_PIXELS // 10**6} million (width × height) can be read"
        ) from None
    except Exception as error:  # decoders raise nearly anything on a damaged file
        raise _damaged(error) from error


def _reduced(image: Image.Image, most_pixels: int) -> Image.Image:
    width, height = image.size
    if width * height <= most_pixels:
        return upright_rgb(image)
    factor = _factor(image.size, most_pixels)
    image.draft(None, (width // factor, height // factor))  # a JPEG can be decoded at a fraction of its size
    picture = upright_rgb(image)
    picture = picture.reduce(_factor(picture.size, most_pixels))
    turned = (picture.width > picture.height) != (width > height)
    picture.info["photo_size"] = (height, width) if turned else (width, height)
    return picture


def _factor(size: tuple[int, int], most_pixels: int) -> int:
    return math.ceil(math.sqrt(size[0] * size[1] / most_pixels))


def _check_scans(content: bytes) -> None:
    """Refuse a JPEG that would be decoded over and over, before it is decoded once.

    Raises:
        ImageError: it has more than :data:`MOST_SCANS` scans.
    """
    scans, place = 0, content.find(b"\xff\xd8") + 2
    while (marker := _NEXT_MARKER.search(content, place)) and content[marker.end() - 1] != _END:
        scans += content[marker.end() - 1] == _START_OF_SCAN
        place = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2])
    if scans > MOST_SCANS:
        raise ImageError(
            f"the JPEG is drawn in {scans} passes, which takes for ever; at most {MOST_SCANS} are read: save it anew"
        )


def upright_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow image as RGB, 8 bits a channel, turned the way its EXIF orientation says.

    Of an animation the current frame is taken, which in a freshly opened file is the first. Transparency is laid
    over white. 16-bit greys are scaled to 8 bits; 32-bit integers and floats too, from 0–1, 0–255 or 0–65535 where
    the values fit such a range and from their own least and greatest otherwise. The image itself is not changed, and
    returned as it is where nothing is to do.

    Raises:
        ImageError: it is not an image, has no or too many pixels, or cannot be decoded or converted.
    """
    if not isinstance(image, Image.Image):
        raise ImageError(f"expected a Pillow image, got {type(image).__name__}")
    width, height = image.size
    if not width or not height:
        raise ImageError(f"the picture is {width} × {height} pixels: there is nothing in it")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"the picture is {width} × {height} pixels, {width * height // 10**6} million; "
            f"at most {MAX_PIXELS // 10**6} million can be read"
        )
    try:
        image.load()
        return _rgb(_upright(image))
    except ImageError:
        raise
    except Exception as error:  # decoders raise nearly anything on a damaged file
        raise _damaged(error) from error


def _content(source: str | Path | bytes | BinaryIO) -> bytes:
    try:
        if isinstance(source, str | Path):
            return Path(source).read_bytes()
        return source if isinstance(source, bytes) else source.read()
    except (OSError, ValueError) as error:
        name = f" {source}" if isinstance(source, str | Path) else ""
        raise ImageError(f"the photo{name} cannot be read: {_reason(error)}") from error


def _damaged(error: Exception) -> ImageError:
    return ImageError(f"the picture is damaged or cut off and cannot be read to its end ({_reason(error)})")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).strip() or type(error).__name__


def _upright(image: Image.Image) -> Image.Image:
    try:
        turned = image.getexif().get(Base.Orientation, 1) in range(2, 9)
    except Exception:  # a photo with damaged EXIF data is still a photo
        return image
    return ImageOps.exif_transpose(image) if turned else image


def _rgb(image: Image.Image) -> Image.Image:
    mode = image.mode
    if mode == "F" or mode.startswith("I"):
        return Image.fromarray(_grey(np.asarray(image), wide=mode.startswith("I;16"))).convert("RGB")
    if mode == "La":  # premultiplied grey has no direct way to RGBA
        image = image.convert("LA")
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    if mode == "RGB":
        return image.copy() if isinstance(image, ImageFile.ImageFile) else image  # a file can move to another frame
    return image.convert("RGB")


def _grey(values: np.ndarray, wide: bool) -> np.ndarray:
    """Greys of more than 8 bits as uint8; ``wide`` says that 65535 is white."""
    values = values.astype(np.float64)
    low, high = values.min(), values.max()
    if not np.isfinite(low + high):
        raise ImageError("the picture holds values that are not numbers (NaN or infinity)")
    white = next((limit for limit in ((65535,) if wide else (1, 255, 65535)) if high <= limit), None)
    if low < 0 or white is None:
        values, white = values - low, high - low or 1
    return np.rint(values * (255 / white)).astype(np.uint8)
