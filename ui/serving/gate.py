"""What may come in at all: bodies of a bounded size, calls of handlers that there are, and so many uploads of each.

A body that is too large is refused by its announced length, before any of it is read; one that announces nothing, as
soon as too much of it has come.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import OrderedDict
from contextlib import suppress
from urllib.parse import parse_qs

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cvt.errors import shown

from ..words import language_of
from .ending import sentence
from .folder import KEPT_FOR

__all__ = ["MOST_BODY", "MOST_KEPT", "MOST_UPLOAD", "Gate"]

MOST_BODY = 30 * 2**20
"""Bytes of a call's body; a photo of 20 MB as base64 text takes 27."""

MOST_UPLOAD = 25 * 2**20
"""Bytes of one upload: a photo, and what surrounds it."""

MOST_KEPT = 4 * 2**30
"""Bytes of all files that are kept for visitors; beyond that, uploads wait until the oldest have gone."""

MOST_OF_ONE = 500 * 2**20
"""Bytes that one page may bring while files are kept: 25 of the largest photos."""

MOST_OF_ADDRESS = 2 * 2**30
"""The same of all programs behind one address, which do not say who they are."""

_MOST_REMEMBERED = 10_000
"""Pages and addresses whose uploads are counted."""

_COUNTED_FOR = 5.0
"""Seconds for which a count of the kept bytes holds; in between, uploads are added to it."""

_CALLS = ("/queue/join", "/run/", "/call/", "/api/")


class RefusedError(Exception):
    """A request that is not passed on: the status, and the sentence that says why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Gate:
    """ASGI middleware that lets through what can be answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._kept, self._counted_at = 0, float("-inf")
        self._brought: OrderedDict[str, tuple[float, int]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        is_upload = path.endswith("/upload")
        try:
            if scope["app"].get_blocks().ending:
                raise RefusedError(503, sentence(language_of(gr.Request(Request(scope)))))
            length = _announced(scope)
            if is_upload:
                await self._admit(length, *_who_brings(scope))
            elif any(part in path for part in _CALLS):
                body = await _read(receive, length)
                _check_call(body, scope)
                receive = _again(body, receive)
            await self.app(scope, _bounded(receive, MOST_UPLOAD if is_upload else MOST_BODY), send)
        except RefusedError as refused:
            answer = JSONResponse({"detail": refused.sentence}, refused.status)
            answer.headers["Connection"] = "close"  # or the rest of an endless body would be read and thrown away
            await answer(scope, receive, send)

    async def _admit(self, length: int | None, who: str, most: int) -> None:
        if length is not None and length > MOST_UPLOAD:
            raise RefusedError(413, f"the upload is {length} bytes long; at most {MOST_UPLOAD} are taken")
        size, now = MOST_UPLOAD if length is None else length, time.monotonic()
        since, brought = self._brought.get(who, (now, 0))
        if now - since > KEPT_FOR:
            since, brought = now, 0
        if brought + size > most:
            raise RefusedError(429, f"{brought // 2**20} MB have come from there already; try again in some hours")
        if now - self._counted_at > _COUNTED_FOR:
            self._counted_at = now  # so that nobody else counts meanwhile
            self._kept = await asyncio.to_thread(_bytes_in, get_upload_folder())
        if self._kept + size > MOST_KEPT:
            raise RefusedError(507, "the server keeps as many photos as it can; try again in an hour")
        self._kept += size
        self._brought[who] = (since, brought + size)
        self._brought.move_to_end(who)
        if len(self._brought) > _MOST_REMEMBERED:
            self._brought.popitem(last=False)


def _who_brings(scope: Scope) -> tuple[str, int]:
    """Of what page an upload comes, or from what address, and how many bytes may come from there."""
    visitor = parse_qs(scope["query_string"]).get(b"visitor", [b""])[0]
    if visitor:
        return f"page {visitor[:100].decode('latin1')}", MOST_OF_ONE
    return f"address {(scope.get('client') or ['unknown'])[0]}", MOST_OF_ADDRESS


def _announced(scope: Scope) -> int | None:
    value = dict(scope["headers"]).get(b"content-length", b"")
    length = int(value) if value.isdigit() and len(value) < 19 else None
    if length is not None and length > MOST_BODY:
        raise RefusedError(413, f"the request is {length} bytes long; at most {MOST_BODY} are read")
    return length


def _bytes_in(folder: str) -> int:
    """Of all files below it; those that go, or get another name, while they are counted do not count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


async def _read(receive: Receive, length: int | None) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise RefusedError(400, "the request broke off")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BODY:
            raise RefusedError(413, f"the request is longer than {MOST_BODY} bytes, which is the most that is read")
        more = message.get("more_body", False)
    return b"".join(parts)


def _check_call(body: bytes, scope: Scope) -> None:
    try:
        call = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the request's body is no JSON that can be read") from None
    if not isinstance(call, dict) or not isinstance(call.get("data", []), list):
        raise RefusedError(400, "the request's body must be an object whose 'data' is a list of arguments")
    index = call.get("fn_index")
    known = scope["app"].get_blocks().fns
    if index is not None and (isinstance(index, bool) or not isinstance(index, int) or index not in known):
        raise RefusedError(404, f"fn_index={shown(index)} is none of this page's handlers")
    session = call.get("session_hash")
    if session is not None and (not isinstance(session, str) or not 0 < len(session) <= 100):
        raise RefusedError(400, f"session_hash={shown(session)} must be a text of at most 100 characters")


def _again(body: bytes, receive: Receive) -> Receive:
    """The body that was read, once more; then what comes after it."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay


def _bounded(receive: Receive, most: int) -> Receive:
    size = 0

    async def count() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise RefusedError(413, f"the request is longer than {most} bytes, which is the most that is read")
        return message

    return count
