"""Two servers behind one address: what a visitor needs is that one of them keeps answering."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.hostile.photos import saved
from tests.ui.balancer import COOKIE, balancing
from tests.ui.servers import Server, serving


@pytest.fixture(scope="module")
def replicas(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with ExitStack() as stack:
        yield [stack.enter_context(serving(model_folder, tmp_path_factory.mktemp("system"))) for _ in range(2)]


def explained(visitor: httpx.Client, path: str) -> Any:
    """The answer of ``/explain`` to an uploaded photo; None for an error."""
    image = {"path": path, "meta": {"_type": "gradio.FileData"}}
    values = [image, "local:small-cvt", "class_evidence", 1, -1, "mean", "cls", "", 64]
    call = visitor.post("/gradio_api/call/explain", json={"data": values}).json()["event_id"]
    kind, data = "", ""
    for line in visitor.get(f"/gradio_api/call/explain/{call}").text.splitlines():
        kind = line.removeprefix("event: ") if line.startswith("event: ") else kind
        data = line.removeprefix("data: ") if line.startswith("data: ") else data
    return json.loads(data) if kind == "complete" else None


def upload(visitor: httpx.Client, width: int = 80) -> str:
    content = saved("PNG", width=width)
    return str(visitor.post("/gradio_api/upload", files={"files": ("photo.png", content)}).json()[0])


def test_a_visitor_who_is_kept_at_one_server_gets_everything_from_there(replicas: list[Server]) -> None:
    kept = set()
    with balancing([server.address for server in replicas]) as address:
        for _ in range(2):
            with httpx.Client(base_url=address, timeout=60) as visitor:
                answer = explained(visitor, upload(visitor))
                picture = visitor.get(httpx.URL(answer[0]["url"]).raw_path.decode())
                assert picture.content.startswith(b"\x89PNG")
                kept.add(visitor.cookies[COOKIE])
    assert kept == {"0", "1"}


def test_a_photo_that_lies_on_the_other_server_is_asked_for_again(replicas: list[Server]) -> None:
    path = upload(httpx.Client(base_url=replicas[0].address), width=77)  # nobody has brought that one to the other
    said = replicas[1].ask(replicas[1].handlers()["classify"], [{"path": path}, "local:small-cvt", 5])
    assert "The photo is no longer on the server; drop it again" in json.dumps(said)
