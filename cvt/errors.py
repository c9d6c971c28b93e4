"""The errors this package raises on purpose.

::

    CvtError
    ├── ConfigError        a configuration value or an argument that cannot be, or does not fit the others
    ├── CheckpointError    weights that cannot be found, read, trusted, matched to the model or written
    │   └── DownloadError  a file of the Hub that cannot be fetched
    └── ImageError         a picture that cannot be read, or that the model cannot take

Every message names the offending value and says what is allowed.
"""

import reprlib
from collections.abc import Sequence
from typing import Literal

__all__ = ["CheckpointError", "ConfigError", "CvtError", "DownloadError", "ImageError", "shorten", "shown"]

_SHOWN = 10
_LONGEST = 80


class CvtError(Exception):
    """Base of every error raised on purpose by :mod:`cvt` and :mod:`visualize`."""


class ConfigError(CvtError, ValueError):
    """A configuration value or an argument that is not allowed."""


class CheckpointError(CvtError):
    """Weights that cannot be found, read, trusted, matched to the model or written."""


class DownloadError(CheckpointError):
    """A file of the Hub that cannot be fetched.

    Attributes:
        reason: "offline" (nobody answers), "closed" (no such repository, or none that is open to us), "full" (the disk)
            "slow" (next to nothing comes) or "broken" (the transfer).
    """

    def __init__(self, message: str, reason: Literal["offline", "closed", "full", "slow", "broken"] = "broken") -> None:
        super().__init__(message)
        self.reason = reason


class ImageError(CvtError, ValueError):
    """A picture that cannot be read, or that the model cannot take."""


def shorten(names: Sequence[str]) -> str:
    """The first of many names, for an error."""
    first = ", ".join(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in names[:_SHOWN])
    return first if len(names) <= _SHOWN else f"{first} and {len(names) - _SHOWN} more"


def shown(value: object) -> str:
    """A value as Python writes it, for an error: the beginning of a long one, however large or deep it is."""
    try:
        text = _brief.repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_brief = reprlib.Repr()
_brief.maxlist = _brief.maxtuple = _brief.maxset = _brief.maxdict = 12
_brief.maxstring = _brief.maxother = _brief.maxlong = 60
