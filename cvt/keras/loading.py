"""Loading Keras models: the same strict loader as PyTorch's, for PyTorch's, Microsoft's and TensorFlow's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import keras
import ml_dtypes  # noqa: F401 — teaches NumPy bfloat16, which a safetensors file may hold
import numpy as np

from cvt.checkpoint_files import WEIGHTS_NAMES, file_kind, find_weights, read_safetensors, read_tensors
from cvt.checkpoint_match import Weights, match, name_tensors
from cvt.checkpoint_source import choose_config, download
from cvt.config import CvtConfig, read_fields
from cvt.errors import CheckpointError, shorten
from cvt.hub import HubOptions
from cvt.keras.tensorflow_files import from_tensorflow, is_h5, is_tensorflow, read_h5
from cvt.keras.weights import from_pytorch, named_weights, pytorch_shape
from cvt.locations import find, listing

__all__ = ["KERAS_WEIGHTS_NAMES", "load_model"]

ModelType = TypeVar("ModelType", bound=keras.Model)

KERAS_WEIGHTS_NAMES = (*WEIGHTS_NAMES[:2], "tf_model.h5", "tf_model.h5.index.json", *WEIGHTS_NAMES[2:])
"""What a folder's weights may be called, the preferred name first; reading PyTorch's pickles needs torch."""


def load_model(
    cls: type[ModelType],
    pretrained_model_name_or_path: str | Path,
    *,
    config: CvtConfig | str | None = None,
    revision: str | None = None,
    ignore_mismatched_sizes: bool = False,
    from_pt: bool = False,
    **config_overrides: Any,
) -> ModelType:
    """A Keras model with its weights, from PyTorch's, Microsoft's or TensorFlow's files.

    Args:
        cls: :class:`~cvt.TFCvtModel` or :class:`~cvt.TFCvtForImageClassification`.
        pretrained_model_name_or_path: "bundled", a Hub id ("microsoft/cvt-13"), a folder, or a ``.safetensors``,
            ``.h5``, ``.bin`` or ``.pth`` file.
        config: a configuration or a preset's name; needed for a bare weights file whose architecture its shapes do not
            settle.
        revision: branch, tag or commit of a Hub repository.
        ignore_mismatched_sizes: keep the fresh initialisation of a classification head whose number of classes differs,
            for fine-tuning; nothing else may differ.
        from_pt: read PyTorch's files where a folder holds both kinds; where it holds one, that is read either way.
        config_overrides: configuration fields that win over the file's.

    Raises:
        CheckpointError: nothing is found, it cannot be read or trusted, or its tensors do not fit.
        ConfigError: the configuration is not valid.
    """
    names = WEIGHTS_NAMES if from_pt else KERAS_WEIGHTS_NAMES
    path = find(pretrained_model_name_or_path) or download(
        str(pretrained_model_name_or_path), HubOptions(revision), names
    )
    fields = read_fields(path / "config.json") if config is None and (path / "config.json").is_file() else None
    weights = _read_weights(path, names)
    chosen = choose_config(config, fields, weights, config_overrides)
    model = cls(chosen)
    variables = named_weights(model)
    expected = {name: pytorch_shape(name, variable) for name, variable in variables.items()}
    tensors, _ = match(expected, weights, chosen, cls.__name__, ignore_mismatched_sizes)
    for name, tensor in tensors.items():
        variables[name].assign(from_pytorch(name, tensor))
    return model


def _read_weights(path: Path, names: tuple[str, ...]) -> Weights:
    """Every tensor of a weights file or of a folder, by our names and in PyTorch's layout."""
    files = [path] if path.is_file() else find_weights(path, names)
    if files is None:
        raise CheckpointError(f"the folder {path} has none of {', '.join(names)}; it holds {listing(path)}")
    read: dict[str, np.ndarray] = {}
    for file in files:
        read |= _read_arrays(file)
    if is_tensorflow(read):
        read = from_tensorflow(read)
    # PyTorch counts batches, Keras does not
    return name_tensors(str(path), {name: a for name, a in read.items() if not name.endswith("num_batches_tracked")})


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every tensor of one file as it is named and laid out there, floating-point ones as float32."""
    if is_h5(path):
        arrays = read_h5(path)
    elif file_kind(path) == "safetensors":
        arrays = dict(read_safetensors(path, "np"))
    else:
        arrays = {name: tensor.numpy() for name, tensor in read_tensors(path).items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise CheckpointError(
                f"tensor {shorten([name])} of {path} holds NaN or infinity; the training went wrong there"
            )
    return {name: array.astype(np.float32) for name, array in arrays.items()}
