"""What a session keeps."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cvt.tracing import trace
from ui.session.look import aimed, fingerprint, look, probabilities, recall, trace_photo
from ui.session.models import LoadedModel


def noise(seed: int, size: tuple[int, int] = (96, 80)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_a_photo_is_known_by_its_pixels_and_shape() -> None:
    assert fingerprint(noise(0)) == fingerprint(noise(0).copy())
    assert fingerprint(noise(0)) != fingerprint(noise(1))
    assert fingerprint(Image.new("RGB", (2, 8))) != fingerprint(Image.new("RGB", (8, 2)))


def test_a_large_photo_is_seen_whole_and_kept_smaller(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.session.look.KEPT_SIDE", 200)
    photo = noise(0, (800, 600))
    whole = trace(loaded.model, loaded.processor, photo)
    kept = trace_photo(loaded, photo)
    assert kept.photo.shape == (150, 200, 3)
    assert not kept.photo.flags.writeable
    np.testing.assert_array_equal(kept.logits, whole.logits)
    # the same place of the model's input lies at the same place of the photo, four times closer
    there, here = whole.crop.to_photo(10, 20), kept.crop.to_photo(10, 20)
    np.testing.assert_allclose((np.array(here) + 0.5) * 4, np.array(there) + 0.5)


def test_probabilities_come_best_first(loaded: LoadedModel) -> None:
    seen = trace_photo(loaded, noise(0))
    shares = probabilities(seen, 3)
    assert len(shares) == 3
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert next(iter(shares.values())) == pytest.approx(float(seen.probabilities.max()))


def test_two_classes_of_one_name_stay_apart(loaded: LoadedModel) -> None:
    seen = trace_photo(loaded, noise(0))
    config = type(seen.config).from_dict(seen.config.to_dict())
    config.id2label = dict.fromkeys(range(6), "crane")
    config.label2id = {"crane": 5}
    shares = probabilities(type(seen)(**{**vars(seen), "config": config}), 6)
    assert set(shares) == {"crane", "crane (0)", "crane (1)", "crane (2)", "crane (3)", "crane (4)"}
    config.id2label = {index: f"bird {index}" for index in range(6)}
    config.label2id = {"bird 5": 5}  # a foreign one need not name them all
    assert set(probabilities(type(seen)(**{**vars(seen), "config": config}), 6)) == set(config.id2label.values())


def test_a_kept_look_is_taken_only_for_its_own_photo_model_and_name(loaded: LoadedModel) -> None:
    photo, other = noise(0), noise(1)
    kept = look(loaded, photo, trace_photo(loaded, photo), "cat")
    assert recall(loaded, photo, "cat", None, kept) is kept
    for again in (recall(loaded, other, "cat", kept), recall(loaded, photo, None, kept)):
        assert again is not kept
    assert recall(loaded, photo, None, kept).explorer.example is None  # somebody's own photo never gets into a link
    assert not kept.shows("another model", photo, "cat")


def test_a_class_is_traced_once_and_stays_with_the_look(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = noise(0)
    seen = look(loaded, photo, trace_photo(loaded, photo))
    runs: list[object] = []

    def counted(*_: object, target: int | None = None, against: int | None = None) -> object:
        runs.append(target if against is None else (target, against))
        return trace(loaded.model, loaded.processor, photo, target=target, against=against)

    monkeypatch.setattr("ui.session.look.trace", counted)
    once = aimed(loaded, photo, seen, 3)
    assert once.trace.target == 3
    assert aimed(loaded, photo, once, 3) is once
    other = aimed(loaded, photo, once, 1)
    assert (other.trace.target, runs) == (1, [3, 1])
    contrast = aimed(loaded, photo, other, 1, against=3)
    assert (contrast.trace.against, aimed(loaded, photo, contrast, 1, 3)) == (3, contrast)
    assert aimed(loaded, photo, contrast, 1).trace.against is None
    assert runs == [3, 1, (1, 3), 1]
    assert (other.explorer, other.photo) == (seen.explorer, seen.photo)
