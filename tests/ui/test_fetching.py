"""Downloads that run in the background, one for each model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from cvt.errors import CheckpointError
from ui.session.fetching import Downloads, Progress

REF = "someone/something"


class Hub:
    """Stands in for a download: it waits to be let go on, and then succeeds or fails."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.here: set[str] = set()
        self.go_on = threading.Event()
        self.error: Exception | None = None
        self.downloads = Downloads(self.fetch, self.here.__contains__)

    def fetch(self, ref: str, tell: Callable[[float], None]) -> None:
        self.asked.append(ref)
        tell(0.25)
        assert self.go_on.wait(20)
        if self.error is not None:
            raise self.error
        self.here.add(ref)

    def end(self) -> None:
        """Let the download go on, and wait for its end."""
        self.go_on.set()
        for thread in threading.enumerate():
            if thread.name == f"download of {REF}":
                thread.join(20)


@pytest.fixture
def hub() -> Hub:
    return Hub()


def test_however_many_ask_there_is_one_download(hub: Hub) -> None:
    assert hub.downloads.progress(REF) == Progress("absent")
    with ThreadPoolExecutor(8) as pool:
        states = {progress.state for progress in pool.map(hub.downloads.start, [REF] * 8)}
    assert states == {"fetching"}
    hub.end()
    assert hub.asked == [REF]
    assert hub.downloads.progress(REF) == hub.downloads.start(REF) == Progress("here", 1.0)
    assert hub.asked == [REF]


def test_who_follows_hears_how_far_it_has_come(hub: Hub) -> None:
    heard = []
    for done in hub.downloads.follow(REF):
        heard.append(done)
        if 0.25 in heard:
            hub.go_on.set()
    assert heard[0] in (0.0, 0.25)
    assert hub.here == {REF}


def test_what_failed_says_why_and_is_tried_anew(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    hub.error = CheckpointError("the Hub does not answer")
    hub.go_on.set()
    with pytest.raises(CheckpointError, match="does not answer"):
        list(hub.downloads.follow(REF))
    assert hub.downloads.progress(REF).state == "failed"
    assert not caplog.messages  # whoever is told tells the log
    hub.downloads.start(REF)
    hub.end()
    assert caplog.messages == ["the Hub does not answer"]
    hub.asked.clear()
    assert hub.downloads.progress(REF).state == "failed"
    assert not hub.asked  # looking is not asking
    hub.error = None
    list(hub.downloads.follow(REF))
    assert hub.downloads.progress(REF).state == "here"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_unexpected_end_is_an_end(hub: Hub) -> None:
    hub.error = MemoryError()
    hub.downloads.start(REF)
    hub.end()
    assert hub.downloads.progress(REF).state == "failed"
