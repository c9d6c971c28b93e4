"""Photos of which only the logits are wanted: where several wait for the network, they go through it together."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from cvt.model import CvtForImageClassification

from ..serving.desk import Desk
from .gpu import logits

__all__ = ["Batches"]

LARGEST = 8
"""Photos in a batch, at most; larger ones were not tried."""

LONGEST = 0.25
"""Seconds for which a batch may keep the network from others; a single photo may take what it takes."""


@dataclass(eq=False)
class Waiting:
    """A photo that waits for its logits.

    Attributes:
        model: which network it waits for.
        pixel_values: ``[1, 3, height, width]``.
        found: its logits ``[classes]``, or what went wrong, as soon as there is either.
    """

    model: CvtForImageClassification
    pixel_values: Tensor
    found: Tensor | Exception | None = None

    def goes_with(self, other: Waiting) -> bool:
        """Whether one pass can take both."""
        return self.model is other.model and self.pixel_values.shape == other.pixel_values.shape


class Batches:
    """What comes in front of the network's place; safe to share between threads.

    Whoever gets the place takes along those that wait as well, as many as :data:`LONGEST` allows by the time that the
    model's last pass took.
    """

    def __init__(self, network: Desk) -> None:
        self._network = network
        self._lock = threading.Lock()
        self._waiting: list[Waiting] = []
        self._seconds: WeakKeyDictionary[CvtForImageClassification, float] = WeakKeyDictionary()

    def logits(self, model: CvtForImageClassification, pixel_values: Tensor) -> Tensor:
        """The logits ``[classes]`` of one photo ``[1, 3, height, width]``."""
        mine = Waiting(model, pixel_values)
        with self._lock:
            self._waiting.append(mine)
        with self._network.place():
            if mine.found is None:
                self._pass(self._taken(mine))
        if isinstance(mine.found, Exception):
            raise mine.found
        assert mine.found is not None
        return mine.found

    def _taken(self, first: Waiting) -> list[Waiting]:
        """A photo, and the others that go with it now."""
        with self._lock:
            self._waiting.remove(first)
            fit = int(LONGEST / self._seconds.get(first.model, LONGEST))
            others = [other for other in self._waiting if other.goes_with(first)][: min(LARGEST, max(fit, 1)) - 1]
            for other in others:
                self._waiting.remove(other)
        return [first, *others]

    def _pass(self, batch: Sequence[Waiting]) -> None:
        model, begun = batch[0].model, time.perf_counter()
        try:
            found = logits(model, torch.cat([one.pixel_values for one in batch]))
        except Exception as error:
            if len(batch) == 1:
                batch[0].found = error
                return
            for one in batch:  # too many at once, or one that nobody else shall suffer from
                self._pass([one])
            return
        self._seconds[model] = (time.perf_counter() - begun) / len(batch)
        for one, its in zip(batch, found, strict=True):
            one.found = its
