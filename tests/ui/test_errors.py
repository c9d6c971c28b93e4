"""What goes wrong, told."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr
import pytest

from cvt.errors import ImageError
from ui.errors import as_toasts


def fail(error: Exception) -> None:
    raise error


def fail_later(error: Exception) -> Iterator[int]:
    yield 1
    raise error


@pytest.mark.parametrize("handler", [as_toasts(fail), lambda error: list(as_toasts(fail_later)(error))])
class TestBothKinds:
    """Functions and generators alike."""

    def test_errors_on_purpose_are_told(self, handler) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(gr.Error) as told:
            handler(ImageError("the file is empty"))
        assert told.value.message == "The file is empty"

    def test_others_only_reach_the_log(self, handler, caplog: pytest.LogCaptureFixture) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(gr.Error) as told:
            handler(ZeroDivisionError("secret detail in /home/somebody"))
        assert "secret" not in told.value.message
        assert "secret" in caplog.text
        assert told.value.__suppress_context__

    def test_no_html_gets_through(self, handler) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(gr.Error) as told:
            handler(ImageError("class '<img src=x onerror=alert(1)>' is not one"))
        assert "<" not in told.value.message


def test_what_a_generator_yields_comes_through() -> None:
    generator = as_toasts(fail_later)(ImageError("x"))
    assert next(generator) == 1
