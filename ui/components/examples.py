"""Small pictures of the examples to choose from, and whose photo is on screen."""

from __future__ import annotations

from functools import cache

from gradio.data_classes import GradioModel

from ..examples import examples
from .part import Part

__all__ = ["ExamplePicker", "PickerData", "picker_value"]


class PictureCredit(GradioModel):
    """What the browser gets of an example; ``image`` is the address of its small picture, seen from the page."""

    id: str
    author: str
    licence: str
    licence_url: str
    source: str
    image: str


class PickerData(GradioModel):
    """All of them, and the one on screen; None for a photo that somebody brought."""

    pictures: list[PictureCredit]
    chosen: str | None


class ExamplePicker(Part):
    """Small pictures to choose from. Raises ``select`` when ``chosen`` in its value has changed."""

    part = "examples"
    raises = ("select",)
    data_model = PickerData

    def preprocess(self, payload: PickerData | None) -> str | None:  # type: ignore[override]
        """The id of the example on screen, None for any other photo."""
        return payload.chosen if payload is not None and payload.chosen in examples() else None


def picker_value(chosen: str | None) -> PickerData:
    """The picker's value with one of the examples, or none, marked as the one on screen."""
    return PickerData(pictures=_pictures(), chosen=chosen)


@cache
def _pictures() -> list[PictureCredit]:
    return [
        PictureCredit(
            id=example.id,
            author=example.author,
            licence=example.licence,
            licence_url=example.licence_url,
            source=example.source,
            image=example.small,
        )
        for example in examples().values()
    ]
