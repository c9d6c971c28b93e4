"""Convolutional vision Transformer: the network, its checkpoints, its preprocessing and its recording.

The public names follow Hugging Face's CvT documentation; ``record`` and ``trace`` are what this project adds. Each is
imported when it is first asked for, so that what needs no PyTorch does not wait for it. ``TFCvtModel`` and
``TFCvtForImageClassification`` need Keras, which is optional; so a star import leaves them out.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cvt.auto import AutoConfig, AutoImageProcessor
    from cvt.auto_models import AutoModel, AutoModelForImageClassification
    from cvt.config import CvtConfig
    from cvt.errors import CheckpointError, ConfigError, CvtError, ImageError
    from cvt.image_processor import CvtImageProcessor
    from cvt.keras import TFCvtForImageClassification as TFCvtForImageClassification
    from cvt.keras import TFCvtModel as TFCvtModel
    from cvt.model import CvtForImageClassification, CvtModel
    from cvt.pipelines import pipeline
    from cvt.probe import record
    from cvt.tracing import Trace, trace

__all__ = [
    "AutoConfig",
    "AutoImageProcessor",
    "AutoModel",
    "AutoModelForImageClassification",
    "CheckpointError",
    "ConfigError",
    "CvtConfig",
    "CvtError",
    "CvtForImageClassification",
    "CvtImageProcessor",
    "CvtModel",
    "ImageError",
    "Trace",
    "pipeline",
    "record",
    "trace",
]

_MODULES = {
    "auto": ("AutoConfig", "AutoImageProcessor"),
    "auto_models": ("AutoModel", "AutoModelForImageClassification"),
    "config": ("CvtConfig",),
    "errors": ("CheckpointError", "ConfigError", "CvtError", "ImageError"),
    "image_processor": ("CvtImageProcessor",),
    "keras": ("TFCvtForImageClassification", "TFCvtModel"),
    "model": ("CvtForImageClassification", "CvtModel"),
    "pipelines": ("pipeline",),
    "probe": ("record",),
    "tracing": ("Trace", "trace"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cvt' has no attribute {name!r}")
    value = getattr(import_module(f"cvt.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
