"""Many machines share the work; here they are two processes of one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from visualize.__main__ import main

ROOT = Path(__file__).parents[2]

pytest.importorskip("ray", reason="Ray has no release for this version of Python")


@pytest.fixture
def model(network: Callable[[str], CvtForImageClassification], tmp_path: Path) -> str:
    """A folder with a small model."""
    network("released").save_pretrained(tmp_path / "model")
    CvtImageProcessor(size=64).save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


def test_a_cluster_does_what_is_left(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for name, pixels in zip("abc", np.random.default_rng(0).integers(0, 256, (3, 60, 80, 3), np.uint8), strict=True):
        Image.fromarray(pixels).save(photos / f"{name}.png")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8 not a photo")
    command = [str(photos), "--model", model, "--out", str(out), "--class", "1", "--batch", "1"]
    assert main(command) == 1
    assert "3 of 4 explained" in capsys.readouterr().out
    untouched = {path: path.stat().st_mtime_ns for path in out.glob("a.*")}
    before = np.load(out / "b.npz")["logits"]
    for lost in ("b.npz", "c.json"):
        (out / lost).unlink()
    ended = subprocess.run(
        [sys.executable, "-m", "visualize", *command, "--resume", "--ray", "local"],
        **{"cwd": ROOT, "capture_output": True, "text": True, "timeout": 300},
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
    )
    assert ended.returncode == 1, ended.stderr
    assert "2 of 3 explained" in ended.stdout
    assert "1 had been explained before" in ended.stdout
    assert f"1 failed:\n  {photos / 'broken.jpg'}: " in ended.stderr
    assert {path: path.stat().st_mtime_ns for path in out.glob("a.*")} == untouched
    assert np.load(out / "b.npz")["logits"] == pytest.approx(before, abs=1e-4)
    assert (out / "c.json").is_file()


def test_without_ray_the_command_says_what_to_install(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (50, 40)).save(photo)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([str(photo), "--model", model, "--out", str(tmp_path / "out"), "--ray", "auto"]) == 2
    assert "error: --ray needs Ray, which is not installed: pip install 'cvt-explorer[ray]'" in capsys.readouterr().err
