"""Makes the model files of ``model_files.toml``; run as a program, uses each as the app does (:mod:`confined`)."""

from __future__ import annotations

import io
import json
import pickle
import re
import shutil
import struct
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from cvt.config import CvtConfig
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.tracing import trace
from tests.hostile.confined import use

__all__ = ["CASES", "make", "make_good"]

CASES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["case"]

MEMORY = 2**30
"""Bytes of address space that all cases together may take beyond what is there when the first begins."""

SMALL = {"embed_dim": [8, 16, 24], "num_heads": [1, 2, 3], "depth": [1, 1, 2], "mlp_ratio": [2.0, 2.0, 2.0]}


def make_good(folder: Path) -> None:
    """A model that works, with everything a model can have beside it."""
    torch.manual_seed(0)
    CvtForImageClassification(CvtConfig(**SMALL, num_labels=3)).eval().save_pretrained(folder)
    CvtImageProcessor(size=64).save_pretrained(folder)
    evaluation = {"dataset": "nothing", "images": 10, "resolution": 64, "top1": 0.5}
    (folder / "evaluation.json").write_text(json.dumps(evaluation))


def make(case: dict[str, Any], good: Path, folder: Path) -> None:
    """The good model's folder with the one thing changed that a case names."""
    shutil.copytree(good, folder)
    names = {"config": "config.json", "preprocessing": "preprocessor_config.json", "evaluation": "evaluation.json"}
    for key, name in names.items():
        if key in case:
            fields = json.loads((folder / name).read_text())
            with any_number_of_digits():
                (folder / name).write_text(json.dumps(fields | json.loads(written_out(case[key]))))
    if "without" in case:
        (folder / case["without"]).unlink()
    if "file" in case:
        text = case["latin1"].encode("latin1") if "latin1" in case else written_out(case["text"]).encode()
        (folder / case["file"]).write_bytes(text * case.get("times", 1))
    if "weights" in case:
        WEIGHTS[case["weights"]](folder)


def written_out(text: str) -> str:
    """A text in which ``<300 x a>`` stands for 300 letters."""
    return re.sub(r"<(\d+) x (.)>", lambda found: int(found[1]) * found[2], text)


@contextmanager
def any_number_of_digits() -> Iterator[None]:
    """Let Python read and write numbers of more than 4,300 digits."""
    usual = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    yield
    sys.set_int_max_str_digits(usual)


def tensors(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    """Weights in safetensors, of which some were changed."""

    def write(folder: Path) -> None:
        path = folder / "model.safetensors"
        read = load_file(path)
        change(read)
        save_file(read, path)

    return write


def pickled(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Weights as ``torch.save`` writes them, of which some were changed; or what the change gives instead."""

    def write(folder: Path) -> None:
        read: dict[str, Any] = dict(load_file(folder / "model.safetensors"))
        (folder / "model.safetensors").unlink()
        instead = change(read)
        torch.save(read if instead is None else instead, folder / "pytorch_model.bin")

    return write


def raw(name: str, content: bytes) -> Callable[[Path], None]:
    """Weights that are these bytes."""

    def write(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / name).write_bytes(content)

    return write


def fill(name: str, value: float, dtype: torch.dtype = torch.float32) -> Callable[[dict[str, torch.Tensor]], None]:
    """One tensor filled with one number."""
    return lambda read: read.update({name: torch.full(read[name].shape, value, dtype=dtype)})


def rename(old: str, new: str) -> Callable[[dict[str, torch.Tensor]], None]:
    """One tensor under another name."""
    return lambda read: read.update({new: read.pop(old)})


def zip_bomb(folder: Path) -> None:
    """A checkpoint of a few kB whose zeros unpack to 300 MB."""
    buffer = io.BytesIO()
    torch.save({"cvt.encoder.stages.0.cls_token": torch.zeros(75 * 2**20)}, buffer)
    (folder / "model.safetensors").unlink()
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(folder / "pytorch_model.bin", "w") as target:
        for part in source.infolist():
            target.writestr(part.filename, source.read(part), zipfile.ZIP_DEFLATED)


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def cut_archive(folder: Path) -> None:
    pickled(lambda read: None)(folder)
    path = folder / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:-1000])


def five_thousand_shards(folder: Path) -> None:
    shards = {f"tensor{number}": f"{number}.safetensors" for number in range(5000)}
    raw("model.safetensors.index.json", json.dumps({"weight_map": shards}).encode())(folder)


def in_itself(read: dict[str, Any]) -> dict[str, Any]:
    circle: dict[str, Any] = {}
    circle["state_dict"] = circle["model"] = circle
    return circle


class Program:
    """A pickle that runs a program when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, ("exit 1",)


def beyond(folder: Path) -> None:
    header = {"classifier.weight": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 16]}}
    text = json.dumps(header).encode()
    raw("model.safetensors", struct.pack("<Q", len(text)) + text + bytes(16))(folder)


