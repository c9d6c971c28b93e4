"""A map of evidence owes what it shows to what the network has learned (Adebayo et al. 2018)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from benchmarks.sanity import LIMIT, Correlations, cascade, correlations, steps
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from ui.examples import examples
from visualize.methods import METHODS

MODEL = "bundled:imagenette"
EVIDENCE = [entry for entry in METHODS.values() if entry.family == "evidence"]


@cache
def means() -> Correlations:
    """Mean |ρ| with the original map after each step, over some photos."""
    model, processor = (kind.from_pretrained(MODEL) for kind in (CvtForImageClassification, CvtImageProcessor))
    photos = [example.open() for example in examples().values()][:6]
    every = [correlations(model, processor, photo, seed) for seed, photo in enumerate(photos)]
    return {key: np.mean([of_photo[key] for of_photo in every], axis=0) for key in every[0]}


@pytest.mark.parametrize("entry", EVIDENCE, ids=[entry.id for entry in EVIDENCE])
def test_evidence_is_forgotten_with_the_weights(entry) -> None:  # type: ignore[no-untyped-def]
    """In every stage where it is offered, and in the mean over them."""
    ends = [curve[-1] for (method, stage), curve in means().items() if method == entry.id and shown(entry, stage)]
    assert ends and np.mean(ends) <= LIMIT


def shown(entry, stage: int | None) -> bool:  # type: ignore[no-untyped-def]
    return stage is None or entry.shown_in(stage, 3)


def test_what_does_not_forget_is_no_evidence() -> None:
    """The test can fail: the published rollout hardly notices that a network has lost all it knew but its stage 1."""
    assert means()["attention_rollout", None][-2] > 2 * LIMIT
    assert means()["rollout", None][-1] > LIMIT


def test_the_cascade_forgets_from_the_top() -> None:
    """Each step changes its own part, all of its parameters that are not constant by design, and nothing below."""
    model = CvtForImageClassification.from_pretrained(MODEL)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    seen = []
    for forgetful in cascade(model, 0):
        state = forgetful.state_dict()
        seen.append({name for name, value in state.items() if not value.equal(before[name])})
    assert len(seen) == len(steps(model)) == 5
    assert seen[0] == set()
    assert seen[1] == {"layernorm.weight", "layernorm.bias", "classifier.weight", "classifier.bias"}
    for step, stage in ((2, 2), (3, 1), (4, 0)):
        new = seen[step] - seen[step - 1]
        assert new and all(name.startswith(f"cvt.encoder.stages.{stage}.") for name in new)
    kept = set(before) - seen[4]
    assert all("layers.3.attention.query_convolution.norm" in name for name in kept), "never learned: CLS alone is read"
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
