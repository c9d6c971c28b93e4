"""The example photos, and whose they are."""

from __future__ import annotations

import pytest

from ui.components.examples import ExamplePicker, PickerData, picker_value
from ui.examples import FOLDER, Example, credits_text, examples
from visualize.language import LANGUAGES, Language

FREE = {"CC BY 4.0", "CC BY-SA 4.0", "CC0 1.0", "Public domain"}


def test_there_are_enough_and_they_are_small() -> None:
    assert len(examples()) >= 6
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 3_000_000


def test_no_photo_lies_there_without_a_credit() -> None:
    assert {example.file for example in examples().values()} == {file.name for file in FOLDER.glob("*.jpg")}
    assert {example.file for example in examples().values()} == {file.name for file in (FOLDER / "small").iterdir()}


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
