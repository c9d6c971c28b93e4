"""Measures of faith: does the class really stand or fall with the pixels a map points at?

Pixels are taken away in the order in which a map ranks them, once the most important first and once the least
important first, and the class's probability is followed (pixel flipping, Bach et al. 2015). A faithful map makes it
fall soon in the first case and late in the second; the area between both curves is the symmetric relevance gain (SRG,
Blücher et al. 2024, arXiv 2401.06654). Both curves are made with the same stand-in for a missing pixel, so that a map
that knows nothing gains 0, whatever the stand-in: one that starts from a blur and ends at a mean would not.

Maps are brought to pixels by the true centres of their cells, and pixels of equal value go in reading order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from cvt.errors import ConfigError
from cvt.geometry import Grid
from visualize.heatmap import Heatmap, gaussian, to_pixels

if TYPE_CHECKING:
    from cvt.tracing import Trace

__all__ = [
    "Curve",
    "Faithfulness",
    "Imputer",
    "Score",
    "baselines",
    "centre_map",
    "faithfulness",
    "missing",
    "random_map",
    "rank_correlation",
    "saco",
    "share_inside",
]

Score = Callable[[np.ndarray], np.ndarray]
"""From normalised pixels ``[n, channels, height, width]`` to the class's probability, ``[n]``."""

Imputer = Literal["blur", "mean"]
"""What a missing pixel looks like: the blurred photo, or the mean colour of the training images."""

BLUR = 5 / 144
"""Standard deviation of the blur, as a share of the photo's shorter side: 5 pixels of 144."""


@dataclass(frozen=True)
class Curve:
    """The class's probability as pixels are taken away.

    Attributes:
        fractions: share of the pixels gone so far, from 0 to 1, ``[steps + 1]``.
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
    """Both curves of one map.

    Attributes:
        most_first: the most important pixels are taken away first; the smaller the area, the better (MIF).
        least_first: the least important ones first; the larger, the better (LIF).
    """

    most_first: Curve
    least_first: Curve

    @property
    def gain(self) -> float:
        """The symmetric relevance gain, −1 to 1: 0 for a map that knows nothing, below for one that misleads."""
        return self.least_first.area - self.most_first.area


def faithfulness(
    trace: Trace,
    heatmaps: Mapping[str, Heatmap],
    score: Score,
    *,
    imputer: Imputer = "blur",
    steps: int = 10,
    batch: int = 32,
) -> dict[str, Faithfulness]:
    """Both curves of each of some maps of one photo.

    Args:
        trace: the traced photo; its ``pixel_values`` are what is changed.
        heatmaps: any maps but "colour" ones, by any name; the larger a value, the more important its pixels.
        score: probability of the class in question, for a batch of normalised pixels.
        imputer: what a missing pixel looks like.
        steps: points of a curve beside its start. The photo as it is and all that is left of it in the end are scored
            once; each map takes 2 · (steps − 1) images more.
        batch: images given to ``score`` at a time, at most; of several maps together.

    Raises:
        ConfigError: a map has no order, there is no such imputer, or ``steps`` or ``batch`` is below 1.
    """
    if min(steps, batch) < 1:
        raise ConfigError(f"steps={steps} and batch={batch} must each be at least 1")
    photo, gone = trace.pixel_values, missing(trace.pixel_values, imputer)
    fractions = np.linspace(0, 1, steps + 1)
    counts = np.rint(fractions * photo[0].size).astype(np.intp)

    def images() -> Iterator[np.ndarray]:
        yield photo
        yield gone
        for heatmap in heatmaps.values():
            rank = _ranks(heatmap, photo)
            for order in (rank, rank.size - 1 - rank):
                for count in counts[1:-1]:
                    yield np.where(order < count, gone, photo)

    start, end, *between = _scores(images(), score, batch)
    curves = iter(np.reshape(between, (2 * len(heatmaps), steps - 1)))
    made = (Curve(fractions, np.array([start, *curve, end])) for curve in curves)
    return {name: Faithfulness(next(made), next(made)) for name in heatmaps}


def saco(
    trace: Trace, heatmap: Heatmap, score: Score, *, imputer: Imputer = "mean", groups: int = 10, batch: int = 32
) -> float:
    """Salience-guided faithfulness coefficient (SaCo, Wu et al. 2024, arXiv 2404.01415, algorithm 1), −1 to 1.

    Pixels are parted into groups of falling value; of every two groups, taking away the one of the higher value should
    cost more, and counts for or against by how much higher the value is. 0 for a map that knows nothing, in the mean.

    Args:
        groups: of equal size; each is one image for ``score``.
        trace, heatmap, score, imputer, batch: as for :func:`faithfulness`.

    Raises:
        ConfigError: as for :func:`faithfulness`; or there are fewer than two groups.
    """
    if groups < 2 or batch < 1:
        raise ConfigError(f"groups={groups} must be at least 2, and batch={batch} at least 1")
    photo, gone = trace.pixel_values, missing(trace.pixel_values, imputer)
    group = _ranks(heatmap, photo) * groups // photo[0].size
    values = to_pixels(heatmap, *photo.shape[1:])
    salience = np.bincount(group.ravel(), weights=values.ravel(), minlength=groups)

    def images() -> Iterator[np.ndarray]:
        yield photo
        for number in range(groups):
            yield np.where(group == number, gone, photo)

    start, *rest = _scores(images(), score, batch)
    cost = start - np.array(rest)
    higher, lower = np.triu_indices(groups, 1)
    weight = salience[higher] - salience[lower]
    total = np.abs(weight).sum()
    return float(np.where(cost[higher] >= cost[lower], weight, -weight).sum() / total) if total > 0 else 0.0


def share_inside(trace: Trace, heatmap: Heatmap, box: tuple[int, int, int, int]) -> float:
    """The share of a map's positive values that lies inside a box: the grid pointing game, for a photo made of several.

    (Bohle et al. 2021, arXiv 2104.00032, section 4.2.) A map without any positive value has as much there as anywhere.

    Args:
        trace, heatmap: a photo and a map of it.
        box: (top, left, bottom, right) in whole model pixels; the last two are the first outside.
    """
    values = to_pixels(heatmap, *trace.pixel_values.shape[1:]).clip(min=0).astype(np.float64)
    top, left, bottom, right = box
    total = values.sum()
    inside = values[top:bottom, left:right]
    return float(inside.sum() / total) if total > 0 else inside.size / values.size


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation of two arrays of one shape, −1 to 1; equal values share their rank, a flat array has 0."""
    ranks = []
    for values in (first, second):
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(counts) - (counts + 1) / 2)[place.ravel()])
    left, right = (rank - rank.mean() for rank in ranks)
    length = np.sqrt((left @ left) * (right @ right))
    return float(left @ right / length) if length > 0 else 0.0


