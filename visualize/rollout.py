"""Attention rollout through a hierarchy: which pixels the attention of every block together leads back to.

Abnar & Zuidema 2020 (arXiv 2005.00928) multiply one square matrix ½ (I + A) per block. In CvT attention is
rectangular, its keys are squeezed, CLS joins late, and each stage has its own grid. So here a block is

    R = ½ (I + A·P),

with P the spread of each key cell over the tokens in the footprint of its value convolution, those seen by several
cells divided among them; CLS stays with itself.
Between stages, and from the first stage to the pixels, relevance goes back through the footprint of the embedding
convolution. It is a row vector that travels, from the last block to the first, so nothing larger than a few rows of
attention is ever held, and footprints are products of a vertical and a horizontal one.

As published, rollout knows of no class and takes ½ for granted, and what it marks in a CvT matters to the answer no
more than the centre of the photo does (``benchmarks/faithfulness.py``). A rollout for a class mends both: A becomes
the part of it that speaks for the class, (∇A ⊙ A)⁺ with its rows scaled to 1
(:func:`visualize.attention.weigh_evidence`), and a token keeps the share of itself that it keeps in a trained CvT.

Relevance is conserved: every factor's rows sum to 1. Only where CLS enters, at a stage's embedding, has its share
nowhere to go, since CLS is learned and not seen; what the tokens hold is then scaled up to the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from cvt.errors import ConfigError
from cvt.geometry import Grid, token_footprint
from visualize.attention import Query, query_row, weigh_evidence, weigh_rows
from visualize.heatmap import Heatmap
from visualize.lookup import position, target_of

if TYPE_CHECKING:
    from cvt.config import CvtConfig
    from cvt.tracing import BlockTrace, Trace

__all__ = [
    "Footprint",
    "embedding_footprint",
    "enter_stage",
    "key_footprint",
    "leave_stage",
    "rollout",
    "spread_keys",
    "start_vector",
    "walk_back",
]


CLASS_RESIDUAL = 0.8
"""Share of a token that stays with itself in a rollout for a class.

Measured as ‖x‖ / (‖x‖ + ‖attention(x)‖), averaged over tokens: 0.67 to 0.84 in the bundled model's seven blocks.
"""


def rollout(
    trace: Trace,
    start: Query | None = None,
    *,
    stage: int = -1,
    stop_stage: int | None = None,
    for_class: bool = False,
    residual: float | None = None,
) -> Heatmap:
    """Follow attention from the output of a stage back to the pixels.

    Args:
        trace: a traced photo.
        start: the token to start from, (row, column) or "cls"; by default CLS where the stage has it, else all of its
            tokens alike: what the classifier reads.
        stage: the stage whose output is explained, from 0; negative counts from the end.
        stop_stage: stop at the tokens that enter this stage's first block, instead of at the pixels.
        for_class: follow only the attention that speaks for the traced class.
        residual: the share of a token that stays with itself in each block, 0 to 1; by default ½, and
            :data:`CLASS_RESIDUAL` for a class.

    Returns:
        A distribution, over the model's pixels, or over a stage's tokens, where ``cls_share`` is what CLS holds.
        ``baseline`` is 1 / number of pixels or tokens.

    Raises:
        ConfigError: there is no such stage or token, the rollout would stop above where it starts, ``residual`` is no
            share, or a class is asked for and none was traced.
    """
    first = position("stage", stage, len(trace.stages))
    last = 0 if stop_stage is None else position("stop_stage", stop_stage, first + 1)
    if residual is None:
        residual = CLASS_RESIDUAL if for_class else 0.5
    if not 0 <= residual <= 1:
        raise ConfigError(f"residual={residual!r} must be a share, 0 to 1")
    details: dict[str, str | int] = {}
    if for_class:
        details["class"] = trace.label(target_of(trace))
    details["from stage"] = first + 1
    relevance, details["start"] = start_vector(trace, first, start)

    def through(stage: int, block_trace: BlockTrace, relevance: np.ndarray) -> np.ndarray:
        scale = trace.stages[stage].scale
        if for_class:
            keys = weigh_evidence(block_trace, scale, relevance, shares=True)
        else:
            keys = weigh_rows(block_trace, scale, relevance)
        return residual * relevance + (1 - residual) * spread_keys(trace, stage, keys)

    relevance = walk_back(trace, first, last, relevance, through)
    if stop_stage is None:
        values = leave_stage(trace, 0, relevance)
        height, width = values.shape
        grid = Grid(height, width, stride=1, offset=0, receptive_field=1)
        cls_share = None
    else:
        cls = int(trace.stages[last].has_cls)
        grid = trace.stages[last].geometry.tokens
        values = relevance[cls:].reshape(grid.shape)
        cls_share = float(relevance[0]) if cls else None
        details["to stage"] = last + 1
    baseline = 1 / (values.size + (cls_share is not None))
    return Heatmap(values, grid, "distribution", "rollout", "share of relevance", baseline, cls_share, details)


def walk_back(
    trace: Trace,
    first: int,
    last: int,
    relevance: np.ndarray,
    through: Callable[[int, BlockTrace, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Relevance of the tokens that leave stage ``first``, carried to those that enter stage ``last`` below it.

    Args:
        trace: a traced photo.
        first, last: stages from 0.
        relevance: ``[queries]`` of stage ``first``.
        through: from stage, block and the relevance of a block's output to that of its input.

    Returns:
        ``[queries]`` of stage ``last``, CLS first where it has one.
    """
    for stage in range(first, last - 1, -1):
        if stage < first:
            relevance = enter_stage(trace, stage, leave_stage(trace, stage + 1, relevance))
        for block_trace in reversed(trace.stages[stage].blocks):
            relevance = through(stage, block_trace, relevance)
    return relevance


