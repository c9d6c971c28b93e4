"""What the server's folder is called outside: by no path of this machine.

Gradio names every file by its path, in the page's configuration, in what handlers answer, and in what it takes back. On
the way out the folder's path becomes a name of the same length, so that nothing else in a message moves; on the way in
that name becomes the path again. What a browser may do with it, :mod:`serving.uploads` decides, as before.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote

from gradio.utils import get_upload_folder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HiddenFolder"]

NAME = "/cvt-explorer"

_TEXTS = (b"text/html", b"application/json", b"text/event-stream")


class HiddenFolder:
    """ASGI middleware that calls the server's folder by another name."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        folder = get_upload_folder()
        self.folder, self.name = folder, NAME.ljust(len(folder), "-")
        spellings = dict.fromkeys((folder.encode(), quote(folder).encode()))  # in texts, and in addresses
        self.spellings = [(path, NAME.encode().ljust(len(path), b"-")) for path in spellings]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_text = False

        async def told() -> Message:
            message = await receive()
            return _replaced(message, self._inside) if is_json(scope) else message

        async def tell(message: Message) -> None:
            nonlocal is_text
            if message["type"] == "http.response.start":
                is_text = dict(message["headers"]).get(b"content-type", b"").startswith(_TEXTS)
            await send(_replaced(message, self._outside) if is_text else message)

        inside = {"path": scope["path"].replace(self.name, self.folder)}
        inside |= {name: self._inside(scope[name]) for name in ("raw_path", "query_string") if scope.get(name)}
        await self.app({**scope, **inside}, told, tell)

    def _outside(self, content: bytes) -> bytes:
        for path, name in self.spellings:
            content = content.replace(path, name)
        return content

    def _inside(self, content: bytes) -> bytes:
        for path, name in self.spellings:
            content = content.replace(name, path)
        return content


def is_json(scope: Scope) -> bool:
    """Whether a request brings JSON."""
    return dict(scope["headers"]).get(b"content-type", b"").startswith(b"application/json")


def _replaced(message: MutableMapping[str, Any], replace: Any) -> MutableMapping[str, Any]:
    return {**message, "body": replace(message["body"])} if message.get("body") else message
