"""A corpus used up in one process that may take neither memory nor time, and what came of each case."""

from __future__ import annotations

import io
import json
import logging
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["PATIENCE", "told_by", "use"]

PATIENCE = 3.0
"""Seconds of work after which the system ends the process: a case takes a third of it at most on a quiet machine."""

ROOT = Path(__file__).parents[2]


def use(
    cases: Sequence[dict[str, Any]], act: Callable[[dict[str, Any]], object], memory: int, patience: float = PATIENCE
) -> None:
    """Act on each case, and print a line of JSON: its name, the error's kind, what it or the log says, and the result.

    Args:
        cases: each with a ``name``.
        act: what is done with one; its result has to fit into JSON.
        memory: bytes of address space that all of them may take beyond what is there now.
        patience: seconds of work for one of them.
    """
    log = io.StringIO()
    logging.getLogger("ui").addHandler(logging.StreamHandler(log))
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + memory, in_use + memory))
    for case in cases:
        signal.setitimer(signal.ITIMER_PROF, patience)  # nobody handles the signal: it ends the process
        begun = time.process_time()
        error: Exception | None = None
        result = None
        log.truncate(0)
        try:
            result = act(case)
        except Exception as raised:
            error = raised
        signal.setitimer(signal.ITIMER_PROF, 0)
        told = {"name": case["name"], "error": type(error).__name__ if error else None, "result": result}
        told |= {"says": f"{error or ''}{log.getvalue()}", "seconds": time.process_time() - begun}
        print(json.dumps(told), flush=True)


def told_by(module: str, folder: Path) -> dict[str, dict[str, Any]]:
    """The lines that a program of this folder printed, by the names of its cases."""
    command = [sys.executable, "-m", f"tests.hostile.{module}", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"ended with {done.returncode} after {lines[-1:]}: {done.stderr[-2000:]}"
    return {line["name"]: line for line in lines}
