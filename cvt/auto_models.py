"""The classes of transformers that choose a network's architecture, for the one architecture there is here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cvt.auto import Auto
from cvt.config import CvtConfig
from cvt.model import CvtForImageClassification, CvtModel

__all__ = ["AutoModel", "AutoModelForImageClassification"]


class AutoModel(Auto):
    """Gives a :class:`~cvt.CvtModel`."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> CvtModel:
        """As :meth:`cvt.CvtModel.from_pretrained`."""
        return CvtModel.from_pretrained(pretrained_model_name_or_path, **options)

    @classmethod
    def from_config(cls, config: CvtConfig) -> CvtModel:
        """A model with fresh weights."""
        return CvtModel(config)


class AutoModelForImageClassification(Auto):
    """Gives a :class:`~cvt.CvtForImageClassification`."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> CvtForImageClassification:
        """As :meth:`cvt.CvtForImageClassification.from_pretrained`."""
        return CvtForImageClassification.from_pretrained(pretrained_model_name_or_path, **options)

    @classmethod
    def from_config(cls, config: CvtConfig) -> CvtForImageClassification:
        """A model with fresh weights."""
        return CvtForImageClassification(config)
