"""Fitting a checkpoint's tensors to a model: every tensor must be there, be known and have its shape.

Tensors may be of any library; only their shapes are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cvt.checkpoint_keys import Layout, detect_layout, from_ours, to_ours
from cvt.config import CvtConfig
from cvt.errors import CheckpointError, shorten, shown

__all__ = ["Weights", "match", "name_tensors"]

_HEAD = ("layernorm", "classifier")  # our modules that make a classifier of a model


@dataclass(frozen=True)
class Weights:
    """What was read: tensors by our names, and how the file spelled them."""

    source: str
    layout: Layout
    tensors: dict[str, Any]  # by our names; names we do not know stay as they are
    spelled: dict[str, str]

    def spelling(self, name: str) -> str:
        """What the file calls, or would call, our tensor."""
        return self.spelled.get(name) or from_ours(name, self.layout)


def name_tensors(source: str, read: Mapping[str, Any]) -> Weights:
    """The tensors that were read from ``source``, by our names.

    Raises:
        CheckpointError: they are not a CvT's, or one is there twice.
    """
    layout = detect_layout(read)
    if layout is None:
        raise CheckpointError(
            f"{source} holds the weights of another architecture, not of a CvT: {shorten(list(read))}"
        )
    spelled: dict[str, str] = {}
    for name in read:
        ours = to_ours(name, layout) or name
        if ours in spelled:
            raise CheckpointError(f"{source} holds one tensor under two names: {shorten([spelled[ours], name])}")
        spelled[ours] = name
    return Weights(source, layout, {ours: read[name] for ours, name in spelled.items()}, spelled)


def match(
    expected: Mapping[str, Sequence[int]], weights: Weights, config: CvtConfig, model: str, fresh_head: bool
) -> tuple[dict[str, Any], set[str]]:
    """The tensors a model takes, and the modules of its head that must start afresh, if ``fresh_head`` allows it.

    Args:
        expected: the shapes of the model's tensors, by our names.
        weights: what was read.
        config: the model's configuration.
        model: what kind of model it is, for the error.
        fresh_head: whether tensors of the head may be missing or of another shape.

    Raises:
        CheckpointError: naming every tensor that is missing, unexpected or of another shape.
    """
    tensors = dict(weights.tensors)
    if "classifier.weight" not in expected:  # a classifier's checkpoint holds a whole CvtModel, and a head to leave out
        tensors = {name: tensor for name, tensor in tensors.items() if _module(name) not in _HEAD}
    missing = [name for name in expected if name not in tensors]
    unexpected = [name for name in tensors if name not in expected]
    misshapen = [name for name in expected if name in tensors and tuple(tensors[name].shape) != tuple(expected[name])]
    troubled = {_module(name) for name in (*missing, *unexpected, *misshapen)}
    if troubled and not (fresh_head and troubled <= set(_HEAD)):
        lists = {
            "missing": [weights.spelling(name) for name in missing],
            "unexpected": [weights.spelling(name) for name in unexpected],
            "of another shape": [
                f"{weights.spelling(name)} {list(tensors[name].shape)} instead of {list(expected[name])}"
                for name in misshapen
            ],
        }
        found = "; ".join(f"{len(names)} {what}: {shorten(names)}" for what, names in lists.items() if names)
        raise CheckpointError(
            f"{weights.source} does not fit {model} with embed_dim={shown(config.embed_dim)}, "
            f"depth={shown(config.depth)}, num_labels={config.num_labels}. {found}. {_advice(troubled, missing)}"
        )
    return {name: tensor for name, tensor in tensors.items() if _module(name) not in troubled}, troubled


def _advice(troubled: set[str], missing: list[str]) -> str:
    if not troubled <= set(_HEAD):
        return "Its configuration describes another architecture than its weights, or the file is not complete."
    if missing:
        return "It has no classification head: load a CvtModel, or pass ignore_mismatched_sizes=True for a fresh one."
    return "Only the classification head differs: pass ignore_mismatched_sizes=True to start with a fresh one."


def _module(name: str) -> str:
    """The first part of a tensor's name: ``cvt``, ``layernorm`` or ``classifier``."""
    return name.partition(".")[0]
