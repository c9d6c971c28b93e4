"""How far a map can be trusted on this photo, and everything there is to take home."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from cvt.errors import ConfigError
from cvt.tracing import Trace
from ui.models import LoadedModel
from ui.texts import Language
from visualize.export import save_arrays, save_summary
from visualize.faithfulness import Faithfulness, Score, faithfulness
from visualize.methods import map_of
from visualize.report import report

__all__ = ["KINDS", "measure", "scorer", "take_home"]

STEPS = 20
"""Points of each curve beside its start; every one is a run of the network."""

KINDS = ("png", "pdf", "svg", "npz", "json")

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
    """Insertion and deletion curves of a method, for the class of the trace, else the most probable one.

    Raises:
        ConfigError: there is no such method, or it needs a target that the trace has not got.
    """
    target = seen.top(1)[0][0] if seen.target is None else seen.target
    done = 0

    def tell(images: int) -> None:
        nonlocal done
        done += images
        progress(done / (2 * (STEPS + 1)))

    shown = map_of(seen, method, stage=0 if method in FIRST_STAGE else -1)
    return faithfulness(seen, shown, scorer(loaded, target, tell), steps=STEPS)


def take_home(loaded: LoadedModel, seen: Trace, kind: str, language: Language = "en") -> Path:
    """A file of a look: a sheet ("png", "pdf" or "svg"), the arrays ("npz") or a summary ("json").

    Args:
        seen: traced with the class the evidence is for.

    Raises:
        ConfigError: there is no such kind.
    """
    if kind not in KINDS:
        raise ConfigError(f"file kind {kind!r} must be one of {', '.join(KINDS)}")
    name = loaded.entry.title
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"cvt-explorer.{kind}"
        if kind == "npz":
            save_arrays(seen, path, model_name=name)
        elif kind == "json":
            save_summary(seen, path, model_name=name, language=language)
        else:
            report(seen, path, model_name=name, language=language)
        return Path(save_bytes_to_cache(path.read_bytes(), path.name, get_upload_folder()))
