"""How far a map can be trusted on this photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from cvt.tracing import Trace
from visualize.faithfulness import Faithfulness, Score, faithfulness
from visualize.methods import map_of

from .models import LoadedModel

__all__ = ["STEPS", "measure", "scorer"]

STEPS = 20
"""Points of each curve beside its start; every one is a run of the network."""

FIRST_STAGE = ("hires_cam", "grad_attention")
"""Methods measured in the first stage, where they tell most; the others in the last."""


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

    shown = map_of(seen, method, stage=0 if method in FIRST_STAGE else -1)
    return faithfulness(seen, {method: shown}, scorer(loaded, target, tell), steps=STEPS)[method]
