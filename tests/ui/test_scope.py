"""What is told beside the prediction."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from cvt.doubt import max_softmax
from ui.components.scope import scope_value, wider_model
from ui.session.look import trace_photo
from ui.session.models import LoadedModel, ModelCache, ModelEntry

KNOWS_MORE = ModelEntry("someone/more", "someone/more", "More", 224, download=3, classes=1000)


def test_its_accuracy_is_told_and_more_offered_where_there_is_any(loaded: LoadedModel) -> None:
    trace = trace_photo(loaded, Image.new("RGB", (80, 64), "teal"))
    alone = scope_value(loaded, trace, ModelCache([loaded.entry]))
    assert (alone.classes, alone.right, alone.offer) == (6, None, None)
    tested = replace(loaded, entry=replace(loaded.entry, top1=88.79))
    assert scope_value(tested, trace, ModelCache([tested.entry])).right == 89
    models = ModelCache([loaded.entry, KNOWS_MORE, replace(KNOWS_MORE, name="someone/same")])
    assert wider_model(models) is KNOWS_MORE
    offer = scope_value(loaded, trace, models).offer
    assert offer is not None
    assert (offer.title, offer.classes, offer.megabytes, offer.state) == ("More", 1000, 3, "absent")
    equal = ModelCache([loaded.entry, replace(KNOWS_MORE, classes=6)])
    assert scope_value(loaded, trace, equal).offer is None


@pytest.mark.parametrize(("beyond", "doubted"), [(0.01, True), (-0.01, False)])
def test_doubt_is_told_beyond_the_models_own_threshold(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch, beyond: float, doubted: bool
) -> None:
    trace = trace_photo(loaded, Image.new("RGB", (80, 64), "teal"))
    score = float(max_softmax(trace.logits.astype(float)))
    monkeypatch.setattr(loaded.model.config, "extra", {"doubt_score": "max_softmax", "doubt_threshold": score - beyond})
    assert scope_value(loaded, trace, ModelCache([loaded.entry])).doubted is doubted


def test_an_example_of_none_of_the_classes_is_told(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = trace_photo(loaded, Image.new("RGB", (80, 64), "teal"))
    models = ModelCache([loaded.entry])
    assert scope_value(loaded, trace, models, "cat").foreign
    assert not scope_value(loaded, trace, models).foreign
    assert not scope_value(loaded, trace, models, "no such example").foreign
    monkeypatch.setattr(loaded.model.config, "id2label", {0: "goldfish, Carassius auratus", 1: "tabby, tabby cat"})
    assert not scope_value(loaded, trace, models, "cat").foreign
    assert scope_value(loaded, trace, models, "astronaut").foreign


def test_a_model_without_a_threshold_is_never_doubted(loaded: LoadedModel) -> None:
    trace = trace_photo(loaded, Image.new("RGB", (80, 64), "teal"))
    assert scope_value(loaded, trace, ModelCache([loaded.entry])).doubted is False
