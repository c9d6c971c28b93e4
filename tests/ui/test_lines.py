"""A session's lines: in each of them one thing after the other, and no line waits for another."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import gradio as gr
from gradio.state_holder import SessionState

from ui.serving.watching import WatchedBlocks


def call_together(*lines: tuple[Callable[[], None], str]) -> None:
    """Call handlers of a page at once, each in its line, for one session."""
    with WatchedBlocks() as demo:
        for handler, line in lines:
            gr.on(fn=handler, concurrency_id=line)

    async def call_all() -> None:
        state = SessionState(demo)
        calls = [demo.process_api(index, [], state=state, session_hash="here") for index in demo.fns]
        await asyncio.gather(*calls)

    asyncio.run(call_all())


def test_a_session_waits_in_one_line_and_in_no_other() -> None:
    heard = threading.Event()
    waited: list[bool] = []

    def measure() -> None:
        waited.append(heard.wait(30))

    def wish() -> None:
        heard.set()

    call_together((measure, "measuring"), (wish, "wishes"))
    assert waited == [True]


def test_in_one_line_a_step_ends_before_the_next_begins() -> None:
    told: list[str] = []

    def work() -> None:
        told.append("begins")
        time.sleep(0.02)
        told.append("ends")

    call_together(*[(work, "page")] * 3)
    assert told == ["begins", "ends"] * 3
