"""A page with nothing on it but an explorer, and buttons that do to it what a busy page might."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image
from starlette.middleware import Middleware

from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.tracing import Trace, trace
from ui.components.explorer import Explorer, ExplorerData, explorer_value, requested_class, with_evidence
from ui.serving import assets
from ui.serving.document import DocumentHead

PARTS: dict[str, Any] = {"app_kwargs": {"middleware": [Middleware(DocumentHead)], "routes": assets.routes()}}
"""What a server of such a page has to be told."""

RESOLUTION = 128
"""Grids of 32², 16² and 8² tokens, whatever the bundled model's own resolution."""

HOSTILE = "<img src=x onerror=\"window.hacked='{0}'\">${{window.hacked='{0}'}}{{{{hacked}}}}"


def photo(seed: int, size: tuple[int, int] = (480, 360)) -> Image.Image:
    """A photo of blobs, unlike any other seed's."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


@dataclass
class Gate:
    """Where an answer waits on its way to the page."""

    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


@dataclass
class Bench:
    """The model, its traces, and what the page may be made to wait for."""

    model: CvtForImageClassification
    processor: CvtImageProcessor
    label: str | None = None
    model_name: str = "bundled"
    hold: dict[str, Gate] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    shown: dict[str, ExplorerData] = field(default_factory=dict)

    def trace(self, name: str, target: int | None = None) -> Trace:
        """The trace of the photo with that number, wide or tall by its parity."""
        number = int(name)
        size = (480, 360) if number % 2 == 0 else (300, 400)
        result = trace(self.model, self.processor, photo(number, size), target=target, resolution=RESOLUTION)
        if self.label is None:
            return result
        config = type(result.config).from_dict(result.config.to_dict())
        config.id2label = {index: self.label.format(index) for index in config.id2label}
        return replace(result, config=config)

    def value(self, name: str) -> ExplorerData:
        """A new value for the explorer; photos up to 99 are examples, the others somebody's own."""
        example = f"photo-{name}" if int(name) < 100 else None
        self.shown[name] = explorer_value(self.trace(name), model_name=self.model_name, example=example)
        return self.shown[name]


def build(bench: Bench) -> gr.Blocks:
    """Type a photo's number into #name, then Enter, to show it; #answered says whose answer came last.

    A gate in ``bench.hold`` keeps a photo's answers back until it is released.
    """

    def wait(name: str) -> None:
        if name in bench.hold:
            bench.hold[name].reached.set()
            bench.hold[name].released.wait(20)

    def show(name: str) -> Iterator[tuple[ExplorerData | None, str]]:
        if not name:
            yield None, "nothing"
            return
        value = bench.value(name)
        wait(name)
        yield value, name

    def evidence(name: str, event: gr.EventData) -> tuple[ExplorerData, str]:
        target = requested_class(event, bench.model.config.num_labels)
        bench.asked.append(target)
        wait(name)
        return with_evidence(bench.shown[name], bench.trace(name, target)), f"{name} with evidence"

    with gr.Blocks(analytics_enabled=False) as demo:
        explorer = Explorer(with_evidence(bench.value("0"), bench.trace("0", bench.trace("0").top(1)[0][0])))
        name = gr.Textbox("0", elem_id="name", label="photo")
        answered = gr.Textbox(elem_id="answered", label="answered")
        at_once: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "trigger_mode": "multiple"}
        name.submit(show, name, [explorer, answered], **at_once)
        explorer.evidence(evidence, name, [explorer, answered], **at_once)
    return demo
