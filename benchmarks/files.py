"""What it takes the server to send one of Gradio's files, from memory as the page does, against Gradio's own way.

    python -m benchmarks.files [--rounds 5]

Asks both servers, each in a process of its own, for all of the modules and styles of a dozen kilobytes at most, over
one connection and in turns. Prints a Markdown table of medians, in milliseconds of processor time for each file.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.server import Served, served, served_by
from ui.serving.assets import GRADIO

LARGEST = 12_000
"""Bytes of a file; most of those of a first visit are smaller."""

BARE = "import gradio as gr\nwith gr.Blocks() as demo: gr.HTML()\ndemo.launch()"
"""A page of Gradio with nothing of ours."""


def main() -> None:
    """Read the command line, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="how often all files are asked for (default: 5)")
    rounds = parser.parse_args().rounds
    files = sorted(path for path in GRADIO.iterdir() if path.suffix in (".js", ".css"))
    names = [path.name for path in files if 0 < path.stat().st_size <= LARGEST]
    with ExitStack() as stack:
        servers = {
            "from memory": stack.enter_context(served()),
            "Gradio's own way": stack.enter_context(served_by([sys.executable, "-c", BARE])),
        }
        taken = [[cost(server, names) for server in servers.values()] for _ in range(rounds + 1)]
    print(f"| {len(names)} files | processor time for each |\n|---|---|")
    for name, costs in zip(servers, zip(*taken[1:], strict=True), strict=True):  # the first round is done once only
        print(f"| {name} | {statistics.median(costs):.2f} ms |")


def cost(server: Served, names: list[str]) -> float:
    """Milliseconds of processor time that a server takes for each of Gradio's files."""
    where = urlsplit(server.address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port)
    before = processor_time(server.process.pid)
    for name in names:
        connection.request("GET", f"/assets/{name}", headers={"Accept-Encoding": "gzip, br"})
        answer = connection.getresponse()
        if answer.status != 200 or not answer.read():
            raise SystemExit(f"{server.address} has no {name}: status {answer.status}")
    connection.close()
    return (processor_time(server.process.pid) - before) / len(names) * 1000


def processor_time(pid: int) -> float:
    """Seconds that a process has had of a processor (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
