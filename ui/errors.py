"""What goes wrong, told in a toast: never a traceback on the page, and never a server that goes down."""

from __future__ import annotations

import functools
import html
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from cvt.errors import CheckpointError, CvtError, DownloadError, ImageError, shown
from visualize.language import Language

from .serving.logs import warn_once
from .session.turn import OvertakenError
from .words import language_now

__all__ = ["PhotoError", "as_toasts", "toast", "warn"]

log = logging.getLogger(__name__)

LONGEST = 300
"""Characters of the longest message."""

_KINDS = ((ImageError, "error_image"), (CvtError, "error_request"))
"""The libraries speak English; in other languages their errors are told by their kind."""


class PhotoError(ImageError):
    """A photo that is not taken, for a reason that the page can tell in every language.

    Args:
        name: which of the page's texts says it; the message is the English one.
        values: what that text leaves blank.
    """

    def __init__(self, name: str, **values: object) -> None:
        super().__init__(Language.of("en").text("messages", name, **values))
        self.name, self.values = name, values


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
                raise toast(error, handler.__name__) from None

        return generate

    @functools.wraps(handler)
    def call(*args: Any, **named: Any) -> Any:
        try:
            return handler(*args, **named)
        except OvertakenError:
            return gr.skip()
        except Exception as error:
            raise toast(error, handler.__name__) from None

    return call


def warn(name: str, **values: object) -> None:
    """A toast for what is not as it was asked for, while the work goes on: one of the page's texts, filled in.

    Values that are errors are told in the language of the rest, and the log gets them as they are.
    """
    language = language_now()
    filled = dict(values)
    for key, value in values.items():
        if isinstance(value, CvtError):
            _note(name, value)
            filled[key] = _reason(value, language, values.get("model"))
    gr.Warning(_shown(language.text("messages", name, **filled)))


def toast(error: Exception, where: str) -> gr.Error:
    """What the page shows of an error: what was raised on purpose in full, of all else only that it happened."""
    if isinstance(error, gr.Error):
        return error
    language = language_now()
    if isinstance(error, CvtError):
        _note(where, error)
        message = _reason(error, language)
    else:
        log.exception("unexpected error in %s", where, exc_info=error)
        message = language.text("messages", "error_server")
    return gr.Error(_shown(message), print_exception=False)


def _note(where: str, error: CvtError) -> None:
    """What a person is told of a model in a few plain words, the log tells exactly, and unasked."""
    if isinstance(error, CheckpointError):
        warn_once(log, error, "%s: %s", where, error)
    else:
        log.info("%s was refused: %s", where, shown(str(error)))


def _reason(error: CvtError, language: Language, model: object = None) -> str:
    if isinstance(error, PhotoError):
        return language.text("messages", error.name, **error.values)
    if isinstance(error, CheckpointError):
        name = f"model_{error.reason}" if isinstance(error, DownloadError) else "model_unreadable"
        return language.text("messages", name, model=model or language.text("messages", "model_itself"))
    name = next(name for kind, name in _KINDS if isinstance(error, kind))
    return language.text("messages", name, reason=error)


def _shown(message: str) -> str:
    """Gradio shows messages as HTML; this one stays the text it is, and no longer than people read."""
    if len(message) > LONGEST:
        message = f"{message[: LONGEST - 1]}…"
    if "=" not in message.partition(" ")[0]:  # an argument is called what it is called
        message = message[:1].upper() + message[1:]
    return html.escape(message, quote=False)
