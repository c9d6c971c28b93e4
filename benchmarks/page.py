"""What a first visit costs: the time to the first picture, bytes and requests, and what the browser complains about.

    python -m benchmarks.page [--visits 5] [--address URL]

Serves the page as ``app.py`` does, in a process of its own, and visits it with a fresh profile each time, on a screen
of 1280 × 800 and as a phone of 390 × 844, at full speed and at 1.6 Mbit/s with 150 ms there and back. The first picture
is there when the explorer says that it is ready; bytes are those that came over the wire until nothing more was asked
for. Prints a Markdown table of medians. One core does both, the page and the browser; leave it alone meanwhile.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks.chromium import find_chromium
from benchmarks.server import served

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}

SPEEDS: dict[str, dict[str, Any] | None] = {
    "full speed": None,
    "1.6 Mbit/s": {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 94_000},
}

PATIENCE = 120_000
QUIET = 1500
"""Milliseconds: how long a visit may take, and after which nothing more is expected."""

READY = """() => {
    const shown = document.querySelector("#explorer[data-state=ready]") && document.querySelector("[data-stage] img");
    return shown ? performance.now() / 1000 : false;
}"""


@dataclass(frozen=True)
class Visit:
    """One visit.

    Attributes:
        seconds: from the navigation's start to the first picture.
        megabytes: over the wire, headers included, one for 10⁶ bytes.
        requests: how many.
        complaints: errors on the browser's console, and failures of scripts.
    """

    seconds: float
    megabytes: float
    requests: int
    complaints: int


def visit(browser: Browser, address: str, screen: dict[str, Any], speed: dict[str, Any] | None) -> Visit:
    """Open the page with nothing cached, and wait until it asks for nothing more."""
    context = browser.new_context(locale="en-GB", **screen)
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    if speed:
        devtools.send("Network.emulateNetworkConditions", speed)
    arrived: list[float] = []
    asked: list[str] = []
    complaints: list[str] = []
    devtools.on("Network.loadingFinished", lambda event: arrived.append(event["encodedDataLength"]))
    devtools.on("Network.requestWillBeSent", lambda event: asked.append(event["request"]["url"]))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.wait_for_timeout(QUIET)  # a new window fetches a hundred files of the browser's own first
    page.goto(address, wait_until="commit", timeout=PATIENCE)
    seconds = page.wait_for_function(READY, timeout=PATIENCE).json_value()
    page.wait_for_selector("#explorer[data-preloaded=true]", timeout=PATIENCE)
    seen = -1
    while seen != len(asked):
        seen = len(asked)
        page.wait_for_timeout(QUIET)
    context.close()
    fetched = [url for url in asked if url.startswith("http")]
    return Visit(float(seconds), sum(arrived) / 1e6, len(fetched), len(complaints))


def measure(address: str, visits: int) -> None:
    """Print the table."""
    print("| screen | network | first picture | bytes | requests | console errors |")
    print("|---|---|---|---|---|---|")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        visit(browser, address, SCREENS["desktop"], None)  # what the server does once only
        for screen, size in SCREENS.items():
            for network, speed in SPEEDS.items():
                measured = [visit(browser, address, size, speed) for _ in range(visits)]
                seconds, megabytes = (
                    statistics.median(getattr(figures, name) for figures in measured)
                    for name in ("seconds", "megabytes")
                )
                requests, complaints = (
                    max(getattr(figures, name) for figures in measured) for name in ("requests", "complaints")
                )
                print(
                    f"| {screen} | {network} | {seconds:.2f} s | {megabytes:.2f} MB | {requests} | {complaints} |",
                    flush=True,
                )
        browser.close()


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--visits", type=int, default=5, help="visits per line of the table (default: 5)")
    parser.add_argument("--address", help="of a page that is served already")
    options = parser.parse_args()
    if options.visits < 1:
        parser.error(f"--visits {options.visits}: at least one is needed")
    if options.address:
        measure(options.address, options.visits)
        return
    with served() as page:
        measure(page.address, options.visits)


if __name__ == "__main__":
    main()
