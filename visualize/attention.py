"""Attention: where a token looks, who is looked at, how far and how sharply.

Nothing here keeps a matrix of attention. A block's queries and keys are enough: ``softmax(query @ keyᵀ · scale)`` is
worked out for a few rows at a time (paper, section 3.2; the scale is that of the whole width). CLS, where a stage has
it, is the first query and the first key; maps show the spatial keys and give CLS's share beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np

from cvt.errors import ConfigError
from visualize.heatmap import Heatmap, cells_holding
from visualize.lookup import attention_gradient_of, block_of, position, stage_of

if TYPE_CHECKING:
    from cvt.geometry import Grid
    from cvt.tracing import BlockTrace, StageTrace, Trace

__all__ = [
    "Head",
    "Query",
    "attention_distance",
    "attention_entropy",
    "attention_heads",
    "attention_map",
    "attention_received",
    "attention_rows",
    "exponentials",
    "keys_holding",
    "query_row",
    "weigh_evidence",
    "weigh_gradient",
    "weigh_rows",
]

Head = int | Literal["mean"]
Query = tuple[int, int] | Literal["cls"]

CHUNK = 1 << 19
"""Attention weights held at a time: two mebibytes in float32, small enough to stay in a core's cache."""

SAFE_LOGIT = 60.0
"""Logits below this size go through exp as they are: sums of exp(60) stay far inside float32."""


def attention_map(trace: Trace, stage: int, block: int, query: Query, head: Head = "mean") -> Heatmap:
    """Where one token looks: its attention to every key of the stage.

    Args:
        trace: a traced photo.
        stage, block: from 0; negative counts from the end.
        query: (row, column) on the token grid, each from 0 or negative from the end; or "cls".
        head: from 0, negative from the end; or "mean" over the heads.

    Returns:
        A distribution over the spatial keys. ``cls_share`` is what falls on CLS, in a stage that has it; ``baseline``
        is 1 / number of keys, CLS included.

    Raises:
        ConfigError: there is no such stage, block, head or token; or "cls" in a stage without CLS.
    """
    index, stage_trace = stage_of(trace, stage)
    block_index, block_trace = block_of(stage_trace, block)
    row, told = query_row(trace, index, query)
    heads = _heads(block_trace, head)
    ((_, exps, sums),) = exponentials(block_trace, stage_trace.scale, heads, slice(row, row + 1))
    details: dict[str, str | int] = {
        "stage": index + 1,
        "block": block_index + 1,
        "head": _told(heads, head),
        "query": told,
    }
    return _distribution(stage_trace, (exps / sums).mean(axis=0)[0], "attention", details)


def attention_heads(trace: Trace, stage: int, block: int, query: Query) -> tuple[Heatmap, ...]:
    """:func:`attention_map` of every head, to be drawn side by side on one scale."""
    _, block_trace = block_of(stage_of(trace, stage)[1], block)
    return tuple(attention_map(trace, stage, block, query, head) for head in range(len(block_trace.query)))


def attention_received(trace: Trace, stage: int, block: int, head: Head = "mean") -> Heatmap:
    """Who is looked at: the attention each key receives, averaged over all queries of the stage, CLS's included.

    Arguments, result and errors are those of :func:`attention_map`, without the query.
    """
    index, stage_trace = stage_of(trace, stage)
    block_index, block_trace = block_of(stage_trace, block)
    heads = _heads(block_trace, head)
    queries = block_trace.query.shape[1]
    received = weigh_rows(block_trace, stage_trace.scale, np.full(queries, 1 / queries, dtype=np.float32), heads)
    details = _where(index, block_index, _told(heads, head))
    return _distribution(stage_trace, received, "attention received", details)


def attention_rows(stage: StageTrace, block: int, head: Head = "mean") -> Iterator[tuple[slice, np.ndarray]]:
    """Every row of a block's attention, a few at a time: (which queries, their weights ``[queries, keys]``).

    Rows sum to 1; CLS comes first on both axes where the stage has it. Memory stays bounded whatever the grid.

    Raises:
        ConfigError: there is no such block or head.
    """
    _, block_trace = block_of(stage, block)
    for rows, exps, sums in exponentials(block_trace, stage.scale, _heads(block_trace, head)):
        yield rows, (exps / sums).mean(axis=0)


def attention_entropy(trace: Trace, stage: int, block: int, *, relative: bool = False) -> np.ndarray:
    """How spread each head's attention is: the entropy of its rows, averaged over all queries, ``[heads]``.

    In nats, from 0 (every query looks at one key) to log(number of keys), CLS included; or, if ``relative``, as a
    share of that largest value (1 where there is a single key).

    Raises:
        ConfigError: there is no such stage or block.
    """
    _, stage_trace = stage_of(trace, stage)
    _, block_trace = block_of(stage_trace, block)
    total = np.zeros(len(block_trace.query))
    for _, exps, sums in exponentials(block_trace, stage_trace.scale):
        weights = exps / sums
        total -= np.einsum("hqk,hqk->h", weights, np.log(weights.clip(min=1e-37)))
    entropy = total / block_trace.query.shape[1]
    if not relative:
        return entropy
    keys = block_trace.key.shape[1]
    return entropy / math.log(keys) if keys > 1 else np.ones_like(entropy)


