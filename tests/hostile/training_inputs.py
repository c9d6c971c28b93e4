"""Makes the inputs of ``training_inputs.toml``; run as a program, trains with each of them (:mod:`confined`)."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import sys
import tomllib
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import torch
from PIL import Image

from tests.hostile.confined import use
from tests.hostile.model_files import Program
from training.recipe import Phase, Recipe
from training.run import Workers
from training.train import train

__all__ = ["CASES"]

CASES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["case"]

MEMORY = 2**30
"""Bytes of address space that all cases together may take beyond what is there when the first begins."""

PATIENCE = 20.0
"""Seconds of work for one of them; the one that ends well trains and saves a model."""

SMALL = {"patch_sizes": (7, 3, 3), "embed_dim": (8, 12, 16), "num_heads": (1, 2, 2), "depth": (1, 1, 1)}
RECIPE = Recipe("tiny", (Phase(1, 32, 4),), 32, architecture=SMALL, held_out=0.0, warmup_epochs=0)


def make_good(folder: Path) -> None:
    """Red and blue photos in ``data``, and a run of one epoch over them in ``run``."""
    for name in ("blue", "red"):
        (folder / "data" / name).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (32, 32), name).save(folder / "data" / name / f"{number}.png")
    begin(folder)


def begin(folder: Path) -> None:
    """Train with what a folder holds, or go on."""
    with redirect_stdout(io.StringIO()):  # it says how it gets on; only what comes of it belongs there
        recipe = replace(RECIPE, data=(str(folder / "data"),))
        train(recipe, folder / "run", Workers(torch.device("cpu")), resume=True)


def state(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """A state of which something was changed, or what the change gives instead."""

    def write(folder: Path) -> None:
        path = folder / "run" / "state.pt"
        read = torch.load(path, weights_only=True)
        instead = change(read)
        torch.save(read if instead is None else instead, path)

    return write


def raw(make: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """A state of other bytes."""

    def write(folder: Path) -> None:
        path = folder / "run" / "state.pt"
        path.write_bytes(make(path.read_bytes()))

    return write


def data(change: Callable[[Path], Any]) -> Callable[[Path], None]:
    """No run yet, and a folder of images in which something was changed."""

    def write(folder: Path) -> None:
        shutil.rmtree(folder / "run")
        change(folder / "data")

    return write


def shard(images: list[Any], labels: list[Any], cut: int | None = None, names: str | None = None) -> Any:
    """Parquet instead of folders, with its class names beside it."""

    def write(place: Path) -> None:
        shutil.rmtree(place)
        place.mkdir()
        columns = {"label": labels} | ({"image": images} if images else {})
        pyarrow.parquet.write_table(pyarrow.table(columns), place / "train-0.parquet")
        content = (place / "train-0.parquet").read_bytes()
        (place / "train-0.parquet").write_bytes(content[:cut])
        usual = json.dumps([{"id": 0, "name": "blue"}, {"id": 1, "name": "red"}])
        (place / "labels.json").write_text(usual if names is None else names)

    return data(write)


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(file, "PNG")
    return file.getvalue()


def add_other_files(place: Path) -> None:
    (place / "notes.txt").write_text("not an image")
    (place / "blue" / "Thumbs.db").write_bytes(b"\0" * 100)
    (place / "blue" / "folder.png").mkdir()
    (place / "blue" / "itself.png").symlink_to(place / "blue" / "itself.png")
    (place / "blue" / "everything").symlink_to(place)
    (place / ".git").mkdir()


def cut_photo(place: Path) -> None:
    photo = place / "blue" / "0.png"
    photo.write_bytes(photo.read_bytes()[:50])


def fill_with_nan(read: dict[str, Any]) -> None:
    read["model"]["classifier.weight"].fill_(float("nan"))


def give_momentum(read: dict[str, Any]) -> None:
    read["optimizers"][0]["state"][0]["exp_avg"] = torch.zeros(1).expand(10**6, 10**6)


def of_three_classes(read: dict[str, Any]) -> None:
    for weights in (read["model"], read["average"]["model"]):
        for name in ("classifier.weight", "classifier.bias"):
            weights[name] = torch.cat([weights[name], weights[name][:1]])


ROW = {"bytes": png(), "path": "red.png"}

CHANGES: dict[str, Callable[[Path], None]] = {
    "cut": raw(lambda content: content[:-2000]),
    "empty": raw(lambda content: b""),
    "page": raw(lambda content: b"<!doctype html><title>Sign in</title>"),
    "program": raw(lambda content: pickle.dumps({"model": Program()}, protocol=2)),
    "weights_alone": state(lambda read: read["model"]),
    "three_classes": state(of_three_classes),
    "batch_of_nothing": state(lambda read: read["progress"].update(batch=3, seen=0)),
    "negative_epoch": state(lambda read: read["progress"].update(epoch=-1)),
    "nan": state(fill_with_nan),
    "huge_momentum": state(give_momentum),
    "rate_as_text": state(lambda read: read["optimizers"][0]["param_groups"][0].update(lr="fast")),
    "empty_class": data(lambda place: (place / "green").mkdir()),
    "one_class": data(lambda place: shutil.rmtree(place / "red")),
    "other_files": data(add_other_files),
    "cut_photo": data(cut_photo),
    "cut_shard": shard([ROW, ROW], [0, 1], cut=-20),
    "shard_without_images": shard([], [0, 1]),
    "label_of_no_class": shard([ROW, ROW], [0, 7]),
    "text_for_a_picture": shard(["red.png", "blue.png"], [0, 1]),
    "names_that_are_none": shard([ROW, ROW], [0, 1], names='[{"id": 0}, 5]'),
}


def main(folder: Path) -> None:
    """Train with every case, and print what comes of it."""
    make_good(folder / "good")
    for case in CASES:
        shutil.copytree(folder / "good", folder / case["name"])
        CHANGES[case["change"]](folder / case["name"])

    use(CASES, lambda case: begin(folder / case["name"]), MEMORY, PATIENCE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
