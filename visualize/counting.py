"""Stages, blocks, heads and tokens as people type them: from 1, or from the end with negative numbers; there is no 0.

What comes out counts from 0, as Python does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cvt.errors import ConfigError, shown

if TYPE_CHECKING:
    from cvt.geometry import Grid

__all__ = ["parse_head", "parse_index", "parse_query"]


def parse_index(name: str, number: float, count: int) -> int:
    """One of ``count`` things called ``name``.

    Raises:
        ConfigError: there is no such thing; the message says which there are.
    """
    if number == 0 or number not in range(-count, count + 1):
        raise ConfigError(
            f"{name} {shown(number)} does not exist: they count from 1 to {count}, or from the end, from -1"
        )
    return int(number) - 1 if number > 0 else count + int(number)


def parse_head(head: str | int, count: int) -> Literal["mean"] | int:
    """A head: "mean", or its number.

    Raises:
        ConfigError: it is neither, or there is no such head.
    """
    if str(head).strip() == "mean":
        return "mean"
    try:
        number = int(head)
    except ValueError:
        raise ConfigError(f"head {shown(head)} must be 'mean' or a number from 1 to {count}") from None
    return parse_index("head", number, count)


def parse_query(query: str, tokens: Grid, has_cls: bool) -> Literal["cls"] | tuple[int, int]:
    """A query: "cls", or "row,column" of one of the tokens.

    Raises:
        ConfigError: it is neither, or there is no such token.
    """
    if query.strip() == "cls":
        if not has_cls:
            raise ConfigError("query 'cls': there is no CLS token in that stage; give a token's 'row,column'")
        return "cls"
    try:
        row, column = (int(part) for part in query.split(","))
    except ValueError:
        raise ConfigError(f"query {shown(query)} must be 'cls' or 'row,column', for example '3,10'") from None
    return parse_index("row", row, tokens.rows), parse_index("column", column, tokens.columns)
