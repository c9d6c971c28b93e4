"""Between Gradio and the handlers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio.helpers import special_args

from cvt.errors import ImageError
from ui.handlers import Asked, Updates
from ui.session.turn import Turn
from ui.wiring import wired

PAGE = SimpleNamespace(photo="the photo box", target="the number")
TURN = Turn(4)
INPUTS = ("photo", "cat", "bundled", None, 4, TURN)


def answer(asked: Asked, kind: str, request: gr.Request) -> Updates:
    asked.check()
    return {"photo": (asked.brought, asked.example, asked.model, asked.kept, kind), "target": request}


def answers(asked: Asked) -> Iterator[Updates]:
    """Twice."""
    yield {"photo": asked.number}
    yield {}


def simple(turn: Turn) -> Updates:
    return {"target": turn.number}


def refuse(asked: Asked) -> Updates:
    raise ImageError("the file is empty")


def test_the_first_inputs_are_what_is_asked_and_names_become_components() -> None:
    updates: Any = wired(answer, PAGE)(*INPUTS, "png", "request")
    assert updates == {"the photo box": ("photo", "cat", "bundled", None, "png"), "the number": "request"}


def test_a_generator_stays_one_and_no_update_skips() -> None:
    given = wired(answers, PAGE)
    assert inspect.isgeneratorfunction(given)
    assert list(given(*INPUTS)) == [{"the photo box": 4}, gr.skip()]


def test_a_handler_that_asks_nothing_gets_its_inputs_as_they_are() -> None:
    assert wired(simple, PAGE)(TURN) == {"the number": 4}


def test_gradio_finds_where_the_request_belongs() -> None:
    request: Any = object()
    inputs, *_ = special_args(wired(answer, PAGE), [*INPUTS, "png"], request=request)
    assert inputs == [*INPUTS, "png", request]
    assert wired(answer, PAGE).__name__ == "answer"


def test_what_is_overtaken_changes_nothing() -> None:
    assert wired(answer, PAGE)(*INPUTS[:4], 3, TURN, "png", None) == gr.skip()


def test_errors_become_toasts() -> None:
    with pytest.raises(gr.Error, match="The file is empty"):
        wired(refuse, PAGE)(*INPUTS)