def attention_distance(trace: Trace, stage: int, block: int) -> np.ndarray:
    """How far each head looks, in model pixels, ``[heads]``.

    The mean distance between a query's centre and its keys' centres, weighted by attention and averaged over the
    queries. CLS is nowhere: as a query it is left out, as a key the weights are shared among the others.

    Raises:
        ConfigError: there is no such stage or block.
    """
    _, stage_trace = stage_of(trace, stage)
    _, block_trace = block_of(stage_trace, block)
    cls = int(stage_trace.has_cls)
    query, key = _centres(stage_trace.geometry.queries), _centres(stage_trace.geometry.keys)
    total = np.zeros(len(block_trace.query))
    for rows, exps, _ in exponentials(block_trace, stage_trace.scale, rows=slice(cls, block_trace.query.shape[1])):
        here = query[rows.start - cls : rows.stop - cls]
        distance = np.hypot(here[:, None, 0] - key[None, :, 0], here[:, None, 1] - key[None, :, 1])
        spatial = exps[..., cls:]
        total += (np.einsum("hqk,qk->hq", spatial, distance) / spatial.sum(axis=-1).clip(min=1e-37)).sum(axis=-1)
    return total / len(query)


def keys_holding(heatmap: Heatmap, share: float = 0.5) -> int:
    """The smallest number of a distribution's cells that hold ``share`` of what falls on its cells together.

    Raises:
        ConfigError: the map is not a distribution, or the share is not between 0 and 1.
    """
    if heatmap.kind != "distribution" or not 0 < share <= 1:
        raise ConfigError(
            f"share={share} of a {heatmap.kind!r} map: needs a distribution and a share above 0, at most 1"
        )
    return len(cells_holding(heatmap.values, share))


