"""Convolutional vision Transformer: the network, its checkpoints, its preprocessing and its recording.

The public names follow Hugging Face's CvT documentation; ``record`` and ``trace`` are what this project adds.
"""

from cvt.config import CvtConfig
from cvt.errors import CheckpointError, ConfigError, CvtError, ImageError
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification, CvtModel
from cvt.probe import record
from cvt.trace import Trace, trace

__all__ = [
    "CheckpointError",
    "ConfigError",
    "CvtConfig",
    "CvtError",
    "CvtForImageClassification",
    "CvtImageProcessor",
    "CvtModel",
    "ImageError",
    "Trace",
    "record",
    "trace",
]
