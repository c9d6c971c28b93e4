"""The classes of transformers that choose an architecture's configuration and processor, for the one there is here.

Those that choose a network are in :mod:`cvt.auto_models`, so that a Keras script's processor does not wait for PyTorch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cvt.config import CvtConfig
from cvt.errors import ConfigError
from cvt.image_processor import CvtImageProcessor

__all__ = ["Auto", "AutoConfig", "AutoImageProcessor"]


class Auto:
    """Not to be made: only its class methods serve."""

    def __init__(self, *arguments: Any, **fields: Any) -> None:
        name = type(self).__name__
        raise ConfigError(f"{name} is made by {name}.from_pretrained(…) alone")


class AutoConfig(Auto):
    """Gives a :class:`~cvt.CvtConfig`."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> CvtConfig:
        """As :meth:`cvt.CvtConfig.from_pretrained`."""
        return CvtConfig.from_pretrained(pretrained_model_name_or_path, **_without_code(options))

    @classmethod
    def for_model(cls, model_type: str, **fields: Any) -> CvtConfig:
        """A configuration from its fields; ``model_type`` must be "cvt".

        Raises:
            ConfigError: another ``model_type``, or a value that is not allowed.
        """
        return CvtConfig.from_dict({"model_type": model_type, **fields})


class AutoImageProcessor(Auto):
    """Gives a :class:`~cvt.CvtImageProcessor`."""

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | Path, *, use_fast: bool | None = None, **options: Any
    ) -> CvtImageProcessor:
        """As :meth:`cvt.CvtImageProcessor.from_pretrained`; ``use_fast`` is without effect: there is one kind."""
        return CvtImageProcessor.from_pretrained(pretrained_model_name_or_path, **_without_code(options))


def _without_code(options: dict[str, Any]) -> dict[str, Any]:
    """Without ``trust_remote_code``: no code of a repository is ever run."""
    return {name: value for name, value in options.items() if name != "trust_remote_code"}
