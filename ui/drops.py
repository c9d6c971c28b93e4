"""Photos dropped anywhere on the page, or pasted anywhere into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import GradioModel

from ui.image_input import MAX_BYTES
from ui.texts import LANGUAGES, words

__all__ = ["DropData", "DropZone", "dropped_path"]

STATIC = Path(__file__).with_name("static")

WORDS = ("drop_here", "drop_busy", "drop_none", "drop_large", "drop_several")


class DropData(GradioModel):
    """What the browser has to know: its words in each language, and the largest file in bytes."""

    words: dict[str, dict[str, str]]
    most: int


class DropZone(gr.HTML):
    """The whole page as a place to drop and paste photos. Raises ``drop`` when one has been uploaded."""

    data_model = DropData

    def __init__(self, **options: Any) -> None:
        super().__init__(
            DropData(words={name: {one: words(one)[name] for one in LANGUAGES} for name in WORDS}, most=MAX_BYTES),
            html_template=(STATIC / "drops.html").read_text(encoding="utf-8"),
            css_template=(STATIC / "drops.css").read_text(encoding="utf-8"),
            js_on_load=(STATIC / "drops.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            **options,
        )

    def preprocess(self, payload: Any) -> None:
        """Nothing that a browser sends is believed."""
        return None

    def api_info(self) -> dict[str, Any]:
        """The schema of the value."""
        return DropData.model_json_schema()


def dropped_path(event: gr.EventData) -> object:
    """What a ``drop`` event names as the uploaded file; to be believed only by way of :func:`ui.uploads.uploaded`."""
    return event._data.get("file") if isinstance(event._data, dict) else None
