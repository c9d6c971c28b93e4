"""Whatever a browser names, only its own uploads are ever read: over HTTP, from a server that may not eat memory."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.ui.servers import Server, serving
from ui.examples import examples

META = {"meta": {"_type": "gradio.FileData"}}

ENOUGH = 12 * 2**30
"""Address space in bytes: torch maps a few GB, a photo needs a few hundred MB, ``/dev/zero`` has no end."""

FIFO, SECRET, LINK, FOLDER = "fifo", "secret.png", "link", "folder"


@pytest.fixture(scope="module")
def server(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(model_folder, tmp_path_factory.mktemp("system"), memory=ENOUGH) as running:
        yield running


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with somebody's picture, a FIFO and a folder."""
    folder = tmp_path_factory.mktemp("somebody")
    Image.new("RGB", (90, 60), (200, 30, 30)).save(folder / SECRET)
    os.mkfifo(folder / FIFO)
    (folder / FOLDER).mkdir()
    return folder


@pytest.fixture(scope="module")
def own(server: Server) -> str:
    """An upload."""
    buffer = io.BytesIO()
    Image.new("RGB", (80, 60), (30, 90, 200)).save(buffer, "PNG")
    return server.upload(buffer.getvalue())


def calls(photo: Any) -> dict[str, list[Any]]:
    """Every handler that a photo is sent to, with its other arguments as the page sends them."""
    picker = {"pictures": [], "chosen": None}
    now = [photo, picker, "local:small-cvt", None]
    return {
        "show": [*now, 0, None],
        "evidence": [*now, 0, None],
        "curve": [*now, 0, None, "class_evidence"],
        "take": [*now, 0, None, "json"],
        "classify": [photo, "local:small-cvt", 5],
        "explain": [photo, "local:small-cvt", "feature", 3, -1, "mean", "cls", "", 1600],
    }


def answers(server: Server, photo: Any) -> dict[str, list[Any]]:
    handlers = server.handlers()
    return {name: server.ask(handlers[name], data, {"class_index": 0}) for name, data in calls(photo).items()}


@pytest.fixture(scope="module")
def to_nothing(server: Server) -> dict[str, list[Any]]:
    """What every handler says to a file that does not exist."""
    return answers(server, {"path": "/nowhere/photo.png"})


def test_what_is_not_there_is_told(to_nothing: dict[str, list[Any]]) -> None:
    for name, said in to_nothing.items():
        assert "the photo is no longer on the server; drop it again" in str(said).replace("The", "the"), (name, said)


@pytest.mark.parametrize("meta", [{}, META], ids=["bare", "as FileData"])
@pytest.mark.parametrize(
    "path",
    [
        "{outside}/" + SECRET,
        "{outside}/" + FIFO,
        "{outside}/" + FOLDER,
        "{outside}/missing.png",
        "/dev/zero",
        "/dev/stdin",
        "/etc/passwd",
        "examples/cat.jpg",
        str(examples()["cat"].path),
        "{folder}",
        "{folder}/../" + SECRET,
        "{folder}/link-to-secret.png",
        "{folder}/link-to-folder/" + SECRET,
        "{folder}/fifo",
        "{folder}/\0",
        "{folder}/" + 5000 * "a",
        "file:///etc/passwd",
        "http://127.0.0.1:9/picture.png",
        "",
    ],
)
def test_every_other_path_gets_the_answer_of_one_that_does_not_exist(
    server: Server, outside: Path, to_nothing: dict[str, list[Any]], path: str, meta: dict[str, Any]
) -> None:
    links = {"link-to-secret.png": outside / SECRET, "link-to-folder": outside}
    for name, target in links.items():
        if not (server.folder / name).is_symlink():
            (server.folder / name).symlink_to(target)
    if not (server.folder / "fifo").exists():
        os.mkfifo(server.folder / "fifo")
    photo = {"path": path.format(outside=outside, folder=server.folder)} | meta
    assert answers(server, photo) == to_nothing
    assert server.process.poll() is None


def test_a_dropped_path_is_no_better(server: Server, outside: Path) -> None:
    drop = server.handlers()["drop"]
    refused = server.ask(drop, [None], {"file": "/nowhere/photo.png"})
    assert "no longer on the server" in str(refused)
    for path in (str(outside / SECRET), "/dev/zero", "examples/cat.jpg", 7, None, [], {}):
        assert server.ask(drop, [None], {"file": path}) == refused
    assert server.ask(drop, [None], None) == refused


@pytest.mark.parametrize("meta", [{}, META], ids=["bare", "as FileData"])
def test_an_upload_is_looked_at(server: Server, own: str, meta: dict[str, Any]) -> None:
    said = answers(server, {"path": own} | meta)
    for name in ("evidence", "classify", "explain"):
        assert said[name][-1][1] is True, said[name]
    assert server.ask(server.handlers()["drop"], [None], {"file": own})[-1][1] is True


@pytest.mark.parametrize("chosen", ["../../etc/passwd", "/etc/passwd", "cat.jpg", "", 5, {"path": "/etc/passwd"}, None])
def test_an_example_has_only_its_name(server: Server, chosen: Any) -> None:
    said = server.ask(server.handlers()["pick"], [{"pictures": [], "chosen": chosen}, None])
    assert "'path': '" not in str(said)  # no file is given; a refusal may repeat what was sent, without its path


def test_nonsense_in_every_place_ends_in_an_error_and_the_server_lives(server: Server, own: str) -> None:
    nonsense = [None, "9" * 5000, 1e308, {"path": "/dev/zero"} | META, [[{}]]]
    handlers = server.handlers()
    for name, data in calls({"path": own}).items():
        for place in range(len(data)):
            for value in nonsense:
                said = server.ask(handlers[name], [*data[:place], value, *data[place + 1 :]], {"class_index": value})
                assert "Traceback" not in str(said)
    assert server.ask(handlers["classify"], [{"path": own}, "local:small-cvt", 5])[-1][1] is True


@pytest.mark.parametrize("event", [None, {}, {"index": 0, "value": "nobody"}, {"index": None, "value": {}}, "x", 5])
def test_a_class_that_is_none_cannot_be_chosen(server: Server, event: Any) -> None:
    said = server.ask(server.handlers()["choose"], ["local:small-cvt"], event)
    assert said[-1] == 500 or said[-1][1] is False


@pytest.mark.parametrize(
    "address", ["file=/etc/passwd", "file={outside}/secret.png", "file={folder}/../x", "file=app.py"]
)
def test_files_are_not_served_either(server: Server, outside: Path, address: str) -> None:

    answer = httpx.get(f"{server.address}/gradio_api/" + address.format(outside=outside, folder=server.folder))
    assert answer.status_code in (403, 404)
