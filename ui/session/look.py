"""One photo, seen by one model: what the page keeps of it, and how it is made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from cvt.config import CvtConfig
from cvt.errors import CheckpointError
from cvt.tracing import Trace

from ..components.explorer import ExplorerData, explorer_value, with_evidence
from .batches import Batches
from .gpu import trace, traces
from .models import LoadedModel

__all__ = [
    "KEPT_SIDE",
    "Look",
    "aimed",
    "class_label",
    "explained",
    "fingerprint",
    "look",
    "predicted",
    "probabilities",
    "recall",
    "trace_photo",
    "traced_twice",
]

KEPT_SIDE = 1600
"""Longest side, in pixels, of the photo that a session keeps. The network sees the whole photo all the same."""


@dataclass(frozen=True)
class Look:
    """What a session keeps: it only saves work, and can be made again from the photo and the model.

    Attributes:
        model: name of the model on the list.
        photo: the photo's :func:`fingerprint`.
        trace: what the photo did to the network; the newest one, with the class asked about last as its target.
        explorer: the explorer's value, with the evidence asked for so far.
    """

    model: str
    photo: str
    trace: Trace
    explorer: ExplorerData

    def shows(self, model: str, photo: Image.Image, example: str | None) -> bool:
        """Whether this is that photo, called that, seen by that model."""
        return (self.model, self.explorer.example, self.photo) == (model, example, fingerprint(photo))

    @property
    def winner(self) -> int:
        """The index of the most probable class."""
        return self.trace.top(1)[0][0]


def fingerprint(photo: Image.Image) -> str:
    """A photo's name by its content."""
    return hashlib.sha256(f"{photo.size}".encode() + photo.tobytes()).hexdigest()


def trace_photo(
    loaded: LoadedModel, photo: Image.Image, target: int | str | None = None, against: int | None = None
) -> Trace:
    """A trace that holds the photo at :data:`KEPT_SIDE` at most.

    The network saw the photo whole; only what is drawn on is smaller, and the crop's geometry with it.
    """
    return _kept(trace(loaded.model, loaded.processor, photo, target=target, against=against), photo)


def traced_twice(loaded: LoadedModel, photo: Image.Image) -> Iterator[Trace]:
    """:func:`trace_photo` without a class, as soon as the network has seen it, then for the most probable one."""
    return (_kept(result, photo) for result in traces(loaded.model, loaded.processor, photo))


def _kept(result: Trace, photo: Image.Image) -> Trace:
    if max(photo.size) <= KEPT_SIDE:
        return result
    kept = photo.copy()
    kept.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    array = np.asarray(kept)
    array.flags.writeable = False
    return replace(result, photo=array, crop=replace(result.crop, photo=(kept.height, kept.width)))


def look(loaded: LoadedModel, photo: Image.Image, result: Trace, example: str | None = None) -> Look:
    """What a session keeps of a traced photo; ``example`` is the id of one that comes with the page."""
    entry = loaded.entry
    explorer = explorer_value(result, model_name=entry.name, example=example, measured=entry.measured)
    return Look(entry.name, fingerprint(photo), result, explorer)


def recall(loaded: LoadedModel, photo: Image.Image, example: str | None, *kept: Look | None) -> Look:
    """The look at a photo: one of those kept, where one fits, else a new one."""
    fitting = (earlier for earlier in kept if earlier is not None and earlier.shows(loaded.entry.name, photo, example))
    return next(fitting, None) or look(loaded, photo, trace_photo(loaded, photo), example)


def aimed(loaded: LoadedModel, photo: Image.Image, seen: Look, target: int, against: int | None = None) -> Look:
    """The look with a class as its trace's target, held against another one or against the mean of all.

    The network runs again only where the trace had another target, or none.
    """
    fits = (seen.trace.target, seen.trace.against) == (target, against)
    return seen if fits else replace(seen, trace=trace_photo(loaded, photo, target, against))


def explained(loaded: LoadedModel, photo: Image.Image, seen: Look, target: int, against: int | None = None) -> Look:
    """The look aimed at a class, its explorer with what speaks for that class, or for it and not for another."""
    seen = aimed(loaded, photo, seen, target, against)
    return replace(seen, explorer=with_evidence(seen.explorer, seen.trace))


def probabilities(result: Trace, count: int = 5) -> dict[str, float]:
    """The most probable classes, as ``gr.Label`` takes them. Class names that occur twice get their number behind."""
    return {class_label(result.config, index): probability for index, probability in result.top(count)}


def predicted(loaded: LoadedModel, batches: Batches, photo: Image.Image, count: int) -> dict[str, float]:
    """The same of a photo of which nothing else is wanted: at the network's place it is the network alone that works.

    Raises:
        CheckpointError: the logits are no numbers.
    """
    config = loaded.model.config
    pixel_values = loaded.processor.prepare(photo).pixel_values
    found = batches.logits(loaded.model, pixel_values)
    if not found.isfinite().all():
        raise CheckpointError("the network's logits are NaN or infinite: its weights are damaged, or too large")
    shares = (found / config.temperature).softmax(dim=0)
    order = shares.argsort(descending=True, stable=True)[:count]
    return {class_label(config, int(index)): float(shares[index]) for index in order}


def class_label(config: CvtConfig, index: int) -> str:
    """A class's name, unique within the model; a foreign ``label2id`` need not know it."""
    name = config.id2label[index]
    return name if config.label2id.get(name, index) == index else f"{name} ({index})"
