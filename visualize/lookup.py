"""Finding one's way in a trace: stages and blocks by their index, and what is there only with a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cvt.errors import ConfigError

if TYPE_CHECKING:
    from cvt.balanced import Rule
    from cvt.tracing import BlockTrace, StageTrace, Trace

__all__ = ["attention_gradient_of", "block_of", "evidence_of", "kept", "position", "stage_of", "target_of"]


def position(name: str, index: int, count: int) -> int:
    """A 0-based index among ``count`` things called ``name``; negative ones count from the end.

    Raises:
        ConfigError: there is no such thing; the message says which there are.
    """
    whole = isinstance(index, int | np.integer) and not isinstance(index, bool)
    if not whole or not -count <= index < count:
        raise ConfigError(
            f"{name} {index!r} does not exist: allowed are 0 to {count - 1}, or {-count} to -1 from the end"
        )
    return int(index) % count


def stage_of(trace: Trace, stage: int) -> tuple[int, StageTrace]:
    """A stage by its index, which may be negative: the index from 0, and the stage.

    Raises:
        ConfigError: there is no such stage.
    """
    index = position("stage", stage, len(trace.stages))
    return index, trace.stages[index]


def block_of(stage: StageTrace, block: int) -> tuple[int, BlockTrace]:
    """A block of a stage by its index, which may be negative: the index from 0, and the block.

    Raises:
        ConfigError: there is no such block.
    """
    index = position("block", block, len(stage.blocks))
    return index, stage.blocks[index]


def target_of(trace: Trace) -> int:
    """The class that a trace was made for.

    Raises:
        ConfigError: the trace was made without a target.
    """
    if trace.target is None:
        raise ConfigError("this trace has no class evidence: make it with trace(..., target=CLASS), by index or name")
    return trace.target


def evidence_of(stage: StageTrace) -> tuple[np.ndarray, np.ndarray]:
    """The map that Grad-CAM and HiResCAM are read from and its gradient, both ``[channels, rows, columns]``.

    Raises:
        ConfigError: the trace was made without a target, or without plain gradients.
    """
    return kept(stage.evidence_map, "plain"), kept(stage.evidence_gradient, "plain")


def attention_gradient_of(block: BlockTrace) -> tuple[np.ndarray, np.ndarray]:
    """The context's gradient and the values, ``[heads, queries or keys, width]``: their product is the attention's own.

    Raises:
        ConfigError: the trace was made without a target, or without plain gradients.
    """
    return kept(block.context_gradient, "plain"), kept(block.value, "plain")


def kept(array: np.ndarray | None, rule: Rule) -> np.ndarray:
    """An array that a trace has only with a target, and with the gradients of a rule.

    Raises:
        ConfigError: it is not there; the message says how to make a trace that has it.
    """
    if array is None:
        raise ConfigError(
            f"this trace has no gradients by the rule {rule!r}: make it with trace(..., target=CLASS), "
            f"and {rule!r} among its rules"
        )
    return array
