"""What comes last, because it imports another backend: that nothing before has, torch's files, and the examples."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from cvt import TFCvtForImageClassification
from tests.keras.inside.support import BACKEND, CASES, assert_equal, named


def test_torch_stayed_out() -> None:
    """All that was checked before this imported no torch where Keras does not run on it."""
    assert ("torch" in sys.modules) == (BACKEND == "torch")


def test_pickles_of_pytorch(tmp_path: Path) -> None:
    """Read by torch itself, whatever Keras runs on."""
    import torch

    expected = named(TFCvtForImageClassification.from_pretrained(CASES["small"]))
    shutil.copy(CASES["small"] / "config.json", tmp_path)
    tensors = {name: torch.from_numpy(value) for name, value in load_file(CASES["small"] / "model.safetensors").items()}
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    for options in ({}, {"from_pt": True}):
        assert_equal(TFCvtForImageClassification.from_pretrained(tmp_path, **options), expected)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="TensorFlow has no release for Python 3.14 yet")
def test_the_examples_of_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    """transformers' two TensorFlow examples, with their import line changed."""
    runpy.run_path(str(Path(__file__).parent / "examples.py"))
    assert "Predicted class:" in capsys.readouterr().out
