"""Which score tells strange images: each by hand, then the command on colours that a run has never seen."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cvt.errors import ConfigError
from training import unknown
from training.data import ImageSet
from training.recipe import Recipe
from training.run import RunFolder, Workers
from training.unknown import fit_gaussians, leave_out, mahalanobis, measure


def test_every_tenth_class_is_left_out_and_the_rest_numbered_anew() -> None:
    labels = torch.tensor([0, 9, 10, 19, 20, 9])
    images = torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1).expand(6, 3, 1, 1)
    known, unknown = leave_out(ImageSet(images, labels, tuple(f"c{index}" for index in range(21))))
    assert known.images[:, 0, 0, 0].tolist() == [0, 2, 4] and unknown.images[:, 0, 0, 0].tolist() == [1, 3, 5]
    assert [known.classes[label] for label in known.labels] == ["c0", "c10", "c20"] and len(known.classes) == 19


def test_what_a_teacher_says_of_left_out_classes_is_left_out_too() -> None:
    answers = torch.zeros(2, 11, dtype=torch.float16)
    answers[0, :2], answers[0, 9] = torch.tensor([0.2, 0.05]), 0.75
    answers[1, 10] = 1
    data = ImageSet(torch.zeros(2, 3, 1, 1, dtype=torch.uint8), torch.tensor([0, 10]), tuple("abcdefghijk"), answers)
    learnt = leave_out(data)[0].soft_labels
    assert learnt is not None and learnt.dtype == torch.float16
    assert learnt[0].tolist() == pytest.approx([0.8, 0.2] + 8 * [0], abs=1e-3)
    assert learnt[1].tolist() == 9 * [0] + [1]


def test_mahalanobis_counts_in_spreads_to_the_nearest_mean() -> None:
    """Two classes at (0, 0) and (10, 0); the spread is 1 along the first axis and 2 along the second."""
    corners = np.array([[1.0, 2], [1, -2], [-1, 2], [-1, -2]])
    features = np.concatenate([corners, corners + np.array([10, 0])])
    means, precision = fit_gaussians(features, np.repeat([0, 1], 4))
    assert means.tolist() == [[0, 0], [10, 0]]
    found = mahalanobis(np.array([[0.0, 0], [3, 0], [10, 4], [9, 0]]), means, precision)
    assert found == pytest.approx([0, 9, 4, 1], rel=0.01)


def test_the_run_without_a_class_doubts_it(
    recipe: Recipe, tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red, green and blue are learnt; the fourth class is black."""
    monkeypatch.setattr(unknown, "LEFT_OUT", 4)
    noise = np.random.default_rng(0)
    for label, name in enumerate(("a", "b", "c", "d")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(20):
            pixels = noise.integers(0, 60, (48, 48, 3), dtype=np.uint8)
            if label < 3:
                pixels[..., label] += 180
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{index}.png")
    recipe = replace(recipe, data=(str(tmp_path / "data"),), phases=(replace(recipe.phases[0], epochs=12),))
    measured = measure(recipe, RunFolder(tmp_path / "run"), workers)
    assert (measured.known, measured.unknown, measured.epochs) == (3, 1, 12)
    assert set(measured.scores) == {"energy", "max_logit", "max_softmax", "mahalanobis", "random"}
    assert all(0 <= number <= 1 for told in measured.scores.values() for number in asdict(told).values())
    assert max(told.auroc for told in measured.scores.values()) > 0.9
    assert max(told.auroc_right for told in measured.scores.values()) > 0.9
    assert 0.2 < measured.scores["random"].auroc < 0.8


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--epochs", "0"], "epochs=0 must be at least 1"),
        ([], "the recipe imagenet_210_short names no data: say --data FOLDER"),
        (["--data", str(Path(__file__).parent / "nowhere")], "nowhere"),
        (["--write", "nowhere"], "--write nowhere must be a model's folder"),
    ],
    ids=["epochs", "no data", "data", "folder"],
)
def test_what_cannot_be_is_said_before_anything_is_learnt(
    options: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=reason):
        unknown.main(["--recipe", "imagenet_210_short", *options])


def test_a_taught_run_asks_for_its_soft_labels(recipe: Recipe, tmp_path: Path, workers: Workers) -> None:
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "data" / name / "0.png")
    taught = replace(recipe, data=(str(tmp_path / "data"),), phases=(replace(recipe.phases[0], taught=0.5),))
    with pytest.raises(ConfigError, match="say --soft-labels FILE"):
        measure(taught, RunFolder(tmp_path / "run"), workers)
