"""Places at a desk: so many at a time, and sessions in turns."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from ui.serving.desk import Desk, session_now


def work(
    desk: Desk, session: str, name: str, done: list[str], waits: threading.Event | None = None
) -> threading.Thread:
    """Work in a thread of its own; wait until it has a place, or stands in line."""
    entered = threading.Event()

    def run() -> None:
        session_now.set(session)
        with desk.place():
            entered.set()
            if waits is not None:
                assert waits.wait(10)
            done.append(name)

    thread = threading.Thread(target=run)
    before = sum(map(len, desk._waiting.values()))
    thread.start()
    while not entered.is_set() and sum(map(len, desk._waiting.values())) == before:
        pass
    return thread


def test_one_session_does_not_starve_another() -> None:
    desk, done, go = Desk(1), [], threading.Event()  # type: ignore[var-annotated]
    threads = [work(desk, "program", "first", done, go)]
    threads += [work(desk, "program", f"call {number}", done) for number in range(33)]
    threads += [work(desk, "visitor", "photo", done), work(desk, "pupil", "photo 2", done)]
    go.set()
    for thread in threads:
        thread.join(10)
    assert len(done) == 36
    assert done.index("photo") <= 2
    assert done.index("photo 2") <= 3


def test_there_are_as_many_places_as_are_said() -> None:
    desk, done, go = Desk(2), [], threading.Event()  # type: ignore[var-annotated]
    threads = [work(desk, name, name, done, go) for name in "abc"]
    assert sum(map(len, desk._waiting.values())) == 1
    go.set()
    for thread in threads:
        thread.join(10)
    assert sorted(done) == ["a", "b", "c"]
    assert not desk._waiting


def test_a_place_is_free_again_after_an_error() -> None:
    desk = Desk(1)
    for _ in range(3):
        with suppress(ValueError), desk.place():
            raise ValueError
    with desk.place():
        pass


@pytest.mark.parametrize("session", [None, "a"])
def test_the_same_session_is_served_in_its_order(session: str | None) -> None:
    desk, done, go = Desk(1), [], threading.Event()  # type: ignore[var-annotated]
    threads = [work(desk, "a", str(number), done, go if number == 0 else None) for number in range(4)]
    go.set()
    for thread in threads:
        thread.join(10)
    assert done == ["0", "1", "2", "3"]
