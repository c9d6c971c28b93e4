"""Small pictures of the examples to choose from, and whose photo is on screen."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import GradioModel
from PIL import Image

from ui.credits import FOLDER, examples
from ui.image_input import Given, given

__all__ = ["SMALL", "SMALL_AT", "ExamplePicker", "PickerData", "chosen_photo", "picker_value"]

STATIC = Path(__file__).with_name("static")

SMALL = FOLDER / "small"

SMALL_AT = "examples"
"""Where the small pictures are served, below the page."""


class PictureCredit(GradioModel):
    """What the browser gets of an example; ``image`` is the address of the small picture, seen from the page."""

    id: str
    title: dict[str, str]
    author: str
    licence: dict[str, str]
    licence_url: str
    source: str
    image: str


class PickerData(GradioModel):
    """All of them, and the one on screen; None for a photo that somebody brought."""

    pictures: list[PictureCredit]
    chosen: str | None


class ExamplePicker(gr.HTML):
    """Small pictures to choose from. Raises ``select`` when ``chosen`` in its value has changed."""

    data_model = PickerData

    def __init__(self, value: PickerData | None = None, **options: Any) -> None:
        super().__init__(
            value,
            html_template='<div id="examples" role="group"></div><p class="credit" aria-live="polite"></p>',
            css_template=(STATIC / "examples.css").read_text(encoding="utf-8"),
            js_on_load=(STATIC / "examples.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            **options,
        )

    def preprocess(self, payload: PickerData | None) -> str | None:  # type: ignore[override]
        """The id of the example on screen, None for any other photo."""
        return payload.chosen if payload is not None and payload.chosen in examples() else None

    def api_info(self) -> dict[str, Any]:
        """The schema of the value."""
        return PickerData.model_json_schema()


def chosen_photo(photo: Given, example: str | None) -> Image.Image:
    """The photo on screen: an example by its name, whatever file the browser has for it, else what was brought.

    Raises:
        ImageError: it cannot be used.
    """
    return given(photo) if example is None else examples()[example].open()


def picker_value(chosen: str | None) -> PickerData:
    """The picker's value with one of the examples, or none, marked as the one on screen."""
    return PickerData(pictures=_pictures(), chosen=chosen)


@cache
def _pictures() -> list[PictureCredit]:
    return [
        PictureCredit(
            id=one.id,
            title=one.title,
            author=one.author,
            licence=one.licence,
            licence_url=one.licence_url,
            source=one.source,
            image=f"{SMALL_AT}/{one.file}",
        )
        for one in examples().values()
    ]
