"""What happens when something on the page is touched.

Handlers know nothing of Gradio's components: they take what a visitor :class:`Asked` for, and give new values by the
names that the parts have in :mod:`page`. Parts that are left out stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
from PIL import Image

from cvt.errors import CheckpointError, ConfigError, CvtError, ImageError

from .components.about import about_value
from .components.closeup import closeup_value, requested_pieces
from .components.comparison import comparison_value
from .components.curves import curves_value
from .components.examples import picker_value
from .components.explorer import requested_class, requested_contrast, with_figure
from .components.laboratory import laboratory_value, requested_trial, trial_data
from .components.lessons import lessons_value, requested_sheet, with_sheet
from .components.photo import Given, dropped_path, given
from .components.scope import scope_value, wider_model
from .components.stages import ribbon_value
from .errors import warn
from .examples import examples
from .serving.uploads import uploaded
from .session.downloads import take_home
from .session.laboratory import try_out
from .session.look import Look, aimed, class_label, explained, look, probabilities, recall, traced_twice
from .session.measure import compared, measure
from .session.models import LoadedModel, ModelCache
from .session.pieces import pieces
from .session.turn import Turn
from .session.view import figure_file, read_view
from .words import language_of

__all__ = ["Asked", "Handlers", "Updates"]

Updates = dict[str, Any]
"""New values by the names of the page's parts."""


@dataclass(frozen=True)
class Asked:
    """What a visitor asks for: a photo through a model.

    Attributes:
        brought: the photo on the page.
        example: id of the example on the screen; None for a photo that somebody brought.
        model: a name on the list.
        kept: what the session remembers of the look before.
        number: of the wish (see :mod:`session.turn`).
        turn: the count of the visitor's wishes.
    """

    brought: Given
    example: str | None
    model: str
    kept: Look | None
    number: int
    turn: Turn

    @property
    def photo(self) -> Image.Image:
        """The photo: an example by its name, whatever file the browser has for it, else what was brought.

        Raises:
            ImageError: there is none, or it cannot be used.
        """
        return given(self.brought) if self.example is None else examples()[self.example].open()

    def check(self) -> None:
        """Go on only while this is the visitor's newest wish.

        Raises:
            OvertakenError: it is not.
        """
        self.turn.check(self.number)


def next_turn(turn: Turn) -> Updates:
    """A new wish: it overtakes what is under way, and starts a run."""
    return dict.fromkeys(("started", "number"), turn.next())


def nothing() -> Updates:
    """The page without a photo."""
    answers = ("prediction", "scope", "explorer", "closeup", "laboratory", "stages", "lessons", "comparison")
    empty = ("photo", "kept", *answers, "curves", "file")
    return dict.fromkeys(empty) | {"examples": picker_value(None)}


