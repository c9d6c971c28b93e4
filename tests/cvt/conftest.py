"""Fixtures of the tests of checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from cvt.config import CvtConfig
from cvt.model import CvtForImageClassification
from tests.cvt.checkpoints import SMALL
from tests.cvt.networks import randomise
from tests.cvt.stand_in_hub import StandInHub


@pytest.fixture
def classifier() -> CvtForImageClassification:
    """A small classifier of five classes with random weights and statistics."""
    model = CvtForImageClassification(CvtConfig(**SMALL, num_labels=5))
    randomise(model)
    return model


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandInHub]:
    """A Hub on this machine, empty, with a cache of its own."""
    hub = StandInHub()
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield hub
    hub.stop()
