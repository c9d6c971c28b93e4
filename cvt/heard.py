"""What is heard of a forward pass: where a trace listens, and what of one photo it keeps as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from cvt.balanced import Rule
from cvt.config import CvtConfig

__all__ = ["PIXELS", "Heard", "entering", "evidence_probe", "frozen", "stage_path", "to_array"]

PIXELS = "pixels"
"""Name of the input among what is heard."""


@dataclass(frozen=True)
class Heard:
    """What of one photo, a row of the batch, is kept: what passed by probe, and its gradients by rule and probe."""

    values: dict[str, Tensor]
    gradients: dict[Rule, dict[str, Tensor]]
    row: int

    def value(self, probe: str) -> np.ndarray:
        """What passed there."""
        return to_array(self.values[probe][self.row])

    def gradient(self, rule: Rule, probe: str) -> np.ndarray | None:
        """The gradient by a rule; None where it was not asked for."""
        return to_array(self.gradients[rule][probe][self.row]) if rule in self.gradients else None

    def brought(self, rule: Rule, probe: str, cls: int = 0) -> np.ndarray | None:
        """What each place of a map, or each of its tokens, brings, behind ``cls`` tokens that bring nothing."""
        if rule not in self.gradients:
            return None
        brought = self.values[probe][self.row].detach() * self.gradients[rule][probe][self.row]
        if brought.dim() == 2:  # [tokens, channels]
            return to_array(brought.sum(dim=1))
        of_map = brought.sum(dim=0)  # [channels, rows, columns]
        return to_array(of_map if probe == PIXELS else F.pad(of_map.flatten(), (cls, 0)))


def stage_path(stage: int) -> str:
    """The name of a stage within the classifier."""
    return f"cvt.encoder.stages.{stage}"


def evidence_probe(config: CvtConfig, stage: int) -> str:
    """Where class evidence of a stage is read: see :class:`cvt.tracing.StageTrace`."""
    reads_cls_alone = stage == config.num_stages - 1 and config.cls_token[stage]
    path = stage_path(stage)
    return f"{path}.layers.{config.depth[stage] - 1}.attention.input" if reads_cls_alone else f"{path}.output"


def entering(stage: int, layer: int) -> str:
    """The probe that hears what enters a layer: the one before, or the stage's embedding."""
    path = stage_path(stage)
    return f"{path}.layers.{layer - 1}.output" if layer else f"{path}.embedding.output"


def to_array(tensor: Tensor) -> np.ndarray:
    """A tensor as a float32 array that is not to be changed."""
    return frozen(tensor.detach().float().cpu().numpy())  # strided as it comes: a copy would cost more than it saves


def frozen(array: np.ndarray) -> np.ndarray:
    """The array itself, from now on not to be changed."""
    array.flags.writeable = False
    return array