HEAD, BIAS = "classifier.weight", "classifier.bias"
STAGE = "cvt.encoder.stages.0.embedding.convolution_embeddings"
VARIANCE = (
    "cvt.encoder.stages.0.layers.0.attention.attention.convolution_projection_key.convolution_projection."
    "normalization.running_var"
)

WEIGHTS: dict[str, Callable[[Path], None]] = {
    "nan": tensors(fill(BIAS, float("nan"))),
    "infinity": tensors(fill(BIAS, float("inf"))),
    "too_large": tensors(fill(BIAS, 1e300, torch.float64)),
    "overflowing": tensors(fill(HEAD, 3e38)),
    "negative_variance": tensors(fill(VARIANCE, -1)),
    "meta": pickled(lambda read: read.update({HEAD: torch.empty(10**6, 10**6, device="meta")})),
    "stride_0": pickled(lambda read: read.update({HEAD: torch.zeros(1).expand(10**6, 10**6)})),
    "sparse": pickled(lambda read: read.update({HEAD: torch.eye(3).to_sparse()})),
    "complex": pickled(lambda read: read.update({HEAD: torch.ones(3, 24, dtype=torch.complex64)})),
    "zip_bomb": zip_bomb,
    "program": raw("pytorch_model.bin", pickle.dumps({"weights": Program()}, protocol=2)),
    "circle": pickled(in_itself),
    "a_list": pickled(lambda read: list(read.values())),
    "cut_archive": cut_archive,
    "empty": raw("model.safetensors", b""),
    "html": raw("model.safetensors", b"<!doctype html><title>Sign in</title>"),
    "cut_safetensors": cut,
    "long_header": raw("model.safetensors", struct.pack("<Q", 2**60) + b'{"a": 1}'),
    "no_header": raw("model.safetensors", struct.pack("<Q", 8) + b"{[[[[[[["),
    "shape_beyond_the_file": beyond,
    "nothing": tensors(lambda read: read.update({HEAD: torch.zeros(0, 24)})),
    "stage_of_5000_digits": tensors(rename(f"{STAGE}.projection.bias", "cvt.encoder.stages." + 5000 * "9" + ".x")),
    "nul_in_a_name": tensors(lambda read: read.update({"cvt.encoder.stages.0.x\0y": torch.zeros(1)})),
    "long_name": tensors(lambda read: read.update({200_000 * "x": torch.zeros(1)})),
    "twice": tensors(lambda read: read.update({f"{STAGE.removeprefix('cvt.')}.projection.bias": torch.zeros(8)})),
    "something_else": tensors(lambda read: [read.update({f"bert.{name}": read.pop(name)}) for name in list(read)]),
    "five_thousand_shards": five_thousand_shards,
}


def main(folder: Path) -> None:
    """Use every case as the app does, and print what comes of it."""
    from ui.session.models import load, offered_models

    good, photo = folder / "good", Image.new("RGB", (80, 60), (90, 120, 30))
    make_good(good)
    for case in CASES:
        make(case, good, folder / case["name"])

    def act(case: dict[str, Any]) -> None:
        loaded = load(offered_models(str(folder / case["name"]))[0], torch.device("cpu"))
        trace(loaded.model, loaded.processor, photo)

    use(CASES, act, MEMORY)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
