"""The Space's entry."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import gradio as gr
import pytest


@pytest.fixture(scope="module")
def app(model_folder: Path) -> Iterator[ModuleType]:
    """``app``, imported the way another program would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CVT_MODEL", str(model_folder))
        patch.setattr(sys, "argv", ["pytest", "--not-an-option-of-ours"])
        sys.modules.pop("app", None)
        yield importlib.import_module("app")
    sys.modules.pop("app", None)


def test_demo_is_there_at_import(app: ModuleType) -> None:
    assert isinstance(app.demo, gr.Blocks)
    assert not app.demo.is_running


def test_gradio_does_not_call_home(app: ModuleType) -> None:
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert app.demo.analytics_enabled is False


def test_options_come_from_the_environment_and_the_command_line(
    app: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CVT_MODEL", raising=False)
    options = app.read_options([])
    assert (options.model, options.host, options.port) == ("auto", "127.0.0.1", 7860)
    assert (options.share, options.device) == (False, "auto")
    monkeypatch.setenv("CVT_MODEL", "bundled")
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7999")
    options = app.read_options([])
    assert (options.model, options.host, options.port) == ("bundled", "0.0.0.0", 7999)
    given = ["--model", "microsoft/cvt-21", "--host", "::1", "--port", "80", "--share", "--device", "cpu"]
    options = app.read_options(given)
    asked = {"model": "microsoft/cvt-21", "host": "::1", "port": 80, "share": True, "device": "cpu"}
    others = {"allow_host": [], "frame_ancestors": [], "log_level": "warning", "mcp": False}
    assert vars(options) == asked | others
