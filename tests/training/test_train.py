"""Training from end to end on a tiny world: it learns, it survives being killed, it fine-tunes, it saves."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from cvt.doubt import energy
from cvt.errors import ConfigError
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from training import run as run_module
from training.data import DataError, ImageSet, hold_out, load_images
from training.evaluate import collect_logits
from training.loop import Training, epoch_batches, epoch_images, make_batch, predict
from training.recipe import Augmentation, Phase, Recipe
from training.run import RunFolder, Workers
from training.train import build_model, main, train


@pytest.fixture
def start(recipe: Recipe, colours: ImageSet, workers: Workers, tmp_path: Path) -> Callable[[str], Training]:
    """Begins the tiny run, or a longer one, in the folder of that name."""

    def begin(name: str, epochs: int = 4) -> Training:
        long = recipe.with_epochs(epochs)
        data, held_out = hold_out(colours, long.held_out)
        torch.manual_seed(long.seed)
        return Training(long, build_model(long, colours.classes), data, held_out, RunFolder(tmp_path / name), workers)

    return begin


def weights(training: Training) -> dict[str, Tensor]:
    average = {f"average.{name}": tensor for name, tensor in training.average.model.state_dict().items()}
    return {**training.model.state_dict(), **average}


def test_it_learns(start: Callable[..., Training], colours: ImageSet, workers: Workers) -> None:
    training = start("run", epochs=12)
    training.run()
    logits = predict(training.average.model, colours.images, 48, workers.device)
    assert (logits.argmax(1) == colours.labels).float().mean() > 0.9
    rows = training.progress.rows
    assert [row["resolution"] for row in rows] == [32] * 6 + [48] * 6
    assert rows[-1]["loss"] < rows[0]["loss"]


@pytest.mark.parametrize("killed_after", [1, 4, 6, 13])
def test_a_killed_run_ends_with_the_same_weights(
    start: Callable[..., Training], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    """There are four batches an epoch: killed inside the first, between two, and inside later ones."""
    whole = start("whole")
    whole.run()

    killed = start("killed")
    step, steps = Training._step, iter(range(killed_after))

    def step_until_killed(self: Training, indices: Tensor) -> None:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        step(self, indices)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", step_until_killed)
        with pytest.raises(KeyboardInterrupt):
            killed.run(save_every=0)

    torch.manual_seed(12345)  # a new process has another random state
    resumed = start("killed")
    resumed.load_state_dict(RunFolder(tmp_path / "killed").load())
    assert resumed.progress.step == killed_after
    resumed.run()
    for name, tensor in weights(whole).items():
        assert torch.equal(tensor, weights(resumed)[name]), name
    for mine, other in zip(resumed.progress.rows, whole.progress.rows, strict=True):
        assert mine["loss"] == pytest.approx(other["loss"]) and mine["accuracy"] == pytest.approx(other["accuracy"])


def test_a_kill_while_saving_leaves_the_state_before(
    start: Callable[..., Training], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: Workers
) -> None:
    training, folder = start("run"), RunFolder(tmp_path / "run")
    folder.save(training.state_dict(), workers)

    def die_halfway(state: dict[str, Any], path: Path) -> None:
        path.write_bytes(b"half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", die_halfway)
    with pytest.raises(KeyboardInterrupt):
        folder.save({"progress": {"rows": []}}, workers)
    state = folder.load()
    assert state is not None and state["progress"]["step"] == 0


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from training.run import RunFolder, Workers

def killed_halfway(state, path):
    Path(path).write_bytes(b"half a file")
    os.kill(os.getpid(), signal.SIGKILL)

def saved(step):
    parts = dict.fromkeys(("recipe", "hardware", "config", "model", "average", "optimizers"), 0)
    folder.save({**parts, "progress": {"rows": [{"epoch": step}]}}, Workers(torch.device("cpu")))

folder = RunFolder(Path(sys.argv[1]))
saved(1)
saved(2)
torch.save = killed_halfway
saved(3)
"""


def test_a_process_killed_inside_a_save_loses_that_save_alone(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "state.pt.unfinished").read_bytes() == b"half a file"
    assert RunFolder(tmp_path).load()["progress"]["rows"] == [{"epoch": 2}]
    assert (tmp_path / "log.csv").read_text().split() == ["epoch", "2"]


