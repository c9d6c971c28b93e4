"""The maps that the page and its endpoints offer by name."""

from __future__ import annotations

from typing import Literal, get_args

from cvt.errors import ConfigError
from cvt.trace import Trace
from visualize.attention import attention_map, attention_received
from visualize.class_evidence import class_evidence
from visualize.feature_maps import feature_map
from visualize.heatmap import Heatmap
from visualize.rollout import rollout

__all__ = ["METHODS", "Method", "heatmap", "parse_head", "parse_query", "parse_stage", "parse_target"]

Method = Literal[
    "feature", "attention", "attention_received", "rollout", "class_evidence", "hires_cam", "grad_attention"
]

METHODS: tuple[Method, ...] = get_args(Method)


def heatmap(
    trace: Trace,
    method: str,
    stage: int = -1,
    block: int = -1,
    head: Literal["mean"] | int = "mean",
    query: Literal["cls"] | tuple[int, int] = "cls",
) -> Heatmap:
    """A map of a trace by its method's name; stage, block and head as in :mod:`visualize`, counted from 0.

    "class_evidence" is Grad-CAM, "hires_cam" and "grad_attention" its rivals; they and "rollout" need a trace with a
    target.

    Raises:
        ConfigError: there is no such method, stage, block, head or query.
    """
    match method:
        case "feature":
            return feature_map(trace, stage)
        case "attention":
            return attention_map(trace, stage, block, query, head=head)
        case "attention_received":
            return attention_received(trace, stage, block, head)
        case "rollout":
            return rollout(trace, for_class=True)
        case "class_evidence":
            return class_evidence(trace, stage, method="grad_cam")
        case "hires_cam" | "grad_attention":
            return class_evidence(trace, stage, method)
    raise ConfigError(f"method {method!r} must be one of {', '.join(METHODS)}")


def needs_target(method: str) -> bool:
    """Whether a method explains one class, and its trace needs that class's gradients."""
    return method in ("rollout", "class_evidence", "hires_cam", "grad_attention")


def parse_stage(stage: float, count: int) -> int:
    """A stage as people count, from 1, to an index from 0.

    Raises:
        ConfigError: there is no such stage.
    """
    if stage != int(stage) or not 1 <= stage <= count:
        raise ConfigError(f"stage {stage} must be a whole number from 1 to {count}")
    return int(stage) - 1


def parse_head(head: str | int) -> Literal["mean"] | int:
    """A head: "mean", or its number from 0.

    Raises:
        ConfigError: it is neither.
    """
    if str(head).strip() == "mean":
        return "mean"
    try:
        return int(head)
    except ValueError:
        raise ConfigError(f"head {head!r} must be 'mean' or a number from 0") from None


def parse_query(query: str) -> Literal["cls"] | tuple[int, int]:
    """A query: "cls", or "row,column" from 0.

    Raises:
        ConfigError: it is neither.
    """
    if query.strip() == "cls":
        return "cls"
    parts = query.split(",")
    try:
        row, column = (int(part) for part in parts)
    except ValueError:
        raise ConfigError(f"query {query!r} must be 'cls' or 'row,column', for example '3,10'") from None
    return row, column


def parse_target(target: str, trace: Trace) -> int | str:
    """A class: its name or number, or nothing for the most probable one. Whether it exists, ``trace`` says."""
    target = target.strip()
    if not target:
        return trace.top(1)[0][0]
    named = target in trace.config.label2id
    return int(target) if target.isdecimal() and not named else target
