"""The errors this package raises on purpose.

::

    CvtError
    ├── ConfigError        a configuration value or an argument that cannot be, or does not fit the others
    ├── CheckpointError    weights that cannot be found, read, trusted, matched to the model or written
    └── ImageError         a picture that cannot be read, or that the model cannot take

Every message names the offending value and says what is allowed.
"""

from collections.abc import Sequence

__all__ = ["CheckpointError", "ConfigError", "CvtError", "ImageError", "shorten"]

_SHOWN = 10


class CvtError(Exception):
    """Base of every error raised on purpose by :mod:`cvt` and :mod:`visualize`."""


class ConfigError(CvtError, ValueError):
    """A configuration value or an argument that is not allowed."""


class CheckpointError(CvtError):
    """Weights that cannot be found, read, trusted, matched to the model or written."""


class ImageError(CvtError, ValueError):
    """A picture that cannot be read, or that the model cannot take."""


def shorten(names: Sequence[str]) -> str:
    """The first of many names, for an error."""
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