@dataclass(frozen=True)
class Handlers:
    """All of them, over the models that are offered and the look that the page opens with.

    Attributes:
        models: what is offered.
        start: name of the model that the page opens with.
        first: the first example, seen by it.
    """

    models: ModelCache
    start: str
    first: Look

    def bring(self, turn: Turn) -> Updates:
        """A photo that somebody brought; whatever it is, it has no name that a link could hold."""
        return {"examples": picker_value(None)} | next_turn(turn)

    def drop(self, turn: Turn, event: gr.EventData) -> Updates:
        """A photo that was dropped or pasted anywhere on the page."""
        return {"photo": str(uploaded(dropped_path(event)))} | self.bring(turn)

    def pick(self, example: str | None, turn: Turn) -> Updates:
        """One of the examples."""
        return {} if example is None else {"photo": str(examples()[example].path)} | next_turn(turn)

    def renew(self, turn: Turn) -> Updates:
        """The same photo through another model."""
        return next_turn(turn)

    def widen(self, turn: Turn) -> Updates:
        """The same photo through the model that knows more."""
        wider = wider_model(self.models)
        return {} if wider is None else {"model": wider.name} | next_turn(turn)

    def read_address(self, turn: Turn, request: gr.Request) -> Updates:
        """The example and the model that the address asks for, where they are not on the screen anyway."""
        example, model = request.query_params.get("example"), request.query_params.get("model")
        for name, known, value in (("example", examples(), example), ("model", self.models.entries, model)):
            if value and value not in known:
                warn(f"unknown_{name}", value=value, known=" · ".join(known))
        updates: Updates = {}
        if example in examples() and example != self.first.explorer.example:
            updates |= {"photo": str(examples()[example].path), "examples": picker_value(example)}
        if model in self.models.entries and model != self.start:
            updates |= {"model": model}
        return updates | next_turn(turn) if updates else {}

    def show(self, asked: Asked, progress: gr.Progress = gr.Progress()) -> Iterator[Updates]:  # noqa: B008
        """A photo through a model: the prediction first, then why, then the ribbon."""
        try:
            for update in iter([nothing()]) if asked.brought is None else self._look(asked, progress):
                asked.check()
                yield update
        except ImageError as error:
            asked.check()
            warn("photo_unusable", reason=error)
            yield nothing()

    def _look(self, asked: Asked, progress: gr.Progress) -> Iterator[Updates]:
        photo = asked.photo
        entry = self.models.entry(asked.model)
        try:
            if entry.is_on_hub:
                for done in self.models.downloads.follow(entry.ref):
                    asked.check()
                    progress(done, desc=entry.title)
            loaded = self.models.get(asked.model)
        except CheckpointError as error:
            loaded = self.models.get(asked.kept.model if asked.kept else self.start)
            warn("model_kept", reason=error, model=entry.title, kept=loaded.entry.title)
            yield {"model": loaded.entry.name}
        steps = traced_twice(loaded, photo)
        with self.models.network.place():
            trace = next(steps)
        known = scope_value(loaded, trace, self.models, asked.example)
        yield {"prediction": probabilities(trace), "scope": known, "curves": None, "file": None}
        with self.models.network.place():
            explaining = next(steps)
        seen = look(loaded, photo, explaining, asked.example)
        seen = explained(loaded, photo, seen, seen.winner)
        closeup = closeup_value(seen.explorer, loaded.model.config, loaded.processor)
        laboratory = laboratory_value(seen.explorer.key, loaded.model.config, loaded.processor.resolution)
        lessons = lessons_value(seen.explorer.key)
        yield {
            "explorer": seen.explorer,
            "closeup": closeup,
            "laboratory": laboratory,
            "lessons": lessons,
            "kept": seen,
        }
        untested = comparison_value(asked.number, trace)
        yield {"stages": ribbon_value(trace), "about": about_value(loaded), "comparison": untested}

    def choose(self, model: str, event: gr.SelectData) -> Updates:
        """The number of the class whose line in the prediction was chosen.

        Raises:
            ConfigError: the model has no such class.
        """
        config = self.models.get(model).model.config
        for index in range(config.num_labels):
            if class_label(config, index) == event.value:
                return {"target": index}
        raise ConfigError("that class is not one of this model's")

    def evidence(self, asked: Asked, event: gr.EventData) -> Updates:
        """Add to the explorer what speaks for the class it asks about."""
        with self.models.network.place():
            loaded, seen = self._seen(asked)
            count = loaded.model.config.num_labels
            target, against = requested_class(event, count), requested_contrast(event, count)
            seen = explained(loaded, asked.photo, seen, target, against)
        return {"explorer": seen.explorer, "kept": seen}

    def figure(self, asked: Asked, request: gr.Request, event: gr.EventData) -> Updates:
        """The view on the screen as a figure: the event says which, as an address does, and the format."""
        said = event._data if isinstance(event._data, dict) else {}
        language = language_of(request).code
        with self.models.network.place():
            loaded, seen = self._seen(asked)
            view = read_view(said, seen.trace)
            if view.target is not None:
                seen = aimed(loaded, asked.photo, seen, view.target, view.against)
        credit = seen.explorer.credit.get(language, "")
        title = loaded.entry.title
        file = figure_file(seen.trace, view, said.get("format", ""), model_name=title, credit=credit, language=language)
        return {"explorer": with_figure(seen.explorer, file), "kept": seen}

    def facts(self, asked: Asked) -> Updates:
        """What the lessons need to know of the photo and the model."""
        _, seen = self._for_winner(asked)
        return {"lessons": lessons_value(seen.explorer.key, seen.trace), "kept": seen}

    def pieces(self, asked: Asked, event: gr.EventData) -> Updates:
        """Hand out the numbers that a close-up asks for."""
        loaded, seen = self._seen(asked)
        found = pieces(loaded, seen.trace, requested_pieces(event))
        return {"closeup": closeup_value(seen.explorer, loaded.model.config, loaded.processor, found), "kept": seen}

    def trial(self, asked: Asked, trials: Turn, event: gr.EventData) -> Iterator[Updates]:
        """Something tried in a laboratory, as far as it is known; a newer trial, or another photo, ends it."""
        loaded = self.models.get(asked.model)
        config, resolution = loaded.model.config, loaded.processor.resolution
        wish = requested_trial(event, config, resolution)
        trials.check(wish.number)
        loaded, seen = self._for_winner(asked)
        found = try_out(loaded, self.models.network, seen.trace, asked.photo, wish.trial, with_curve=wish.with_curve)
        value = partial(laboratory_value, seen.explorer.key, config, resolution)
        told = None
        try:
            for outcome in found:
                asked.check()
                trials.check(wish.number)
                kept = {"kept": seen} if told is None else {}
                told = trial_data(wish.number, outcome)
                yield {"laboratory": value(told), **kept}
        except CvtError:
            yield {"laboratory": value(refused=wish.number)}
            raise
        if told is not None:
            yield {"laboratory": value(told.model_copy(update={"done": True}))}

    def sheet(self, asked: Asked, request: gr.Request, event: gr.EventData) -> Updates:
        """An exercise sheet about the photo, for a class."""
        sheet = requested_sheet(event)
        loaded, seen = self._for_winner(asked)
        lessons, told = lessons_value(seen.explorer.key), language_of(request).code
        lessons = with_sheet(lessons, seen.trace, sheet, language=told, model_name=loaded.entry.title)
        return {"lessons": lessons, "kept": seen}

    def curve(self, asked: Asked, method: str, progress: gr.Progress = gr.Progress()) -> Updates:  # noqa: B008
        """What happens to the most probable class as a method's pixels are taken away."""

        def tell(done: float) -> None:
            asked.check()
            progress(done)

        loaded, seen = self._for_winner(asked)
        measured = measure(loaded, seen.trace, method, tell)
        return {"curves": curves_value(measured, seen.trace.label(seen.winner)), "kept": seen}

    def compare(self, asked: Asked) -> Updates:
        """Every method put to the test on the photo, for the most probable class.

        It takes seconds, so it keeps nothing: what was looked at meanwhile is newer.
        """
        loaded, seen = self._for_winner(asked)
        found = compared(loaded, seen.trace, lambda _: asked.check())
        return {"comparison": comparison_value(asked.number, seen.trace, found)}

    def take(self, asked: Asked, kind: str, request: gr.Request) -> Updates:
        """A file to take home, with the evidence for the most probable class."""
        loaded, seen = self._for_winner(asked)
        file = take_home(loaded, seen.trace, kind, language_of(request).code)
        asked.check()
        return {"file": str(file), "kept": seen}

    def _seen(self, asked: Asked) -> tuple[LoadedModel, Look]:
        loaded = self.models.get(asked.model)
        return loaded, recall(loaded, asked.photo, asked.example, asked.kept, self.first)

    def _for_winner(self, asked: Asked) -> tuple[LoadedModel, Look]:
        with self.models.network.place():
            loaded, seen = self._seen(asked)
            return loaded, aimed(loaded, asked.photo, seen, seen.winner)
