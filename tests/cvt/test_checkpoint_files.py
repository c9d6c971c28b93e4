"""Reading files of weights: every form there is, every way in which one can be broken, and pickles that attack."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from cvt.checkpoint_files import find_weights, read_tensors
from cvt.errors import CheckpointError
from cvt.files import read_json

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.count": torch.tensor(3)}


def assert_same(read: dict[str, Tensor], expected: dict[str, Tensor] = TENSORS) -> None:
    assert read.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(read[name], tensor, rtol=0, atol=0)


def saved(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


def test_safetensors(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "x.safetensors")
    assert_same(read_tensors(tmp_path / "x.safetensors"))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_what_torch_saves(tmp_path: Path, zipped: bool) -> None:
    path = saved(tmp_path / "x.pth", OrderedDict(TENSORS), _use_new_zipfile_serialization=zipped)
    assert_same(read_tensors(path))


def test_the_first_bytes_count_not_the_suffix(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "x.pth")
    assert_same(read_tensors(tmp_path / "x.pth"))
    assert_same(read_tensors(saved(tmp_path / "x.safetensors", TENSORS)))


@pytest.mark.parametrize(
    "wrapped",
    [
        {"epoch": 3, "model": "cls_cvt", "state_dict": TENSORS, "perf": 81.6, "optimizer": {"state": {}}},
        {"model": TENSORS, "lr": 0.1},
        {"module": TENSORS},
        {"model": {"state_dict": TENSORS}},
        {f"module.{name}": tensor for name, tensor in TENSORS.items()},
        {"state_dict": {f"module._orig_mod.{name}": tensor for name, tensor in TENSORS.items()}},
        {
            name: torch.nn.Parameter(tensor) if tensor.is_floating_point() else tensor
            for name, tensor in TENSORS.items()
        },
    ],
    ids=["whole training state", "model", "module", "nested", "data parallel", "compiled", "parameters"],
)
def test_training_wrappers_are_taken_off(tmp_path: Path, wrapped: dict[str, Any]) -> None:
    assert_same(read_tensors(saved(tmp_path / "x.pth", wrapped)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_float_becomes_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    save_file({"w": torch.tensor([0.5, -2.0]).to(dtype)}, tmp_path / "x.safetensors")
    assert_same(read_tensors(tmp_path / "x.safetensors"), {"w": torch.tensor([0.5, -2.0])})


def test_views_and_transposes_become_plain_tensors(tmp_path: Path) -> None:
    base = torch.arange(12.0).view(3, 4)
    read = read_tensors(saved(tmp_path / "x.pth", {"t": base.T, "row": base[1]}))
    assert_same(read, {"t": base.T, "row": base[1]})
    assert all(tensor.is_contiguous() for tensor in read.values())


def test_the_file_may_be_overwritten_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"w": torch.ones(100_000)}, path)
    read = read_tensors(path)
    path.write_bytes(b"")
    assert read["w"].sum() == 100_000


class Attack:
    """Pickles as a call of ``os.system`` that leaves a file behind."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.trace}",)


def attack(kind: str, trace: Path) -> bytes:
    buffer = io.BytesIO()
    hostile = {"a.weight": Attack(trace)}
    if kind.startswith("protocol"):
        pickle.dump(hostile, buffer, protocol=int(kind[-1]))
    else:
        torch.save(hostile, buffer, _use_new_zipfile_serialization=kind == "zip")
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("kind", ["zip", "before torch 1.6", "protocol 2", "protocol 4"])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path, kind: str) -> None:
    trace, path = tmp_path / "was here", tmp_path / "x.pth"
    path.write_bytes(attack(kind, Path("'" + str(trace) + "'")))
    with pytest.raises(CheckpointError, match=r"asks for .*nothing in it was run") as caught:
        read_tensors(path)
    assert not trace.exists()
    if kind != "protocol 4":
        assert f"the Python object {os.name}.system" in str(caught.value)
    if kind.startswith("protocol"):  # the attack itself works
        pickle.loads(path.read_bytes())
        assert trace.exists()


def test_a_pickled_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"torch\.nn\.modules\.linear\.Linear"):
        read_tensors(saved(tmp_path / "x.pth", torch.nn.Linear(2, 2)))


@pytest.mark.parametrize("form", ["safetensors", "zip", "before torch 1.6"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.7, 0.999])
def test_half_a_file_is_called_so(tmp_path: Path, form: str, kept: float) -> None:
    path = tmp_path / f"x.{'safetensors' if form == 'safetensors' else 'pth'}"
    tensors = {f"layer{index}.weight": torch.ones(1000) for index in range(20)}
    if form == "safetensors":
        save_file(tensors, path)
    else:
        saved(path, tensors, _use_new_zipfile_serialization=form == "zip")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(CheckpointError, match=r"damaged|half-written") as caught:
        read_tensors(path)
    assert "fetch" in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\x10\x00", "only 2 bytes long"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 80\n", "git lfs pull"),
        (b"<!doctype html><html></html>", "not a checkpoint.*<!doctype html>"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not a checkpoint"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f{}", "damaged"),
        (b"\x02\x00\x00\x00\x00\x00\x00\x00{]", "damaged"),
    ],
)
def test_what_is_no_checkpoint_is_called_so(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=says):
        read_tensors(path)


def test_an_archive_or_a_pickle_without_tensors_is_no_checkpoint(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("photo.txt", "no tensors here")
    with pytest.raises(CheckpointError, match=r"x\.zip is damaged, half-written or no checkpoint"):
        read_tensors(tmp_path / "x.zip")
    for content in ([torch.ones(1)], {"epoch": 3}, torch.ones(2)):
        with pytest.raises(CheckpointError, match="no named tensors"):
            read_tensors(saved(tmp_path / "x.pth", content))


def test_a_tensor_that_is_not_dense_numbers_is_named(tmp_path: Path) -> None:
    for odd in (torch.eye(3).to_sparse(), torch.ones(2, dtype=torch.complex64)):
        with pytest.raises(CheckpointError, match=r"tensor odd\.weight"):
            read_tensors(saved(tmp_path / "x.pth", {"odd.weight": odd}))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"x\.pth cannot be read: No such file"):
        read_tensors(tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read: No such file"):
        read_json(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"depth": [1, 2', "not valid JSON"),
        (b"", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[1, 2]", "JSON object, not list"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_a_broken_configuration_file_is_called_so(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=says):
        read_json(path)


def test_weights_are_found_by_name_the_best_first(tmp_path: Path) -> None:
    assert find_weights(tmp_path) is None
    index = {"weight_map": {"a": "pytorch_model-00002-of-2.bin", "b": "pytorch_model-00001-of-2.bin"}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    shards = [tmp_path / "pytorch_model-00001-of-2.bin", tmp_path / "pytorch_model-00002-of-2.bin"]
    assert find_weights(tmp_path) == shards
    for name in ("pytorch_model.bin", "model.safetensors"):
        (tmp_path / name).touch()
        assert find_weights(tmp_path) == [tmp_path / name]


@pytest.mark.parametrize("weight_map", [None, {}, {"a": "../secret.bin"}, {"a": "/etc/passwd"}, {"a": "..\\x.bin"}])
def test_an_index_may_only_list_files_beside_it(tmp_path: Path, weight_map: Any) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(CheckpointError, match=r"weight_map|outside its own folder"):
        find_weights(tmp_path)
