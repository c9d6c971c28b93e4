"""The Keras pair on its three backends, each in a process of its own: Keras chooses one backend when it is imported.

What is checked there is in ``inside``; here is what needs PyTorch beside it.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from subprocess import STDOUT, Popen
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cvt import CvtConfig, CvtForImageClassification, CvtModel
from tests.cvt.networks import randomise

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


@pytest.fixture(scope="module")
def processes(cases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Path, Popen[str]]]]:
    """The checks on every backend, started together: each waits for its compiler most of the time."""
    started = {}
    for backend in BACKENDS:
        if backend == "tensorflow" and sys.version_info >= (3, 14):
            continue
        saved = tmp_path_factory.mktemp(backend)
        environment = {
            **os.environ,
            "KERAS_BACKEND": backend,
            "CVT_CASES": str(cases),
            "CVT_SAVED": str(saved),
            "PYTHONPATH": str(ROOT),
            "JAX_PLATFORMS": "cpu",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
        }
        chosen = ["-m", "not files_alone"] if started else []
        command = [sys.executable, "-m", "pytest", "-q", "-c", INSIDE / "pytest.ini", INSIDE, *chosen]
        with (saved / "log").open("w") as log:
            started[backend] = saved, Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=STDOUT, text=True)
    yield started
    for _, process in started.values():
        process.kill()
        process.wait()


@pytest.mark.parametrize("backend", BACKENDS)
def test_everything_inside(backend: str, processes: dict[str, tuple[Path, Popen[str]]]) -> None:
    if backend not in processes:
        pytest.skip("TensorFlow has no release for Python 3.14 yet")
    saved, process = processes[backend]
    assert process.wait() == 0, (saved / "log").read_text()[-8000:]

    # What was saved there is PyTorch's here: ours, and transformers'.
    arrays, folder = np.load(saved / "saved.npz"), saved / "classifier"
    pixels = torch.from_numpy(arrays["pixel_values"])
    loaded: Any = transformers.CvtForImageClassification.from_pretrained(folder, output_loading_info=True)
    theirs, told = loaded
    assert not any(told.values()), told
    with torch.no_grad():
        logits = [model.eval()(pixels).logits for model in (CvtForImageClassification.from_pretrained(folder), theirs)]
        maps = CvtModel.from_pretrained(saved / "model")(pixels).last_hidden_state
    for values in logits:
        np.testing.assert_allclose(values, arrays["logits"], rtol=0, atol=2e-5)
    np.testing.assert_allclose(maps, arrays["last_hidden_state"], rtol=0, atol=2e-4)
