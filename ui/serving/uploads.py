"""Which files of this machine a browser may speak of: those in the server's own upload folder, and no others."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gradio.utils import get_upload_folder

from cvt.errors import ImageError

from ..errors import PhotoError

__all__ = ["read_bounded", "uploaded"]

_NEITHER_FOLLOW_NOR_WAIT = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def uploaded(path: object) -> Path:
    """The file in the upload folder that a browser names.

    Raises:
        ImageError: anything else. It says the same of what exists and of what does not, so that nobody learns from it.
    """
    folder = os.path.realpath(get_upload_folder())
    # First by the letters alone: merely looking at a stranger's path can wait for ever, or wake a device.
    if isinstance(path, str) and os.path.normpath(path) == path and path.startswith(os.path.join(folder, "")):
        try:
            if os.path.realpath(path, strict=True) == path and stat.S_ISREG(os.lstat(path).st_mode):
                return Path(path)
        except (OSError, ValueError):
            pass
    raise _not_here()


def read_bounded(path: object, most: int) -> bytes:
    """The content of an :func:`uploaded` file; of one larger than ``most`` bytes, ``most + 1`` of them.

    Raises:
        ImageError: it is not there.
    """
    try:
        descriptor = os.open(uploaded(path), os.O_RDONLY | _NEITHER_FOLLOW_NOR_WAIT)
        with open(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return file.read(most + 1)
    except OSError:
        pass
    raise _not_here()


def _not_here() -> ImageError:
    return PhotoError("photo_lost")
