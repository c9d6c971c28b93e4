"""The example photos, and whose they are."""

from __future__ import annotations

import pytest
import torch

from ui.components.examples import ExamplePicker, PickerData, picker_value
from ui.examples import FOLDER, Example, credits_text, examples
from ui.session.look import probabilities, trace_photo
from ui.session.models import load, offered_models
from visualize.language import LANGUAGES, Language

FREE = {"CC BY 4.0", "CC BY-SA 4.0", "CC0 1.0", "Public domain"}


def test_there_are_enough_and_they_are_small() -> None:
    assert len(examples()) >= 6
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 3_000_000


def test_no_photo_lies_there_without_a_credit() -> None:
    assert {example.file for example in examples().values()} == {file.name for file in FOLDER.glob("*.jpg")}
    assert {example.file for example in examples().values()} == {file.name for file in (FOLDER / "small").iterdir()}


def test_the_default_model_names_all_but_two_which_show_none_of_its_classes() -> None:
    network = load(offered_models("bundled")[0], torch.device("cpu"))
    known = network.model.config.id2label.values()
    photos = examples().values()
    answers = {photo.id: next(iter(probabilities(trace_photo(network, photo.open())))) for photo in photos}
    rightly = [photo.id for photo in photos if photo.shows_any([answers[photo.id]])]
    foreign = [photo.id for photo in photos if not photo.shows_any(known)]
    assert len(rightly) >= 8 and len(foreign) == 2, answers
    assert rightly[0] == next(iter(examples())), "the page opens on one that is named rightly"


@pytest.mark.parametrize("example", examples().values(), ids=lambda example: example.id)
def test_every_photo_names_its_author_and_a_free_licence(example: Example) -> None:
    assert example.author
    assert example.licence in FREE
    assert example.source.startswith("https://")
    told = (FOLDER / "CREDITS.md").read_text(encoding="utf-8")
    row = next(line for line in told.splitlines() if f"`{example.file}`" in line)
    assert example.author in row
    assert example.licence.lower() in row.lower()
    for code in LANGUAGES:
        title = Language.of(code).text("examples", example.id)
        credit = next(line for line in credits_text(Language.of(code)).splitlines() if title in line)
        assert all(told in credit for told in (example.author, example.source, example.licence_url))
    assert example.open().mode == "RGB"
    assert min(example.open().size) >= 300


def test_the_picker_believes_only_names_of_examples() -> None:
    picker = ExamplePicker()
    first = next(iter(examples()))
    assert picker.preprocess(picker_value(first)) == first
    assert picker.preprocess(picker_value(None)) is None
    assert picker.preprocess(PickerData(pictures=[], chosen="<script>")) is None
