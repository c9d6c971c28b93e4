"""The tools for assistants, through the mcp package's own client."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image

from cvt.errors import ConfigError
from ui import assistants
from ui.assistants import Assistants
from ui.endpoints import classify
from ui.examples import examples
from ui.launch import launch_options
from ui.page import build
from ui.serving.watching import WatchedBlocks

pytestmark = pytest.mark.filterwarnings("ignore:Use `streamable_http_client`:DeprecationWarning")

CAT = examples()["cat"]


@pytest.fixture(scope="module")
def demo(model_folder: Path) -> Iterator[WatchedBlocks]:
    demo = build(str(model_folder), "cpu")
    options = launch_options(assistants=Assistants(demo.models, demo.start))
    demo.launch(server_name="127.0.0.1", quiet=True, prevent_thread_lock=True, **options)
    yield demo
    demo.close(verbose=False)


def asked(demo: WatchedBlocks, ask: Callable[[ClientSession], Any]) -> Any:
    """What a session of the client brings."""

    async def session() -> Any:
        async with (
            streamablehttp_client(f"{demo.local_url}mcp") as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            return await ask(client)

    return asyncio.run(session())


def called(demo: WatchedBlocks, name: str, **given: Any) -> Any:
    return asked(demo, lambda client: client.call_tool(name, given))


def data_address() -> str:
    return "data:image/jpeg;base64," + base64.b64encode(CAT.path.read_bytes()).decode()


def test_two_tools_whose_arguments_are_typed_and_documented(demo: WatchedBlocks) -> None:
    tools = {tool.name: tool for tool in asked(demo, lambda client: client.list_tools()).tools}
    assert set(tools) == {"classify", "explain"}
    for tool in tools.values():
        fields = tool.inputSchema["properties"]
        assert tool.description and all(field["description"] for field in fields.values())
        assert tool.inputSchema["required"] == ["image"]
        assert fields["model"]["enum"][0] == fields["model"]["default"] == "local:small-cvt"
    assert tools["classify"].inputSchema["properties"]["top_k"]["minimum"] == 1
    assert "attention" in tools["explain"].inputSchema["properties"]["method"]["enum"]
    assert tools["explain"].inputSchema["properties"]["stage"]["type"] == "integer"


def test_classify(demo: WatchedBlocks) -> None:
    expected = classify(demo.models, CAT.open(), "local:small-cvt", 3)
    uploaded = httpx.post(f"{demo.local_url}gradio_api/upload", files={"files": CAT.path.read_bytes()}).json()[0]
    for image in (data_address(), "cat", uploaded):
        (told,) = called(demo, "classify", image=image, top_k=3).content
        assert [line.rpartition(": ")[0] for line in told.text.splitlines()] == list(expected)


def test_explain(demo: WatchedBlocks) -> None:
    sentence, picture, numbers = called(
        demo, "explain", image="cat", method="attention", stage=2, query="4,5", size=300
    ).content
    assert sentence.text.startswith("Attention (stage 2")
    with Image.open(io.BytesIO(base64.b64decode(picture.data))) as drawn:
        assert (drawn.format, max(drawn.size)) == ("PNG", 300)
    address = numbers.text.rpartition(": ")[2]
    assert httpx.get(f"{demo.local_url}".rstrip("/") + address).content.startswith(b"PK")


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("classify", {}, "image"),
        ("classify", {"image": "cat", "top_k": 1.5}, "top_k=1.5"),
        ("classify", {"image": "cat", "model": "../../etc"}, "model='../../etc'"),
        ("classify", {"image": "http://127.0.0.1:9/photo.png"}, "no longer on the server"),
        ("classify", {"image": "/etc/passwd"}, "no longer on the server"),
        ("classify", {"image": "data:image/png;base64,AAAA"}, "not a picture"),
        ("explain", {"image": "cat", "head": "left"}, "must be 'mean' or a number"),
        ("explain", {"image": "cat", "target": "x" * 2000}, "target="),
        ("delete", {}, "'delete' is no tool here"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(demo: WatchedBlocks, name: str, given: dict[str, Any], says: str) -> None:
    answer = called(demo, name, **given)
    assert answer.isError
    assert says in answer.content[0].text and len(answer.content[0].text) <= 400


def test_without_the_package_a_sentence_says_what_to_install(
    demo: WatchedBlocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assistants, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'pip install "cvt-explorer\[mcp\]"'):
        Assistants(demo.models, demo.start)
