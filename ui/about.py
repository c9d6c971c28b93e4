"""The model on screen: what it is, how well it was measured to do, and every class it knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import GradioModel

from ui.models import LoadedModel
from ui.texts import LANGUAGES, words

__all__ = ["AboutData", "AboutModel", "about_value"]

STATIC = Path(__file__).with_name("static")


class AboutData(GradioModel):
    """Facts as (what, value) pairs in each language, and the classes in their order."""

    facts: dict[str, list[tuple[str, str]]]
    find: dict[str, str]
    classes: list[str]


class AboutModel(gr.HTML):
    """A short table and a list of classes with a search field."""

    data_model = AboutData

    def __init__(self, value: AboutData | None = None, **options: Any) -> None:
        super().__init__(
            value,
            html_template=(STATIC / "about.html").read_text(encoding="utf-8"),
            css_template=(STATIC / "about.css").read_text(encoding="utf-8"),
            js_on_load=(STATIC / "about.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            **options,
        )

    def preprocess(self, payload: Any) -> None:
        """Nothing that a browser sends is believed."""
        return None

    def api_info(self) -> dict[str, Any]:
        """The schema of the value."""
        return AboutData.model_json_schema()


def about_value(loaded: LoadedModel) -> AboutData:
    """What there is to say about a model."""
    entry, config = loaded.entry, loaded.model.config
    parameters = sum(parameter.numel() for parameter in loaded.model.parameters())
    numbers = {
        "title": entry.title,
        "resolution": entry.resolution,
        "parameters": f"{parameters / 1e6:.1f}",
        "depth": " + ".join(map(str, config.depth)),
        "top1": "" if entry.top1 is None else f"{entry.top1:.1f}",
        "data": entry.data,
        "images": f"{entry.images:,}",
        "classes": config.num_labels,
    }
    measured = "unmeasured" if entry.top1 is None else "measured" if entry.images else "published"
    names = {"model": "about_model", "parameters": "about_size", "accuracy": f"about_{measured}"}
    return AboutData(
        facts={
            language: [(told[f"about_{key}_name"], told[name].format(**numbers)) for key, name in names.items()]
            for language in LANGUAGES
            for told in [words(language)]
        },
        find={language: words(language)["find_class"].format(**numbers) for language in LANGUAGES},
        classes=[config.id2label[index] for index in range(config.num_labels)],
    )
