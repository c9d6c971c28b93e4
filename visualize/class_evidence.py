"""Class evidence: what in the photo speaks for one class, and what against it.

Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391, equations 1 and 2) weighs the channels of a map by their mean
gradient, which supposes that a channel means the same everywhere: true of late stages. HiResCAM (Draelos & Carin 2020,
arXiv 2011.08891, section 3.2) weighs every place by its own gradient, as early stages need it. Gradient × attention
(Chefer et al. 2021, arXiv 2103.15679, equations 5 and 6) is a rollout in which the attention of each head is first
weighed by its own gradient; here it goes through squeezed keys and from stage to stage as :mod:`visualize.rollout`
does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from cvt.errors import ConfigError
from visualize.attention import weigh_evidence
from visualize.feature_maps import evidence_of
from visualize.heatmap import Heatmap, stage_of
from visualize.rollout import enter_stage, leave_stage, spread_keys, start_vector

if TYPE_CHECKING:
    from cvt.tracing import Trace

__all__ = ["Method", "class_evidence"]

Method = Literal["grad_cam", "hires_cam", "grad_attention"]


def class_evidence(trace: Trace, stage: int, method: Method = "grad_cam", *, positive: bool = False) -> Heatmap:
    """Where a stage's tokens speak for the class that the trace was made for.

    Args:
        trace: traced with a target.
        stage: from 0; negative counts from the end.
        method: "grad_cam": the stage's map, channels weighted by the mean gradient of the class's logit, summed:
            signed, kind "diverging". In a last stage with CLS the map is the one the last block reads. "hires_cam":
            the same, each place weighted by its own gradient; in a last stage without CLS zero, since its tokens are
            normalised one by one before they are averaged. "grad_attention": relevance of the tokens that enter the
            stage, gathered from the last block of the network down to the stage's first: never negative, kind
            "sequential".
        positive: keep only what speaks for the class (the CAMs' own ReLU); kind "sequential".

    Raises:
        ConfigError: there is no such stage or method, or the trace has no target.
    """
    index, traced = stage_of(trace, stage)
    activation, gradient = evidence_of(traced)
    target = trace.target
    assert target is not None
    details: dict[str, str | int] = {"class": trace.label(target), "stage": index + 1}
    grid = traced.geometry.tokens
    if method in ("grad_cam", "hires_cam"):
        if method == "grad_cam":
            gradient = gradient.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
        evidence = (gradient * activation).sum(axis=0)
        evidence = np.maximum(evidence, 0) if positive else evidence
        name = "Grad-CAM" if method == "grad_cam" else "HiResCAM"
        return Heatmap(evidence, grid, "sequential" if positive else "diverging", name, details=details)
    if method == "grad_attention":
        relevance = _token_relevance(trace, index)[int(traced.has_cls) :].reshape(grid.shape)
        return Heatmap(relevance, grid, "sequential", "gradient × attention", details=details)
    raise ConfigError(f"method={method!r} is unknown: allowed are {', '.join(map(repr, get_args(Method)))}")


def _token_relevance(trace: Trace, stage: int) -> np.ndarray:
    """Gradient × attention relevance of the tokens entering a stage, ``[queries]``, CLS first where it has one.

    One row of ``(I + Ā·P) …`` over the blocks: the row of CLS, or the mean over tokens, which the classifier reads.
    """
    last = len(trace.stages) - 1
    relevance, _ = start_vector(trace, last, None)
    for index in range(last, stage - 1, -1):
        if index < last:
            relevance = enter_stage(trace, index, leave_stage(trace, index + 1, relevance))
        traced = trace.stages[index]
        for block in reversed(traced.blocks):
            keys = weigh_evidence(block, traced.scale, relevance)
            relevance = relevance + spread_keys(trace, index, keys)
    return relevance
