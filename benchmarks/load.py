"""A crowd in front of the page: how soon programs and visitors are answered, and what large photos cost everybody.

    python -m benchmarks.load [--model bundled] [--quick]
    python -m benchmarks.load --soak 30

Serves the page as ``app.py`` does, in a process of its own, and asks it over HTTP: each call uploads its photo, waits
and gets its answer. Beside the times stands what the network alone takes in the same run, because the crowd shares the
machine with the server. Where there is a Chromium, a visitor opens the page while 64 programs call. With ``--soak``
four programs and one browser work for so many minutes; memory, threads, descriptors and files of the server are
printed after the first minute and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import statistics
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch
from PIL import Image
from playwright.async_api import Browser, async_playwright

from benchmarks.chromium import find_chromium
from benchmarks.page import ARGUMENTS, PATIENCE, READY, SCREENS
from benchmarks.server import Served, served
from ui.examples import examples
from ui.session.models import load, offered_models

__all__ = ["main"]

EXPLAINED = ["class_evidence", 3, -1, "mean", "cls", "", 1600]
"""Arguments of ``/explain`` after the model."""

RANK = 0.95


@dataclass(frozen=True)
class Answer:
    """What came of a call: after how many seconds, and whether it was refused."""

    seconds: float
    refused: bool


@dataclass
class Crowd:
    """Whoever calls.

    Attributes:
        server: what is called.
        client: over which.
        handlers: numbers of the endpoints by their names.
        model: which is asked for.
    """

    server: Served
    client: httpx.AsyncClient
    handlers: dict[str, int]
    model: str

    async def call(self, name: str, photo: bytes, *arguments: Any) -> Answer:
        """One call, its upload included, as a caller that the server has never seen."""
        begun, session = time.perf_counter(), uuid.uuid4().hex
        root = f"{self.server.address}gradio_api"
        uploaded = await self.client.post(f"{root}/upload", files={"files": ("photo.jpg", photo)})
        if uploaded.status_code != 200:
            return Answer(time.perf_counter() - begun, True)
        data = [{"path": uploaded.json()[0]}, self.model, *arguments]
        body = {"fn_index": self.handlers[name], "data": data, "session_hash": session}
        joined = await self.client.post(f"{root}/queue/join", json=body)
        success = joined.status_code == 200
        if success:
            async with self.client.stream("GET", f"{root}/queue/data", params={"session_hash": session}) as answer:
                async for line in answer.aiter_lines():
                    message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                    if message.get("msg") in ("process_completed", "unexpected_error", "close_stream"):
                        success = bool(message.get("success"))
                        break
        return Answer(time.perf_counter() - begun, not success)

    async def at_once(self, callers: int, calls: int, photo: bytes) -> tuple[list[Answer], float]:
        """So many callers with so many calls each, one after the other; their answers, and the seconds of all."""

        async def caller() -> list[Answer]:
            return [await self.call("classify", photo, 5) for _ in range(calls)]

        begun = time.perf_counter()
        answers = await asyncio.gather(*(caller() for _ in range(callers)))
        return [answer for some in answers for answer in some], time.perf_counter() - begun


def noisy(width: int, height: int) -> bytes:
    """A JPEG of that size, no easier to decode than a photo."""
    seed = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(seed).resize((width, height), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def network_alone(model: str, runs: int) -> float:
    """Seconds of one forward pass, the median, with nothing else of ours at work."""
    loaded = load(offered_models(model)[0], torch.device("cpu"))
    pixels = loaded.processor(examples()["cat"].open(), return_tensors="pt")["pixel_values"]
    seconds = []
    with torch.inference_mode():
        for _ in range(runs + 2):
            begun = time.perf_counter()
            loaded.model(pixels)
            seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[2:])


async def first_picture(browser: Browser | None, address: str) -> float | None:
    """Seconds until a new visitor's page shows its first picture; None where there is no browser."""
    if browser is None:
        return None
    context = await browser.new_context(locale="en-GB", **SCREENS["desktop"])
    page = await context.new_page()
    await page.goto(address, wait_until="commit", timeout=PATIENCE)
    seconds = await (await page.wait_for_function(READY, timeout=PATIENCE)).json_value()
    await context.close()
    return float(seconds)


def later(answers: list[Answer]) -> float:
    """The time within which 95 of 100 calls were answered."""
    ordered = sorted(answer.seconds for answer in answers)
    return ordered[min(len(ordered) - 1, int(RANK * len(ordered)))]


