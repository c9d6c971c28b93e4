"""The model on screen: what it is, how well it was measured to do, and every class it knows."""

from __future__ import annotations

from gradio.data_classes import GradioModel

from ..session.models import LoadedModel
from .part import Part

__all__ = ["AboutData", "AboutModel", "about_value"]


class AboutData(GradioModel):
    """The names of what is told, each with the name of its text; the numbers that fill them; the classes in order."""

    facts: list[tuple[str, str]]
    numbers: dict[str, str | int]
    classes: list[str]


class AboutModel(Part):
    """A short table and a list of classes with a search field."""

    part = "about"
    data_model = AboutData


def about_value(loaded: LoadedModel) -> AboutData:
    """What there is to say about a model."""
    entry, config = loaded.entry, loaded.model.config
    parameters = sum(parameter.numel() for parameter in loaded.model.parameters())
    accuracy = "unmeasured" if entry.top1 is None else "measured" if entry.images else "published"
    return AboutData(
        facts=[("model", "model"), ("parameters", "parameters"), ("accuracy", accuracy)],
        numbers={
            "title": entry.title,
            "resolution": entry.resolution,
            "parameters": f"{parameters / 1e6:.1f}",
            "depth": " + ".join(map(str, config.depth)),
            "top1": "" if entry.top1 is None else f"{entry.top1:.1f}",
            "data": entry.data,
            "images": f"{entry.images:,}",
        },
        classes=[config.id2label[index] for index in range(config.num_labels)],
    )
