"""What stands first in a document, and in which language the page is read."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.serving.document import HEAD, DocumentHead
from ui.words import language_of

PAGE = "<!doctype html><html><head><title>é</title></head><body><head></body></html>"


async def streamed(_: Any) -> StreamingResponse:
    async def parts() -> Any:
        for character in PAGE:
            yield character

    return StreamingResponse(parts(), media_type="text/html")


@pytest.fixture
def client() -> TestClient:
    routes = [
        Route("/", lambda _: HTMLResponse(PAGE)),
        Route("/streamed", streamed),
        Route("/data", lambda _: JSONResponse({"html": "<head>"})),
        Route("/post", lambda _: HTMLResponse(PAGE), methods=["POST"]),
    ]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(DocumentHead)]))


@pytest.mark.parametrize("path", ["/", "/streamed"])
def test_the_head_comes_first_and_once(client: TestClient, path: str) -> None:
    response = client.get(path)
    policy = response.headers["content-security-policy"]
    (nonce,) = re.findall(r"'nonce-([^']+)'", policy)
    head = HEAD.replace("<script>", f'<script nonce="{nonce}">')
    assert response.text == PAGE.replace("<head>", "<head>" + head, 1)
    assert nonce not in client.get(path).text  # another one every time
    assert int(response.headers["content-length"]) == len(response.content)


def test_everything_else_is_left_alone(client: TestClient) -> None:
    assert client.get("/data").json() == {"html": "<head>"}
    assert client.post("/post").text == PAGE
    assert client.head("/").headers["content-length"] == str(len(PAGE.encode()))


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [
        ({}, "", "en"),
        ({}, "ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        ({}, "en-GB,ja;q=0.5", "en"),
        ({"lang": "ja"}, "en", "ja"),
        ({"lang": "en"}, "ja", "en"),
        ({"lang": "xx"}, "ja", "en"),
    ],
)
def test_the_address_goes_before_the_browser(query: dict[str, str], header: str, language: str) -> None:
    request = SimpleNamespace(query_params=query, headers={"accept-language": header})
    assert language_of(request).code == language  # type: ignore[arg-type]
