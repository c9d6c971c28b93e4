"""The Keras pair on its three backends, each in a process of its own: Keras chooses one backend when it is imported.

What is checked there is in ``inside``; here is what needs PyTorch beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cvt import CvtConfig, CvtForImageClassification, CvtModel
from tests.cvt.checkpoints import randomise

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import transformers

INSIDE = Path(__file__).parent / "inside"
ROOT = INSIDE.parent.parent.parent
BACKENDS = ("tensorflow", "jax", "torch")

SMALL: dict[str, Any] = {
    "embed_dim": [4, 6, 8],
    "num_heads": [1, 3, 2],
    "depth": [1, 1, 2],
    "mlp_ratio": [2.0, 2.0, 2.0],
    "drop_path_rate": [0.0, 0.0, 0.0],
    "num_labels": 5,
}
CASES: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {  # what transformers' models cannot compute; height, width
    "no_cls": ({"cls_token": [False, False, False]}, (31, 50)),
    "early_cls": ({"cls_token": [True, False, True]}, (32, 32)),
    "quick_gelu": ({"hidden_act": "quick_gelu", "layer_norm_eps": 1e-3}, (32, 37)),
    "pooled": (
        {
            "qkv_projection_method": ["avg", "avg", "linear"],
            "kernel_qkv": [3, 5, 3],
            "padding_kv": [1, 1, 1],
            "stride_kv": [2, 3, 2],
        },
        (46, 33),
    ),
}


def run(backend: str, *arguments: str | Path, **environment: str | Path) -> subprocess.CompletedProcess[str]:
    """Python in a process whose Keras runs on ``backend``."""
    if backend == "tensorflow" and sys.version_info >= (3, 14):
        pytest.skip("TensorFlow has no release for Python 3.14 yet")
    ours = {"KERAS_BACKEND": backend, "PYTHONPATH": ROOT, "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}
    environment = {name: str(value) for name, value in {**ours, **environment}.items()}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random models of ours, and what they compute; as in ``golden``, under our names."""
    home = tmp_path_factory.mktemp("cases")
    torch.manual_seed(0)
    for name, (fields, (height, width)) in CASES.items():
        model = CvtForImageClassification(CvtConfig(**{**SMALL, **fields}))
        randomise(model)
        model.save_pretrained(home / name)
        pixels, labels = torch.randn(2, 3, height, width), torch.tensor([1, 4])
        with torch.no_grad():
            output = model(pixels, labels=labels, output_hidden_states=True)
        expected = {"pixel_values": pixels, "labels": labels, "pt_logits": output.logits, "pt_loss": output.loss}
        expected |= {f"pt_hidden_states_{stage}": value for stage, value in enumerate(output.hidden_states)}
        if name == "no_cls":
            expected |= training_step(model, pixels, labels)
        np.savez(home / name / "expected.npz", **{key: value.detach().numpy() for key, value in expected.items()})
    return home


def training_step(model: nn.Module, pixels: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """The loss in training, its gradients, and the batch statistics after it."""
    loss = model.train()(pixels, labels=labels).loss
    loss.backward()
    step = {"step_loss": loss}
    step |= {f"gradient/{name}": parameter.grad for name, parameter in model.named_parameters()}
    return step | {f"after/{name}": value for name, value in model.named_buffers() if "running" in name}


@pytest.mark.parametrize("backend", BACKENDS)
def test_everything_inside(backend: str, cases: Path, tmp_path: Path) -> None:
    done = run(backend, "-m", "pytest", "-q", "-c", INSIDE / "pytest.ini", INSIDE, CVT_CASES=cases, CVT_SAVED=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]

    # What was saved there is PyTorch's here: ours, and transformers'.
    saved = np.load(tmp_path / "saved.npz")
    pixels = torch.from_numpy(saved["pixel_values"])
    with torch.no_grad():
        logits = [CvtForImageClassification.from_pretrained(tmp_path / "classifier")(pixels).logits]
        theirs, told = transformers.CvtForImageClassification.from_pretrained(
            tmp_path / "classifier", output_loading_info=True
        )
        logits.append(theirs.eval()(pixels).logits)
        maps = CvtModel.from_pretrained(tmp_path / "model")(pixels).last_hidden_state
    assert not any(told.values()), told
    for one in logits:
        np.testing.assert_allclose(one, saved["logits"], rtol=0, atol=2e-5)
    np.testing.assert_allclose(maps, saved["last_hidden_state"], rtol=0, atol=2e-4)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_torch_stays_out(backend: str, tmp_path: Path) -> None:
    """Loading, a forward pass, training and saving import no torch where Keras does not run on it."""
    done = run(backend, INSIDE / "without_torch.py", INSIDE.parent / "golden" / "small", tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_examples_of_the_documentation(backend: str, tmp_path: Path) -> None:
    """transformers' two TensorFlow examples, with their import line changed."""
    done = run(backend, INSIDE / "examples.py", CVT_SAVED=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Predicted class:" in done.stdout
