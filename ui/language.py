"""``?lang=ja`` in the address chooses the page's language, whatever the browser's own.

Gradio translates by ``navigator.language`` before any script of ours can run, so the choice has to stand at the very
top of the document: a piece of ASGI middleware puts it there. Without a ``lang`` nothing changes. The same script
puts into Japanese what Gradio has in English alone: the titles of its toasts and some of its messages.
"""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import LocalContext
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.texts import Language, words

__all__ = ["ChooseLanguage", "language_now", "language_of"]


def _script() -> str:
    """``static/language.js`` with what Gradio itself says in English, and what it should say in Japanese."""
    names = [name for name in words("en") if name.startswith("gradio_")]
    told = json.dumps({words("en")[name]: words("ja")[name] for name in names})
    source = Path(__file__).with_name("static").joinpath("language.js").read_text(encoding="utf-8")
    return f"<script>{source.replace('GRADIO_SAYS', told)}</script>"


SCRIPT = _script()


def language_of(request: gr.Request) -> Language:
    """The language in which somebody reads the page: what the address says, else the browser's first choice."""
    wanted = request.query_params.get("lang") or request.headers.get("accept-language", "")
    return "ja" if wanted.startswith("ja") else "en"


def language_now() -> Language:
    """The language of whoever asked for what is being done; English where nobody did."""
    request = LocalContext.request.get(None)
    return "en" if request is None else language_of(request)


class ChooseLanguage:
    """Puts the language script first into the head of every HTML document."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        start: MutableMapping[str, Any] | None = None
        body = b""

        async def forward(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_html(message):
                start = message  # held back: its length is about to change
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    document = body.replace(b"<head>", b"<head>" + SCRIPT.encode(), 1)
                    await send({**start, "headers": _with_length(start["headers"], len(document))})
                    await send({"type": "http.response.body", "body": document})

        await self.app(scope, receive, forward)


def _is_html(message: Message) -> bool:
    headers = dict(message["headers"])
    return headers.get(b"content-type", b"").startswith(b"text/html") and b"content-encoding" not in headers


def _with_length(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name != b"content-length"] + [
        (b"content-length", str(length).encode())
    ]
