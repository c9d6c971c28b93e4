"""What browsers and programs may send to a handler: each value is looked at before Gradio looks at it.

Gradio rounds fractions, and ends in a traceback for what is no number at all. Here an argument that cannot be is told
in a sentence that names it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any

import gradio as gr

from cvt.errors import ConfigError, shown

__all__ = ["LONGEST_TEXT", "check_arguments"]

LONGEST_TEXT = 1000
"""Characters of the longest text that any handler takes."""


def check_arguments(handler: Any, components: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """The values that a handler is to be given, without spaces around names.

    Args:
        handler: whose parameters name them.
        components: which take them.
        values: as they came.

    Raises:
        ConfigError: there are too few, or one cannot be; the message names it.
    """
    names = _names(handler, components)
    if len(values) < len(components):
        raise ConfigError(f"{len(values)} arguments were given; expected {len(components)}: {', '.join(names)}")
    return [_checked(*argument) for argument in zip(names, components, values, strict=False)]


def _names(handler: Any, components: Sequence[Any]) -> list[str]:
    parameters = list(inspect.signature(handler).parameters) if callable(handler) else []
    return [*parameters, *(f"argument {place + 1}" for place in range(len(parameters), len(components)))][
        : len(components)
    ]


def _checked(name: str, component: Any, value: Any) -> Any:
    if isinstance(component, gr.Number):
        if isinstance(value, bool) or not isinstance(value, int | float) or not -1e15 < value < 1e15:
            raise ConfigError(f"{name}={shown(value)} must be a number")
        if component.precision == 0 and math.floor(value) != value:
            raise ConfigError(f"{name}={shown(value)} must be a whole number")
    elif isinstance(component, gr.Dropdown | gr.Radio):
        known = [str(choice[1]) for choice in component.choices]
        if not isinstance(value, str) or value.strip() not in known:
            raise ConfigError(f"{name}={shown(value)} must be one of {', '.join(known)}")
        return value.strip()
    elif isinstance(component, gr.Textbox):
        if not isinstance(value, str):
            raise ConfigError(f"{name}={shown(value)} must be a text")
        if len(value) > LONGEST_TEXT or "\0" in value:
            raise ConfigError(f"{name}={shown(value)} must be a text of at most {LONGEST_TEXT} characters, without NUL")
    elif value is not None and getattr(component, "data_model", None) is not None:
        try:
            component.data_model.model_validate(value)
        except Exception:  # pydantic's, and what validators of files raise
            raise ConfigError(f"{name}={shown(value)} is not what the page sends there") from None
    return value
