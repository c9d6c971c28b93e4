"""What goes wrong, told in a toast: never a traceback on the page, and never a server that goes down."""

from __future__ import annotations

import functools
import html
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from cvt.errors import CvtError
from ui.turn import OvertakenError

__all__ = ["as_toasts", "toast", "warn"]

log = logging.getLogger(__name__)


def as_toasts(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler, or a generator of updates, whose errors people can read.

    Errors raised on purpose say what is wrong; of all others the page only learns that they happened, and the log
    gets the rest. What was overtaken by something newer changes nothing.
    """
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def generate(*args: Any, **named: Any) -> Iterator[Any]:
            try:
                yield from handler(*args, **named)
            except OvertakenError:
                yield gr.skip()  # a generator that yields nothing would empty its outputs
            except Exception as error:
                raise _toast(error, handler.__name__) from None

        return generate

    @functools.wraps(handler)
    def call(*args: Any, **named: Any) -> Any:
        try:
            return handler(*args, **named)
        except OvertakenError:
            return gr.skip()
        except Exception as error:
            raise _toast(error, handler.__name__) from None

    return call


def toast(message: str) -> gr.Error:
    """An error to raise. Gradio shows messages as HTML; this one stays the text it is."""
    return gr.Error(_shown(message), print_exception=False)


def warn(message: str) -> None:
    """A toast for what is not as it was asked for, while the work goes on."""
    gr.Warning(_shown(message))


def _shown(message: str) -> str:
    return html.escape(message[:1].upper() + message[1:], quote=False)


def _toast(error: Exception, where: str) -> gr.Error:
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, CvtError):
        return toast(str(error))
    log.exception("unexpected error in %s", where, exc_info=error)
    return toast("Something went wrong on the server; its log says what.")
