"""The server's own folder: nobody else's, swept, and gone with the server, however it ends."""

from __future__ import annotations

import atexit
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gradio.state_holder import SessionState

from tests.coroutines import run
from tests.ui.servers import serving
from ui.page import build
from ui.serving import folder as temporary
from ui.serving.folder import KEPT_FOR, sweep
from ui.serving.watching import Sessions, WatchSessions

ROOT = Path(__file__).parents[2]

CLAIM = "from folder import claim_folder; folder = claim_folder(); print(folder, flush=True); "


def claiming(parent: Path, then: str) -> subprocess.Popen[str]:
    """A process with a folder of its own below ``parent``."""
    environment = {name: value for name, value in os.environ.items() if name != temporary._VARIABLE}
    return subprocess.Popen(
        [sys.executable, "-c", CLAIM + then],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment | {"TMPDIR": str(parent), "PYTHONPATH": str(ROOT / "ui" / "serving")},
    )


def folder_of(process: subprocess.Popen[str]) -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_a_server_has_a_folder_that_ends_with_it(model_folder: Path, tmp_path: Path) -> None:
    with serving(model_folder, tmp_path) as killed:
        folder = killed.folder
        assert folder.stat().st_mode & 0o777 == 0o700
        killed.upload(b"somebody's photo", "photo.jpg")
        assert list(folder.rglob("photo.jpg"))
        killed.end(signal.SIGKILL)
    assert folder.exists()
    with serving(model_folder, tmp_path) as ended:
        assert not folder.exists(), "the leftovers of a process that is no more"
        ended.upload(b"somebody's photo", "photo.jpg")
        assert list(ended.folder.rglob("photo.jpg"))
        assert ended.end(signal.SIGTERM) == 0
    assert list(tmp_path.iterdir()) == []


def test_two_servers_leave_each_other_alone(tmp_path: Path) -> None:
    first = claiming(tmp_path, "input()")
    lives = folder_of(first)
    second = claiming(tmp_path, "pass")
    gone = folder_of(second)
    second.communicate()
    assert lives != gone
    assert lives.exists()
    assert not gone.exists()
    first.communicate("\n")
    assert not lives.exists()


def test_a_forked_child_leaves_the_folder_of_its_parent(tmp_path: Path) -> None:
    then = "import os, sys\nif os.fork() == 0: sys.exit()\nos.wait(); print(folder.exists())"
    out, _ = claiming(tmp_path, then).communicate()
    assert out.splitlines()[1] == "True"
    assert list(tmp_path.iterdir()) == []


def test_a_process_started_by_a_server_has_a_folder_beside_its(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outer = tmp_path / "cvt-explorer-1-outer"
    outer.mkdir()
    (outer / "file").touch()
    descriptor = os.open(outer, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # it lives
    monkeypatch.setenv(temporary._VARIABLE, str(outer))
    monkeypatch.setattr(atexit, "register", lambda *_: None)
    inner = temporary.claim_folder()
    assert inner.parent == tmp_path
    assert (outer / "file").exists()
    os.close(descriptor)
    monkeypatch.setenv(temporary._VARIABLE, str(tmp_path))
    temporary.claim_folder()
    assert not outer.exists()
    assert inner.exists()


def test_everything_old_is_swept_and_what_is_shown_stays(tmp_path: Path) -> None:
    shown, forgotten = tmp_path / "a" / "photo.jpg", tmp_path / "b" / "photo.jpg"
    for path in (shown, forgotten):
        path.parent.mkdir()
        path.write_bytes(b"photo")
    os.utime(forgotten, (0, 0))  # a copy may be as old as its original, and yet have come today
    sweep(tmp_path, {str(shown)})
    assert shown.exists()
    assert forgotten.exists()
    later = time.time() + KEPT_FOR + 1
    sweep(tmp_path, {str(shown)}, now=later)
    assert shown.exists()
    assert not forgotten.exists()
    sweep(tmp_path, set(), now=time.time() + KEPT_FOR + 1)
    assert list(tmp_path.iterdir()) in ([], [shown.parent], [forgotten.parent], [shown.parent, forgotten.parent])
    assert not shown.exists()


def test_only_what_an_open_page_shows_counts_as_shown() -> None:
    sessions = Sessions()
    sessions.open["here"] += 1
    sessions.note("here", 1, {"path": "/f/old.png"})
    sessions.note("here", 1, [{"file": {"path": "/f/new.png"}}])
    sessions.note("here", 2, "no file")
    sessions.note("gone", 1, {"path": "/f/gone.png"})
    assert sessions.shown() == {"/f/new.png"}


def test_a_page_is_open_as_long_as_its_heart_beats() -> None:
    sessions = Sessions()
    seen: list[set[str]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(set(sessions.open))

    server = SimpleNamespace(get_blocks=lambda: SimpleNamespace(sessions=sessions))
    for path in ("/gradio_api/heartbeat/here", "/below/gradio_api/heartbeat/there", "/config"):
        run(WatchSessions(app)({"type": "http", "path": path, "app": server}, None, None))  # type: ignore[arg-type]
    assert seen == [{"here"}, {"there"}, set()]
    assert set(sessions.open) == set()


def test_what_a_handler_answers_is_what_its_session_shows(model_folder: Path) -> None:
    demo = build(str(model_folder), "cpu")
    pick = next(fn for fn in demo.fns.values() if fn.name == "pick")
    for chosen in ("cat", "coffee"):
        value = {"pictures": [], "chosen": chosen}
        run(demo.process_api(pick, [value, None], state=SessionState(demo), session_hash="here"))
    demo.sessions.open["here"] += 1
    assert [Path(path).name for path in demo.sessions.shown()] == ["coffee.jpg"]
