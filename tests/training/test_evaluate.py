"""Evaluation: every number worked out by hand on a model whose answers are known."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from cvt.image_processor import CvtImageProcessor
from training.data import DataError
from training.evaluate import as_large_photo, compare_enlarged, evaluate, main, match_classes, write
from training.recipe import Recipe
from training.train import build_model
from training.unknown import Separation, ShortRun
from ui.components.about import about_value
from ui.session.models import load, offered_models

NAMES = ("a", "b", "c", "d", "e", "f", "g")


class GreyReader:
    """Knows seven classes; an image of grey 10 k gets the k-th row of its table as logits."""

    device = torch.device("cpu")

    def __init__(self, table: Tensor, temperature: float = 1.0) -> None:
        self.table = table
        self.config: Any = SimpleNamespace(id2label=dict(enumerate(NAMES)), temperature=temperature)

    def __call__(self, pixels: Tensor, return_dict: bool = True) -> SimpleNamespace:
        return SimpleNamespace(logits=self.table[(pixels.mean(dim=(1, 2, 3)) / 10).round().long()])


@pytest.fixture
def greys(tmp_path: Path) -> Path:
    """Images of grey 0, 10, 20, 30, their classes a, a, b, g."""
    for grey, name in ((0, "a"), (10, "a"), (20, "b"), (30, "g")):
        (tmp_path / "greys" / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (grey, grey, grey)).save(tmp_path / "greys" / name / f"{grey}.png")
    return tmp_path / "greys"


@pytest.fixture
def raw() -> CvtImageProcessor:
    return CvtImageProcessor(size=16, crop_pct=1.0, do_rescale=False, do_normalize=False)


def table() -> Tensor:
    """The right class in first, second, fifth and sixth place."""
    return torch.tensor(
        [
            [4.0, 0, 0, 0, 0, 0, 0],
            [3.0, 4, 0, 0, 0, 0, 0],
            [9.0, 5, 8, 7, 6, 4, 0],
            [9.0, 8, 7, 6, 5, 0, 4],
        ]
    )


def test_numbers_by_hand(greys: Path, raw: CvtImageProcessor) -> None:
    logits = table()
    result = evaluate(GreyReader(logits, temperature=2.0), raw, greys, "train")  # type: ignore[arg-type]
    assert (result.images, result.resolution, result.dataset, result.split) == (4, 16, "greys", "all")
    assert result.top1 == 1 / 4
    assert result.top5 == 3 / 4
    assert result.class_accuracy == {"b": 0.0, "g": 0.0, "a": 0.5}
    for error, temperature in ((result.ece_before, 1.0), (result.ece_after, 2.0)):
        confidence = (logits / temperature).softmax(1).amax(1)
        right = torch.tensor([1.0, 0, 0, 0])
        bins = (confidence * 15).ceil()
        expected = sum(float((right - confidence)[bins == b].sum().abs()) for b in bins.unique()) / 4
        assert error == pytest.approx(expected, abs=1e-6)
    text = str(result)
    assert "top-1  25.00%" in text and "top-5  75.00%" in text and "b 0.0%, g 0.0%, a 50.0%" in text


def test_a_limit_spreads_over_the_split(greys: Path, raw: CvtImageProcessor) -> None:
    result = evaluate(GreyReader(table()), raw, greys, "train", limit=2)  # type: ignore[arg-type]
    assert result.images == 2
    assert set(result.class_accuracy) == {"a", "g"}, "the first image and the last"


def test_enlarging_keeps_what_is_seen(greys: Path, raw: CvtImageProcessor) -> None:
    large = as_large_photo(Image.new("RGB", (16, 12), (50, 100, 150)), 300)
    assert large.size == (400, 300) and large.format == "JPEG"
    measured = compare_enlarged(GreyReader(table()), raw, greys, "train", None, 200)  # type: ignore[arg-type]
    assert measured == {"side": 200, "images": 4, "top1": 1 / 4, "top1_as_they_are": 1 / 4}


def test_classes_match_by_name_then_by_their_first_synonym() -> None:
    id2label = {0: "tench, Tinca tinca", 1: "crane", 2: "crane, bird", 3: "Church, church building"}
    assert match_classes(["church", "tench", "crane"], id2label) == [3, 0, 1]
    with pytest.raises(DataError, match=r"no class 'zebra'; its first are tench, Tinca tinca"):
        match_classes(["zebra"], id2label)
    with pytest.raises(DataError, match="no single class 'crane, machine'"):
        match_classes(["crane, machine"], id2label)


def test_the_card_tells_what_was_measured(greys: Path, raw: CvtImageProcessor, tmp_path: Path, recipe: Recipe) -> None:
    about = {
        "recipe": asdict(recipe),
        "fine_tuned_from": None,
        "parameters": 1_234_567,
        "epochs": 4,
        "hours": 1.76,
        "hardware": "an abacus",
        "torch": "2.13",
        "temperature_fitted": True,
        "held_out": {"images": 800},
    }
    folder = tmp_path / "shades" / "model"
    folder.mkdir(parents=True)
    (folder / "training.json").write_text(json.dumps(about))
    write([evaluate(GreyReader(table()), raw, greys, "train")], folder)  # type: ignore[arg-type]
    card = (folder / "README.md").read_text()
    assert "\n# shades\n" in card
    expected = ["| top-1 | 25.0% |", "| top-5 | 75.0% |", "| b | 0.0% |"]
    expected += ["1.23 million", "1.8 hours on an abacus", "to 800 training images"]
    for words in expected:
        assert words in card
    assert "Red and blue squares." in card and "2 at 32 px, then 2 at 48 px" in card and "$" not in card
    saved = json.loads((folder / "evaluation.json").read_text())
    assert saved["top1"] == 0.25 and saved["class_accuracy"]["a"] == 0.5 and "enlarged" not in saved
    assert "not finished" not in card and "had better say" not in card


def test_the_card_of_an_unfinished_run_on_two_data_sets(
    greys: Path, raw: CvtImageProcessor, tmp_path: Path, recipe: Recipe
) -> None:
    doubt = {"score": "energy", "threshold": -3.25, "right": 0.1, "wrong": 0.375}
    about = {
        "recipe": asdict(recipe),
        "fine_tuned_from": None,
        "parameters": 1_234_567,
        "epochs": 3,
        "hours": 0.5,
        "hardware": "an abacus",
        "torch": "2.13",
        "temperature_fitted": False,
        "held_out": {"images": 8, "doubt": doubt},
    }
    (tmp_path / "training.json").write_text(json.dumps(about))
    scores = {"energy": Separation(0.75, 0.875, 0.4375), "random": Separation(0.5, 0.5, 0.1)}
    (tmp_path / "doubt.json").write_text(json.dumps(asdict(ShortRun(9, 1, "brief", 4, 32, 0.625, scores))))
    (light := tmp_path / "light" / "c").mkdir(parents=True)
    Image.new("RGB", (16, 16), (0, 0, 0)).save(light / "0.png")
    model: Any = GreyReader(table())
    write([evaluate(model, raw, data, "train") for data in (greys, light.parent)], tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert "| measure | greys, all split, 4 images | light, all split, 1 images |\n|---|---|---|\n" in card
    assert "| top-1 | 25.0% | 0.0% |" in card and "| c | 0.0% |" in card and "with 4 classes" in card
    assert "after 3 of its 4 epochs" in card and "3 epochs (2 at 32 px, then 1 at 48 px)" in card
    assert 'the score "energy" is above -3.25' in card and "10.0% of the held-out" in card and "37.5% of those" in card
    assert "`brief` (4 epochs, the last at 32 px), which learnt 9 of the classes" in " ".join(card.split())
    assert "62.5% of the held-out" in " ".join(card.split())
    assert (
        "|---|---|---|---|\n| energy | 0.750 | 0.875 | 43.8% |\n| random | 0.500 | 0.500 | 10.0% |\n\n## Training"
        in card
    )
    saved = json.loads((tmp_path / "evaluation.json").read_text())
    assert saved["dataset"] == "greys" and [evaluation["dataset"] for evaluation in saved["further"]] == ["light"]


def test_without_training_facts_there_is_no_card(greys: Path, raw: CvtImageProcessor, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    write([evaluate(GreyReader(table()), raw, greys, "train")], folder)  # type: ignore[arg-type]
    assert [path.name for path in folder.iterdir()] == ["evaluation.json"]


def test_the_command_prints_writes_only_when_asked_and_the_page_tells_what_it_wrote(
    recipe: Recipe, colour_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my-shades" / "model"
    build_model(recipe, ("blue", "red")).save_pretrained(folder)
    CvtImageProcessor(size=32, crop_pct=1.0).save_pretrained(folder)
    command = [str(folder), "--data", str(colour_folders), "--device", "cpu", "--limit", "10"]
    main([*command, "--resolution", "48", "--crop-pct", "0.5", "--enlarge", "96"])
    printed = capsys.readouterr().out
    assert "10 images at 48 px" in printed and "10 images as JPEG photos of 96 px: top-1" in printed
    assert not (folder / "evaluation.json").exists()
    main([*command[:2], str(colour_folders), *command[2:], "--write"])
    printed = capsys.readouterr().out
    assert printed.count("10 images at 32 px") == 2
    written = json.loads((folder / "evaluation.json").read_text())
    assert written["resolution"] == 32
    entry = offered_models(str(folder))[0]
    assert entry.label == f"My shades · 32 px · top-1 {100 * written['top1']:.1f} %"
    told = about_value(load(entry, torch.device("cpu")))
    assert ("accuracy", "measured") in told.facts
    assert told.numbers["top1"] == f"{100 * written['top1']:.1f}" and told.numbers["images"] == "10"


def test_the_command_says_what_is_wrong(colour_folders: Path, tmp_path: Path, recipe: Recipe) -> None:
    folder = tmp_path / "model"
    build_model(recipe, ("cat", "dog")).save_pretrained(folder)
    CvtImageProcessor(size=32).save_pretrained(folder)
    with pytest.raises(SystemExit, match="error: the model has no class 'blue'"):
        main([str(folder), "--data", str(colour_folders), "--device", "cpu"])
