"""Scripts written for transformers, run as they are and once more with ``cvt`` in their import line."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path

import pytest
import torch
import transformers

import cvt
from tests.cvt.networks import randomise

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model of three classes and its preprocessing, saved by transformers."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    config = transformers.CvtConfig(
        embed_dim=[8, 16, 24],
        num_heads=[1, 2, 3],
        depth=[1, 2, 3],  # transformers needs depth[i] > i
        mlp_ratio=[2.0, 2.0, 2.0],
        drop_path_rate=[0.0, 0.0, 0.0],
        id2label={0: "cat", 1: "dog", 2: "bird"},
        label2id={"cat": 0, "dog": 1, "bird": 2},
    )
    randomise(transformers.CvtForImageClassification(config)).save_pretrained(folder)  # type: ignore[operator]
    transformers.ConvNextImageProcessorPil(size={"shortest_edge": 64}).save_pretrained(folder)
    return folder


def printed(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a script prints when it is run with a checkpoint's folder."""
    monkeypatch.setattr(sys, "argv", ["script.py", str(folder)])
    output = io.StringIO()
    torch.manual_seed(0)
    with contextlib.redirect_stdout(output):
        exec(compile(source, "script.py", "exec"), {"__name__": "__main__"})
    return output.getvalue()


def with_cvt(source: str) -> str:
    """A script with its import line changed."""
    changed, count = re.subn(r"^from transformers import", "from cvt import", source, flags=re.MULTILINE)
    assert count == 1, "one line imports what both libraries have"
    return changed


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_prints_the_same(script: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = script.read_text(encoding="utf-8")
    theirs = printed(source, checkpoint, monkeypatch)
    assert theirs.strip()
    assert printed(with_cvt(source), checkpoint, monkeypatch) == theirs


def test_every_public_name_that_both_have_is_in_a_script() -> None:
    shared = {name for name in cvt.__all__ if hasattr(transformers, name)}
    used = {name for script in SCRIPTS for name in shared if re.search(rf"\b{name}\b", script.read_text())}
    assert used == shared, f"no script uses {', '.join(sorted(shared - used))}"
