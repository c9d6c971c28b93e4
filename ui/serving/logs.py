"""What the server logs: one line for each thing, with the number of the call that it belongs to."""

from __future__ import annotations

import logging
import warnings
from contextvars import ContextVar

__all__ = ["LEVELS", "call_now", "log_to_stderr", "warn_once"]

LEVELS = ("debug", "info", "warning", "error")

call_now: ContextVar[str] = ContextVar("call_now", default="-")
"""A short name of the call that is being answered; the same in all lines that it causes."""


def log_to_stderr(level: str) -> None:
    """Log the project's own lines from a level on: time, level, call, module and message."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s call=%(call)s %(name)s: %(message)s"))
    handler.addFilter(_with_call)
    for name in ("ui", "cvt", "visualize"):
        log = logging.getLogger(name)
        log.setLevel(level.upper())
        log.handlers[:] = [handler]
    warnings.filterwarnings("ignore", category=UserWarning, module="PIL")  # about EXIF data of damaged photos


def warn_once(log: logging.Logger, error: Exception, message: str, *values: object) -> None:
    """Warn of an error where it is met first, and not again where it is told to somebody."""
    if not vars(error).get("is_logged"):
        vars(error)["is_logged"] = True
        log.warning(message, *values)


def _with_call(record: logging.LogRecord) -> bool:
    record.call = call_now.get()
    record.msg, record.args = record.getMessage().replace("\n", " ⏎ "), None
    return True
