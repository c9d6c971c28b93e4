"""Between the browsers and the handlers: which files they may name, and which ones they look at.

Everything a browser sends passes :meth:`WatchedBlocks.preprocess_data`, for public and for private handlers alike. A
file is let through only if it was uploaded; Gradio itself checks only what calls itself a ``gradio.FileData``.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.utils import get_upload_folder
from starlette.types import ASGIApp, Receive, Scope, Send

from cvt.errors import ConfigError, ImageError

from ..errors import toast
from .arguments import check_arguments
from .desk import session_now
from .folder import sweep
from .logs import call_now
from .uploads import uploaded

__all__ = ["Sessions", "WatchSessions", "WatchedBlocks", "sweeping"]

EVERY = 3600
"""Seconds between two sweeps."""

MOST = 10_000
"""Sessions remembered, so that calls under ever new names do not fill the memory."""

_HEARTBEAT = re.compile(r"/gradio_api/heartbeat/([^/]+)$")


class Sessions:
    """The pages that are open now, and the files that each of their components shows."""

    def __init__(self) -> None:
        self.open: Counter[str] = Counter()
        self._shown: OrderedDict[str, dict[int, set[str]]] = OrderedDict()

    def note(self, session: str, component: int, value: Any) -> None:
        """Remember what a component of a session shows from now on."""
        self._shown.setdefault(session, {})[component] = set(_paths(value))
        self._shown.move_to_end(session)
        if len(self._shown) > MOST:
            self._shown.popitem(last=False)

    def shown(self) -> set[str]:
        """The files that open pages show. Those of all other sessions are forgotten."""
        for session in self._shown.keys() - self.open.keys():
            del self._shown[session]
        return {path for components in self._shown.values() for paths in components.values() for path in paths}


class WatchedBlocks(gr.Blocks):
    """Blocks whose handlers only ever hear of uploaded files.

    Attributes:
        sessions: who is there.
        ending: whether nothing new is begun any more (:mod:`serving.ending`).
        loop: the event loop that serves them, while they are served.
        models, start: what they show, and with which model they begin.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.sessions = Sessions()
        self.ending = False
        self.loop: asyncio.AbstractEventLoop | None = None
        self.models: Any = None
        self.start = ""
        self._steps: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def first_paint(self) -> set[str]:
        """The files that every page shows when it opens."""
        return set().union(*(getattr(block, "keep_in_cache", ()) for block in self.blocks.values()))

    async def process_api(self, block_fn: Any, *args: Any, **named: Any) -> dict[str, Any]:
        """As Gradio does it, with the session known to what happens inside."""
        session = named.get("session_hash")
        token, called = session_now.set(session), call_now.set(secrets.token_hex(4))
        try:
            async with self._one_at_a_time(session, block_fn):
                return await super().process_api(block_fn, *args, **named)
        finally:
            session_now.reset(token)
            call_now.reset(called)

    def _one_at_a_time(self, session: str | None, block_fn: Any) -> asyncio.Lock:
        """What lets a session's steps in one line follow one another, so that no older photo's answer comes last.

        Lines are Gradio's, told by ``concurrency_id``, and none waits for another: while something is measured, a wish
        is heard, and a close-up gets its numbers.
        """
        line = (block_fn if isinstance(block_fn, BlockFunction) else self.fns[block_fn]).concurrency_id
        return self._steps.setdefault((session, line), asyncio.Lock()) if session else asyncio.Lock()

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **named: Any) -> list[Any]:
        """As Gradio does it, without what cannot be, and without the files that were not uploaded."""
        try:
            inputs = check_arguments(block_fn.fn, block_fn.inputs, [_only_uploads(value) for value in inputs])
        except ConfigError as error:
            raise toast(error, str(block_fn.name)) from None
        self._note(block_fn.inputs, inputs)
        return await super().preprocess_data(block_fn, inputs, *args, **named)

    async def postprocess_data(self, block_fn: Any, *args: Any, **named: Any) -> list[Any]:
        """As Gradio does it."""
        outputs = await super().postprocess_data(block_fn, *args, **named)
        self._note(block_fn.outputs, outputs)
        return outputs

    def _note(self, components: list[Any], values: list[Any]) -> None:
        session = session_now.get()
        if session is None:
            return
        for component, value in zip(components, values, strict=False):
            is_update = isinstance(value, dict) and "__type__" in value
            if not is_update or "value" in value:
                self.sessions.note(session, component._id, value)


class WatchSessions:
    """ASGI middleware that knows by their heartbeats which pages are open."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _HEARTBEAT.search(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        pages, session = scope["app"].get_blocks().sessions.open, found[1]
        pages[session] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            pages[session] -= 1
            pages += Counter()  # drops what has come to nothing


@asynccontextmanager
async def sweeping(app: Any) -> AsyncIterator[None]:
    """While the server runs, sweep its folder regularly."""

    async def sweep_regularly() -> None:
        while True:
            await asyncio.sleep(EVERY)
            blocks = app.get_blocks()
            await asyncio.to_thread(sweep, Path(get_upload_folder()), blocks.sessions.shown() | blocks.first_paint())

    app.get_blocks().loop = asyncio.get_running_loop()
    task = asyncio.create_task(sweep_regularly())
    yield
    task.cancel()


def _only_uploads(value: Any) -> Any:
    """What a browser sent, in which a file that was not uploaded has neither a path nor a claim to be one."""
    if isinstance(value, list):
        return [_only_uploads(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if "path" in value:
        try:
            uploaded(value["path"])
        except ImageError:
            value = {name: entry for name, entry in value.items() if name != "meta"} | {"path": None}
    return {name: _only_uploads(entry) for name, entry in value.items()}


def _paths(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("path"), str):
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list | tuple):
        for entry in value:
            yield from _paths(entry)
