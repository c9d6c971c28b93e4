"""One address before several servers, as a load balancer is: a cookie keeps a visitor at one of them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

__all__ = ["balancing"]

COOKIE = "replica"
OF_ONE_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


@contextmanager
def balancing(addresses: Sequence[str], *, sticky: bool = True) -> Iterator[str]:
    """An address that hands every request on, a new visitor's to the next server in turn.

    Args:
        addresses: the servers.
        sticky: whether visitors are kept where their first request went; otherwise every request goes to the next.
    """
    client = httpx.AsyncClient(timeout=None)
    turn = cycle(range(len(addresses)))

    async def hand_on(request: Request) -> StreamingResponse:
        kept = request.cookies.get(COOKIE) if sticky else None
        chosen = int(kept) if kept is not None else next(turn)
        headers = {name: value for name, value in request.headers.items() if name not in OF_ONE_HOP}
        address = httpx.URL(addresses[chosen]).copy_with(raw_path=_path_of(request))
        sent = client.build_request(request.method, address, headers=headers, content=await request.body())
        answer = await client.send(sent, stream=True)
        passed = StreamingResponse(answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose))
        passed.raw_headers = [pair for pair in answer.headers.raw if pair[0].decode().lower() not in OF_ONE_HOP]
        if sticky:
            passed.set_cookie(COOKIE, str(chosen))
        return passed

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        every = Route("/{path:path}", hand_on, methods=["GET", "HEAD", "POST"])
        server = uvicorn.Server(
            uvicorn.Config(Starlette(routes=[every]), log_level="error", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _path_of(request: Request) -> bytes:
    query = request.scope["query_string"]
    return bytes(request.scope["raw_path"]) + (b"?" + query if query else b"")
