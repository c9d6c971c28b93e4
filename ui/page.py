"""The page: what stands where, and what happens when something is touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from cvt.device import choose_device
from cvt.errors import CheckpointError, ConfigError, ImageError
from cvt.tracing import Trace
from ui.about import AboutModel, about_value
from ui.credits import FOLDER, examples
from ui.curves import CurveChart, curves_value
from ui.drops import DropZone, dropped_path
from ui.endpoints import add_endpoints
from ui.errors import as_toasts, warn
from ui.examples import SMALL, SMALL_AT, ExamplePicker, chosen_photo, picker_value
from ui.explorer import Explorer, requested_class, with_evidence
from ui.image_input import MAX_BYTES, Given, Photo
from ui.language import ChooseLanguage, language_of
from ui.lessons import add_lessons
from ui.look import Look, class_label, look, probabilities, recall, traced
from ui.measure import KINDS, measure, take_home
from ui.models import LoadedModel, ModelCache, download, offered_models
from ui.sessions import WatchedBlocks, WatchSessions, sweeping
from ui.stages import StageStrip, strip_value
from ui.texts import text, translations
from ui.theme import PAGE_STYLE, theme
from ui.turn import Turn
from ui.uploads import uploaded

__all__ = ["build", "launch_options"]

STATIC = Path(__file__).with_name("static")

Updates = Iterator[dict[Any, Any]]
"""What a handler yields: new values by component; components left out stay as they are."""

KEPT_FOR = 3600
"""Seconds without a visit after which a session's look is forgotten; it is made anew when needed."""

METHODS = ("class_evidence", "hires_cam", "grad_attention", "rollout", "attention_received", "feature")

CHOOSE_CLASS = "(target) => document.querySelector('#explorer')?.explorer?.open({ view: 'class_evidence', target })"


def build(model: str = "auto", device: str = "auto") -> WatchedBlocks:
    """The page, with the first example's result in place.

    Args:
        model: which one to start with, as for :func:`ui.models.offered_models`.
        device: where models run.

    Raises:
        CvtError: the model or the device is not there.
    """
    entries = offered_models(model)
    models = ModelCache(entries, device=choose_device(device))
    with WatchedBlocks(title="CvT Explorer", analytics_enabled=False) as demo:
        _Page(demo, models, entries[0].name)
        add_endpoints(models, entries[0].name)
    demo.queue(max_size=32)
    return demo


def launch_options() -> dict[str, Any]:
    """What ``launch`` needs to know beside where to serve."""
    return {
        "theme": theme(),
        "favicon_path": STATIC / "favicon.png",
        "css_paths": PAGE_STYLE,
        "i18n": translations(),
        "max_file_size": MAX_BYTES,
        "allowed_paths": [str(FOLDER)],
        "app_kwargs": {
            "middleware": [Middleware(ChooseLanguage), Middleware(WatchSessions)],
            "routes": [Mount(f"/{SMALL_AT}", StaticFiles(directory=SMALL))],
            "lifespan": sweeping,
        },
        "state_session_capacity": 64,
        "footer_links": ["api"],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
    }


def _choices(kind: str, values: Sequence[str]) -> list[tuple[str, str]]:
    """Values to choose from under names that the browser translates."""
    return [(str(text(f"{kind}_{value}")), value) for value in values]


