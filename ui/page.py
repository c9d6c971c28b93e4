"""The page: what stands where, and which handler answers when something is touched."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import torch

from cvt.errors import CvtError

from .components.about import AboutModel, about_value
from .components.closeup import CloseUp, closeup_value
from .components.comparison import Comparison, comparison_value
from .components.curves import CurveChart
from .components.examples import ExamplePicker, picker_value
from .components.explorer import Explorer
from .components.laboratory import Laboratory, laboratory_value
from .components.languages import LanguageLinks
from .components.lessons import Lessons, lessons_value
from .components.photo import Photo, PhotoBar
from .components.scope import ModelScope, questions, scope_value
from .components.stages import Ribbon, ribbon_value
from .components.undrawn import undrawn
from .endpoints import add_endpoints
from .examples import opening_example
from .handlers import Handlers
from .serving.watching import WatchedBlocks
from .session.downloads import KINDS
from .session.gpu import home
from .session.look import Look, explained, look, probabilities, trace_photo
from .session.measure import MEASURABLE
from .session.models import LoadedModel, ModelCache, offered_models
from .session.turn import Turn
from .wiring import wired
from .words import text

__all__ = ["MOST_WAITING", "build"]

log = logging.getLogger(__name__)

KEPT_FOR = 3600
"""Seconds without a visit after which a session's look is forgotten; it is made anew when needed."""

MOST_AT_WORK = 8
"""Visitors who are served at a time in one line; each has one thing done there after the other."""

MOST_WAITING = 1000
"""Calls and visitors that wait at most. What waits is small: a photo that waits is a file."""

CHOOSE_CLASS = """(target) => {
    const root = document.querySelector("#explorer");
    root?.explorer?.open({ view: "class_evidence", target });
    root?.querySelector(".frame")?.scrollIntoView({ block: "nearest" });
}"""

SHOW_CLASSES = """() => {
    const about = document.querySelector("#about");
    if (!about.querySelector(".classes")) about.querySelector("button").click();
    const found = () => about.querySelector(".find")?.focus() ?? requestAnimationFrame(found);
    found();
}"""

SETTLE = """() => document.querySelector("#explorer")?.explorer?.settle()"""
SETTLE_IF_NONE = """(number) => number || document.querySelector("#explorer")?.explorer?.settle(true)"""
"""What the address asked for is shown as far as it can be had: after a run, or where reading it has started none."""


def build(model: str = "auto", device: str = "auto") -> WatchedBlocks:
    """The page, with the result of the first example that shows something the model knows in place.

    Args:
        model: which one to start with, as for :func:`session.models.offered_models`.
        device: where models run.

    Raises:
        CvtError: the model or the device is not there.
    """
    models, loaded = _start(model, home(device))
    start = loaded.entry.name
    example = opening_example(loaded.model.config.id2label.values())
    photo = example.open()
    first = look(loaded, photo, trace_photo(loaded, photo, "winner"), example.id)
    first = explained(loaded, photo, first, first.winner)
    with WatchedBlocks(title="CvT Explorer", analytics_enabled=False) as demo:
        page = _Page(models, loaded, first, example.path)
        _wire(demo, page, Handlers(models, start, first))
        add_endpoints(models, start)
    demo.models, demo.start = models, start
    demo.queue(max_size=MOST_WAITING)
    return demo


def privacy() -> str:
    """Which text says where photos go: on a Space they leave the visitor's computer."""
    on_space = "SPACE_ID" in os.environ or os.environ.get("SYSTEM") == "spaces"
    return "privacy_space" if on_space else "privacy"


def _start(model: str, device: torch.device) -> tuple[ModelCache, LoadedModel]:
    """The models that are offered, and the first of them; where "auto" finds a damaged one, the bundled model."""
    entries = offered_models(model)
    try:
        models = ModelCache(entries, device=device)
        return models, models.get(entries[0].name)
    except CvtError as error:
        if model != "auto" or entries[0].name == "bundled":
            raise
        log.warning("%s cannot be used (%s); the bundled model takes its place", entries[0].name, error)
    models = ModelCache(offered_models("bundled"), device=device)
    return models, models.get("bundled")


