"""Turn-taking: a visitor's newest wish ends what is under way for an older one.

A wish has one number, which travels twice, because two questions are asked of it:

- *Start a run.* The number is put into ``started``, a ``gr.State``. It changes on the server, however many events are
  under way, and its ``change`` event starts the run exactly once.
- *Which wish is this run for?* The number is put into ``number`` as well, a hidden ``gr.Number``. Its value goes to the
  browser and comes back with the event that starts the run, as it was then. The state would not do: Gradio reads it
  when the run begins, and after a wait in the queue that is the newest number, never the run's own.

:class:`Turn` is the count itself. It is kept in a ``gr.State`` too, and changed in place, so that a run that is already
under way sees it rise, and gives up.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OvertakenError", "Turn"]


class OvertakenError(Exception):
    """Somebody has asked for something newer meanwhile."""


@dataclass(eq=False)
class Turn:
    """How often a visitor has asked for something new."""

    number: int = 0

    def next(self) -> int:
        """The number of a new wish."""
        self.number += 1
        return self.number

    def check(self, number: int) -> None:
        """Go on only while this wish is the newest.

        A count that the server forgot, with its session, and that began anew, goes on from the browser's number.

        Raises:
            OvertakenError: it is not.
        """
        if self.number < number:  # and only then: a newer wish may be counted in this very moment
            self.number = number
        if self.number != number:
            raise OvertakenError
