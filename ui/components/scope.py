"""How far the model's knowledge reaches: whether it is sure, how many classes it knows, and a model that knows more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from gradio.data_classes import GradioModel

from cvt.doubt import in_doubt
from cvt.tracing import Trace

from ..examples import examples
from ..session.models import LoadedModel, ModelCache, ModelEntry
from .part import Part

__all__ = ["ModelScope", "ScopeData", "questions", "scope_value", "wider_model"]


class OfferData(GradioModel):
    """A model that knows more classes; ``megabytes`` are to be downloaded once, ``done`` is from 0 to 1."""

    title: str
    classes: int
    megabytes: int
    state: Literal["absent", "fetching", "here", "failed"]
    done: float


class ScopeData(GradioModel):
    """What is told beside the prediction.

    Attributes:
        foreign: whether the photo is an example that shows none of the model's classes.
        doubted: whether the photo may show none of them, by the model's own measure.
        classes: how many the model knows.
        right: how many of a hundred photos it named rightly when it was tested, where that is known.
        offer: a model that knows more, where there is one.
    """

    foreign: bool
    doubted: bool
    classes: int
    right: int | None
    offer: OfferData | None


class ModelScope(Part):
    """Doubt, the number of classes, and the way to a model that knows more.

    Raises ``list`` when somebody wants to see the classes, and ``switch`` when the other model is wanted. The browser
    asks for ``fetch``, and then how far it has come, so that nothing else on the page waits.
    """

    part = "scope"
    raises = ("list", "switch")
    data_model = ScopeData


def questions(models: ModelCache) -> list[Callable[[object], dict[str, object] | None]]:
    """What :class:`ModelScope` answers to its browser side, given as its ``server_functions``."""
    wider = wider_model(models)

    def fetch(_: object) -> dict[str, object] | None:
        """Start the download of the model that knows more."""
        return None if wider is None else offer(wider, models, start=True).model_dump()

    def fetched(_: object) -> dict[str, object] | None:
        """How its download stands."""
        return None if wider is None else offer(wider, models).model_dump()

    return [fetch, fetched]


def scope_value(loaded: LoadedModel, trace: Trace, models: ModelCache, example: str | None = None) -> ScopeData:
    """What there is to say about a photo that a model has seen; ``example`` is its id, where it comes with the page."""
    count = len(trace.logits)
    wider = wider_model(models)
    top1 = loaded.entry.top1
    more = wider if wider is not None and wider.classes > count else None
    shown = examples().get(example or "")
    return ScopeData(
        foreign=shown is not None and not shown.shows_any(loaded.model.config.id2label.values()),
        doubted=bool(in_doubt(trace.logits, loaded.model.config)),
        classes=count,
        right=None if top1 is None else round(top1),
        offer=None if more is None else offer(more, models),
    )


def wider_model(models: ModelCache) -> ModelEntry | None:
    """The model on the list that knows most classes: of several, the first."""
    return max(models.entries.values(), key=lambda entry: entry.classes, default=None)


def offer(entry: ModelEntry, models: ModelCache, start: bool = False) -> OfferData:
    """A model as it is offered; with ``start`` its download begins, unless it has."""
    progress = models.downloads.start(entry.ref) if start else models.downloads.progress(entry.ref)
    return OfferData(
        title=entry.title, classes=entry.classes, megabytes=entry.download, state=progress.state, done=progress.done
    )