class _Page:
    """The components and their handlers."""

    def __init__(self, demo: gr.Blocks, models: ModelCache, start: str) -> None:
        self.models = models
        self.start_model = start
        loaded = models.get(start)
        example = next(iter(examples().values()))
        photo = example.open()
        self.first = look(loaded, photo, traced(loaded, photo), example.id)
        self._lay_out(example.path)
        self._wire(demo)

    def _lay_out(self, photo: Path) -> None:
        loaded, first = self.models.get(self.start_model), self.first
        with gr.Row(elem_id="header"):
            gr.Markdown("# CvT Explorer")
            gr.Markdown(text("tagline"), elem_classes="tagline")
            self.model = gr.Dropdown(
                [(entry.label, entry.name) for entry in self.models.entries.values()],
                value=self.start_model,
                label=text("model"),
                show_label=False,
                container=False,
                elem_id="model",
                filterable=False,
            )
            gr.HTML(
                html_template=(STATIC / "languages.html").read_text(encoding="utf-8"),
                js_on_load=(STATIC / "languages.js").read_text(encoding="utf-8"),
                apply_default_css=False,
                elem_classes="languages",
            )
        with gr.Row(elem_id="main"):
            with gr.Column(scale=1, min_width=320, elem_id="left"):
                self.photo = Photo(
                    str(photo),
                    elem_id="photo",
                    label=text("photo"),
                    alt_text=text("photo"),
                    placeholder=text("photo_hint"),
                    sources=["upload", "webcam", "clipboard"],
                    buttons=["fullscreen"],
                    height=300,
                )
                self.picker = ExamplePicker(picker_value(next(iter(examples()))))
                self.prediction = gr.Label(
                    probabilities(first.trace),
                    num_top_classes=5,
                    elem_id="prediction",
                    label=text("prediction"),
                    show_heading=False,
                )
                gr.Markdown(text("prediction_hint"), elem_classes="hint")
            with gr.Column(scale=3, min_width=320, elem_id="right"):
                self.explorer = Explorer(first.explorer)
        with gr.Column(elem_id="strip"):
            gr.Markdown(text("stages"), elem_classes="section-title")
            self.strip = StageStrip(strip_value(first.trace))
        add_lessons(loaded.model.config)
        with gr.Accordion(text("measuring"), open=False, elem_id="measure"):
            gr.Markdown(text("measure"))
            with gr.Row():
                with gr.Column():
                    self.method = gr.Dropdown(
                        _choices("method", METHODS), value=METHODS[0], label=text("method"), filterable=False
                    )
                    self.measure = gr.Button(text("measure_button"), variant="primary")
                    self.kind = gr.Radio(_choices("kind", KINDS), value=KINDS[0], label=text("kind"))
                    self.make = gr.Button(text("make_button"))
                    self.file = gr.File(label=text("download"), interactive=False)
                with gr.Column(scale=2):
                    self.curves = CurveChart()
        with gr.Accordion(text("about"), open=False, elem_id="about"), gr.Row():
            with gr.Column(scale=2, min_width=320):
                self.about = AboutModel(about_value(loaded))
            with gr.Column(scale=1, min_width=280):
                gr.Markdown(text("limits"))
                gr.Markdown(text("licence"))
                gr.Markdown(text("credits"))
        self.drops = DropZone()
        self.kept = gr.State(None, time_to_live=KEPT_FOR)
        self.turn = gr.State(Turn())
        self.started = gr.State(0)
        self.number = gr.Number(0, visible=False)
        self.target = gr.Number(visible=False)

    def _wire(self, demo: gr.Blocks) -> None:
        """Whatever changes what is to be seen takes a turn at once, which ends what is under way, and starts a run."""
        now = [self.photo, self.picker, self.model, self.kept]
        shown = [self.photo, self.picker, self.model, self.prediction, self.explorer, self.strip, self.kept]
        shown += [self.about, self.curves, self.file]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        heavy: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "model", "concurrency_limit": 1}
        self.started.change(
            as_toasts(self.show),
            [*now, self.number, self.turn],
            shown,
            trigger_mode="multiple",
            show_progress_on=[self.prediction],
            **heavy,
        )
        light: dict[str, Any] = {"concurrency_limit": None, "trigger_mode": "always_last", **quiet}
        turn = [self.started, self.number]
        self.photo.input(self.bring, self.turn, [self.picker, *turn], **light)
        self.drops.drop(as_toasts(self.drop), self.turn, [self.photo, self.picker, *turn], **light)
        self.picker.select(self.pick, [self.picker, self.turn], [self.photo, *turn], **light)
        self.model.select(self.renew, self.turn, turn, **light)
        address = [self.photo, self.picker, self.model, *turn]
        demo.load(as_toasts(self.read_address), self.turn, address, concurrency_limit=None, **quiet)
        mine = [self.number, self.turn]
        self.measure.click(as_toasts(self.curve), [*now, self.method, *mine], self.curves, **heavy)
        self.make.click(as_toasts(self.take), [*now, self.kind, *mine], self.file, **heavy)
        evidence = as_toasts(self.evidence)
        self.explorer.evidence(evidence, now, [self.explorer, self.kept], show_progress="hidden", **heavy)
        chosen = self.prediction.select(as_toasts(self.choose), self.model, self.target, queue=False, **quiet)
        chosen.then(None, self.target, None, js=CHOOSE_CLASS, api_visibility="private")

    def _next(self, turn: Turn) -> dict[Any, Any]:
        return dict.fromkeys((self.started, self.number), turn.next())

    def bring(self, turn: Turn) -> dict[Any, Any]:
        """A photo that somebody brought; whatever it is, it has no name that a link could hold."""
        return {self.picker: picker_value(None)} | self._next(turn)

    def drop(self, turn: Turn, event: gr.EventData) -> dict[Any, Any]:
        """A photo that was dropped or pasted anywhere on the page."""
        return {self.photo: str(uploaded(dropped_path(event)))} | self.bring(turn)

    def pick(self, example: str | None, turn: Turn) -> Any:
        """One of the examples."""
        return gr.skip() if example is None else {self.photo: str(examples()[example].path)} | self._next(turn)

    def renew(self, turn: Turn) -> dict[Any, Any]:
        """The same photo through another model."""
        return self._next(turn)

    def read_address(self, turn: Turn, request: gr.Request) -> Any:
        """The example and the model that the address asks for, where they are not on the screen anyway."""
        example, model = request.query_params.get("example"), request.query_params.get("model")
        for name, known, value in (("example", examples(), example), ("model", self.models.entries, model)):
            if value and value not in known:
                warn(f"unknown_{name}", value=value, known=" · ".join(known))
        updates: dict[Any, Any] = {}
        if example in examples() and example != self.first.explorer.example:
            updates |= {self.photo: str(examples()[example].path), self.picker: picker_value(example)}
        if model in self.models.entries and model != self.start_model:
            updates |= {self.model: model}
        return updates | self._next(turn) if updates else gr.skip()

    def show(
        self,
        photo: Given,
        example: str | None,
        model: str,
        kept: Look | None,
        number: int,
        turn: Turn,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Updates:
        """A photo through a model: the prediction first, then the explorer and the strip."""
        try:
            updates = (
                iter([self._nothing()])
                if photo is None
                else self._look(chosen_photo(photo, example), example, model, kept, progress)
            )
            for update in updates:
                turn.check(number)
                yield update
        except ImageError as error:
            warn("photo_unusable", reason=error)
            yield self._nothing()

    def _look(
        self, photo: Image.Image, example: str | None, model: str, kept: Look | None, progress: gr.Progress
    ) -> Updates:
        entry = self.models.entry(model)
        try:
            download(entry, lambda done: progress(done, desc=entry.title))
            loaded = self.models.get(model)
        except CheckpointError as error:
            warn("error_checkpoint", reason=error)
            loaded = self.models.get(kept.model if kept else self.start_model)
            yield {self.model: loaded.entry.name}
        trace = traced(loaded, photo)
        yield {self.prediction: probabilities(trace), self.curves: None, self.file: None}
        seen = look(loaded, photo, trace, example)
        yield {self.explorer: seen.explorer, self.kept: seen}
        yield {self.strip: strip_value(trace), self.about: about_value(loaded)}

    def _nothing(self) -> dict[Any, Any]:
        """The page without a photo."""
        empty = (self.photo, self.prediction, self.explorer, self.strip, self.kept, self.curves, self.file)
        return dict.fromkeys(empty) | {self.picker: picker_value(None)}

    def choose(self, model: str, event: gr.SelectData) -> int:
        """The number of the class whose line in the prediction was chosen.

        Raises:
            ConfigError: the model has no such class.
        """
        config = self.models.get(model).model.config
        for index in range(config.num_labels):
            if class_label(config, index) == event.value:
                return index
        raise ConfigError("that class is not one of this model's")

    def evidence(self, photo: Given, example: str | None, model: str, kept: Look | None, event: gr.EventData) -> Any:
        """Add to the explorer what speaks for the class it asks about."""
        loaded = self.models.get(model)
        seen = recall(loaded, chosen_photo(photo, example), example, kept, self.first)
        target = requested_class(event, loaded.model.config.num_labels)
        seen = replace(
            seen, explorer=with_evidence(seen.explorer, traced(loaded, chosen_photo(photo, example), target))
        )
        return {self.explorer: seen.explorer, self.kept: seen}

    def _best(self, photo: Given, example: str | None, model: str, kept: Look | None) -> tuple[LoadedModel, Trace]:
        """The photo on the page, traced with its most probable class as the target."""
        loaded = self.models.get(model)
        seen = recall(loaded, chosen_photo(photo, example), example, kept, self.first)
        return loaded, traced(loaded, chosen_photo(photo, example), target=seen.trace.top(1)[0][0])

    def curve(
        self,
        photo: Given,
        example: str | None,
        model: str,
        kept: Look | None,
        method: str,
        number: int,
        turn: Turn,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Any:
        """Insertion and deletion curves of a method."""

        def tell(done: float) -> None:
            turn.check(number)
            progress(done)

        loaded, best = self._best(photo, example, model, kept)
        return curves_value(measure(loaded, best, method, tell), best.label(best.top(1)[0][0]))

    def take(
        self,
        photo: Given,
        example: str | None,
        model: str,
        kept: Look | None,
        kind: str,
        number: int,
        turn: Turn,
        request: gr.Request,
    ) -> Any:
        """A file to take home."""
        loaded, best = self._best(photo, example, model, kept)
        file = take_home(loaded, best, kind, language_of(request))
        turn.check(number)
        return str(file)
