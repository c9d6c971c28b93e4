"""What stands first in every document: the language of the page, patience, and what to fetch while Gradio is starting.

``?lang=ja`` in the address chooses the language, whatever the browser's own. Gradio translates by
``navigator.language`` before any script of ours can run, so the choice has to stand at the very top: a piece of ASGI
middleware puts it there. The same script translates what Gradio has in English alone.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visualize.language import LANGUAGES, Language

from . import assets
from .headers import policy

__all__ = ["HEAD", "DocumentHead"]

SCRIPTS = [Path(__file__).with_name(name) for name in ("language.js", "waiting.js")]


def _script() -> str:
    gradio = {code: Language.of(code).texts["gradio"] for code in LANGUAGES}
    waiting = {code: Language.of(code).text("messages", "server_full") for code in LANGUAGES}
    constants = {"LANGUAGES": LANGUAGES, "ADDRESS": assets.ADDRESS, "GRADIO": gradio, "WAITING": waiting}
    lines = [f"const {name} = {json.dumps(value)};" for name, value in constants.items()]
    lines += [script.read_text(encoding="utf-8") for script in SCRIPTS]
    return f"<script>{{ {' '.join(lines)} }}</script>"


HEAD = _script() + assets.head()
"""The language first, since Gradio's own scripts read it."""


_SCRIPT = re.compile(rb"<script(?=[ >])")  # Gradio writes what it knows into a script, with every < escaped


class DocumentHead:
    """ASGI middleware that puts :data:`HEAD` first into the head of every HTML document, and lets its scripts run.

    Args:
        app: what answers.
        frame_ancestors: origins whose pages may frame the page.
    """

    def __init__(self, app: ASGIApp, frame_ancestors: Sequence[str] = ()) -> None:
        self.app = app
        self.frame_ancestors = frame_ancestors

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
                    nonce = secrets.token_urlsafe(16)
                    document = body.replace(b"<head>", b"<head>" + HEAD.encode(), 1)
                    document = _SCRIPT.sub(b'<script nonce="%s"' % nonce.encode(), document)
                    headers = _with_length(start["headers"], len(document))
                    headers.append((b"content-security-policy", policy(nonce, self.frame_ancestors).encode()))
                    await send({**start, "headers": headers})
                    await send({"type": "http.response.body", "body": document})

        await self.app(scope, receive, forward)


def _is_html(message: Message) -> bool:
    headers = dict(message["headers"])
    return headers.get(b"content-type", b"").startswith(b"text/html") and b"content-encoding" not in headers


def _with_length(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name != b"content-length"] + [
        (b"content-length", str(length).encode())
    ]
