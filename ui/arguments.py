"""What the endpoints' texts mean where it takes the model to know; the rest is :mod:`visualize.counting`."""

from __future__ import annotations

from cvt.config import CvtConfig

__all__ = ["parse_target"]


def parse_target(target: str, config: CvtConfig) -> int | str | None:
    """A class: its name or the model's own number, from 0; None for the most probable one.

    Whether it exists, ``trace`` says.
    """
    target = target.strip()
    if not target:
        return None
    return int(target) if target.isdecimal() and target not in config.label2id else target
