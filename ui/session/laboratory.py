"""The laboratories: a photo, or a network, with one thing changed, and what becomes of its answer, maps and logits.

Everything happens on what the model sees, pixels of 8 bits. A changed network is made for one trial and shares its
weights with the original, which nobody else sees change (:mod:`cvt.ablation`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from PIL import Image

from cvt.ablation import Change, ChangePadding, ablated
from cvt.errors import CheckpointError, ConfigError
from cvt.geometry import CropGeometry
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.tracing import Trace, forward_pass
from visualize.feature_maps import feature_map
from visualize.heatmap import Heatmap
from visualize.methods import map_of

from ..serving.desk import Desk
from .models import LoadedModel
from .photo_changes import MOST_SHIFT, PhotoChange, Shift, Way, cells_before, changed_picture
from .pieces import input_bytes

__all__ = ["Curve", "Outcome", "StageMaps", "Trial", "distance", "try_out"]

Trial = PhotoChange | Change
"""One change: of the photo, or of the network."""

AT_ONCE = 8
"""Photos in a batch of a curve; between two batches a newer wish is heard."""


@dataclass(frozen=True)
class StageMaps:
    """One stage's maps before and after.

    Attributes:
        evidence: for the class that was most probable before.
        features: lengths of the tokens.
        alike: how alike tokens are to those that saw the same before, once the mean token before is taken from both:
            the mean of their cosines, −1 to 1; None where no token saw the same.
    """

    evidence: tuple[Heatmap, Heatmap]
    features: tuple[Heatmap, Heatmap]
    alike: float | None


@dataclass(frozen=True)
class Curve:
    """How far the logits move (:func:`distance`) as the photo does, for 0 pixels, 1, 2 …, as far as it is known.

    ``name`` is "zeros" for the network as it is, "reflection" for the one that sees the photo mirrored at its edge.
    """

    name: Literal["zeros", "reflection"]
    changes: tuple[float, ...]


@dataclass(frozen=True)
class Outcome:
    """What is known of a trial so far; maps and curves come later than the rest.

    Attributes:
        traces: before and after; their photos are what the model sees.
        change: of the logits (:func:`distance`).
        maps: one entry for each stage.
        curves: see :class:`Curve`.
    """

    traces: tuple[Trace, Trace]
    change: float
    maps: tuple[StageMaps, ...] = ()
    curves: tuple[Curve, ...] = ()


def try_out(
    loaded: LoadedModel,
    network: Desk,
    seen: Trace,
    photo: Image.Image,
    trial: Trial,
    *,
    with_curve: bool = True,
) -> Iterator[Outcome]:
    """Try something: first the answer, then the maps, then, of a shift or of another border, the curve bit by bit.

    Args:
        loaded: the network as it is.
        network: where networks run; its place is free whenever something is yielded.
        seen: what the network made of the photo, with its most probable class as the target.
        photo: the upright photo, from which another size is cut.
        trial: what is changed.
        with_curve: whether a curve is wanted, which takes a run of the network for each pixel.

    Raises:
        ConfigError: the network has nothing of the kind, or cannot be changed so at this size.
        CheckpointError: the changed network's logits are no numbers.
    """
    pixels = input_bytes(loaded.processor, seen.pixel_values)
    is_of_photo = isinstance(trial, get_args(PhotoChange))
    changed = changed_picture(trial, pixels, photo, seen.crop, seen.config) if is_of_photo else pixels  # type: ignore[arg-type]
    model = loaded.model if is_of_photo else ablated(loaded.model, trial)  # type: ignore[arg-type]
    processor = CvtImageProcessor.from_dict(loaded.processor.to_dict() | {"do_resize": False})
    with network.place(), _small_maps_told():
        passed = forward_pass(model, processor, [Image.fromarray(changed)])
    before, after = _as_seen(seen, pixels), passed.traces()[0]
    outcome = Outcome((before, after), distance(before.logits, after.logits))
    yield outcome
    with network.place():
        after = passed.traces([seen.target], rules=["libragrad"])[0]
    del passed
    outcome = replace(outcome, traces=(before, after), maps=_maps(trial, before, after))
    yield outcome
    runs: list[tuple[Literal["zeros", "reflection"], CvtForImageClassification]] = []
    if with_curve and isinstance(trial, Shift | ChangePadding):
        runs.append(("zeros", loaded.model))
    if with_curve and isinstance(trial, ChangePadding):
        runs.append(("reflection", model))
    done: tuple[Curve, ...] = ()
    for name, run in runs:
        for changes in _curve(run, processor, network, pixels, trial.way if isinstance(trial, Shift) else "right"):
            outcome = replace(outcome, curves=(*done, Curve(name, changes)))
            yield outcome
        done = outcome.curves


def distance(before: np.ndarray, after: np.ndarray) -> float:
    """How far logits have moved, as a share of how far they lay from their mean: what all of them gain says nothing."""
    start, end = (logits.astype(np.float64) - logits.mean(dtype=np.float64) for logits in (before, after))
    return float(np.linalg.norm(end - start) / max(float(np.linalg.norm(start)), 1e-12))


def _as_seen(seen: Trace, pixels: np.ndarray) -> Trace:
    """A trace whose photo is what the model saw of it."""
    height, width = pixels.shape[:2]
    crop = CropGeometry((height, width), (height, width), top=0, left=0, height=height, width=width)
    return replace(seen, photo=pixels, crop=crop)


@contextmanager
def _small_maps_told() -> Iterator[None]:
    """PyTorch's error about a map that is too small to be reflected, in a sentence."""
    try:
        yield
    except RuntimeError as error:
        if "Padding size should be less than" not in str(error):
            raise
        reason = "a border can be reflected only where maps are larger than the border; those of this photo are not"
        raise ConfigError(reason) from None


