"""A network small enough to run in a blink, saved the way a person's own would be."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cvt.config import CvtConfig
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from ui.session.models import LoadedModel, ModelEntry, load, offered_models

NAMES = ["tench", "church", "golf ball", "parachute", "gas pump", "chain saw"]


# Gradio leaves event loops, and their sockets, to the garbage collector; nothing of ours does.
GRADIO_LEAVES = ("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of this folder build pages."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings(*GRADIO_LEAVES))


@pytest.fixture(scope="module", autouse=True)
def what_gradio_leaves() -> Iterator[None]:
    """Collect it here, not in the tests that come after."""
    yield
    gc.collect()


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
