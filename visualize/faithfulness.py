"""A measure of faith: does the class really stand or fall with the pixels a map points at?

Insertion and deletion (Petsiuk et al. 2018, arXiv 1806.07421, section 3.2): pixels are put in, or taken out, from the
map's highest value to its lowest, and the class's probability is followed. A faithful map makes insertion rise early
(large area under the curve) and deletion fall early (small area).

What a missing pixel looks like matters and is fixed here: insertion starts from the blurred photo, and deletion puts
the mean colour of the training images, which is 0 in normalised pixels. Maps are brought to pixels by the true
centres of their cells, and pixels of equal value go in reading order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvt.errors import ConfigError
from cvt.geometry import Grid
from visualize.heatmap import Heatmap, to_pixels

if TYPE_CHECKING:
    from cvt.tracing import Trace

__all__ = ["Curve", "Faithfulness", "Score", "blurred", "centre_map", "faithfulness", "random_map"]

Score = Callable[[np.ndarray], np.ndarray]
"""From normalised pixels ``[n, channels, height, width]`` to the class's probability, ``[n]``."""

BLUR = 10 / 224
"""Standard deviation of insertion's blur, as a share of the photo's shorter side: edges and texture are gone."""


@dataclass(frozen=True)
class Curve:
    """The class's probability as pixels are put in or taken out.

    Attributes:
        fractions: share of the pixels changed so far, from 0 to 1, ``[steps + 1]``.
        scores: the probability then, ``[steps + 1]``.
    """

    fractions: np.ndarray
    scores: np.ndarray

    @property
    def area(self) -> float:
        """Area under the curve, by trapezoids: the mean probability on the way."""
        return float(np.trapezoid(self.scores, self.fractions))


@dataclass(frozen=True)
class Faithfulness:
    """Both curves of one map: a faithful one has a large insertion and a small deletion area."""

    insertion: Curve
    deletion: Curve


def faithfulness(trace: Trace, heatmap: Heatmap, score: Score, *, steps: int = 28, batch: int = 8) -> Faithfulness:
    """Insertion and deletion curves of a map on its own photo.

    Args:
        trace: the traced photo; its ``pixel_values`` are what is changed.
        heatmap: any map but a "colour" one; the larger, the earlier a pixel is changed.
        score: probability of the class in question, for a batch of normalised pixels.
        steps: points of a curve beside its start; each is one image for ``score``.
        batch: images given to ``score`` at a time, at most.

    Raises:
        ConfigError: the map has no order, or ``steps`` or ``batch`` is below 1.
    """
    if heatmap.kind == "colour":
        raise ConfigError(f"a map of kind 'colour' ({heatmap.name}) has no order of pixels: needs one number per cell")
    if min(steps, batch) < 1:
        raise ConfigError(f"steps={steps} and batch={batch} must each be at least 1")
    photo = trace.pixel_values
    rank = _ranks(to_pixels(heatmap, *photo.shape[1:]))
    fractions = np.linspace(0, 1, steps + 1)
    return Faithfulness(
        insertion=_curve(photo, blurred(photo), rank, fractions, score, batch),
        deletion=_curve(np.zeros_like(photo), photo, rank, fractions, score, batch),
    )


def _curve(
    new: np.ndarray, old: np.ndarray, rank: np.ndarray, fractions: np.ndarray, score: Score, batch: int
) -> Curve:
    """Scores of ``old`` with ever more of its pixels, in order of ``rank``, replaced by those of ``new``."""
    changed = np.rint(fractions * rank.size).astype(np.intp)

    def images() -> Iterator[np.ndarray]:
        for first in range(0, len(changed), batch):
            inside = rank < changed[first : first + batch, None, None]
            yield np.where(inside[:, None], new, old)

    return Curve(fractions, np.concatenate([np.asarray(score(some), dtype=np.float64) for some in images()]))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Place of every pixel, ``[height, width]``, in descending order of value; equal ones in reading order."""
    rank = np.empty(values.size, dtype=np.intp)
    rank[np.argsort(-values, axis=None, kind="stable")] = np.arange(values.size)
    return rank.reshape(values.shape)


def blurred(photo: np.ndarray) -> np.ndarray:
    """A photo ``[channels, height, width]`` through a Gaussian of :data:`BLUR` of its shorter side.

    At the edges the weights that remain are scaled up, so that nothing darkens.
    """
    height, width = photo.shape[1:]
    sigma = BLUR * min(height, width)
    return np.asarray(_gaussian(height, sigma) @ photo @ _gaussian(width, sigma).T, dtype=np.float32)


def _gaussian(size: int, sigma: float) -> np.ndarray:
    """One-dimensional blur, ``[size, size]``; rows sum to 1."""
    place = np.arange(size)
    weights = np.exp(-0.5 * ((place[:, None] - place[None, :]) / sigma) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def random_map(trace: Trace, seed: int = 0) -> Heatmap:
    """A baseline that knows nothing: uniform noise on the last stage's token grid, as smooth as the maps it rivals."""
    grid = trace.stages[-1].geometry.tokens
    return Heatmap(np.random.default_rng(seed).random(grid.shape, dtype=np.float32), grid, "sequential", "random")


def centre_map(trace: Trace) -> Heatmap:
    """A baseline that knows photographers: a Gaussian on the photo's centre, a quarter of each side wide."""
    height, width = trace.pixel_values.shape[1:]
    down, across = (np.linspace(-2, 2, size, dtype=np.float32) for size in (height, width))
    values = np.exp(-0.5 * (down[:, None] ** 2 + across[None, :] ** 2))
    return Heatmap(values, Grid(height, width, stride=1, offset=0, receptive_field=1), "sequential", "centre")