def _maps(trial: Trial, before: Trace, after: Trace) -> tuple[StageMaps, ...]:
    def pair(work_out: Callable[[Trace, int], Heatmap], stage: int) -> tuple[Heatmap, Heatmap]:
        return work_out(before, stage), work_out(after, stage)

    return tuple(
        StageMaps(
            evidence=pair(lambda trace, at: map_of(trace, "libragrad", at), stage),
            features=pair(feature_map, stage),
            alike=_alike(trial, before, after, stage),
        )
        for stage in range(len(before.stages))
    )


def _alike(trial: Trial, before: Trace, after: Trace, stage: int) -> float | None:
    grids = [trace.stages[stage].geometry.tokens for trace in (before, after)]
    sizes = [trace.pixel_values.shape[1:] for trace in (before, after)]
    change = trial if isinstance(trial, get_args(PhotoChange)) else None
    found = cells_before(change, *grids, *sizes)  # type: ignore[arg-type]
    if found is None or not (there := found >= 0).any():
        return None
    width = len(before.stages[stage].feature_map)
    tokens, changed = (trace.stages[stage].feature_map.reshape(width, -1) for trace in (before, after))
    mean = tokens.mean(axis=1, keepdims=True)
    tokens, changed = tokens[:, found[there]] - mean, changed[:, there] - mean
    lengths = np.linalg.norm(tokens, axis=0) * np.linalg.norm(changed, axis=0)
    return float(np.mean((tokens * changed).sum(axis=0) / np.maximum(lengths, 1e-12)))


def _curve(
    model: CvtForImageClassification, processor: CvtImageProcessor, network: Desk, pixels: np.ndarray, way: Way
) -> Iterator[tuple[float, ...]]:
    """The changes of the logits for shifts from 0 to :data:`MOST_SHIFT` pixels, a batch more each time."""
    changes: list[float] = []
    start: np.ndarray | None = None
    for first in range(0, MOST_SHIFT + 1, AT_ONCE):
        shifts = [Shift(way, by) for by in range(first, min(first + AT_ONCE, MOST_SHIFT + 1))]
        with network.place():
            logits = _logits(model, processor, [np.ascontiguousarray(shift.picture(pixels)) for shift in shifts])
        start = logits[0] if start is None else start
        changes += [distance(start, moved) for moved in logits]
        yield tuple(changes)


@torch.inference_mode()
def _logits(model: CvtForImageClassification, processor: CvtImageProcessor, pictures: list[np.ndarray]) -> np.ndarray:
    batch = torch.cat([processor.prepare(Image.fromarray(picture)).pixel_values for picture in pictures])
    logits = model(batch.to(model.device, model.dtype), return_dict=True).logits.float().cpu()
    if not logits.isfinite().all():
        raise CheckpointError("the network's logits are NaN or infinite: its weights are damaged, or too large")
    return np.asarray(logits)
