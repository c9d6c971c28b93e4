"""Feature maps: what a stage's channels say, token by token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from cvt.errors import ConfigError
from visualize.heatmap import Heatmap
from visualize.lookup import evidence_of, position, stage_of

if TYPE_CHECKING:
    from cvt.tracing import Trace

__all__ = ["class_channels", "feature_map", "similarity_map"]

COLOUR_SPREAD = 2.5
"""Standard deviations of a principal component that reach from mid-grey to full colour."""


def feature_map(trace: Trace, stage: int, reduce: Literal["norm", "mean", "pca"] | int = "norm") -> Heatmap:
    """The output of a stage, its channels reduced to one number, or one colour, per token.

    Args:
        trace: a traced photo.
        stage: from 0; negative counts from the end.
        reduce: "norm", the Euclidean length of the token (kind "sequential"); "mean" of its channels ("diverging");
            "pca", its first three principal components over the map as red, green and blue ("colour"); or one
            channel by its index ("diverging").

    Raises:
        ConfigError: there is no such stage, channel or reduction.
    """
    index, stage_trace = stage_of(trace, stage)
    features, grid = stage_trace.feature_map, stage_trace.geometry.tokens
    details: dict[str, str | int] = {"stage": index + 1}
    match reduce:
        case "norm":
            return Heatmap(np.linalg.norm(features, axis=0), grid, "sequential", "feature norm", details=details)
        case "mean":
            return Heatmap(features.mean(axis=0), grid, "diverging", "feature mean", details=details)
        case "pca":
            return Heatmap(_principal_colours(features), grid, "colour", "principal components", details=details)
        case str():
            raise ConfigError(f"reduce={reduce!r} is unknown: allowed are 'norm', 'mean', 'pca' or a channel's index")
    channel = position("channel", reduce, len(features))
    return Heatmap(features[channel].copy(), grid, "diverging", "channel", details={**details, "channel": channel + 1})


def similarity_map(trace: Trace, stage: int, token: tuple[int, int]) -> Heatmap:
    """How alike every token of a stage's output is to one of them: the cosine between their features, −1 to 1.

    A token without any feature (all zeros) is like no other: cosine 0.

    Args:
        trace: a traced photo.
        stage: from 0; negative counts from the end.
        token: (row, column), each from 0 or negative from the end.

    Raises:
        ConfigError: there is no such stage or token.
    """
    index, stage_trace = stage_of(trace, stage)
    grid = stage_trace.geometry.tokens
    row, column = position("row", token[0], grid.rows), position("column", token[1], grid.columns)
    lengths = np.linalg.norm(stage_trace.feature_map, axis=0)
    directions = stage_trace.feature_map / np.where(lengths > 0, lengths, 1)
    cosines = np.tensordot(directions[:, row, column], directions, axes=1).clip(-1, 1)
    details: dict[str, str | int] = {"stage": index + 1, "token": f"row {row + 1}, column {column + 1}"}
    return Heatmap(cosines, grid, "diverging", "similarity", unit="cosine", details=details)


def class_channels(trace: Trace, stage: int, count: int = 5) -> list[tuple[int, float]]:
    """The channels of a stage that speak most for the traced class, as (channel, evidence), strongest first.

    Evidence is activation × gradient summed over the map: to first order, how much the class's logit owes to the
    channel. In a last stage with CLS it is read where the last block reads the map (see
    :class:`~cvt.tracing.StageTrace`); the channels are the same.

    Args:
        trace: traced with a target.
        stage: from 0; negative counts from the end.
        count: how many at most; channels without positive evidence are left out.

    Raises:
        ConfigError: there is no such stage, or the trace has no target.
    """
    _, stage_trace = stage_of(trace, stage)
    activation, gradient = evidence_of(stage_trace)
    evidence = np.einsum("chw,chw->c", activation, gradient)
    best = np.argsort(-evidence, kind="stable")[: max(count, 0)]
    return [(int(channel), float(evidence[channel])) for channel in best if evidence[channel] > 0]


def _principal_colours(features: np.ndarray) -> np.ndarray:
    """The first three principal components over the tokens as colours, ``[rows, columns, 3]`` in 0 to 1.

    Each is centred on mid-grey and scaled by its own spread. A component's sign is arbitrary in principle; it is
    fixed so that the cubes of its channel weights sum to a positive number, and the colours do not flicker.
    """
    channels, rows, columns = features.shape
    tokens = features.reshape(channels, -1).T.astype(np.float64)
    tokens -= tokens.mean(axis=0)
    colours = np.full((rows * columns, 3), 0.5)
    for component, weights in enumerate(_principal_axes(tokens)):
        score = tokens @ weights
        spread = score.std()
        if spread > 1e-6 * np.abs(features).max():
            colours[:, component] += score / (2 * COLOUR_SPREAD * spread)
    return colours.clip(0, 1).reshape(rows, columns, 3).astype(np.float32)


def _principal_axes(tokens: np.ndarray) -> np.ndarray:
    """Up to three unit vectors ``[components, channels]`` of greatest variance of centred ``[tokens, channels]``."""
    count, channels = tokens.shape
    if channels <= count:
        axes = np.linalg.eigh(tokens.T @ tokens)[1][:, ::-1][:, :3].T
    else:  # fewer tokens than channels: the same axes from the smaller of the two products
        axes = np.linalg.eigh(tokens @ tokens.T)[1][:, ::-1][:, :3].T @ tokens
        axes /= np.linalg.norm(axes, axis=1, keepdims=True).clip(min=1e-30)
    signs = np.where((axes**3).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    return np.asarray(axes * signs)
