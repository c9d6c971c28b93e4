"""What the browser gets beside Gradio's page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ui.examples import examples
from ui.serving import assets
from visualize.language import LANGUAGES, Language
from visualize.palette import colour_rule


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=assets.routes())) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("explorer/explorer.js", "javascript"),
        ("explorer/explorer.css", "css"),
        ("all.css", "css"),
        ("shared/words.js", "javascript"),
        ("host.js", "javascript"),
        ("theme.json", "json"),
        ("words/ja.json", "json"),
    ],
)
def test_browsers_may_keep_what_is_named_by_its_content(client: TestClient, path: str, kind: str) -> None:
    answer = client.get(f"/{assets.ADDRESS}/{path}")
    assert answer.status_code == 200
    assert kind in answer.headers["content-type"]
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["words/xx.json", "words/..%2fen.json", "../ui/launch.py", "%2e%2e/app.py", "none.js"])
def test_nothing_else_is_there(client: TestClient, path: str) -> None:
    assert client.get(f"/{assets.ADDRESS}/{path}").status_code == 404


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "br"), ("gzip", "gzip"), ("identity", None)])
@pytest.mark.parametrize("kind", ["js", "css"])
def test_gradios_own_files_are_sent_from_memory(
    client: TestClient, kind: str, accepted: str, encoding: str | None
) -> None:
    file = min(assets.GRADIO.glob(f"*.{kind}"))
    for _ in range(2):
        answer = client.get(f"/assets/{file.name}", headers={"Accept-Encoding": accepted})
        assert answer.content == file.read_bytes()
        assert answer.headers.get("content-encoding") == encoding
        assert answer.headers["vary"] == "Accept-Encoding"
        assert "immutable" in answer.headers["cache-control"]
    assert int(answer.headers["content-length"]) < len(answer.content) or encoding is None


def test_gradios_fonts_are_sent_as_they_are(client: TestClient) -> None:
    file = min(assets.GRADIO.glob("*.woff2"))
    answer = client.get(f"/assets/{file.name}")
    assert answer.content == file.read_bytes()
    assert answer.headers["content-type"] == "font/woff2"
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("path", ["none.js", "..%2findex.html", "%2e%2e/index.html", ""])
def test_nothing_but_gradios_files_is_there(client: TestClient, path: str) -> None:
    assert client.get(f"/assets/{path}").status_code == 404


def test_everything_that_the_head_names_is_there(client: TestClient) -> None:
    named = re.findall(r'href="([^"]+)"', assets.head())
    assert len(named) > 30
    for address in named:
        assert client.get(f"/{address}").status_code == 200, address


def test_the_small_pictures_are_there(client: TestClient) -> None:
    for example in examples().values():
        assert client.get(f"/{example.small}").headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("code", LANGUAGES)
def test_words_are_those_of_the_store(client: TestClient, code: str) -> None:
    store = client.get(f"/{assets.ADDRESS}/words/{code}.json").json()
    assert store["language"] == code
    assert store["languages"] == {language: Language.of(language).name for language in LANGUAGES}
    assert store["parts"]["explorer"] == Language.of(code).texts["explorer"]
    assert "page" not in store["parts"]  # Gradio shows these


def test_colours_are_pythons() -> None:
    theme = json.loads(assets.theme())
    assert theme["colours"] == colour_rule()
    assert {rule["palette"] for rule in theme["colours"].values()} <= theme["palettes"].keys()


def test_other_content_has_another_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = assets._version()
    assert f"web/{before}" == assets.ADDRESS
    changed = tmp_path / "host.js"
    changed.write_text(assets.HOST.read_text(encoding="utf-8") + " ", encoding="utf-8")
    monkeypatch.setattr(assets, "HOST", changed)
    assert assets._version() != before
