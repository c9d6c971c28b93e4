"""A network small enough to run in a blink, saved the way a person's own would be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cvt.config import CvtConfig
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from ui.models import LoadedModel, ModelEntry, load, offered_models

NAMES = ["tench", "church", "golf ball", "parachute", "gas pump", "chain saw"]


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with random weights for 64-pixel photos of six classes."""
    folder = tmp_path_factory.mktemp("models") / "small-cvt"
    with torch.random.fork_rng():
        torch.manual_seed(7)
        config = CvtConfig(embed_dim=[8, 16, 32], num_heads=[1, 2, 4], depth=[1, 1, 2], id2label=dict(enumerate(NAMES)))
        CvtForImageClassification(config).save_pretrained(folder)
    CvtImageProcessor(size=64).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def entry(model_folder: Path) -> ModelEntry:
    """Its line on the model list."""
    return offered_models(str(model_folder))[0]


@pytest.fixture(scope="session")
def loaded(entry: ModelEntry) -> LoadedModel:
    """The network itself."""
    return load(entry, torch.device("cpu"))
