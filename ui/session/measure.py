"""How far a map can be trusted on this photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from cvt.tracing import Trace
from visualize.faithfulness import Faithfulness, Score, faithfulness
from visualize.language import Language
from visualize.methods import MethodEntry, map_of, method_named

from .models import LoadedModel

__all__ = ["METHODS", "STEPS", "measure", "scorer"]

STEPS = 20
"""Points of each curve beside its start; every one is a run of the network."""

METHODS = tuple(name.removeprefix("method_") for name in Language.of("en").texts["page"] if name.startswith("method_"))
"""What can be measured on the page: the methods that its words name, in their order."""


def scorer(loaded: LoadedModel, target: int, tell: Callable[[int], None] = lambda images: None) -> Score:
    """The class's probability for a batch of normalised pixels, as the page shows it; tells after each how many."""
    model = loaded.model

    def score(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(batch)).to(model.device, model.dtype)
            logits = model(pixels).logits.float() / model.config.temperature
        tell(len(batch))
        shares: np.ndarray = logits.softmax(dim=-1)[:, target].cpu().numpy()
        return shares

    return score


def measure(loaded: LoadedModel, seen: Trace, method: str, progress: Callable[[float], Any]) -> Faithfulness:
    """What happens as a method's most, or least, important pixels are taken away.

    For the class of the trace, else for the most probable one.

    Raises:
        ConfigError: there is no such method, or it needs a target that the trace has not got.
    """
    target = seen.top(1)[0][0] if seen.target is None else seen.target
    done = 0

    def tell(images: int) -> None:
        nonlocal done
        done += images
        progress(done / (2 * STEPS))

    shown = map_of(seen, method, stage=_stage_of(method_named(method), len(seen.stages)))
    return faithfulness(seen, {method: shown}, scorer(loaded, target, tell), steps=STEPS)[method]


def _stage_of(method: MethodEntry, count: int) -> int:
    """Where a method is measured: evidence in the first stage that shows it, for there it tells most; others last."""
    shown = [stage for stage in range(count) if method.shown_in(stage, count)]
    return shown[0] if method.family == "evidence" and shown else count - 1
