"""What the endpoints' texts mean where it takes the model to know; the rest is :mod:`visualize.counting`."""

from __future__ import annotations

from cvt.config import CvtConfig
from cvt.errors import ConfigError

__all__ = ["MOST_SIZE", "parse_size", "parse_target"]

MOST_SIZE = 8000


def parse_size(size: float) -> int:
    """The longest side of a picture, in pixels.

    Raises:
        ConfigError: it is no whole number, or too large.
    """
    if size not in range(1, MOST_SIZE + 1):
        raise ConfigError(f"size {size:g} must be a whole number of pixels from 1 to {MOST_SIZE}")
    return int(size)


def parse_target(target: str, config: CvtConfig) -> int | str | None:
    """A class: its name or the model's own number, from 0; None for the most probable one.

    Whether it exists, ``trace`` says.
    """
    target = target.strip()
    if not target:
        return None
    return int(target) if target.isdecimal() and len(target) < 10 and target not in config.label2id else target
