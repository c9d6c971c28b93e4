"""How the server ends: what is under way is finished, and what waits or comes is refused with a sentence."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

import gradio as gr
from gradio.server_messages import ProcessCompletedMessage

from visualize.language import Language

from ..words import language_of
from .folder import release_folder

__all__ = ["end", "sentence"]

PATIENCE = 8.0
"""Seconds that work under way is given; whoever ends a process waits ten as a rule before they kill it."""

_DELIVERY = 1.0
"""Seconds in which last words have to be fetched."""


def sentence(language: Language) -> str:
    """What those are told who are not served any more."""
    return language.text("messages", "server_ending")


def end(demo: Any) -> None:
    """Refuse what waits and what comes, finish what is under way, and close the server.

    Work that takes longer than :data:`PATIENCE` ends with the process, which ends here then.

    Args:
        demo: the :class:`~ui.serving.watching.WatchedBlocks` that are served.
    """
    demo.ending = True
    if demo.loop is None:  # it has not begun yet
        return
    queue = demo._queue
    asyncio.run_coroutine_threadsafe(_refuse_waiting(queue), demo.loop).result(_DELIVERY)
    is_done = _wait(lambda: not any(queue.active_jobs), PATIENCE)
    _wait(lambda: not any(queue.pending_event_ids_session.values()), _DELIVERY)
    demo.server.config.timeout_graceful_shutdown = 1  # or open streams would hold it up
    demo.close(verbose=False)
    if not is_done:  # a thread at work would keep the process for as long as it takes
        sys.stdout.flush()
        sys.stderr.flush()
        release_folder()
        os._exit(0)


async def _refuse_waiting(queue: Any) -> None:
    async with queue.delete_lock:
        for line in queue.event_queue_per_concurrency_id.values():
            while line.queue:
                event = line.queue.pop()
                told = {"error": sentence(language_of(gr.Request(event.request)))}
                queue.send_message(event, ProcessCompletedMessage(output=told, success=False))


def _wait(is_so: Any, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (so := is_so()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(so)
