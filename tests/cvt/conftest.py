"""Fixtures of the tests of checkpoints."""

from __future__ import annotations

import pytest

from cvt.config import CvtConfig
from cvt.model import CvtForImageClassification
from tests.cvt.checkpoints import SMALL
from tests.cvt.networks import randomise


@pytest.fixture
def classifier() -> CvtForImageClassification:
    """A small classifier of five classes with random weights and statistics."""
    model = CvtForImageClassification(CvtConfig(**SMALL, num_labels=5))
    randomise(model)
    return model