@pytest.mark.parametrize(("clean", "label_smoothing"), [(False, 0.0), (False, 0.1), (True, 0.1), (True, 0.0)])
def test_a_phase_mixes_and_smooths_as_it_says(clean: bool, label_smoothing: float) -> None:
    mixed = Augmentation(mix=1.0)
    phase = Phase(1, 48, 8, mixed.clean() if clean else mixed, label_smoothing)
    images, labels = torch.randint(0, 256, (8, 3, 48, 48), dtype=torch.uint8), torch.arange(8) % 4
    generator = torch.Generator().manual_seed(0)
    targets = torch.cat([make_batch(images, labels, None, phase, generator, 4)[1] for _ in range(10)])
    floor = label_smoothing / 4
    assert targets.min() == pytest.approx(floor)
    assert targets.sum(dim=1).numpy() == pytest.approx(1)
    assert bool((targets > floor + 1e-6).sum(dim=1).max() == 2) != clean
    assert bool((targets.max(dim=1).values < 1 - label_smoothing + floor - 1e-6).any()) != clean


@pytest.mark.parametrize("taught", [0.0, 0.25, 1.0])
def test_a_phase_is_taught_as_much_as_it_says(taught: float) -> None:
    phase = Phase(1, 48, 8, Augmentation().clean(), label_smoothing=0.0, taught=taught)
    images, labels = torch.randint(0, 256, (8, 3, 48, 48), dtype=torch.uint8), torch.arange(8) % 4
    said = torch.rand(8, 4, generator=torch.Generator().manual_seed(1)).softmax(1).half()
    targets = make_batch(images, labels, said, phase, torch.Generator().manual_seed(0), 4)[1]
    expected = torch.eye(4)[labels] * (1 - taught) + said.float() * taught
    assert targets.numpy() == pytest.approx(expected.numpy(), abs=1e-6)


def test_batches_of_an_epoch_are_a_shuffle_without_repetition() -> None:
    labels = torch.arange(50) % 3
    first, second = (epoch_batches(labels, None, 8, seed=0, epoch=epoch) for epoch in (0, 1))
    assert [len(batch) for batch in first] == [8] * 6
    assert len(set(torch.cat(first).tolist())) == 48
    assert not torch.equal(torch.cat(first), torch.cat(second))
    assert torch.equal(torch.cat(first), torch.cat(epoch_batches(labels, None, 8, seed=0, epoch=0)))


def test_an_epoch_takes_no_more_of_a_class_than_it_may_and_others_next_time() -> None:
    labels = torch.tensor([0] * 30 + [1] * 4 + [2] * 10)
    first, second = (torch.cat(epoch_batches(labels, 6, 2, seed=0, epoch=epoch)) for epoch in (0, 1))
    assert labels[first].bincount().tolist() == [6, 4, 6] and epoch_images(labels, 6) == 16
    assert epoch_images(labels, None) == 44
    assert len(set(first.tolist())) == 16
    assert set(first.tolist()) != set(second.tolist())
    assert first.tolist() != sorted(first.tolist()) and labels[first].tolist() != sorted(labels[first].tolist())


def test_the_saved_model_opens_and_knows_how_it_was_made(data_recipe: Recipe, tmp_path: Path, workers: Workers) -> None:
    folder = train(data_recipe, tmp_path / "run", workers)
    model = CvtForImageClassification.from_pretrained(folder)
    assert model.config.id2label == {0: "blue", 1: "red"}
    assert model.dtype == torch.float32 and not model.training
    assert CvtImageProcessor.from_pretrained(folder).resolution == 48
    state = RunFolder(tmp_path / "run").load()
    assert state is not None
    saved = model.state_dict()
    for name, tensor in state["average"]["model"].items():
        torch.testing.assert_close(saved[name], tensor.half().to(tensor.dtype), rtol=0, atol=0)
    about = json.loads((folder / "training.json").read_text())
    assert about["recipe"]["data"] == ["colours"], "the folder's name, not the way to it"
    assert about["epochs"] == 4 and about["hours"] > 0 and about["fine_tuned_from"] is None
    assert about["held_out"]["images"] == 8
    assert (tmp_path / "run" / "log.png").stat().st_size > 5000
    with (tmp_path / "run" / "log.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3", "4"]


def test_the_saved_model_knows_when_to_doubt(data_recipe: Recipe, tmp_path: Path, workers: Workers) -> None:
    recipe = replace(data_recipe, doubt="energy", held_out=0.5)
    folder = train(recipe, tmp_path / "run", workers)
    model, processor = CvtForImageClassification.from_pretrained(folder), CvtImageProcessor.from_pretrained(folder)
    kept = json.loads((folder / "training.json").read_text())["held_out"]["doubt"]
    assert (model.config.doubt_score, model.config.doubt_threshold) == ("energy", kept["threshold"])
    _, held_out = hold_out(load_images(recipe.data[0], "train", recipe.stored_size), recipe.held_out)
    photos = (Image.fromarray(image.permute(1, 2, 0).numpy()) for image in held_out.images)
    logits, labels = collect_logits(model.eval(), processor, zip(photos, held_out.labels.tolist(), strict=True))
    scores = energy(logits.double().numpy() / model.config.temperature)
    right = scores[(logits.argmax(1) == labels).numpy()]
    assert (right > kept["threshold"]).mean() == pytest.approx(kept["right"])
    assert kept["right"] <= 0.1, "at most a tenth"
    assert (right > kept["threshold"] - 2e-4).mean() >= 0.1, "and no lower threshold doubts so few"


