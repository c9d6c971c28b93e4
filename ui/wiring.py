"""Between Gradio and the handlers: inputs become one :class:`Asked`, names become components, errors become toasts."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import gradio as gr

from .errors import as_toasts
from .handlers import Asked, Updates

__all__ = ["wired"]

_ASKED = tuple(field.name for field in fields(Asked))


def wired(handler: Callable[..., Any], page: object) -> Callable[..., Any]:
    """A handler as Gradio calls it.

    Args:
        handler: a function or generator of :data:`Updates`. Where its first parameter is called ``asked``, the first
            inputs are the fields of :class:`Asked`. Gradio fills in what else it knows by type: requests, events,
            progress.
        page: whose attributes are the components that updates name.
    """

    def call(given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if not takes_asked:
            return handler(*given, **named)
        return handler(Asked(*given[: len(_ASKED)]), *given[len(_ASKED) :], **named)

    def placed(updates: Updates) -> Any:
        return {getattr(page, name): value for name, value in updates.items()} or gr.skip()

    @functools.wraps(handler)
    def function(*given: Any, **named: Any) -> Any:
        return placed(call(given, named))

    @functools.wraps(handler)
    def generator(*given: Any, **named: Any) -> Iterator[Any]:
        yield from map(placed, call(given, named))

    first, *others = inspect.signature(handler).parameters.values()
    takes_asked = first.name == "asked"
    result: Any = generator if inspect.isgeneratorfunction(handler) else function
    if takes_asked:  # Gradio counts the parameters
        inputs = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in _ASKED]
        result.__signature__ = inspect.Signature([*inputs, *others])
    return as_toasts(result)
