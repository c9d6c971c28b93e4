"""Recipes: each is valid and within its limits; epochs stretch and shrink."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import training.recipes
from cvt.errors import ConfigError
from cvt.model import CvtForImageClassification
from training.recipe import Augmentation, Phase, Recipe, load_recipe
from training.train import build_model

NAMES = sorted(path.stem for path in Path(training.recipes.__path__[0]).glob("[a-z]*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_builds_a_small_model_and_says_how_to_run_it(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    with torch.device("meta"):
        model = build_model(recipe, tuple(f"class {index}" for index in range(200)))
    assert isinstance(model, CvtForImageClassification)
    if recipe.architecture:
        assert sum(parameter.numel() for parameter in model.parameters()) <= 6_000_000
    text = Path(training.recipes.__path__[0], f"{name}.py").read_text(encoding="utf-8")
    assert "python -m training.train" in text.partition("RECIPE")[0]
    assert recipe.about_data


def test_dashes_may_stand_for_underscores() -> None:
    assert load_recipe("tiny-imagenet") is load_recipe("tiny_imagenet")


def test_an_unknown_recipe_is_named_with_the_known_ones() -> None:
    known = "finetune, imagenet_210, imagenet_210_short, imagenette"
    with pytest.raises(ConfigError, match=f"'imagnet' must be one of {known}"):
        load_recipe("imagnet")


def test_phases_follow_each_other() -> None:
    recipe = Recipe("r", (Phase(2, 32, 8), Phase(3, 64, 4)), 64)
    assert recipe.epochs == 5 and recipe.resolution == 64
    assert [recipe.phase_of(epoch).resolution for epoch in range(5)] == [32, 32, 64, 64, 64]
    with pytest.raises(IndexError):
        recipe.phase_of(5)


def test_a_batch_is_never_larger_than_all_images() -> None:
    assert [Phase(1, 32, 8).batches(images) for images in (3, 8, 23, 24)] == [1, 1, 2, 3]


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 10, 33, 100])
def test_other_epochs_keep_each_phases_share(epochs: int) -> None:
    recipe = Recipe(
        "r", (Phase(5, 32, 8), Phase(3, 64, 8), Phase(2, 96, 8, Augmentation().clean())), 96, warmup_epochs=2
    )
    scaled = recipe.with_epochs(epochs)
    assert scaled.epochs == epochs
    assert scaled.resolution == 96 or epochs < 3
    assert scaled.warmup_epochs == pytest.approx(epochs / 5)
    for phase in scaled.phases:
        original = next(p for p in recipe.phases if p.resolution == phase.resolution)
        assert abs(phase.epochs - original.epochs / 10 * epochs) <= 1
        assert replace(phase, epochs=original.epochs) == original


def test_no_epochs_are_refused() -> None:
    with pytest.raises(ConfigError, match="epochs=0 must be at least 1"):
        Recipe("r", (Phase(2, 32, 8),), 32).with_epochs(0)
