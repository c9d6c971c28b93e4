"""Fixtures every test shares, and a detector for what a test leaves behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch
from huggingface_hub import constants

import ui  # noqa: F401  # before any test imports Gradio, so that its files go to a folder of this run
from cvt.probe import _recorders
from tests.cvt.shapes import BORDERS, held
from tests.cvt.stand_in_hub import StandInHub

ENDING = 5.0
"""Seconds that a thread which was told to stop may take."""


@pytest.fixture
def pools() -> tuple[str, ...]:
    """How the names of threads begin that are not a test's own, and so may stay."""
    return ()


@pytest.fixture(autouse=True)
def nothing_leaks(pools: tuple[str, ...]) -> Iterator[None]:
    """After every test: no open recording, no changed global state of torch, no new thread of ours still running."""
    threads, threads_used = set(threading.enumerate()), torch.get_num_threads()
    yield
    assert _recorders.get() == (), "a recording was left open"
    assert torch.is_grad_enabled(), "gradients were left switched off"
    assert torch.get_default_dtype() == torch.float32, "the default dtype was left changed"
    assert torch.get_num_threads() == threads_used, "the number of torch's threads was left changed"
    new = [thread for thread in set(threading.enumerate()) - threads if not thread.daemon]
    new = [thread for thread in new if not thread.name.startswith(pools)]
    for thread in new:
        thread.join(ENDING)
    left = [thread for thread in new if thread.is_alive()]
    assert not left, f"threads were left running: {left}"


@pytest.fixture(scope="session", autouse=True)
def shapes_hold() -> Iterator[None]:
    """Whatever passes the borders of ``cvt`` has the shapes that are annotated there."""
    with pytest.MonkeyPatch.context() as patch:
        for kind, method in BORDERS.items():
            patch.setattr(kind, method, held(getattr(kind, method)))
        yield


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts from the same random state."""
    torch.manual_seed(0)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandInHub]:
    """A Hub on this machine, empty, with a cache of its own."""
    hub = StandInHub()
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield hub
    hub.stop()


LONG = ("test_backends", "test_readme", "test_packaging", "test_accessibility", "test_lessons", "test_page")
"""Files that take a minute or more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first, so that of two at a time none is left alone at the end.

    Browser tests come last: from then on Playwright keeps an event loop running in the main thread.
    """
    items.sort(key=lambda item: ("browser" in item.path.parts, item.path.stem not in LONG))
