"""The explorer as a Gradio component.

The page gives it values and hears one event::

    explorer = Explorer()
    ...
    yield explorer_value(trace, model_name=name, example=example)          # a first picture within 0.3 s

    @explorer.evidence(inputs=[...], outputs=explorer, show_progress="hidden")
    def answer(..., event: gr.EventData):                                   # somebody asks for another class
        index = requested_class(event, len(config.id2label))
        return with_evidence(value, trace(model, processor, photo, target=index))

In the browser the root is ``#explorer`` (the component brings it; give no ``elem_id``), with the attributes of the
design's contract and an object ``explorer``::

    await root.explorer.open({ stage, block, head, view, query, target })  # stage from 1; any of them
    await root.explorer.attentionRow(stage, block, head, query)            # Float32Array, CLS first where it exists
    root.explorer.setUrl({ example, model })                               # null removes; the explorer owns the address
    root.explorer.parameters                                               # what the address said at first

``view`` is one of "attention", "attention_cls", "attention_received", "feature", "similarity", "rollout" and
"class_evidence". Whenever what is shown changes, the root dispatches ``explorer:change``, with stage, block, head and
view in ``detail``.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from cvt.errors import ConfigError
from ui.explorer import assets
from ui.explorer.payload import ExplorerData

__all__ = ["Explorer", "requested_class"]


class Explorer(gr.HTML):
    """Attention, features, rollout and class evidence of one photo, drawn in the browser as the pointer moves.

    Args:
        value: what :func:`~ui.explorer.explorer_value` makes of a trace, or None for an empty explorer.
        visible, elem_classes, scale, min_width, render, key: as for any component.
    """

    data_model = ExplorerData

    def __init__(
        self,
        value: ExplorerData | None = None,
        *,
        visible: bool = True,
        elem_classes: list[str] | str | None = None,
        scale: int | None = None,
        min_width: int | None = None,
        render: bool = True,
        key: int | str | None = None,
    ) -> None:
        super().__init__(
            value,
            html_template=assets.template(),
            css_template=assets.stylesheet(),
            js_on_load=assets.script(),
            apply_default_css=False,
            visible=visible,
            elem_classes=elem_classes,
            scale=scale,
            min_width=min_width,
            render=render,
            key=key,
        )

    def preprocess(self, payload: Any) -> None:
        """Nothing that a browser sends is believed."""
        return None

    def postprocess(self, value: ExplorerData | None) -> ExplorerData | None:  # type: ignore[override]
        """The value as it is; its files are in Gradio's cache already."""
        return value

    def api_info(self) -> dict[str, Any]:
        """The schema of the value, for the API page and clients."""
        return ExplorerData.model_json_schema()

    def example_payload(self) -> None:
        return None

    def example_value(self) -> None:
        return None


def requested_class(event: gr.EventData, count: int) -> int:
    """The class that an ``evidence`` event asks for.

    Raises:
        ConfigError: what the browser sent is not the index of one of the model's ``count`` classes.
    """
    data = event._data if isinstance(event._data, dict) else {}
    index = data.get("class_index")
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
        raise ConfigError(f"class {index!r} is not an index from 0 to {count - 1}")
    return index
