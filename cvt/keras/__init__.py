"""CvT for Keras 3, on TensorFlow, JAX or PyTorch: the pair of models that transformers had for TensorFlow.

Needs the packages ``keras`` and ``h5py``, and one backend (``KERAS_BACKEND``); :mod:`cvt` imports this on first use.
"""

try:
    import h5py  # noqa: F401
    import keras  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError(
        f"the Keras models need the package {error.name}: pip install 'cvt-explorer[keras]', and one backend "
        "(tensorflow or jax, named in KERAS_BACKEND; torch is there)"
    ) from error

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
