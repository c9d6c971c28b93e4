"""A world small enough to train in: two classes told apart by their colour, and a network of a few thousand weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from training.data import ImageSet
from training.recipe import Augmentation, Phase, Recipe
from training.run import Workers

ARCHITECTURE = {
    "patch_sizes": (7, 3, 3),
    "embed_dim": (8, 12, 16),
    "num_heads": (1, 2, 2),
    "depth": (1, 1, 1),
    "drop_path_rate": (0.0, 0.0, 0.2),
    "drop_rate": (0.1, 0.0, 0.0),
}

RANDOM = Augmentation(recompress=0.5, blur=0.5)


@pytest.fixture
def recipe() -> Recipe:
    """Two epochs at 32 px, then two at 48, the last one clean; everything random switched on."""
    return Recipe(
        name="tiny",
        about_data="Red and blue squares.",
        stored_size=48,
        phases=(Phase(2, 32, 8, RANDOM), Phase(1, 48, 8, RANDOM), Phase(1, 48, 8, RANDOM.clean())),
        architecture=ARCHITECTURE,
        optimizer="muon",
        learning_rate=5e-3,
        warmup_epochs=1,
        held_out=0.2,
    )


@pytest.fixture
def workers() -> Workers:
    return Workers(torch.device("cpu"))


@pytest.fixture
def colours() -> ImageSet:
    """40 noisy images, red (class 0) and blue (class 1) in turn."""
    generator = torch.Generator().manual_seed(7)
    labels = torch.arange(40) % 2
    images = torch.randint(0, 90, (40, 3, 48, 48), generator=generator, dtype=torch.uint8)
    images[labels == 0, 0] += 150
    images[labels == 1, 2] += 150
    return ImageSet(images, labels, ("red", "blue"))


@pytest.fixture
def colour_folders(tmp_path: Path, colours: ImageSet) -> Path:
    """The same as photos in class folders; "blue" comes first there, by the alphabet."""
    folder = tmp_path / "colours"
    for index, (image, label) in enumerate(zip(colours.images, colours.labels.tolist(), strict=True)):
        place = folder / colours.classes[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(place / f"{index:02}.png")
    return folder


@pytest.fixture
def data_recipe(recipe: Recipe, colour_folders: Path) -> Recipe:
    """The recipe on the class folders."""
    return replace(recipe, data=(str(colour_folders),))
