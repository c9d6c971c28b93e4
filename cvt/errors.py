"""The errors this package raises on purpose.

::

    CvtError
    ├── ConfigError        a configuration value that cannot be, or does not fit the others
    ├── CheckpointError    weights that cannot be found, read, trusted or matched to the model
    └── ImageError         a picture that cannot be read, or that the model cannot take

Every message names the offending value and says what is allowed.
"""

__all__ = ["CheckpointError", "ConfigError", "CvtError", "ImageError"]


class CvtError(Exception):
    """Base of every error raised on purpose by :mod:`cvt`."""


class ConfigError(CvtError, ValueError):
    """A configuration value that is not allowed."""


class CheckpointError(CvtError):
    """Weights that cannot be found, read, trusted or matched to the model."""


class ImageError(CvtError, ValueError):
    """A picture that cannot be read, or that the model cannot take."""
