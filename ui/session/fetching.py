"""Downloads from the Hub: one for each model, however many ask."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from cvt.download import download
from cvt.errors import CheckpointError, DownloadError
from cvt.locations import is_cached

__all__ = ["Downloads", "Progress"]

log = logging.getLogger(__name__)

EVERY = 0.2
"""Seconds between two looks at a download that is followed."""


@dataclass(frozen=True)
class Progress:
    """How a download stands.

    Attributes:
        state: "absent" before anybody asks, "fetching", "here", or "failed" until somebody asks again.
        done: from 0 to 1, of the file under way.
        error: why it failed.
    """

    state: Literal["absent", "fetching", "here", "failed"]
    done: float = 0.0
    error: CheckpointError | None = None


class Downloads:
    """What is being downloaded, each in a thread of its own; safe to share between threads.

    Args:
        fetch: downloads a model of the Hub, as :func:`cvt.download.download` does.
        is_here: whether all files of a model of the Hub are on this machine.
    """

    def __init__(
        self,
        fetch: Callable[[str, Callable[[float], None]], object] = download,
        is_here: Callable[[str], bool] = is_cached,
    ) -> None:
        self._fetch, self._is_here = fetch, is_here
        self._lock = threading.Lock()
        self._known: dict[str, Progress] = {}
        self._followed: set[str] = set()

    def progress(self, ref: str) -> Progress:
        """How the download of a model stands."""
        with self._lock:
            return self._now(ref)

    def start(self, ref: str) -> Progress:
        """Download a model in the background, unless it is here or on its way; what failed is tried anew."""
        with self._lock:
            now = self._now(ref)
            if now.state in ("here", "fetching"):
                return now
            self._known[ref] = Progress("fetching")
        threading.Thread(target=self._run, args=[ref], daemon=True, name=f"download of {ref}").start()
        return Progress("fetching")

    def follow(self, ref: str) -> Iterator[float]:
        """Download a model and wait for it, yielding now and then how far the file under way has come.

        Raises:
            CheckpointError: it cannot be had; the message says why.
        """
        self._followed.add(ref)  # whoever follows is told of the error, and tells the log
        now = self.start(ref)
        while now.state == "fetching":
            yield now.done
            time.sleep(EVERY)
            now = self.progress(ref)
        if now.error is not None:
            raise now.error

    def _now(self, ref: str) -> Progress:
        known = self._known.get(ref)
        if known is not None and known.state == "fetching":
            return known
        return Progress("here", 1.0) if self._is_here(ref) else known or Progress("absent")

    def _run(self, ref: str) -> None:
        end = Progress("failed", error=DownloadError(f"downloading {ref!r} failed"))
        try:
            self._fetch(ref, lambda done: self._note(ref, Progress("fetching", done)))
            end = Progress("here", 1.0)
        except CheckpointError as error:
            if ref not in self._followed:
                log.warning("%s", error)
            end = Progress("failed", error=error)
        finally:
            self._followed.discard(ref)
            self._note(ref, end)

    def _note(self, ref: str, progress: Progress) -> None:
        with self._lock:
            self._known[ref] = progress
