"""Doubt: the scores against their definitions, and the threshold of a configuration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cvt import ConfigError, CvtConfig
from cvt.doubt import DOUBT_SCORES, energy, in_doubt, max_logit, max_softmax


def test_scores_are_what_their_papers_define() -> None:
    logits = torch.randn(5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 20
    assert energy(logits.numpy()) == pytest.approx(-logits.logsumexp(1).numpy())
    assert max_logit(logits.numpy()) == pytest.approx(-logits.amax(1).numpy())
    assert max_softmax(logits.numpy()) == pytest.approx(1 - logits.softmax(1).amax(1).numpy())
    assert np.isfinite(energy(np.array([1e4, -1e4]))), "large logits do not overflow"


@pytest.mark.parametrize("score", DOUBT_SCORES)
def test_flat_logits_are_doubted_more_than_peaked_ones(score: str) -> None:
    assert DOUBT_SCORES[score](np.zeros(4)) > DOUBT_SCORES[score](np.array([9.0, 0, 0, 0]))


def test_a_configuration_says_where_doubt_begins(tmp_path: Path) -> None:
    """With temperature 2 and two classes: logits (2 log 3, 0) are the probabilities (3/4, 1/4)."""
    logits = np.array([2 * np.log(3), 0], dtype=np.float32)
    assert in_doubt(logits, CvtConfig()) is None
    for threshold, doubted in ((0.24, True), (0.26, False)):
        CvtConfig(temperature=2.0, doubt_score="max_softmax", doubt_threshold=threshold).save_pretrained(tmp_path)
        assert in_doubt(logits, CvtConfig.from_pretrained(tmp_path)) is doubted
    with pytest.raises(ConfigError, match="doubt_score='feeling' must be one of energy, max_logit, max_softmax"):
        in_doubt(logits, CvtConfig(doubt_score="feeling", doubt_threshold=1))
