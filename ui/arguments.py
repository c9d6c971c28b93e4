"""What the endpoints' texts mean: stages, heads, queries and classes."""

from __future__ import annotations

from typing import Literal

from cvt.config import CvtConfig
from cvt.errors import ConfigError

__all__ = ["parse_head", "parse_query", "parse_stage", "parse_target"]


def parse_stage(stage: float, count: int) -> int:
    """A stage as people count, from 1, to an index from 0.

    Raises:
        ConfigError: there is no such stage.
    """
    if stage != int(stage) or not 1 <= stage <= count:
        raise ConfigError(f"stage {stage} must be a whole number from 1 to {count}")
    return int(stage) - 1


def parse_head(head: str | int) -> Literal["mean"] | int:
    """A head: "mean", or its number from 0.

    Raises:
        ConfigError: it is neither.
    """
    if str(head).strip() == "mean":
        return "mean"
    try:
        return int(head)
    except ValueError:
        raise ConfigError(f"head {head!r} must be 'mean' or a number from 0") from None


def parse_query(query: str) -> Literal["cls"] | tuple[int, int]:
    """A query: "cls", or "row,column" from 0.

    Raises:
        ConfigError: it is neither.
    """
    if query.strip() == "cls":
        return "cls"
    parts = query.split(",")
    try:
        row, column = (int(part) for part in parts)
    except ValueError:
        raise ConfigError(f"query {query!r} must be 'cls' or 'row,column', for example '3,10'") from None
    return row, column


def parse_target(target: str, config: CvtConfig) -> int | str | None:
    """A class: its name or number, or None for the most probable one. Whether it exists, ``trace`` says."""
    target = target.strip()
    if not target:
        return None
    return int(target) if target.isdecimal() and target not in config.label2id else target
