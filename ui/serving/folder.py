"""Where the server keeps what is uploaded and what it makes: a folder of its own, for as long as it runs.

Gradio's own choice is one folder for every user and every server of a machine. Here each process has one that nobody
else can open, as :mod:`tempfile` makes them. It goes when the process ends; a process that was killed leaves it to the
next one, which knows it by the lock that the kernel has let go.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Set
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where leftovers wait for the system to clear its temporary files
    fcntl = None  # type: ignore[assignment]

__all__ = ["KEPT_FOR", "claim_folder", "release_folder", "sweep"]

KEPT_FOR = 12 * 3600
"""Seconds that a file is kept which nobody looks at; the page promises a day."""

PREFIX = "cvt-explorer-"

_VARIABLE = "GRADIO_TEMP_DIR"


def claim_folder() -> Path:
    """Give this process its folder, and take away those of processes that are no more.

    It lies in the system's folder for temporary files, or in the one that ``GRADIO_TEMP_DIR`` names. Has to be called
    before Gradio is imported, which reads that variable then.
    """
    parent = Path(os.environ.get(_VARIABLE) or tempfile.gettempdir()).resolve()
    if parent.name.startswith(PREFIX):  # of the process that started this one
        parent = parent.parent
    parent.mkdir(parents=True, exist_ok=True)
    for leftover in parent.glob(f"{PREFIX}*"):
        _remove_if_left(leftover)
    folder = _locked_folder(parent)
    os.environ[_VARIABLE] = str(folder)
    atexit.register(_remove, folder, os.getpid())
    return folder


def release_folder() -> None:
    """Remove this process's folder; nothing may be kept in it any more."""
    shutil.rmtree(os.environ[_VARIABLE], ignore_errors=True)


def sweep(folder: Path, shown: Set[str], now: float | None = None) -> None:
    """Delete every file in a folder that is older than :data:`KEPT_FOR` seconds, whoever wrote it.

    Args:
        folder: where to look, at any depth; folders that have stood empty for as long go too.
        shown: paths of files that stay, because somebody looks at them.
        now: seconds since 1970, for tests.
    """
    oldest = (time.time() if now is None else now) - KEPT_FOR
    for place, _, names in os.walk(folder, topdown=False):
        for path in (os.path.join(place, name) for name in names):
            if path not in shown and _changed(path) < oldest:
                Path(path).unlink(missing_ok=True)
        if place != str(folder) and _changed(place) < oldest and not os.listdir(place):
            os.rmdir(place)


def _changed(path: str) -> float:
    """When a file came to be or was handed out again; a copy keeps the older ``mtime`` of its original."""
    try:
        return os.lstat(path).st_ctime
    except FileNotFoundError:
        return float("inf")


def _locked_folder(parent: Path) -> Path:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
        if fcntl is None:
            return folder
        try:
            descriptor = os.open(folder, os.O_RDONLY)  # stays open, and with it the lock, until the process ends
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if folder.exists():  # another process may have taken it for a leftover before it was locked
            return folder
        os.close(descriptor)


def _remove_if_left(folder: Path) -> None:
    """Remove the folder of a process that is no more; folders of other users cannot be opened, and stay."""
    if fcntl is None:
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child leaves it
        shutil.rmtree(folder, ignore_errors=True)
