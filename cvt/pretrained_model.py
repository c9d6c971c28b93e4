"""What every CvT network has in common: a configuration, and the ways in from a checkpoint and back out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from cvt.checkpoint import load_model, save_model
from cvt.config import CvtConfig

__all__ = ["CvtPreTrainedModel"]


class CvtPreTrainedModel(nn.Module):
    """Base of :class:`~cvt.CvtModel` and :class:`~cvt.CvtForImageClassification`.

    Raises:
        ConfigError: the configuration is not valid.
    """

    def __init__(self, config: CvtConfig) -> None:
        super().__init__()
        config.validate()
        self.config = config

    @classmethod
    def from_pretrained(
        cls,
        ref: str | Path,
        *,
        config: CvtConfig | str | None = None,
        revision: str | None = None,
        ignore_mismatched_sizes: bool = False,
        **config_overrides: Any,
    ) -> Self:
        """Load a published, saved or bundled model, in evaluation mode.

        Args:
            ref: "bundled", a Hub id ("microsoft/cvt-13"), a folder in transformers' layout, or a ``.safetensors``,
                ``.bin`` or ``.pth`` file; the last may be Microsoft's own.
            config: a configuration or a preset's name; needed for a bare weights file whose architecture its shapes
                do not settle.
            revision: branch, tag or commit of a Hub repository.
            ignore_mismatched_sizes: keep the fresh initialisation of a classification head whose number of classes
                differs, for fine-tuning; nothing else may differ.
            config_overrides: configuration fields that win over the file's.

        Raises:
            CheckpointError: nothing is found, it cannot be read or trusted, or its tensors do not fit.
            ConfigError: the configuration is not valid.
        """
        return load_model(
            cls,
            ref,
            config=config,
            revision=revision,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
            **config_overrides,
        )

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``config.json`` and ``model.safetensors`` into ``folder``, in the layout of transformers.

        transformers computes with exact GELU whatever ``hidden_act`` says, so only a ``"gelu"`` model gives the same
        logits there.
        """
        save_model(self, self.config, folder)

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the parameters."""
        return next(self.parameters()).dtype

    def _default(self, value: bool | None, name: str) -> bool:
        return bool(getattr(self.config, name)) if value is None else value