def exponentials(
    block: BlockTrace, scale: float, heads: slice = slice(None), rows: slice = slice(None)
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Attention before its division: rows of exponentials, a few at a time, and the sums that make them weights.

    Args:
        block: its queries and keys.
        scale: factor of the logits.
        heads: which heads.
        rows: which queries, a slice of step 1.

    Yields:
        (which queries, exponentials ``[heads, queries, keys]``, sums ``[heads, queries, 1]``); the attention is their
        quotient. The exponentials are overwritten by the next step.
    """
    start, stop, _ = rows.indices(block.query.shape[1])
    query, key = block.query[heads], block.key[heads].transpose(0, 2, 1)
    step = max(1, CHUNK // (len(query) * key.shape[2]))
    buffer = np.empty((len(query), min(step, stop - start), key.shape[2]), dtype=np.float32)
    largest = (
        scale
        * math.sqrt(np.einsum("hqd,hqd->hq", query, query).max())
        * math.sqrt(np.einsum("hdk,hdk->hk", key, key).max())
    )
    for first in range(start, stop, step):
        last = min(first + step, stop)
        exps = np.matmul(query[:, first:last] * np.float32(scale), key, out=buffer[:, : last - first])
        if largest > SAFE_LOGIT:
            exps -= exps.max(axis=-1, keepdims=True)
        np.exp(exps, out=exps)
        yield slice(first, last), exps, exps.sum(axis=-1, keepdims=True)


def rows_that_weigh(weights: np.ndarray) -> slice:
    """The shortest slice with every weight that is not 0; empty where all are."""
    weighed = np.flatnonzero(weights)
    return slice(weighed[0], weighed[-1] + 1) if weighed.size else slice(0, 0)


def weigh_rows(block: BlockTrace, scale: float, weights: np.ndarray, heads: slice = slice(None)) -> np.ndarray:
    """The vector–matrix product ``weights @ attention``, averaged over heads: ``[queries]`` to ``[keys]``.

    The sum of the weights is kept, because the rows of attention sum to 1.
    """
    chosen = block.query[heads]
    gathered = np.zeros(block.key.shape[1], dtype=np.float32)
    for rows, exps, sums in exponentials(block, scale, heads, rows_that_weigh(weights)):
        shares = (weights[rows] / sums[..., 0]) / len(chosen)
        gathered += shares.astype(np.float32).reshape(-1) @ exps.reshape(-1, exps.shape[-1])
    return gathered


def weigh_evidence(block: BlockTrace, scale: float, weights: np.ndarray, *, shares: bool = False) -> np.ndarray:
    """``weights @ Ā``, ``[queries]`` to ``[keys]``, where Ā is the mean over heads of (∇A ⊙ A)⁺.

    ∇A is the gradient of the traced class's logit with respect to the attention: the context's gradient at the query
    times the value at the key. So Ā keeps what attention brings in favour of the class (Chefer et al. 2021, arXiv
    2103.15679, equation 5).

    Args:
        block: traced with a target.
        scale: factor of the logits.
        weights: ``[queries]``.
        shares: scale every row of Ā to a sum of 1, so that the sum of the weights is kept; a row without any evidence
            becomes plain attention.
    """
    context_gradient, value = attention_gradient_of(block)
    value = value.transpose(0, 2, 1)
    gathered = np.zeros(block.key.shape[1], dtype=np.float32)
    for rows, exps, sums in exponentials(block, scale, rows=rows_that_weigh(weights)):
        evidence = np.matmul(context_gradient[:, rows], value)
        np.maximum(evidence, 0, out=evidence)
        evidence *= exps
        per_head = (1 / (sums[..., 0] * len(value))).astype(np.float32)  # [heads, queries]
        amount = weights[rows]
        if shares:
            total = (evidence.sum(axis=-1) * per_head).sum(axis=0)
            without = total <= 0
            gathered += np.einsum("hq,hqk->k", per_head[:, without] * amount[without], exps[:, without])
            amount = np.where(without, 0, amount / np.where(without, 1, total))
        gathered += (per_head * amount).astype(np.float32).reshape(-1) @ evidence.reshape(-1, evidence.shape[-1])
    return gathered


def weigh_gradient(block: BlockTrace) -> np.ndarray:
    """The positive part of the gradient of the traced class's logit with respect to the attention, ``[keys]``.

    Averaged over heads and queries (LeGrad, Bousselham et al. 2024, arXiv 2404.03214, equation 8); the gradient as in
    :func:`weigh_evidence`.
    """
    context_gradient, value = attention_gradient_of(block)
    value = value.transpose(0, 2, 1)
    heads, queries, _ = context_gradient.shape
    step = max(1, CHUNK // (heads * value.shape[2]))
    gathered = np.zeros(value.shape[2], dtype=np.float32)
    for first in range(0, queries, step):
        gradient = np.matmul(context_gradient[:, first : first + step], value)
        gathered += np.maximum(gradient, 0, out=gradient).sum(axis=(0, 1))
    return gathered / (heads * queries)


def query_row(trace: Trace, stage: int, query: Query) -> tuple[int, str]:
    """The row of a stage's attention that belongs to a query, and the query in words, as people count.

    Raises:
        ConfigError: there is no such token, or "cls" where there is none.
    """
    stage_trace = trace.stages[stage]
    if isinstance(query, str):
        if query != "cls":
            raise ConfigError(f"query {query!r} is unknown: allowed are 'cls' or a token's (row, column)")
        if not stage_trace.has_cls:
            having = [str(index) for index, stage_trace in enumerate(trace.stages) if stage_trace.has_cls]
            where = f"stages with one: {', '.join(having)}" if having else "this model has none in any stage"
            raise ConfigError(f"query 'cls': stage {stage} has no CLS token; {where}")
        return 0, "CLS"
    grid = stage_trace.geometry.queries
    try:
        row, column = query
    except (TypeError, ValueError):
        raise ConfigError(f"query {query!r} is unknown: allowed are 'cls' or a token's (row, column)") from None
    row, column = position("row", row, grid.rows), position("column", column, grid.columns)
    return int(stage_trace.has_cls) + row * grid.columns + column, f"row {row + 1}, column {column + 1}"


def _heads(block: BlockTrace, head: Head) -> slice:
    if isinstance(head, str):
        if head != "mean":
            raise ConfigError(f"head {head!r} is unknown: allowed are 'mean' or a head's index")
        return slice(None)
    index = position("head", head, len(block.query))
    return slice(index, index + 1)


def _told(heads: slice, head: Head) -> str | int:
    """The head as people count, from 1, or "mean"."""
    return "mean" if head == "mean" else heads.stop


def _where(stage: int, block: int, head: str | int) -> dict[str, str | int]:
    """Where a map comes from, as people count."""
    return {"stage": stage + 1, "block": block + 1, "head": head}


def _centres(grid: Grid) -> np.ndarray:
    """Centres (y, x) of a grid's cells in model pixels, ``[cells, 2]``."""
    rows, columns = np.divmod(np.arange(grid.rows * grid.columns), grid.columns)
    return np.stack([grid.offset + rows * grid.stride, grid.offset + columns * grid.stride], axis=1)


def _distribution(stage: StageTrace, shares: np.ndarray, name: str, details: dict[str, str | int]) -> Heatmap:
    """Shares of all keys, CLS first where the stage has it, as a map of the spatial ones."""
    keys = stage.geometry.keys
    return Heatmap(
        values=shares[int(stage.has_cls) :].reshape(keys.shape).astype(np.float32),
        grid=keys,
        kind="distribution",
        name=name,
        unit="share of attention",
        baseline=1 / len(shares),
        cls_share=float(shares[0]) if stage.has_cls else None,
        details=details,
    )