def start_vector(trace: Trace, stage: int, start: Query | None) -> tuple[np.ndarray, str]:
    """All relevance on one token of a stage, or on what the classifier reads: ``[queries]``, and the start in words.

    Raises:
        ConfigError: there is no such token.
    """
    stage_trace = trace.stages[stage]
    count = stage_trace.blocks[-1].query.shape[1]
    if start is None and not stage_trace.has_cls:
        return np.full(count, 1 / count, dtype=np.float32), "all tokens"
    row, told = query_row(trace, stage, "cls" if start is None else start)
    relevance = np.zeros(count, dtype=np.float32)
    relevance[row] = 1
    return relevance, told


def leave_stage(trace: Trace, stage: int, relevance: np.ndarray) -> np.ndarray:
    """Relevance of a stage's tokens, carried back through its embedding to the map below, or the pixels.

    Args:
        trace: a traced photo.
        stage: from 0.
        relevance: ``[queries]``, CLS first where the stage has it.

    Returns:
        ``[rows, columns]`` of the map below. CLS's share is left out and the rest scaled to the same sum; should
        CLS hold everything, it goes to all tokens alike.
    """
    cls = int(trace.stages[stage].has_cls)
    below = trace.stages[stage - 1].geometry.tokens.shape if stage else trace.pixel_values.shape[1:]
    tokens = trace.stages[stage].geometry.tokens
    spatial = relevance[cls:].reshape(tokens.shape)
    if cls:
        held = spatial.sum()
        spatial = spatial * (relevance.sum() / held) if held > 0 else np.full_like(spatial, relevance[0] / spatial.size)
    return embedding_footprint(trace.config, stage, (below[0], below[1]), tokens).spread(spatial)


def enter_stage(trace: Trace, stage: int, relevance: np.ndarray) -> np.ndarray:
    """Relevance on a stage's output map, ``[rows, columns]``, as that of its tokens, ``[queries]``.

    A CLS token of this stage ends with it, so nothing above can have come from it: it starts at 0.
    """
    return np.pad(relevance.reshape(-1), (int(trace.stages[stage].has_cls), 0))


def spread_keys(trace: Trace, stage: int, relevance: np.ndarray) -> np.ndarray:
    """Relevance of keys, ``[keys]``, spread over the tokens they were made of, ``[queries]``; CLS stays CLS."""
    stage_trace = trace.stages[stage]
    cls = int(stage_trace.has_cls)
    footprint = key_footprint(trace.config, stage, stage_trace.geometry.tokens, stage_trace.geometry.keys)
    spatial = footprint.spread(relevance[cls:].reshape(stage_trace.geometry.keys.shape))
    return np.concatenate([relevance[:cls], spatial.reshape(-1)])


@dataclass(frozen=True)
class Footprint:
    """How the outputs of a convolution spread over its inputs: a vertical and a horizontal matrix.

    Attributes:
        rows: ``[output rows, input rows]``, rows sum to 1.
        columns: ``[output columns, input columns]``, rows sum to 1.
    """

    rows: np.ndarray
    columns: np.ndarray

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Shares of the outputs, ``[output rows, output columns]``, as shares of the inputs; the sum is kept."""
        return np.asarray(self.rows.T @ values @ self.columns, dtype=np.float32)


def key_footprint(config: CvtConfig, stage: int, tokens: Grid, keys: Grid) -> Footprint:
    """How a stage's key cells spread over its tokens: the window of the value projection's convolution or pooling."""
    if config.qkv_projection_method[stage] == "linear":
        return _footprint(tokens.shape, keys.shape, 1, 1, 0)
    window = config.kernel_qkv[stage], config.stride_kv[stage], config.padding_kv[stage]
    return _footprint(tokens.shape, keys.shape, *window)


def embedding_footprint(config: CvtConfig, stage: int, below: tuple[int, int], tokens: Grid) -> Footprint:
    """How a stage's tokens spread over the map below, ``below`` cells large: the window of the token embedding."""
    window = config.patch_sizes[stage], config.patch_stride[stage], config.patch_padding[stage]
    return _footprint(below, tokens.shape, *window)


@lru_cache(maxsize=64)
def _footprint(inputs: tuple[int, int], outputs: tuple[int, int], kernel: int, stride: int, padding: int) -> Footprint:
    rows, columns = (
        _shares(token_footprint(size, cells, kernel, stride, padding))
        for size, cells in zip(inputs, outputs, strict=True)
    )
    for shares in (rows, columns):
        shares.flags.writeable = False
    return Footprint(rows, columns)


def _shares(footprint: np.ndarray) -> np.ndarray:
    """A footprint ``[outputs, inputs]`` whose inputs count for less the more windows they are seen through.

    Windows overlap, so that with equal shares every second token, or three pixels in four, would be given double
    whatever the photo shows, and maps would be covered by a lattice. Rows sum to 1.
    """
    seen = footprint > 0
    shares = seen / seen.sum(axis=0).clip(min=1)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)
