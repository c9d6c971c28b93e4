"""What stands between the network and the handlers: what is let in, how much of it, and how it all ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio.utils import get_upload_folder

from tests.ui.servers import Server
from ui.launch import launch_options
from ui.serving import ending, gate, health
from ui.serving.watching import WatchedBlocks

SENTENCE = "The server is being ended; try again in a minute."


@dataclass
class Work:
    """A server with one handler, which works until it is let go, one call at a time."""

    demo: WatchedBlocks
    server: Server
    begun: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8))

    def ask(self) -> Future[list[Any]]:
        return self.pool.submit(self.server.ask, self.server.handlers()["work"], [])


@pytest.fixture
def work() -> Iterator[Work]:
    with WatchedBlocks(analytics_enabled=False) as demo:

        def wait() -> str:
            made.begun.set()
            assert made.go.wait(60)
            return "done"

        gr.Button().click(wait, None, gr.Textbox(), api_name="work", concurrency_limit=1)
    address = demo.launch(server_name="127.0.0.1", quiet=True, prevent_thread_lock=True, **launch_options())[1]
    client = httpx.Client(base_url=address, timeout=60)
    made = Work(demo, Server(address.rstrip("/"), None, Path(), client))
    yield made
    made.go.set()
    made.pool.shutdown()
    client.close()
    demo.close(verbose=False)


def test_what_is_under_way_is_finished_and_the_rest_refused(work: Work) -> None:
    under_way = work.ask()
    assert work.begun.wait(60)
    waiting = [work.ask() for _ in range(3)]
    while len(work.demo._queue) < 3:
        pass
    ended = work.pool.submit(ending.end, work.demo)
    for refused in waiting:
        assert refused.result(60) == [("process_completed", False, None, SENTENCE)]
    late = httpx.post(f"{work.server.address}/gradio_api/queue/join", json={"fn_index": 0, "data": []})
    upload = httpx.post(f"{work.server.address}/gradio_api/upload", files={"files": ("photo.png", b"photo")})
    asked = httpx.get(f"{work.server.address}/healthz")
    assert [answer.status_code for answer in (late, upload, asked)] == [503] * 3
    assert late.json() == upload.json() == {"detail": SENTENCE}
    assert asked.json() == {"ready": False, "reason": "the server is being ended"}
    japanese = {"Accept-Language": "ja", "Content-Type": "application/json"}
    told = httpx.post(f"{work.server.address}/gradio_api/queue/join", content=b"{}", headers=japanese).json()["detail"]
    assert told.startswith("サーバーを終了しています")
    work.go.set()
    assert under_way.result(60) == [("process_completed", True, ["done"], None)]
    ended.result(60)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{work.server.address}/healthz")


def test_work_without_end_is_not_waited_for(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    monkeypatch.setattr(ending, "PATIENCE", 0.2)
    monkeypatch.setattr(ending, "release_folder", lambda: done.append("folder"))
    monkeypatch.setattr(os, "_exit", done.append)
    work.ask()
    assert work.begun.wait(60)
    ending.end(work.demo)
    assert done == ["folder", 0]


def test_health_says_why_not(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"{work.server.address}/healthz"
    assert (httpx.get(address).status_code, httpx.get(address).json()) == (200, {"ready": True})
    with monkeypatch.context() as patch:
        patch.setattr(work.demo._queue, "max_size", 0)
        full = httpx.get(address)
    monkeypatch.setattr(health, "LEAST_FREE", 2**62)
    disk = httpx.get(address)
    assert (full.status_code, full.json()) == (503, {"ready": False, "reason": "the queue is full"})
    assert (disk.status_code, disk.json()) == (503, {"ready": False, "reason": "the disk is full"})


def test_a_page_may_bring_so_much_and_others_too(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MOST_OF_ONE", 3_000)
    monkeypatch.setattr(gate, "MOST_OF_ADDRESS", 5_000)

    def brought(visitor: str) -> int:
        address = f"{work.server.address}/gradio_api/upload{visitor}"
        return httpx.post(address, files={"files": ("photo.png", bytes(1_000))}).status_code

    assert [brought("?visitor=a") for _ in range(3)] == [200, 200, 429]
    assert [brought("?visitor=b") for _ in range(3)] == [200, 200, 429]
    assert [brought("") for _ in range(5)] == [200, 200, 200, 200, 429]
    monkeypatch.setattr(gate, "MOST_KEPT", 4_000)
    assert brought("?visitor=c") == 507


def test_a_file_that_goes_while_files_are_counted_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the part of an upload does that has just become whole."""
    (tmp_path / "kept").write_bytes(bytes(10))
    seen = [(place, folders, [*names, "gone"]) for place, folders, names in os.walk(tmp_path)]
    monkeypatch.setattr(os, "walk", lambda folder: iter(seen))
    assert gate._bytes_in(str(tmp_path)) == 10


def test_no_path_of_this_machine_leaves_it(work: Work) -> None:
    folder = get_upload_folder()
    answer = httpx.post(f"{work.server.address}/gradio_api/upload", files={"files": ("photo.png", b"a photo")})
    (path,) = answer.json()
    assert folder not in path and len(path) > len(folder)
    assert httpx.get(f"{work.server.address}/gradio_api/file={path}").content == b"a photo"
