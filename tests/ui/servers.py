"""The app as a process of its own, and its handlers asked over HTTP the way a browser, or an attacker, would."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx

__all__ = ["Server", "serving"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Server:
    """A process that serves the page."""

    address: str
    process: subprocess.Popen[bytes]
    temporary: Path
    client: httpx.Client
    log: IO[bytes] | None = None

    @property
    def folder(self) -> Path:
        """Its folder for uploads and results."""
        (folder,) = self.temporary.glob(f"cvt-explorer-{self.process.pid}-*")
        return folder

    def logged(self) -> list[str]:
        """The lines of its log."""
        assert self.log is not None
        return os.pread(self.log.fileno(), 2**30, 0).decode(errors="replace").splitlines()

    def end(self, kind: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and wait for the end."""
        self.process.send_signal(kind)
        return self.process.wait(timeout=60)

    def handlers(self) -> dict[str, int]:
        """Numbers of all handlers, private ones too, by their Python names."""
        config = self.client.get("/config").json()
        return {str(dependency["api_name"]): dependency["id"] for dependency in config["dependencies"]}

    def upload(self, content: bytes, name: str = "photo.png") -> str:
        """Where an uploaded file lies on the server."""
        answer = self.client.post("/gradio_api/upload", files={"files": (name, content)})
        return str(answer.json()[0])

    def ask(self, handler: int, data: list[Any], event: Any = None, session: str | None = None) -> list[Any]:
        """Everything a handler says: outputs, errors and toasts, without times and names that change with each call."""
        session = session or uuid.uuid4().hex
        body = {"fn_index": handler, "data": data, "event_data": event, "session_hash": session, "trigger_id": None}
        content = json.dumps(body).encode()  # with NaN and Infinity, which httpx would not write
        headers = {"Content-Type": "application/json"}
        joined = self.client.post("/gradio_api/queue/join", content=content, headers=headers)
        if joined.status_code != 200:
            return [joined.status_code]
        said = []
        with self.client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as answer:
            for line in answer.iter_lines():
                message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                if message.get("msg") == "log":
                    said.append((message["level"], message["log"]))
                elif message.get("msg") in ("process_generating", "process_completed"):
                    output = message["output"]
                    said.append((message["msg"], message["success"], output.get("data"), output.get("error")))
                    if message["msg"] == "process_completed":
                        return said
                elif message.get("msg") in ("close_stream", "unexpected_error"):
                    return [*said, message]
        return said


@contextmanager
def serving(
    model: Path, temporary: Path, *options: str, memory: int | None = None, folder: Path = ROOT
) -> Iterator[Server]:
    """Start ``app.py`` and wait until it answers; at the end it is killed if it still runs.

    Args:
        model: what it shows.
        temporary: the system's folder for temporary files, as far as it knows.
        options: more of ``app.py``'s.
        memory: most address space, in bytes.
        folder: where it is started.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "app.py"), "--model", str(model), "--port", str(port), "--device", "cpu"]
    command += options
    limit = "" if memory is None else f"ulimit -v {memory // 1024}; "
    environment = {name: value for name, value in os.environ.items() if name != "GRADIO_TEMP_DIR"}
    environment |= {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            ["bash", "-c", f"{limit}exec {shlex.join(command)}"], cwd=folder, env=environment, stderr=log
        )
        try:
            for _ in range(600):
                assert process.poll() is None, f"the server ended with {process.returncode}"
                try:
                    httpx.get(f"{address}/config", timeout=5)
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            with httpx.Client(base_url=address, timeout=60) as client:
                yield Server(address, process, temporary, client, log)
        finally:
            process.kill()
            process.wait()
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace"))
