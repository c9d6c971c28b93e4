"""Writing a Keras model where PyTorch, transformers and, for h5, transformers 4's TensorFlow models read it."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from cvt.checkpoint_keys import from_ours
from cvt.checkpoint_source import config_text
from cvt.errors import CheckpointError
from cvt.files import write_whole
from cvt.keras.tensorflow_files import write_h5
from cvt.keras.weights import named_weights, to_pytorch

__all__ = ["save_model"]


def save_model(model: keras.Model, save_directory: str | Path, *, safe_serialization: bool = True) -> None:
    """Write ``config.json`` and the weights into a folder, which is made if missing; each file whole or not at all.

    Args:
        model: the model.
        save_directory: the folder.
        safe_serialization: ``model.safetensors`` in transformers' PyTorch layout, which :mod:`cvt`, its page and
            transformers load; if False, ``tf_model.h5`` for the TensorFlow models of transformers 4.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    tensors = {}
    for name, weight in named_weights(model).items():
        theirs = from_ours(name, "transformers")
        tensors[theirs] = to_pytorch(name, weight).astype(np.float32)
        if name.endswith("running_var"):  # PyTorch counts batches, Keras does not
            tensors[from_ours(name.replace("running_var", "num_batches_tracked"), "transformers")] = np.zeros((), int)
    has_head = hasattr(model, "classifier")
    architecture = "CvtForImageClassification" if has_head else "CvtModel"
    text = config_text(model.config, architecture if safe_serialization else f"TF{architecture}", "float32")
    folder = Path(save_directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if safe_serialization:
            if not has_head:
                tensors = {name.removeprefix("cvt."): tensor for name, tensor in tensors.items()}
            path = folder / "model.safetensors"
            write_whole(path, lambda path: save_file(tensors, path, metadata={"format": "pt"}))
        else:
            write_whole(folder / "tf_model.h5", lambda path: write_h5(path, tensors, model.name))
        write_whole(folder / "config.json", lambda path: path.write_text(text, encoding="utf-8"))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot save into {folder}: {error}") from error
