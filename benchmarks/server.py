"""The page in a process of its own, for benchmarks of it."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Served", "served", "served_by"]


@dataclass(frozen=True)
class Served:
    """A server that answers.

    Attributes:
        address: of the page, with a slash at its end.
        process: what serves it.
        temporary: where its folder is.
    """

    address: str
    process: subprocess.Popen[bytes]
    temporary: Path


def served(model: str = "bundled") -> AbstractContextManager[Served]:
    """Serve the page as ``app.py`` does, from when it answers."""
    return served_by([sys.executable, "app.py", "--model", model])


@contextmanager
def served_by(command: Sequence[str]) -> Iterator[Served]:
    """Serve what a command serves on the port that Gradio is told by its environment, from when it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryDirectory() as temporary:
        told = {"TMPDIR": temporary, "GRADIO_TEMP_DIR": temporary, "GRADIO_SERVER_PORT": str(port)}
        process = subprocess.Popen(command, env=os.environ | told, stdout=subprocess.DEVNULL)
        try:
            while True:
                try:
                    urllib.request.urlopen(f"{address}config").close()
                    break
                except OSError as error:
                    if process.poll() is not None:
                        raise SystemExit(f"{shlex.join(command)} ended with status {process.returncode}") from error
                    time.sleep(0.2)
            yield Served(address, process, Path(temporary))
        finally:
            process.terminate()
            process.wait()
