"""What people hand to the image processor: pictures, paths, addresses, arrays and tensors, one or many."""

from __future__ import annotations

import base64
import binascii
import http.client
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from PIL import Image

from cvt.errors import ConfigError, ImageError
from cvt.photo import open_photo, upright_rgb
from cvt.tensors import is_array, is_tensor

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ChannelOrder", "Picture", "Pixels", "as_list", "read_pixels"]

Picture: TypeAlias = "Image.Image | str | Path | np.ndarray | Tensor"
ChannelOrder = Literal["channels_first", "channels_last"]

_MAX_DOWNLOAD = 100 * 2**20  # bytes
_PATIENCE = 30  # seconds without an answer
_CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class Pixels:
    """One picture, read: either a photo, or numbers that are not to be rounded to 8 bits.

    Attributes:
        photo: 8-bit RGB, upright; black where there are ``numbers``.
        numbers: as they were given, ``[3, height, width]`` float32.
        in_unit: whether the numbers were fractions from 0 to 1; a photo then holds them times 255.
    """

    photo: Image.Image
    numbers: np.ndarray | None = None
    in_unit: bool = False


def as_list(images: Picture | Sequence[Picture]) -> list[Picture]:
    """One picture or several, or an array with a batch axis, as a list.

    Raises:
        ImageError: there are none.
    """
    if isinstance(images, list | tuple) or (is_array(images) and images.ndim == 4):
        if not len(images):
            raise ImageError("no images: expected at least one")
        return list(images)
    return [images]  # type: ignore[list-item]


def read_pixels(picture: Picture, keep_numbers: bool = False, channels: ChannelOrder | None = None) -> Pixels:
    """The pixels of a Pillow image, a file, an address (http, https or data:image) or an array.

    Args:
        picture: arrays and tensors are ``[height, width]``, ``[height, width, channels]`` or ``[channels, height,
            width]`` with 1, 3 or 4 channels: bytes, whole numbers from 0 to 255 or fractions from 0 to 1.
        keep_numbers: give the numbers of an array of floats as they are, whatever they are.
        channels: where an array's channels are, if its shape leaves that open.

    Raises:
        ImageError: it cannot be fetched or read, or is no picture.
    """
    if isinstance(picture, str | Path):
        return Pixels(_open(picture))
    if is_tensor(picture):
        picture = picture.detach().cpu()
        picture = (picture.float() if picture.is_floating_point() else picture).numpy()
    if not isinstance(picture, np.ndarray):
        return Pixels(upright_rgb(picture))  # type: ignore[arg-type]
    array = _channels_last(picture, channels)
    if array.dtype == np.uint8:
        return Pixels(_photo(array))
    low, high = _limits(array)
    whole = np.allclose(array, np.rint(array))
    in_unit = not whole and low >= 0 and high <= 1
    if keep_numbers and np.issubdtype(array.dtype, np.floating) and array.shape[2] != 4:
        numbers = np.broadcast_to(array, (*array.shape[:2], 3)).transpose(2, 0, 1)
        return Pixels(Image.new("RGB", array.shape[1::-1]), numbers.astype(np.float32), in_unit)
    if not in_unit and not (whole and low >= 0 and high <= 255):
        raise ImageError(
            f"an image array of {array.dtype} holds values from {low:g} to {high:g}; expected whole numbers from 0 to "
            "255, or fractions from 0 to 1"
        )
    values = array * 255 if in_unit else np.rint(array)
    return Pixels(_photo(values.astype(np.uint8)), in_unit=in_unit)  # fractions of 255 are cut off, as in transformers


def _open(source: str | Path) -> Image.Image:
    text = str(source)
    if text.startswith(("http://", "https://")):
        return open_photo(_download(text))
    if text.startswith("data:image/"):
        try:
            return open_photo(base64.b64decode(text.partition(",")[2], validate=True))
        except binascii.Error as error:
            raise ImageError(f"the picture in {text[:40]}… is not base64 ({error})") from error
    return open_photo(Path(source))


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
            content: bytes = answer.read(_MAX_DOWNLOAD + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ImageError(f"the picture at {url} cannot be fetched: {error or type(error).__name__}") from error
    if len(content) > _MAX_DOWNLOAD:
        raise ImageError(f"the picture at {url} is larger than {_MAX_DOWNLOAD // 2**20} MB")
    return content


def _channels_last(array: np.ndarray, channels: ChannelOrder | None) -> np.ndarray:
    """An array of one picture as ``[height, width, channels]``."""
    shape = list(array.shape)
    if channels not in (None, "channels_first", "channels_last"):
        raise ConfigError(f"input_data_format={channels!r} must be 'channels_first', 'channels_last' or None")
    if array.ndim == 2:
        array = array[..., None]
    elif array.ndim == 3 and (channels == "channels_first" or (channels is None and shape[0] in _CHANNELS)):
        array = array.transpose(1, 2, 0)
    if array.ndim != 3 or array.shape[2] not in _CHANNELS:
        raise ImageError(
            f"an array of shape {shape} is no image; expected [height, width], [height, width, channels] or "
            "[channels, height, width] with 1, 3 or 4 channels"
        )
    if array.size == 0:
        raise ImageError(f"an array of shape {shape} has no pixels")
    return array


def _limits(array: np.ndarray) -> tuple[float, float]:
    """The least and the greatest number of an array."""
    if array.dtype != bool and not (np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)):
        raise ImageError(f"an array of {array.dtype} is no image; expected numbers")
    low, high = float(array.min()), float(array.max())
    if not np.isfinite(low + high):
        raise ImageError("the image array holds values that are not numbers (NaN or infinity)")
    return low, high


def _photo(array: np.ndarray) -> Image.Image:
    return upright_rgb(Image.fromarray(np.ascontiguousarray(array[..., 0] if array.shape[2] == 1 else array)))
