"""Who works when: so many at a time, and whoever waits is served in turns, session by session.

Thirty-three calls of one program and one photo of a visitor take turns, so that the visitor waits for one call at most.
Sessions take turns and not addresses: a whole class sits behind one address.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Desk", "session_now"]

session_now: ContextVar[str | None] = ContextVar("session_now", default=None)
"""Of whom what is being done was asked; None where nobody asked."""


class Desk:
    """A desk with a number of places, safe to share between threads.

    Args:
        places: how many may work at a time.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str | None, deque[threading.Event]] = OrderedDict()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait for a place, and keep it while the block runs. Nobody may wait for a second place of the same desk."""
        session, turn = session_now.get(), threading.Event()
        with self._lock:
            if self._free:
                self._free -= 1
                turn.set()
            else:
                self._waiting.setdefault(session, deque()).append(turn)
        turn.wait()
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
            session, turns = next(iter(self._waiting.items()))
            turns.popleft().set()
            if turns:
                self._waiting.move_to_end(session)
            else:
                del self._waiting[session]
