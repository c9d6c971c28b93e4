"""The command goes through files and folders, leaves nothing out unsaid, and overwrites nothing."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from visualize import job
from visualize.__main__ import main


@pytest.fixture
def model(network: Callable[[str], CvtForImageClassification], tmp_path: Path) -> str:
    """A folder with a small model."""
    folder = tmp_path / "model"
    network("released").save_pretrained(folder)
    CvtImageProcessor(size=64).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos, one of them in a folder within, and two files that are none."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (2, 80, 100, 3), dtype=np.uint8)
    Image.fromarray(noise[0]).save(folder / "one.png")
    Image.fromarray(noise[1]).save(folder / "more" / "one.jpg")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 not a photo")
    (folder / "notes.txt").write_text("not a photo, and not taken for one")
    return folder


@pytest.fixture
def sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets as empty files; what is on them is the report's matter."""
    monkeypatch.setattr(job, "report", lambda trace, path, **_: Path(path).touch())


@pytest.mark.usefixtures("sheets")
def test_a_figure_of_one_map_counts_from_1(model: str, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--model", model, "--out", str(out), "--formats", "svg", "--figure", "attention"]
    photo = str(photos / "one.png")
    assert main([photo, *options, "--stage", "2", "--block", "1", "--head", "3", "--query", "2,3"]) == 0
    told = (out / "one-attention.svg").read_text(encoding="utf-8")
    for part in ("stage 2, block 1, head 3", "row 2, column 3", "[share of attention]"):
        assert part in told, part
    assert main([photo, *options, "--stage", "0"]) == 1


@pytest.mark.usefixtures("sheets")
def test_good_and_bad_files(model: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    missing = tmp_path / "missing.jpg"
    status = main([str(photos), str(missing), "--model", model, "--out", str(out), "--formats", "png,svg"])
    printed = capsys.readouterr()
    assert status == 1
    assert "2 of 4 explained" in printed.out
    assert "2 failed:" in printed.err
    assert f"{missing}: no such file or folder" in printed.err
    assert f"{photos / 'broken.jpg'}: " in printed.err
    assert "photo/s" in printed.err, "a progress bar"
    assert {path.name for path in out.iterdir()} == {
        f"one{number}.{suffix}" for number in ("", "-2") for suffix in ("png", "svg", "npz", "json")
    }
    names = {json.loads((out / f"one{number}.json").read_text())["photo"] for number in ("", "-2")}
    assert names == {"one.png", "one.jpg"}


def test_a_sheet_that_can_be_read(model: str, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main([str(photos / "one.png"), "--model", model, "--out", str(out), "--class", "LABEL_3"]) == 0
    with Image.open(out / "one.png") as sheet:
        assert min(sheet.size) > 1000
    assert json.loads((out / "one.json").read_text())["target"] == {"index": 3, "label": "LABEL_3"}
    with np.load(out / "one.npz", allow_pickle=False) as arrays:
        assert "maps.grad_cam.0" in arrays


@pytest.mark.usefixtures("sheets")
@pytest.mark.parametrize("batch", ["1", "3"])
def test_batches_and_resolution(model: str, photos: Path, tmp_path: Path, batch: str) -> None:
    files = [str(photos / "one.png"), str(photos / "more" / "one.jpg"), str(photos / "one.png")]
    options = ["--model", model, "--out", str(tmp_path / "out"), "--batch", batch, "--resolution", "96", "--class", "2"]
    assert main([*files, *options]) == 0
    told = [json.loads(path.read_text()) for path in sorted((tmp_path / "out").glob("*.json"))]
    assert [(entry["photo"], entry["crop"]["height"]) for entry in told] == [("one.jpg", 96), ("one.png", 96)]


@pytest.mark.usefixtures("sheets")
def test_one_photo_does_not_spoil_its_batch(
    model: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (50, 50)).save(photos / "black.png")
    original = job.forward_pass  # type: ignore[attr-defined]

    def fails_on_black(model: object, processor: object, images: list[Image.Image], *rest: object) -> object:
        if any(not np.asarray(image).any() for image in images):
            raise RuntimeError("out of memory")
        return original(model, processor, images, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(job, "forward_pass", fails_on_black)
    assert main([str(photos), "--model", model, "--out", str(tmp_path / "out"), "--class", "1"]) == 1
    printed = capsys.readouterr()
    assert "2 of 4 explained" in printed.out
    assert f"{photos / 'black.png'}: RuntimeError: out of memory" in printed.err


@pytest.mark.usefixtures("sheets")
def test_results_go_over_no_photo(model: str, photos: Path) -> None:
    before = (photos / "one.png").read_bytes()
    assert main([str(photos / "one.png"), "--model", model, "--out", str(photos), "--class", "0"]) == 0
    assert (photos / "one.png").read_bytes() == before
    assert (photos / "one-2.png").exists()


@pytest.mark.usefixtures("sheets")
def test_results_are_not_taken_for_photos(
    model: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "out").mkdir()
    Image.new("RGB", (9, 9)).save(photos / "out" / "sheet.png")
    assert main([str(photos), "--model", model, "--out", str(photos / "out"), "--class", "0"]) == 1
    assert "2 of 3 explained" in capsys.readouterr().out
    assert main([str(photos), "--model", model, "--out", str(photos)]) == 2
    assert "is a folder of photos; results go to another one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--class", "unicorn"], "class 'unicorn' is not one of this model's 5"),
        (["--class", "5"], "class 5 is not one of this model's 5"),
        (["--device", "abacus"], "device 'abacus' is not available"),
        (["--model", "no/such-folder-or-model"], "no/such-folder-or-model"),
    ],
)
def test_what_cannot_start(
    model: str, photos: Path, tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(photos), "--out", str(tmp_path / "out"), "--model", model, *options]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    "options", [["--formats", "png,docx"], ["--batch", "0"], ["--resolution", "-3"], ["--language", "fr"]]
)
def test_options_out_of_range(photos: Path, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(photos), "--out", "out", *options])
    assert stop.value.code == 2
    assert options[0] in capsys.readouterr().err


