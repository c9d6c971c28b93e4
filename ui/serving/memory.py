"""Files that stay as they are while the server runs, sent from memory, each compressed once.

A first visit asks for more than a hundred small files. Gradio reads its own from the disk in threads, and compresses
them anew for everybody: milliseconds for each, which are most of what a first visit costs the server.
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import TypeAlias

import brotli
from starlette.requests import Request
from starlette.responses import Response

__all__ = ["FOR_EVER", "files_of", "sent_from_memory"]

Reader: TypeAlias = Callable[[str], bytes | None]
"""From a path to the content of the file there; None where there is none."""

FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
"""For files whose address names their content."""

_KINDS = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
_PACKED_ALREADY = (".woff", ".woff2")

_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda content: bytes(brotli.compress(content, quality=5)),
    "gzip": lambda content: gzip.compress(content, mtime=0),
}
"""The encodings that a browser may name, from the one that is liked best."""


def sent_from_memory(read: Reader) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for a route with a ``path``, whose files browsers may keep for ever."""

    @cache
    def packed(path: str, encoding: str) -> bytes:
        return _PACKERS[encoding](read(path) or b"")

    async def send(request: Request) -> Response:
        path = request.path_params["path"]
        content = read(path)
        if content is None:
            return Response(status_code=404)
        headers = FOR_EVER
        kind = Path(path).suffix
        if kind not in _PACKED_ALREADY:
            headers = headers | {"Vary": "Accept-Encoding"}
            accepted = request.headers.get("accept-encoding", "")
            encoding = next((name for name in _PACKERS if name in accepted), None)
            if encoding:
                headers = headers | {"Content-Encoding": encoding}
                content = packed(path, encoding)
        return Response(content, media_type=_KINDS.get(kind), headers=headers)

    return send


def files_of(folder: Path) -> Reader:
    """What reads the files right in a folder, each once, when it is first asked for."""
    there = {path.name: path for path in folder.iterdir() if path.is_file()}
    return cache(lambda name: there[name].read_bytes() if name in there else None)