async def measure(crowd: Crowd, browser: Browser | None, alone: float, quick: bool) -> None:
    """Print the table."""
    photo, calls = examples()["cat"].path.read_bytes(), 3 if quick else 30

    def line(what: str, figure: str, ratio: str = "") -> None:
        print(f"| {what} | {figure} | {ratio} |", flush=True)

    print("| what | figure | against the network alone |\n|---|---|---|")
    line("the network alone", f"{1000 * alone:.0f} ms", "1")
    await crowd.at_once(2, 2, photo)
    answers, _ = await crowd.at_once(1, calls, photo)
    median = statistics.median(answer.seconds for answer in answers)
    line("`/classify`, one visitor, median", f"{1000 * median:.0f} ms", f"{median / alone:.1f}")
    answers, seconds = await crowd.at_once(16, 2 if quick else 10, photo)
    line("`/classify`, 16 at once", f"{len(answers) / seconds:.1f} /s", f"{len(answers) * alone / seconds:.2f}")
    (answers, _), picture = await asyncio.gather(
        crowd.at_once(64, 1 if quick else 5, photo), _after(1.0, first_picture(browser, crowd.server.address))
    )
    refused = sum(answer.refused for answer in answers)
    line("64 at once: refused, 95 of 100 within", f"{refused} of {len(answers)}, {later(answers):.1f} s")
    line("a page visitor's first picture meanwhile", "no browser" if picture is None else f"{picture:.1f} s")
    for what, size, name, arguments in (
        ("`/explain`, 12 megapixels", (4000, 3000), "explain", EXPLAINED),
        ("`/classify`, 62 megapixels", (9120, 6840), "classify", [5]),
    ):
        large = noisy(*size)
        times = [(await crowd.call(name, large, *arguments)).seconds for _ in range(1 if quick else 5)]
        line(f"{what}, {len(large) / 1e6:.0f} MB, median", f"{statistics.median(times):.2f} s")


async def _after(seconds: float, work: Coroutine[Any, Any, Any]) -> Any:
    await asyncio.sleep(seconds)
    return await work


async def soak(crowd: Crowd, browser: Browser | None, minutes: float) -> None:
    """Four programs and a visitor, for so long; what the server holds after the first minute and at the end."""
    photo, large = examples()["cat"].path.read_bytes(), noisy(4000, 3000)
    ends, count = time.monotonic() + 60 * minutes, {"calls": 0, "refused": 0, "pictures": 0}

    async def program(number: int) -> None:
        while time.monotonic() < ends:
            turn = count["calls"]
            name, rest = ("explain", EXPLAINED) if turn % 3 == number % 3 else ("classify", [5])
            answer = await crowd.call(name, large if turn % 10 == 0 else photo, *rest)
            count["calls"] += 1
            count["refused"] += answer.refused

    async def visitor() -> None:
        while browser is not None and time.monotonic() < ends:
            await first_picture(browser, crowd.server.address)
            count["pictures"] += 1

    async def watch() -> None:
        await asyncio.sleep(min(60.0, 30 * minutes))
        print("| | memory | threads | descriptors | files |\n|---|---|---|---|---|", flush=True)
        print(f"| at first | {held_by(crowd.server)} |", flush=True)

    await asyncio.gather(watch(), visitor(), *(program(number) for number in range(4)))
    print(f"| after {minutes:g} minutes | {held_by(crowd.server)} |")
    print(f"\n{count['calls']} calls, {count['refused']} of them refused; {count['pictures']} visits")


def held_by(server: Served) -> str:
    """What a server's process has: memory, threads, descriptors, and files in its folder."""
    process = Path("/proc") / str(server.process.pid)
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    files = [path for path in server.temporary.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    memory, threads = int(status["VmRSS"].split()[0]) / 1000, status["Threads"].strip()
    descriptors = len(list((process / "fd").iterdir()))
    return f"{memory:.0f} MB | {threads} | {descriptors} | {len(files)}, {size:.0f} MB"


async def run(model: str, work: Callable[[Crowd, Browser | None], Coroutine[Any, Any, None]]) -> None:
    """Serve the page, and let somebody work with it."""
    with served(model) as server:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=600, limits=limits) as client, async_playwright() as driver:
            config = (await client.get(f"{server.address}config")).json()
            handlers = {str(one["api_name"]): one["id"] for one in config["dependencies"]}
            name = offered_models(model)[0].name
            path = find_chromium()
            browser = await driver.chromium.launch(executable_path=path, args=ARGUMENTS) if path else None
            await work(Crowd(server, client, handlers, name), browser)
            if browser:
                await browser.close()


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--quick", action="store_true", help="few calls: whether it works, not how fast")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="work for so long instead")
    options = parser.parse_args()
    if options.soak is not None:
        asyncio.run(run(options.model, lambda crowd, browser: soak(crowd, browser, options.soak)))
        return
    alone = network_alone(options.model, 3 if options.quick else 30)
    asyncio.run(run(options.model, lambda crowd, browser: measure(crowd, browser, alone, options.quick)))


if __name__ == "__main__":
    main()
