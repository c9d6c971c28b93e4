"""Class evidence: what in the photo speaks for one class, and what against it.

Evidence by balanced gradients (see :mod:`cvt.balanced`) takes the answer apart. By LibraGrad (Mehri et al. 2024, arXiv
2411.16760) what the tokens bring, and what the biases bring, add up to it at every depth of the network. By AttnLRP
(Achtibat et al. 2024, arXiv 2402.05602) a token also counts for being looked at: nothing adds up exactly, but more
of it lies on what is asked about. What a pixel brings says *which* details count, but much of it is for and against in
turn; what a token of the last stage brings says *where* they count, but coarsely. The best map is the product of both,
by AttnLRP (:func:`class_evidence`).

Beside it, the methods that people know. Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391, equations 1 and 2) weighs
the channels of a map by their mean gradient, which supposes that a channel means the same everywhere: true of late
stages. HiResCAM (Draelos & Carin 2020, arXiv 2011.08891, section 3.2) weighs every place by its own gradient, as early
stages need it. Gradient × attention (Chefer et al. 2021, arXiv 2103.15679, equations 5 and 6) is a rollout in which
the attention of each head is first weighed by its own gradient; here it goes through squeezed keys and from stage to
stage as :mod:`visualize.rollout` does. LeGrad (Bousselham et al. 2024, arXiv 2404.03214, section 3.2) is the gradient
with respect to the attention itself, where it is positive. These four read plain gradients, as they are defined.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from cvt.errors import ConfigError
from cvt.geometry import Grid
from visualize.attention import weigh_evidence, weigh_gradient
from visualize.heatmap import Heatmap, gaussian, to_pixels
from visualize.lookup import evidence_of, kept, stage_of, target_of
from visualize.rollout import spread_keys, start_vector, walk_back

if TYPE_CHECKING:
    from cvt.tracing import BlockTrace, Trace

__all__ = ["Method", "class_evidence", "pixel_evidence"]

Method = Literal["libragrad", "attnlrp", "legrad", "grad_cam", "hires_cam", "grad_attention"]


def class_evidence(
    trace: Trace, stage: int | None = None, method: Method = "libragrad", *, positive: bool = False
) -> Heatmap:
    """Where the photo speaks for the class that the trace was made for, and where against it.

    Without a stage and a method it is the best map there is (``benchmarks/faithfulness.py``), in model pixels: what
    the pixels bring by AttnLRP, blurred to the spacing of the first stage's tokens (a Gaussian as wide, at half its
    height, as their stride), times what the tokens of the last stage bring by it, averaged over its blocks' inputs. It
    ranks places and has signs, but does not add up.

    Args:
        trace: traced with a target.
        stage: from 0; negative counts from the end. With None and another method than "libragrad" it is the last.
        method: of one stage's map. "libragrad": what each token that enters the stage brings to
            :attr:`cvt.Trace.explained`, and with the biases adds up to it. "attnlrp": the same by AttnLRP, without
            adding up. "legrad": the positive gradient of the class's logit
            with respect to the attention of the stage's blocks, gathered by key and spread over the tokens behind the
            keys; never negative, kind "sequential". "grad_cam": the stage's map, channels weighted by the mean gradient
            of the class's logit, summed. In a last stage with CLS the map is the one the last block reads. "hires_cam":
            the same, each place weighted by its own gradient; in a last stage without CLS zero, since its tokens are
            normalised one by one before they are averaged. "grad_attention": relevance of the tokens that enter the
            stage, gathered from the last block of the network down to the stage's first: never negative, kind
            "sequential". Maps are signed, kind "diverging", unless said otherwise.
        positive: keep only what speaks for the class (the CAMs' own ReLU); kind "sequential".

    Raises:
        ConfigError: there is no such stage or method, or the trace has no target, or not the gradients of the method's
            rule.
    """
    details = _details(trace)
    if stage is None and method == "libragrad":
        return _signed(_best(trace), _pixels(trace), "class evidence", details, positive=positive)
    index, stage_trace = stage_of(trace, -1 if stage is None else stage)
    details["stage"] = index + 1
    grid, cls = stage_trace.geometry.tokens, int(stage_trace.has_cls)
    if method == "libragrad":
        evidence = kept(stage_trace.blocks[0].evidence, "libragrad")[cls:].reshape(grid.shape)
        return _signed(evidence, grid, "LibraGrad", details, positive=positive, total=trace.explained)
    if method == "attnlrp":
        relevance = kept(stage_trace.blocks[0].relevance, "attnlrp")[cls:].reshape(grid.shape)
        return _signed(relevance, grid, "AttnLRP", details, positive=positive)
    if method in ("grad_cam", "hires_cam"):
        activation, gradient = evidence_of(stage_trace)
        if method == "grad_cam":
            gradient = gradient.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
        name = "Grad-CAM" if method == "grad_cam" else "HiResCAM"
        return _signed((gradient * activation).sum(axis=0), grid, name, details, positive=positive)
    if method == "legrad":
        gathered = _attention_gradient(trace, index)[cls:].reshape(grid.shape)
        return Heatmap(gathered, grid, "sequential", "LeGrad", details=details)
    if method == "grad_attention":
        relevance = _token_relevance(trace, index)[cls:].reshape(grid.shape)
        return Heatmap(relevance, grid, "sequential", "gradient × attention", details=details)
    raise ConfigError(f"method={method!r} is unknown: allowed are {', '.join(map(repr, get_args(Method)))}")


def pixel_evidence(
    trace: Trace, method: Literal["libragrad", "attnlrp"] = "libragrad", *, positive: bool = False
) -> Heatmap:
    """What every pixel brings to :attr:`cvt.Trace.explained`, by balanced gradients, at the model's full resolution.

    A pixel counts by its difference from the mean colour of the training images, which is 0 to the network; kind
    "diverging".

    Args:
        trace: traced with a target.
        method: the rule that shares out. By "libragrad" the values and what the biases bring add up to what is
            explained; by "attnlrp" they do not.
        positive: keep only what speaks for the class; kind "sequential".

    Raises:
        ConfigError: there is no such method, or the trace has no target, or not the gradients of its rule.
    """
    details = _details(trace)
    if method == "libragrad":
        gradient = kept(trace.pixel_gradient, "libragrad")
        evidence = np.einsum("chw,chw->hw", trace.pixel_values, gradient)
        return _signed(evidence, _pixels(trace), "pixel evidence", details, positive=positive, total=trace.explained)
    if method == "attnlrp":
        relevance = kept(trace.pixel_relevance, "attnlrp")
        return _signed(relevance, _pixels(trace), "pixel relevance", details, positive=positive)
    raise ConfigError(f"method={method!r} is unknown: allowed are 'libragrad', 'attnlrp'")


def _best(trace: Trace) -> np.ndarray:
    """The fine map weighed by the coarse one, ``[height, width]`` in model pixels.

    Where the last stage speaks for the class, pixels for and against are weighed by how much it does; where it speaks
    against, pixels against by how much, and none speaks for.
    """
    height, width = trace.pixel_values.shape[1:]
    spread = trace.stages[0].geometry.tokens.stride / math.sqrt(8 * math.log(2))  # half as high a half stride away
    fine = gaussian(height, spread) @ kept(trace.pixel_relevance, "attnlrp") @ gaussian(width, spread).T
    last = trace.stages[-1]
    coarse = np.mean(
        [kept(block_trace.relevance, "attnlrp")[int(last.has_cls) :] for block_trace in last.blocks], axis=0
    )
    tokens = Heatmap(coarse.reshape(last.geometry.tokens.shape), last.geometry.tokens, "diverging", "")
    weight = to_pixels(tokens, height, width)
    return np.where(fine > 0, fine * weight.clip(min=0), fine * np.abs(weight))


def _pixels(trace: Trace) -> Grid:
    height, width = trace.pixel_values.shape[1:]
    return Grid(height, width, stride=1, offset=0, receptive_field=1)


def _details(trace: Trace) -> dict[str, str | int]:
    details: dict[str, str | int] = {"class": trace.label(target_of(trace))}
    if trace.against is not None:
        details["against"] = trace.label(trace.against)
    return details


def _signed(
    evidence: np.ndarray,
    grid: Grid,
    name: str,
    details: dict[str, str | int],
    *,
    positive: bool,
    total: float | None = None,
) -> Heatmap:
    """A map of evidence for and against, or only for; which does not add up any more."""
    if positive:
        return Heatmap(evidence.clip(min=0), grid, "sequential", name, details=details)
    return Heatmap(evidence, grid, "diverging", name, total=total, details=details)


def _token_relevance(trace: Trace, stage: int) -> np.ndarray:
    """Gradient × attention relevance of the tokens entering a stage, ``[queries]``, CLS first where it has one.

    One row of ``(I + Ā·P) …`` over the blocks: the row of CLS, or the mean over tokens, which the classifier reads.
    """
    last = len(trace.stages) - 1

    def through(index: int, block_trace: BlockTrace, relevance: np.ndarray) -> np.ndarray:
        keys = weigh_evidence(block_trace, trace.stages[index].scale, relevance)
        return relevance + spread_keys(trace, index, keys)

    return walk_back(trace, last, stage, start_vector(trace, last, None)[0], through)


def _attention_gradient(trace: Trace, stage: int) -> np.ndarray:
    """LeGrad of a stage's blocks, ``[queries]``: their mean, each scaled to a sum of 1.

    The paper reads each block by a classifier of its own, which a network of stages has not: here it is the one answer
    of the network.
    """
    maps = [weigh_gradient(block_trace) for block_trace in trace.stages[stage].blocks]
    shares = [block_map / block_map.sum() for block_map in maps if block_map.sum() > 0]
    return spread_keys(trace, stage, np.mean(shares, axis=0) if shares else maps[0])
