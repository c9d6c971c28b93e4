"""A server that strangers ask: arguments, addresses, bodies and names that nobody honest would send."""

from __future__ import annotations

import json
import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.hostile.model_files import any_number_of_digits, make_good, written_out
from tests.hostile.photos import saved
from tests.ui.servers import Server, serving

HERE = Path(__file__).parent
ARGUMENTS = tomllib.loads((HERE / "arguments.toml").read_text(encoding="utf-8"))["case"]
ADDRESSES = tomllib.loads((HERE / "addresses.toml").read_text(encoding="utf-8"))["case"]

PARAMETERS = {
    "classify": {"image": None, "model": "local:small", "top_k": 5},
    "explain": {
        **{"image": None, "model": "local:small", "method": "class_evidence", "stage": 3, "block": -1},
        **{"head": "mean", "query": "cls", "target": "", "size": 100},
    },
    "show": {"brought": None, "examples": None, "model": "local:small", "kept": None, "number": 0, "turn": None},
}
PARAMETERS["curve"] = PARAMETERS["show"] | {"method": "class_evidence"}
PARAMETERS["take"] = PARAMETERS["show"] | {"kind": "json"}
PARAMETERS["trial"] = PARAMETERS["show"] | {"trials": None}
PARAMETERS["figure"] = PARAMETERS["show"]

EVENT = {
    **{"class_index": 0, "number": 1, "change": "shift", "way": "right", "by": 0, "over": "vertical", "pieces": 2},
    **{"seed": 1, "longest": 64, "shape": "square", "to": "mean", "stage": 1, "block": 1, "head": 1},
    **{"view": "class_evidence", "format": "svg", "query": "1,1", "target": 0},
}
"""What the page's own events bring. Of a trial and a figure it is all that is asked for."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("models") / "small"
    make_good(folder)
    options = ("--log-level", "info", "--frame-ancestors", "https://school.example")
    with serving(folder, tmp_path_factory.mktemp("system"), *options) as running:
        yield running


@pytest.fixture(scope="module")
def photo(server: Server) -> dict[str, str]:
    return {"path": server.upload(saved("PNG"))}


def test_the_corpora_are_as_large_as_is_said() -> None:
    assert sum(len(case["values"]) for case in ARGUMENTS) >= 150
    assert len(ADDRESSES) >= 20


@pytest.mark.parametrize("case", ARGUMENTS, ids=[f"{case['handler']}-{case['argument']}" for case in ARGUMENTS])
def test_an_argument(server: Server, photo: dict[str, str], case: dict[str, Any]) -> None:
    handler = server.handlers()[case["handler"]]
    alike = {"examples": "example", "query": "query|row|column", "image": "image|photo", "target": "target|class"}
    named = alike.get(case["argument"], case["argument"])
    for text in case["values"]:
        given = dict(PARAMETERS[case["handler"]])
        given["image" if "image" in given else "brought"] = photo
        event = EVENT | case.get("event", {})
        with any_number_of_digits():
            (event if case["handler"] in ("trial", "figure") else given)[case["argument"]] = json.loads(
                written_out(text)
            )
        before = len(server.logged())
        said = server.ask(handler, list(given.values()), event)
        lines = server.logged()[before:]
        assert len(lines) == 1 and " call=" in lines[0] and len(lines[0]) < 400, (text[:40], lines)
        kind, success, _, error = said[-1]
        assert (kind, success) == ("process_completed", False), (text[:40], said)
        assert len(error) <= 300, (text[:40], error)
        assert any(name in error.lower() for name in named.split("|")), (text[:40], error)
    assert server.process.poll() is None


@pytest.mark.parametrize("case", ADDRESSES, ids=[f"{n} {case['path'][:50]}" for n, case in enumerate(ADDRESSES)])
def test_an_address(server: Server, case: dict[str, Any]) -> None:
    where = urlsplit(server.address)
    headers = {"Host": case.get("host", where.netloc), "Connection": "close"}
    headers |= {"Origin": case["origin"]} if "origin" in case else {}
    headers |= {"X-Forwarded-Host": case["forwarded"]} if "forwarded" in case else {}
    lines = [f"GET {case['path'].replace('<', '%3C')} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.sendall("\r\n".join(lines).encode())  # as it is: a client would tidy the path up
        answer = b"".join(iter(lambda: connection.recv(2**16), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    refused = (403, 404)  # Gradio's own refusals are sometimes the one and sometimes the other
    assert int(head.split()[1]) in (refused if case["status"] in refused else [case["status"]]), head
    for never in (b"evil.example/", b"http://evil", b"<script>alert", b"root:x:0", b"Traceback"):
        assert never not in body
    if case["status"] != 403:
        assert b"nosniff" in head and b"content-security-policy" in head.lower()


def test_a_document_may_run_its_own_scripts_alone(server: Server) -> None:
    answer = httpx.get(server.address)
    policy = answer.headers["content-security-policy"]
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert answer.text.count(f'<script nonce="{nonce}"') == answer.text.count("<script") > 1
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert nonce not in httpx.get(server.address).text


def test_pages_of_named_origins_may_frame_it(server: Server) -> None:
    for path in ("/", "/healthz", "/config"):
        policy = httpx.get(f"{server.address}{path}").headers["content-security-policy"]
        assert policy.endswith("; frame-ancestors 'self' https://school.example"), path


def test_no_path_of_this_machine_is_told(server: Server, photo: dict[str, str]) -> None:
    given: dict[str, Any] = dict(PARAMETERS["explain"])
    said = server.ask(server.handlers()["explain"], [photo, *list(given.values())[1:]])
    for told in (httpx.get(f"{server.address}/config").text, httpx.get(server.address).text, str(said), str(photo)):
        assert "/cvt-explorer--" in told
        for never in (str(server.temporary), str(HERE.parents[1]), str(Path.home())):
            assert never not in told


def test_a_body_that_is_announced_as_too_large_is_not_read(server: Server) -> None:
    where = urlsplit(server.address)
    for path in ("queue/join", "upload", "call/classify"):
        head = f"POST /gradio_api/{path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: 150000000\r\n\r\n"
        with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
            connection.sendall(head.encode())  # and not one byte of the body
            answer = connection.recv(2**16)
        assert answer.startswith(b"HTTP/1.1 413"), answer


def test_a_body_that_announces_nothing_is_read_to_the_limit_alone(server: Server) -> None:
    where = urlsplit(server.address)
    head = f"POST /gradio_api/queue/join HTTP/1.1\r\nHost: {where.netloc}\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"100000\r\n" + bytes(2**20) + b"\r\n"
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.sendall(head.encode())
        with pytest.raises(ConnectionError):  # the server hangs up
            for _ in range(200):
                connection.sendall(chunk)


@pytest.mark.parametrize("index", [9999, -1, 1.5, "x", True, [], 10**400])
def test_a_handler_that_is_none(server: Server, index: Any) -> None:
    with any_number_of_digits():
        body = json.dumps({"fn_index": index, "data": [], "session_hash": "a"})
    answer = httpx.post(f"{server.address}/gradio_api/queue/join", content=body)
    assert answer.status_code in (400, 404)
    assert len(answer.text) <= 300


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"null", b"[" * 100_000, b'{"data": 5}', b'{"session_hash": 5}'])
def test_a_body_that_is_no_call(server: Server, body: bytes) -> None:
    assert httpx.post(f"{server.address}/gradio_api/queue/join", content=body).status_code == 400
