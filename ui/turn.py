"""Who is being served: the newest wish of a visitor, and whether it is still the newest."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OvertakenError", "Turn"]


class OvertakenError(Exception):
    """Somebody has asked for something newer meanwhile."""


@dataclass(eq=False)
class Turn:
    """How often a visitor has asked for something new; changed in place, so that a run sees itself overtaken."""

    number: int = 0

    def next(self) -> int:
        """The number of a new wish."""
        self.number += 1
        return self.number

    def check(self, number: int) -> None:
        """Go on only while this wish is the newest.

        Raises:
            OvertakenError: it is not.
        """
        if self.number != number:
            raise OvertakenError