def test_an_empty_folder(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / "empty"), "--model", model, "--out", str(tmp_path / "out")]) == 1
    assert "no photos in this folder" in capsys.readouterr().err


@pytest.mark.usefixtures("sheets")
def test_an_interruption_leaves_whole_files_and_a_list(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (50, 40), (90, 120, 30)).save(folder / name)
    original = job.save_summary  # type: ignore[attr-defined]

    def interrupted(trace: object, path: Path, **options: object) -> None:
        if options["photo_name"] == "b.png":
            path.write_text('{"half": ')
            signal.raise_signal(signal.SIGINT)
        original(trace, path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(job, "save_summary", interrupted)
    options = ["--model", model, "--out", str(out), "--class", "0", "--batch", "2"]
    assert main([str(folder), *options]) == 130
    printed = capsys.readouterr()
    assert "1 of 3 explained" in printed.out
    assert f"1 interrupted; explained:\n  {folder / 'a.png'}\n" in printed.err
    assert f"2 not explained:\n  {folder / 'b.png'}\n  {folder / 'c.png'}\n" in printed.err
    assert sorted(path.name for path in out.iterdir()) == ["a.json", "a.npz", "a.png"]
    assert json.loads((out / "a.json").read_text())["photo"] == "a.png"


@pytest.mark.usefixtures("sheets")
def test_loops_of_links_end(model: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "more" / "again").symlink_to(photos)
    (photos / "itself.png").symlink_to(photos / "itself.png")
    there = [str(photos), str(photos / "itself.png")]
    assert main([*there, "--model", model, "--out", str(tmp_path / "out"), "--class", "0"]) == 1
    printed = capsys.readouterr()
    assert "2 of 4 explained" in printed.out
    assert f"{photos / 'itself.png'}: a loop of symbolic links" in printed.err


@pytest.mark.usefixtures("sheets")
def test_equal_stems_go_over_no_file(model: str, tmp_path: Path) -> None:
    """Neither of one another, whatever their case, nor where a figure's name is a photo's own."""
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    names = ("cat.png", "cat.jpg", "CAT.bmp", "cat-2.png", "cat-feature.png")
    for number, name in enumerate(names):
        Image.new("RGB", (50, 40), (40 * number, 120, 30)).save(folder / name)
    options = ["--model", model, "--out", str(out), "--class", "0", "--figure", "feature"]
    assert main([str(folder), *options]) == 0
    told = [json.loads(path.read_text())["photo"] for path in out.glob("*.json")]
    assert sorted(told) == sorted(names)
    assert len({path.name.lower() for path in out.iterdir()}) == len(list(out.iterdir())) == 4 * len(names)
