"""A model of the Hub, downloaded by a process of its own, which can be ended whatever it is waiting for.

The Hub, or what stands between, may send a byte a minute, hang, break off, or answer with a sign-in page. A thread that
waits for it cannot be ended, and would keep the lock of the file that it writes.

``python -m cvt.download REPO [--anew]`` is that process. It prints lines of JSON: ``{"done": 0.25}`` for the share of
the file under way, and in the end ``{"reason": …, "message": …}`` where it failed.
"""

from __future__ import annotations

import io
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from huggingface_hub import constants
from tqdm import tqdm

from cvt.errors import CheckpointError, DownloadError
from cvt.hub import HubOptions, at_commit, download_file, download_model

__all__ = ["LONGEST", "PATIENCE", "download"]

PATIENCE = 60.0
"""Seconds in which some bytes have to arrive: 1 kB a second is nothing that anybody waits for."""

LONGEST = 3600.0
"""Seconds that a download may take in all."""

_LEAST = 2**16
"""Bytes that count as something."""

_EVERY = 0.1
"""Seconds between two lines."""


def download(
    repo_id: str,
    tell: Callable[[float], object] = lambda done: None,
    *,
    anew: bool = False,
    patience: float = PATIENCE,
    longest: float = LONGEST,
) -> None:
    """Fetch a model of the Hub, with its preprocessing, into the local cache.

    Args:
        tell: is told now and then how far the file under way has come, from 0 to 1.
        anew: fetch what is in the cache as well.
        patience, longest: seconds, as :data:`PATIENCE` and :data:`LONGEST`.

    Raises:
        DownloadError: it cannot be had; the message says why.
        CheckpointError: the repository has nothing that can be read.
    """
    command = [sys.executable, "-m", "cvt.download", repo_id, *(["--anew"] if anew else [])]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=_environ()
    )
    assert process.stdout is not None
    ends = time.monotonic() + longest
    try:
        for told in _lines(process.stdout, patience, ends):
            if "message" in told:
                kind = DownloadError(told["message"], told["reason"]) if told["reason"] else None
                raise kind or CheckpointError(told["message"])
            tell(told["done"])
    except queue.Empty:
        is_late = time.monotonic() >= ends
        waited = f"took longer than {longest / 60:.0f} minutes" if is_late else f"brought nothing for {patience:.0f} s"
        raise DownloadError(f"downloading {repo_id!r} {waited}, and was ended; try again later", "slow") from None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    if process.returncode > 0:
        raise DownloadError(f"downloading {repo_id!r} failed: its process ended with status {process.returncode}")


def _environ() -> dict[str, str]:
    """The environment in which a process of its own has the same Hub and the same cache."""
    given = {
        "HF_ENDPOINT": constants.ENDPOINT,
        "HF_HUB_CACHE": str(constants.HF_HUB_CACHE),
        "HF_HUB_OFFLINE": str(int(constants.HF_HUB_OFFLINE)),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
    }
    return os.environ | given


def _lines(stream: IO[str], patience: float, ends: float) -> Iterator[dict[str, Any]]:
    """What the process says, as it says it.

    Raises:
        queue.Empty: it has said nothing for too long.
    """
    arrived: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in stream:
            arrived.put(line)
        arrived.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    waits = ends  # for the process to begin, which is not the Hub's fault
    while (line := arrived.get(timeout=max(0.0, min(waits, ends - time.monotonic())))) is not None:
        waits = patience
        yield json.loads(line)
    reader.join()


def main() -> None:
    """The process itself."""
    repo_id, *flags = sys.argv[1:]
    constants.DOWNLOAD_CHUNK_SIZE = _LEAST  # its bars move by as much
    said = float("-inf")

    def say(done: float) -> None:
        nonlocal said
        if time.monotonic() - said > _EVERY:
            said = time.monotonic()
            print(json.dumps({"done": done}), flush=True)

    class Bar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*args, **{**options, "file": io.StringIO()})

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            say(min(self.n / self.total, 1) if self.total else 0.0)
            return shown

    options = HubOptions(force_download="--anew" in flags)
    say(0.0)
    try:
        folder = download_model(repo_id, options, Bar)
        try:
            download_file(repo_id, "preprocessor_config.json", at_commit(options, folder / "config.json"), Bar)
        except DownloadError:
            raise
        except CheckpointError:  # it has none, which whoever loads it will say
            pass
    except CheckpointError as error:
        print(json.dumps({"reason": getattr(error, "reason", None), "message": str(error)}), flush=True)


if __name__ == "__main__":
    main()
