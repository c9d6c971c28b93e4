"""The photo as it comes in: dropped, pasted, taken or chosen, and never believed.

Gradio's own image component opens a file before any function of ours runs, and a fake or a bomb ends in a bare
"Error". Here size is looked at before anything is decoded, and what cannot be shown is told in words.
"""

from __future__ import annotations

import base64
import binascii
import os
import warnings
from io import BytesIO
from typing import Any

import gradio as gr
from gradio.data_classes import GradioModel, ImageData
from PIL import Image

from cvt.errors import ImageError
from cvt.photo import FORMATS, open_photo

from ..errors import PhotoError
from ..serving.desk import Desk
from ..serving.uploads import read_bounded
from .part import Part

__all__ = [
    "KEPT_MEGAPIXELS",
    "MAX_BYTES",
    "MAX_MEGAPIXELS",
    "BarData",
    "Given",
    "Photo",
    "PhotoBar",
    "dropped_path",
    "given",
    "read_content",
    "read_upload",
]

MAX_BYTES = 20 * 2**20
"""Largest file taken; larger than the photos of today's telephones."""

MAX_MEGAPIXELS = 64
"""Most pixels of a file, in millions: 190 MB as RGB."""

KEPT_MEGAPIXELS = 16
"""A photo of more is read at a half or a third of its width and height: no network here sees more of it than 384."""

DECODING = Desk(max(2, os.cpu_count() or 1))
"""Where photos are decoded: a whole one of 64 million pixels takes 190 MB until it is made smaller."""

SLOW = ("JPEG2000",)
"""Formats that take ten times as long to decode as others; of these no more pixels are taken than are kept."""

Given = Image.Image | ImageError | None
"""What :class:`Photo` hands to a handler."""


class Photo(gr.Image):
    """The photo on the page: ``gr.Image``, unseen, whose handlers get an upright RGB picture, or what is wrong with it.

    The error is handed over, not raised: an error raised here would leave the page half-way, with a photo that is not
    the one its maps are drawn on. :func:`given` raises it where that does not matter.
    """

    is_template = True  # drawn by Gradio's own image component

    def preprocess(self, payload: ImageData | None) -> Given:  # type: ignore[override]
        """The photo, what is wrong with it, or None where there is none."""
        if payload is None:
            return None
        try:
            return read_upload(payload)
        except ImageError as error:
            return error


class BarData(GradioModel):
    """What the browser has to know: the largest file, in bytes."""

    most: int


class PhotoBar(Part):
    """Root ``#photo``: buttons to bring a photo, and the whole page as a place to drop and paste one.

    Raises ``drop`` when one has been uploaded.
    """

    part = "photo"
    raises = ("drop",)
    data_model = BarData

    def __init__(self, **options: Any) -> None:
        super().__init__(BarData(most=MAX_BYTES), **options)


def dropped_path(event: gr.EventData) -> object:
    """What a ``drop`` event names as the uploaded file; to be believed only as far as ``serving.uploads`` finds it."""
    return event._data.get("file") if isinstance(event._data, dict) else None


def given(photo: Given) -> Image.Image:
    """The photo.

    Raises:
        ImageError: there is none, or it cannot be used.
    """
    if photo is None:
        raise PhotoError("photo_missing")
    if isinstance(photo, ImageError):
        raise photo
    return photo


def read_upload(payload: ImageData) -> Image.Image:
    """What a browser or client sent, as an upright RGB picture.

    Raises:
        ImageError: it is gone, too large, or not a picture that can be read.
    """
    return read_content(_content(payload))


def read_content(content: bytes) -> Image.Image:
    """A file's content as an upright RGB picture of at most :data:`KEPT_MEGAPIXELS`.

    Raises:
        ImageError: it is too large, or not a picture that can be read.
    """
    if len(content) > MAX_BYTES:
        raise _too_large()
    _check_pixels(content)
    with DECODING.place():
        return open_photo(content, KEPT_MEGAPIXELS * 10**6)


def _check_pixels(content: bytes) -> None:
    """Refuse what would fill the memory; whatever else is wrong, :func:`~cvt.photo.open_photo` says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                width, height = image.size
                most = KEPT_MEGAPIXELS if image.format in SLOW else MAX_MEGAPIXELS
    except Exception:
        return
    if width * height > most * 10**6:
        millions = width * height // 10**6
        raise PhotoError("photo_pixels", width=width, height=height, millions=millions, most=most)


def _content(payload: ImageData) -> bytes:
    """The first bytes of the file, one more than are taken if it has as many."""
    if payload.url and payload.url.startswith("data:"):
        return _decoded(payload.url)
    return read_bounded(payload.path, MAX_BYTES)


def _decoded(url: str) -> bytes:
    encoded = url.partition(",")[2]
    if len(encoded) > (MAX_BYTES // 3 + 1) * 4:
        raise _too_large()
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PhotoError("photo_damaged") from error


def _too_large() -> ImageError:
    return PhotoError("photo_bytes", most=MAX_BYTES // 2**20)