def _choices(kind: str, values: Sequence[str]) -> list[tuple[str, str]]:
    """Values to choose from under names that the browser translates."""
    return [(str(text(f"{kind}_{value}")), value) for value in values]


def _unseen_heading(name: str) -> None:
    """A heading for those who go by headings, where eyes need none."""
    gr.Markdown(text(f"heading_{name}"), elem_classes="unseen")


class _Page:
    """The components, in the order in which they stand."""

    def __init__(self, models: ModelCache, loaded: LoadedModel, first: Look, photo: Path) -> None:
        gr.Markdown(text("skip"), elem_classes="skip")
        with gr.Row(elem_id="header"):
            gr.Markdown("# CvT Explorer")
            gr.Markdown(text("tagline"), elem_classes="tagline")
            self.model = gr.Dropdown(
                [(entry.label, entry.name) for entry in models.entries.values()],
                value=loaded.entry.name,
                label=text("model"),
                show_label=False,
                container=False,
                elem_id="model",
                filterable=False,
            )
            LanguageLinks(elem_classes="languages")
        self.photo = undrawn(Photo(str(photo), visible=False))
        with gr.Column(elem_id="ribbon"):
            _unseen_heading("ribbon")
            self.stages = Ribbon(ribbon_value(first.trace))
        with gr.Row(elem_id="main"):
            with gr.Column(elem_id="bring", min_width=0):
                self.bringing = PhotoBar()
                self.examples = ExamplePicker(picker_value(first.explorer.example))
            with gr.Column(elem_id="answer", min_width=0):
                gr.Markdown(text("heading_prediction"), elem_classes="section-title")
                self.prediction = gr.Label(
                    probabilities(first.trace),
                    num_top_classes=5,
                    elem_id="prediction",
                    label=text("prediction"),
                    show_heading=False,
                    show_label=False,
                )
                gr.Markdown(text("prediction_hint"), elem_classes="hint")
                known = scope_value(loaded, first.trace, models, first.explorer.example)
                self.scope = ModelScope(known, server_functions=questions(models), elem_id="scope")
            with gr.Column(elem_id="right", min_width=0):
                _unseen_heading("explorer")
                self.explorer = Explorer(first.explorer)
        self.closeup = CloseUp(closeup_value(first.explorer, loaded.model.config, loaded.processor))
        self.laboratory = Laboratory(
            laboratory_value(first.explorer.key, loaded.model.config, loaded.processor.resolution)
        )
        with gr.Column(elem_id="course"):
            self.lessons = Lessons(lessons_value(first.explorer.key))
        with gr.Column(elem_id="trust"):
            gr.Markdown(text("heading_trust"), elem_classes="section-title")
            gr.Markdown(text("trust"))
            self.comparison = Comparison(comparison_value(0, first.trace))
        _unseen_heading("measure")  # Gradio's accordions have a button and no heading
        with gr.Accordion(text("measuring"), open=False, elem_id="measure"):
            self._add_measuring()
        _unseen_heading("about")
        with gr.Accordion(text("about"), open=False, elem_id="about"), gr.Row():
            with gr.Column(scale=2, min_width=320):
                self.about = AboutModel(about_value(loaded))
            with gr.Column(scale=1, min_width=280):
                for name in ("limits", privacy(), "licence", "credits"):
                    gr.Markdown(text(name))
        self.kept = gr.State(None, time_to_live=KEPT_FOR)
        self.turn = gr.State(Turn())
        self.trials = gr.State(Turn())
        self.started = gr.State(0)
        self.number = undrawn(gr.Number(0, visible=False))
        self.target = undrawn(gr.Number(visible=False))

    def _add_measuring(self) -> None:
        gr.Markdown(text("measure"))
        with gr.Row():
            with gr.Column():
                methods = _choices("method", MEASURABLE)
                self.method = gr.Dropdown(methods, value=MEASURABLE[0], label=text("method"), filterable=False)
                self.measure = gr.Button(text("measure_button"), variant="primary")
                self.kind = gr.Radio(_choices("kind", KINDS), value=KINDS[0], label=text("kind"))
                self.make = gr.Button(text("make_button"))
                self.file = gr.File(label=text("download"), interactive=False)
            with gr.Column(scale=2):
                self.curves = CurveChart()


