"""What a question is, apart from its words."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cvt.tracing import Trace

__all__ = ["Asked", "Maker", "choice", "number", "token"]


@dataclass(frozen=True)
class Asked:
    """One question with its answer. Whatever people see counts from 1.

    Attributes:
        kind: "number" is typed, "choice" is chosen among options, "token" is pinned on the photo.
        values: what fills the blanks of its words.
        answer: the number, the right option's name, or what to say of the right tokens.
        tolerance: by how much a number may be off.
        slips: wrong numbers by the name of the reason for each.
        options: of a choice, in the order in which they are offered: name, and what fills its words.
        tokens: (row, column) of every token that counts as right.
        open: what the explorer opens, for the question or to show the answer.
        laboratory: what the laboratory opens, to see the answer happen.
    """

    kind: Literal["number", "choice", "token"]
    answer: str | float
    values: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float = 0.0
    slips: Mapping[str, float] = field(default_factory=dict)
    options: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    tokens: tuple[tuple[int, int], ...] = ()
    open: Mapping[str, Any] = field(default_factory=dict)
    laboratory: Mapping[str, Any] = field(default_factory=dict)


Maker = Callable[[Trace, random.Random], Asked | None]
"""Makes a question from a trace; None where the model has nothing to ask about."""


def number(answer: float, tolerance: float = 0.0, slips: Mapping[str, float] | None = None, **values: Any) -> Asked:
    """A number to be worked out; slips that would be right are left out."""
    wrong = {name: slip for name, slip in (slips or {}).items() if abs(slip - answer) > tolerance}
    return Asked("number", answer, values, tolerance, wrong)


def choice(
    right: str, options: Mapping[str, Mapping[str, Any]], chance: random.Random | None = None, **values: Any
) -> Asked:
    """A choice; its options are shuffled where chance is given."""
    offered = list(options.items())
    if chance:
        chance.shuffle(offered)
    return Asked("choice", right, values, options=tuple(offered))


def token(tokens: list[tuple[int, int]], show: Mapping[str, Any], **values: Any) -> Asked:
    """A token to be found in what the explorer shows; ``tokens`` count from 0, the best first."""
    found = tuple((row + 1, column + 1) for row, column in tokens)
    row, column = found[0]
    told = {**values, "right_row": row, "right_column": column}
    return Asked("token", f"{row}, {column}", told, tokens=found, open=show)
