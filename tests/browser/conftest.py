"""A Chromium, fresh pages in it, and servers for Gradio pages on ports that happen to be free."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
import pytest
import torch
from PIL import Image

from benchmarks.chromium import find_chromium
from ui.launch import launch_options
from ui.page import build
from ui.session.look import probabilities, trace_photo
from ui.session.models import load, offered_models

playwright = pytest.importorskip("playwright.sync_api")

playwright.expect.set_options(timeout=20_000)

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera that films a green dial
]


GRADIO = (
    "ignore::pandas.errors.Pandas4Warning",
    "ignore:'future.no_silent_downcasting' is deprecated",
    "ignore::ResourceWarning",  # it leaves event loops to the garbage collector; nothing of ours does
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
"""Warnings of Gradio's server."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser, and runs Gradio's server, whose own warnings are not ours."""
    for item in items:
        if item.path.is_relative_to(os.path.dirname(__file__)):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.filterwarnings(*GRADIO))


@pytest.fixture
def pools() -> tuple[str, ...]:
    """The server's threads come and go as it likes."""
    return ("asyncio_", "ThreadPoolExecutor-")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The system's Chromium, or Playwright's own where there is none; CHROMIUM names another."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


def watched(context: Any, errors: list[str]) -> Any:
    """A new page of a context that notes every error raised in it."""
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "js_on_load" in message.text else None)
    return page


@pytest.fixture(scope="session")
def shared_context(chromium: Any) -> Iterator[Any]:
    """One profile for all tests that need none of their own: Gradio's scripts are then read once."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000}, locale="en-GB")
    yield context
    context.close()


def without_errors(context: Any) -> Iterator[Any]:
    """A page of a context, in which no error may be raised."""
    errors: list[str] = []
    page = watched(context, errors)
    yield page
    page.close()
    assert not errors, errors


@pytest.fixture
def page(shared_context: Any) -> Iterator[Any]:
    """A fresh page of 1280 × 1000 pixels."""
    yield from without_errors(shared_context)


@pytest.fixture(scope="module")
def shared_page(shared_context: Any) -> Iterator[Any]:
    """One page for all tests of a file, which leave it as they found it."""
    yield from without_errors(shared_context)


@dataclass(eq=False)
class Profile:
    """A profile that is lent to one test after another: it keeps Gradio's scripts, and nothing of anybody's visit."""

    context: Any
    origins: set[str] = field(default_factory=set)

    def open(self, errors: list[str]) -> Any:
        """A page in it, as on a first visit."""
        page = watched(self.context, errors)
        session = self.context.new_cdp_session(page)
        for origin in self.origins:
            session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        session.detach()
        page.on("framenavigated", self.visited)
        return page

    def visited(self, frame: Any) -> None:
        address = urlsplit(frame.url)
        if address.netloc:
            self.origins.add(f"{address.scheme}://{address.netloc}")

    def close_pages(self) -> None:
        for page in self.context.pages:
            page.close()


@pytest.fixture(scope="session")
def profiles(chromium: Any) -> Iterator[dict[str, list[Profile]]]:
    """Those that no test has at the moment, by their options."""
    free: dict[str, list[Profile]] = {}
    yield free
    for profile in chain(*free.values()):
        profile.context.close()


@pytest.fixture
def new_page(chromium: Any, profiles: dict[str, list[Profile]]) -> Iterator[Callable[..., Any]]:
    """Opens pages with a profile each, as new; options as for a browser context. No page may raise an error."""
    lent: list[tuple[str, Profile]] = []
    errors: list[str] = []

    def open_page(**options: Any) -> Any:
        options = {"locale": "en-GB", **options}
        name = repr(sorted(options.items()))
        free = profiles.setdefault(name, [])
        profile = free.pop() if free else Profile(chromium.new_context(**options))
        lent.append((name, profile))
        return profile.open(errors)

    yield open_page
    for name, profile in lent:
        profile.close_pages()
        profiles[name].append(profile)
    assert not errors, errors


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., str]]:
    """Serves Blocks on a free port of this machine and gives their address; options as for ``launch``."""
    served: list[gr.Blocks] = []

    def launch(demo: gr.Blocks, **options: Any) -> str:
        served.append(demo)
        with socket.socket() as free:  # Gradio's own search leaves sockets open where a port is taken
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        local = {"server_name": "127.0.0.1", "server_port": port, "quiet": True, "prevent_thread_lock": True}
        return str(demo.launch(**{**local, **options})[1])

    yield launch
    until = time.monotonic() + 60  # Python would abort if it ended while a thread is inside the network
    while any(job for demo in served for job in demo._queue.active_jobs) and time.monotonic() < until:
        time.sleep(0.1)
    for demo in served:
        demo.close(verbose=False)


@pytest.fixture(scope="session")
def address(serve: Callable[..., str]) -> str:
    """The page, served the way app.py does it."""
    from tests.browser.page_helpers import MODEL  # needs Playwright

    return serve(build(MODEL, "cpu"), **launch_options())


@pytest.fixture(scope="session")
def top_class() -> Callable[[Image.Image], str]:
    """What the page's network says to a photo, asked without the page."""
    from tests.browser.page_helpers import MODEL  # needs Playwright

    network = load(offered_models(MODEL)[0], torch.device("cpu"))
    return lambda photo: next(iter(probabilities(trace_photo(network, photo))))


@pytest.fixture
def opened(page: Any, address: str) -> Any:
    """The page with the first example on it."""
    from tests.browser.page_helpers import ready  # needs Playwright

    page.goto(address)
    ready(page)
    return page
