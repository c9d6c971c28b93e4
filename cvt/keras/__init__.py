"""CvT for Keras 3, on TensorFlow, JAX or PyTorch: the pair of models that transformers had for TensorFlow.

Needs the packages ``keras`` and ``h5py``, and one backend (``KERAS_BACKEND``); :mod:`cvt` imports this on first use.
"""

from cvt.keras.losses import ClassificationLoss
from cvt.keras.model import TFCvtForImageClassification, TFCvtModel, TFCvtPreTrainedModel
from cvt.keras.outputs import TFBaseModelOutputWithCLSToken, TFImageClassifierOutputWithNoAttention

__all__ = [
    "ClassificationLoss",
    "TFBaseModelOutputWithCLSToken",
    "TFCvtForImageClassification",
    "TFCvtModel",
    "TFCvtPreTrainedModel",
    "TFImageClassifierOutputWithNoAttention",
]
