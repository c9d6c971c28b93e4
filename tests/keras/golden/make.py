"""Makes the golden files in this folder, once, with the last transformers that had TensorFlow models.

    python -m venv old && old/bin/pip install torch==2.13.0 transformers==4.57.6 tensorflow-cpu==2.21.* tf-keras h5py
    old/bin/python -m tests.keras.golden.make

Each case is a folder: ``config.json``, ``model.safetensors`` (random weights and batch statistics, saved by PyTorch)
and ``expected.npz``, what transformers' TensorFlow model (``tf_*``) and PyTorch model (``pt_*``) compute of
``pixel_values`` and ``labels``. Some have one training step of the PyTorch model: ``step_loss``, ``gradient/NAME``, and
the statistics after it, ``after/NAME``. The case "small" holds its weights in TensorFlow's files too: ``h5`` and
``h5_shards`` (compressed here), and ``tf_safetensors``, a safetensors file with TensorFlow's names.
"""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
import torch
from transformers import CvtConfig, CvtForImageClassification, TFCvtForImageClassification

from tests.cvt.networks import randomise

HERE = Path(__file__).parent
SMALL: dict[str, Any] = {
    "embed_dim": [4, 6, 8],
    "num_heads": [1, 3, 2],
    "depth": [1, 2, 3],  # transformers needs depth[i] > i
    "mlp_ratio": [2.0, 2.0, 2.0],
    "drop_path_rate": [0.0, 0.0, 0.0],
    "num_labels": 5,
}
CASES: dict[str, tuple[dict[str, Any], tuple[int, int, int]]] = {  # fields, and (batch, height, width)
    "small": ({}, (2, 35, 29)),
    "one_image_one_label": ({"num_labels": 1}, (1, 32, 32)),
    "own_strides": (
        {
            "kernel_qkv": [3, 5, 1],
            "padding_q": [1, 2, 0],
            "padding_kv": [1, 2, 0],
            "stride_kv": [1, 3, 2],
            "qkv_bias": [True, False, True],
            "mlp_ratio": [1.5, 3.0, 2.0],
            "patch_sizes": [8, 2, 5],
            "patch_stride": [4, 2, 1],
            "patch_padding": [0, 0, 2],
            "num_channels": 1,
        },
        (2, 37, 28),
    ),
    "two_stages": (
        {
            name: value[1:]
            for name, value in {**CvtConfig().to_dict(), **SMALL}.items()
            if isinstance(value, list) and len(value) == 3
        }
        | {"depth": [1, 2], "patch_stride": [4, 2]},
        (2, 28, 41),
    ),
}

STEPPED = {"small", "own_strides"}


def outputs(prefix: str, output: Any, maps: bool) -> dict[str, np.ndarray]:
    """What a model returned, as arrays."""
    arrays = {"logits": output.logits, "loss": output.loss}
    if maps:
        arrays |= {f"hidden_states_{stage}": value for stage, value in enumerate(output.hidden_states)}
    detached = {name: value.detach() if isinstance(value, torch.Tensor) else value for name, value in arrays.items()}
    return {f"{prefix}_{name}": np.asarray(value) for name, value in detached.items()}


def make(name: str, fields: dict[str, Any], size: tuple[int, int, int]) -> None:
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    config = CvtConfig(**{**SMALL, **fields})
    batch, height, width = size
    pixels = torch.randn(batch, config.num_channels, height, width)
    labels = torch.randn(batch) if config.num_labels == 1 else torch.arange(batch) % config.num_labels

    model = CvtForImageClassification(config)
    randomise(model)
    model.save_pretrained(folder)
    sized = CvtConfig(**config.to_dict(), image_size=height)  # without it the TensorFlow model cannot be made
    theirs = TFCvtForImageClassification.from_pretrained(folder, config=sized, from_pt=True)
    expected = {"pixel_values": pixels.numpy(), "labels": labels.numpy()}
    has_tf = len(config.depth) == 3  # with any other number of stages the TensorFlow model draws its CLS token anew
    expected |= outputs("pt", model.eval()(pixels, labels=labels, output_hidden_states=True), maps=not has_tf)
    if has_tf:
        output = theirs(pixels.numpy(), labels=tf.constant(labels), output_hidden_states=True)
        expected |= outputs("tf", output, maps=True)
        expected["tf_cls_token_value"] = theirs.cvt(pixels.numpy(), return_dict=True).cls_token_value.numpy()

    if name == "small":
        theirs.save_pretrained(folder / "h5", safe_serialization=False)
        theirs.save_pretrained(folder / "h5_shards", safe_serialization=False, max_shard_size="10KB")
        theirs.save_pretrained(folder / "tf_safetensors", safe_serialization=True)
        for path in folder.rglob("*.h5"):  # mostly the air between many small tensors
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
            path.unlink()

    if name in STEPPED:
        loss = model.train()(pixels, labels=labels).loss
        loss.backward()
        expected["step_loss"] = loss.detach().numpy()
        expected |= {f"gradient/{key}": parameter.grad.numpy() for key, parameter in model.named_parameters()}
        expected |= {f"after/{key}": value.numpy() for key, value in model.named_buffers() if "running" in key}
    np.savez_compressed(folder / "expected.npz", **expected)


if __name__ == "__main__":
    torch.manual_seed(0)
    tf.random.set_seed(0)
    for name, (fields, size) in CASES.items():
        make(name, fields, size)
        print(name, sum(path.stat().st_size for path in (HERE / name).rglob("*") if path.is_file()) // 1000, "kB")