def missing(photo: np.ndarray, imputer: Imputer) -> np.ndarray:
    """A photo ``[channels, height, width]`` of which everything is missing.

    Raises:
        ConfigError: there is no such imputer.
    """
    if imputer == "mean":
        return np.zeros_like(photo)
    if imputer != "blur":
        raise ConfigError(f"imputer={imputer!r} is unknown: allowed are {', '.join(map(repr, get_args(Imputer)))}")
    height, width = photo.shape[1:]
    spread = BLUR * min(height, width)
    return np.asarray(gaussian(height, spread) @ photo @ gaussian(width, spread).T, dtype=np.float32)


def _ranks(heatmap: Heatmap, photo: np.ndarray) -> np.ndarray:
    """Place of every pixel, ``[height, width]``, in descending order of value; equal ones in reading order."""
    if heatmap.kind == "colour":
        raise ConfigError(f"a map of kind 'colour' ({heatmap.name}) has no order of pixels: needs one number per cell")
    values = to_pixels(heatmap, *photo.shape[1:])
    rank = np.empty(values.size, dtype=np.intp)
    rank[np.argsort(-values, axis=None, kind="stable")] = np.arange(values.size)
    return rank.reshape(values.shape)


def _scores(images: Iterator[np.ndarray], score: Score, batch: int) -> np.ndarray:
    """Scores of images that are made when they are needed, ``batch`` at a time."""
    found = []
    while some := list(islice(images, batch)):
        found.append(np.asarray(score(np.stack(some)), dtype=np.float64))
    return np.concatenate(found)


def baselines(trace: Trace, seed: int = 0) -> dict[str, Heatmap]:
    """Maps that know nothing of the photo, by name: noise by pixel, noise as smooth as coarse maps are, the centre."""
    height, width = trace.pixel_values.shape[1:]
    noise = np.random.default_rng(seed).random((height, width), dtype=np.float32)
    pixels = Grid(height, width, stride=1, offset=0, receptive_field=1)
    return {
        "random": Heatmap(noise, pixels, "sequential", "random"),
        "random smooth": random_map(trace, seed),
        "centre": centre_map(trace),
    }


def random_map(trace: Trace, seed: int = 0) -> Heatmap:
    """Uniform noise on the last stage's token grid."""
    grid = trace.stages[-1].geometry.tokens
    return Heatmap(np.random.default_rng(seed).random(grid.shape, dtype=np.float32), grid, "sequential", "random")


def centre_map(trace: Trace) -> Heatmap:
    """What knows photographers: a Gaussian on the photo's centre, a quarter of each side wide."""
    height, width = trace.pixel_values.shape[1:]
    down, across = (np.linspace(-2, 2, size, dtype=np.float32) for size in (height, width))
    values = np.exp(-0.5 * (down[:, None] ** 2 + across[None, :] ** 2))
    return Heatmap(values, Grid(height, width, stride=1, offset=0, receptive_field=1), "sequential", "centre")