def _wire(demo: gr.Blocks, page: _Page, handlers: Handlers) -> None:
    """Whatever changes what is to be seen takes a turn at once, which ends what is under way, and starts a run."""
    asked = [page.photo, page.examples, page.model, page.kept, page.number, page.turn]
    shown = [page.photo, page.examples, page.model, page.prediction, page.scope, page.explorer, page.stages, page.kept]
    shown += [page.about, page.closeup, page.laboratory, page.curves, page.file, page.lessons, page.comparison]
    turn = [page.started, page.number]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    heavy: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "page", "concurrency_limit": MOST_AT_WORK}
    wish: dict[str, Any] = {"concurrency_id": "wishes", "concurrency_limit": None, **quiet}
    light: dict[str, Any] = {"trigger_mode": "always_last", **wish}

    def on(handler: Callable[..., Any]) -> Callable[..., Any]:
        return wired(handler, page)

    waiting: dict[str, Any] = {"trigger_mode": "multiple", "show_progress_on": [page.prediction]}
    shown_all = page.started.change(on(handlers.show), asked, shown, **waiting, **heavy)
    shown_all.then(None, js=SETTLE, api_visibility="private")
    each = light | {"trigger_mode": "multiple"}  # a drop's photo comes with its event, which no other may stand in for
    page.bringing.drop(on(handlers.drop), page.turn, [page.photo, page.examples, *turn], **each)
    page.examples.select(on(handlers.pick), [page.examples, page.turn], [page.photo, *turn], **light)
    page.model.select(on(handlers.renew), page.turn, turn, **light)
    page.scope.switch(on(handlers.widen), page.turn, [page.model, *turn], **light)
    page.scope.list(None, js=SHOW_CLASSES, api_visibility="private")
    address = [page.photo, page.examples, page.model, *turn]
    read = demo.load(on(handlers.read_address), page.turn, address, **wish)
    read.then(None, page.number, None, js=SETTLE_IF_NONE, api_visibility="private")
    long: dict[str, Any] = {**heavy, "concurrency_id": "measuring"}  # nothing else of the page waits for these
    page.measure.click(on(handlers.curve), [*asked, page.method], [page.curves, page.kept], **long)
    page.make.click(on(handlers.take), [*asked, page.kind], [page.file, page.kept], **long)
    compared: dict[str, Any] = {**long, "concurrency_id": "comparison", "show_progress": "hidden"}
    page.comparison.wanted(on(handlers.compare), asked, page.comparison, **compared)
    evidence = [page.explorer, page.kept]
    page.explorer.evidence(on(handlers.evidence), asked, evidence, show_progress="hidden", **heavy)
    page.explorer.figure(on(handlers.figure), asked, evidence, show_progress="hidden", **heavy)
    lessons = [page.lessons, page.kept]
    page.lessons.facts(on(handlers.facts), asked, lessons, show_progress="hidden", **heavy)
    page.lessons.sheet(on(handlers.sheet), asked, lessons, show_progress="hidden", **heavy)
    page.closeup.pieces(
        on(handlers.pieces), asked, [page.closeup, page.kept], trigger_mode="multiple", show_progress="hidden", **heavy
    )
    page.laboratory.trial(
        on(handlers.trial),
        [*asked, page.trials],
        [page.laboratory, page.kept],
        trigger_mode="multiple",
        show_progress="hidden",
        **heavy,
    )
    chosen = page.prediction.select(on(handlers.choose), page.model, page.target, queue=False, **quiet)
    chosen.then(None, page.target, None, js=CHOOSE_CLASS, api_visibility="private")
