"""What all components have in common: a part of ``web/`` that Gradio's page carries."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import gradio as gr
from gradio.data_classes import GradioModel

from ..serving import assets

__all__ = ["Part"]


class Part(gr.HTML):
    """An empty element into which the browser mounts a part of ``web/``.

    A subclass names its folder in ``web/`` (``part``), the events it raises (``raises``: each is a listener, as in
    ``component.name(handler)``), and the shape of its value (``data_model``).
    """

    part: ClassVar[str]
    raises: ClassVar[tuple[str, ...]] = ()

    def __init__(self, value: GradioModel | None = None, **options: Any) -> None:
        super().__init__(
            value,
            html_template=f'<div data-part="{self.part}"></div>',  # names no property: Gradio never renders it again
            css_template="",
            js_on_load=_script(self.part, self.raises),
            apply_default_css=False,
            **options,
        )

    def preprocess(self, payload: Any) -> Any:
        """Nothing that a browser sends is believed."""
        return None

    def postprocess(self, value: Any) -> Any:
        """The value as it is; its files are in Gradio's cache already."""
        return value

    def api_info(self) -> dict[str, Any]:
        """Nothing: no call takes or gives a part in public, and every document would carry the schema three times."""
        return {}


def _script(part: str, events: tuple[str, ...]) -> str:
    """What Gradio runs when the element is there. It looks for the names of events in here, in quotes."""
    carry = "carryLater" if part in assets.LATER else "carry"
    carried = "{ element, props, trigger, watch, upload, server }"
    return (
        f'import(new URL("{assets.ADDRESS}/host.js", document.baseURI).href)'
        f'.then((host) => host.{carry}("{part}", {json.dumps(events)}, {carried}));'
    )
