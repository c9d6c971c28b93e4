"""Files of Gradio's cache, from which the browser fetches what is too large for a component's value."""

from __future__ import annotations

import io

from gradio.data_classes import FileData
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

__all__ = ["cached_file", "cached_picture"]


def cached_file(content: bytes, name: str) -> FileData:
    """A file of that content; equal contents of one name are one file."""
    return FileData(path=save_bytes_to_cache(content, name, get_upload_folder()), size=len(content))


def cached_picture(picture: Image.Image, name: str, quality: int) -> FileData:
    """A picture as a file: a ``.jpg``, or a ``.webp``, of a quality from 0 to 100."""
    buffer = io.BytesIO()
    if name.endswith(".jpg"):
        picture.save(buffer, "JPEG", quality=quality)
    else:
        picture.save(buffer, "WEBP", quality=quality, method=2)
    return cached_file(buffer.getvalue(), name)