@pytest.mark.parametrize(
    ("has", "wanted", "precision"), [(True, True, "medium"), (True, False, "highest"), (False, True, "highest")]
)
def test_only_a_processor_with_the_units_multiplies_in_bfloat16(
    has: bool, wanted: bool, precision: str, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": has})
    with pytest.raises(RuntimeError, match="went wrong"), workers.fast_products(wanted):
        assert torch.get_float32_matmul_precision() == precision
        raise RuntimeError("went wrong")
    assert torch.get_float32_matmul_precision() == "highest"


def test_each_epoch_says_its_held_out_accuracy(
    start: Callable[..., Training], capfd: pytest.CaptureFixture[str]
) -> None:
    training = start("run")
    training.run()
    accuracy = training.progress.rows[3]["held_out_accuracy"]
    assert f"epoch 4, 48 px: loss {training.progress.rows[3]['loss']:.3f}" in (said := capfd.readouterr().out)
    assert said.count(f"held-out accuracy {accuracy:.1%}") >= 1 and said.count("held-out") == 4


def test_fine_tuning_keeps_the_body_and_replaces_the_head(data_recipe: Recipe, tmp_path: Path) -> None:
    base = build_model(data_recipe, ("cat", "dog"))
    base.save_pretrained(tmp_path / "base")
    tuned = build_model(data_recipe, ("blue", "red"), str(tmp_path / "base"))
    assert tuned.config.id2label == {0: "blue", 1: "red"}
    for name, tensor in base.state_dict().items():
        assert torch.equal(tensor, tuned.state_dict()[name]) == (name != "classifier.weight"), name
    more = build_model(data_recipe, ("a", "b", "c"), str(tmp_path / "base"))
    assert more.classifier.out_features == 3
    same = build_model(data_recipe, ("cat", "dog"), str(tmp_path / "base"))
    assert torch.equal(same.classifier.weight, base.classifier.weight)


def test_the_command_fine_tunes_on_class_folders(
    recipe: Recipe, colour_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_model(recipe, ("cat", "dog", "bird")).save_pretrained(tmp_path / "base")
    CvtImageProcessor(size=32, crop_pct=1.0).save_pretrained(tmp_path / "base")
    out = tmp_path / "mine"
    arguments = ["--data", str(colour_folders), "--from", str(tmp_path / "base"), "--out", str(out), "--epochs", "2"]
    main([*arguments, "--device", "cpu"])
    assert f"python app.py --model {out / 'model'}" in capsys.readouterr().out
    model = CvtForImageClassification.from_pretrained(out / "model")
    assert model.config.id2label == {0: "blue", 1: "red"}
    assert CvtImageProcessor.from_pretrained(out / "model").resolution == 32
    assert json.loads((out / "model" / "training.json").read_text())["fine_tuned_from"] == str(tmp_path / "base")


def test_the_hardware_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "_processor_name", lambda: "Abacus")
    for threads, alone, together in [
        (1, "Abacus, 1 thread", "Abacus, 2 processes with 1 thread each"),
        (4, "Abacus, 4 threads", "Abacus, 2 processes with 4 threads each"),
    ]:
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert Workers(torch.device("cpu")).hardware == alone
        assert Workers(torch.device("cpu"), rank=1, count=2).hardware == together


def test_another_run_is_not_overwritten(data_recipe: Recipe, tmp_path: Path, workers: Workers) -> None:
    short = data_recipe.with_epochs(1)
    train(short, tmp_path / "run", workers)
    with pytest.raises(ConfigError, match="holds a run already: say --resume"):
        train(short, tmp_path / "run", workers)
    train(short, tmp_path / "run", workers, resume=True)


def test_one_class_is_no_classification(recipe: Recipe, colour_folders: Path, tmp_path: Path, workers: Workers) -> None:
    only = tmp_path / "only"
    only.mkdir()
    (colour_folders / "red").rename(only / "red")
    with pytest.raises(DataError, match="has only the class 'red'"):
        train(replace(recipe, data=(str(only),)), tmp_path / "run", workers)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "nothing"], "recipe 'nothing' must be one of"),
        (["--from", "bundled"], "names no data: say --data"),
        (["--recipe", "imagenette", "--data", "/no/such/folder"], "is neither a folder nor a dataset"),
        (["--recipe", "imagenette", "--data", "x", "--epochs", "0"], "epochs=0 must be at least 1"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--out", str(tmp_path / "run"), "--device", "cpu"])
    assert str(stopped.value).startswith("error: ") and message in str(stopped.value)
