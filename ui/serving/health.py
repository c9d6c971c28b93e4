"""``/healthz``: whether the server can answer, for load balancers and whoever keeps it running."""

from __future__ import annotations

import os
import shutil

from gradio.utils import get_upload_folder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

__all__ = ["routes"]

LEAST_FREE = 200 * 2**20
"""Bytes that have to be free where uploads go."""


def routes() -> list[BaseRoute]:
    """For Starlette, to be tried before Gradio's own."""
    return [Route("/healthz", _answer)]


def _answer(request: Request) -> Response:
    """200 and ``{"ready": true}``; else 503, and why not."""
    reason = _trouble(request)
    content = {"ready": True} if reason is None else {"ready": False, "reason": reason}
    return JSONResponse(content, 200 if reason is None else 503, headers={"Cache-Control": "no-store"})


def _trouble(request: Request) -> str | None:
    if request.app.get_blocks().ending:
        return "the server is being ended"
    folder = get_upload_folder()
    if not os.access(folder, os.W_OK):
        return "the folder for uploads cannot be written"
    if shutil.disk_usage(folder).free < LEAST_FREE:
        return "the disk is full"
    queue = request.app.get_blocks()._queue
    if queue.max_size is not None and len(queue) >= queue.max_size:
        return "the queue is full"
    return None
