"""Files of every kind load into the same numbers, what does not fit is named, and what is saved is whole."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cvt import CheckpointError, ConfigError, CvtConfig, TFCvtForImageClassification, TFCvtModel
from cvt.keras import tensorflow_files
from tests.keras.inside.support import CASES, array, assert_equal, compiled, named, photos, small

SMALL = CASES["small"]


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    return named(TFCvtForImageClassification.from_pretrained(SMALL))


def unpacked(kind: str, to: Path) -> Path:
    """One of the golden folders with TensorFlow's weights, its h5 files no longer compressed."""
    folder = shutil.copytree(SMALL / kind, to / kind)
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    return folder


@pytest.mark.parametrize("kind", ["h5", "h5_shards", "tf_safetensors"])
def test_files_of_tensorflow(kind: str, tmp_path: Path, expected: dict[str, np.ndarray]) -> None:
    folder = unpacked(kind, tmp_path)
    assert_equal(TFCvtForImageClassification.from_pretrained(folder), expected)
    body = {name: value for name, value in expected.items() if name.startswith("cvt.")}
    assert_equal(TFCvtModel.from_pretrained(folder), body)


@pytest.mark.files_alone
def test_a_single_file_and_a_config_of_ones_own(tmp_path: Path, expected: dict[str, np.ndarray]) -> None:
    config = CvtConfig.from_pretrained(SMALL)
    for path in (SMALL / "model.safetensors", unpacked("h5", tmp_path) / "tf_model.h5"):
        assert_equal(TFCvtForImageClassification.from_pretrained(path, config=config), expected)
    model = TFCvtForImageClassification.from_pretrained(SMALL, output_hidden_states=True)
    assert model.config.output_hidden_states
    with pytest.raises(ConfigError, match="surprise"):
        TFCvtForImageClassification.from_pretrained(SMALL, surprise=1)


@pytest.mark.files_alone
def test_from_pt_prefers_the_files_of_pytorch(tmp_path: Path, expected: dict[str, np.ndarray]) -> None:
    folder = unpacked("h5", tmp_path)
    tensors = load_file(SMALL / "model.safetensors")
    save_file({name: np.asarray(tensor + 1) for name, tensor in tensors.items()}, folder / "model.safetensors")
    (folder / "model.safetensors").rename(folder / "renamed.safetensors")
    index = {"weight_map": dict.fromkeys(tensors, "renamed.safetensors")}
    assert_equal(TFCvtForImageClassification.from_pretrained(folder), expected)
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    shifted = {name: value + 1 for name, value in expected.items()}
    assert_equal(TFCvtForImageClassification.from_pretrained(folder, from_pt=True), shifted)
    assert_equal(TFCvtForImageClassification.from_pretrained(SMALL, from_pt=True), expected)
    with pytest.raises(CheckpointError, match=r"has none of model\.safetensors.*; it holds config\.json, tf_model\.h5"):
        TFCvtForImageClassification.from_pretrained(unpacked("h5", tmp_path / "other"), from_pt=True)


@pytest.mark.files_alone
def test_half_precision_files(tmp_path: Path, expected: dict[str, np.ndarray]) -> None:
    shutil.copy(SMALL / "config.json", tmp_path)
    for kind in ("float16", "bfloat16"):
        tensors = load_file(SMALL / "model.safetensors")
        save_file({name: tensor.astype(kind) for name, tensor in tensors.items()}, tmp_path / "model.safetensors")
        for name, value in named(TFCvtForImageClassification.from_pretrained(tmp_path)).items():
            np.testing.assert_array_equal(value, expected[name].astype(kind).astype(np.float32))


@pytest.mark.files_alone
def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    """Equal sizes in another shape are no fit: transformers 4 reshaped them in silence."""
    shutil.copy(SMALL / "config.json", tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(SMALL / "model.safetensors")
    expand = "cvt.encoder.stages.0.layers.0.intermediate.dense.weight"

    save_file({**tensors, expand: np.ascontiguousarray(tensors[expand].T)}, path)
    with pytest.raises(CheckpointError, match=rf"1 of another shape: {expand} \[4, 8\] instead of \[8, 4\]"):
        TFCvtForImageClassification.from_pretrained(tmp_path)
    save_file({name: tensor for name, tensor in tensors.items() if name != expand}, path)
    with pytest.raises(CheckpointError, match=f"1 missing: {expand}"):
        TFCvtForImageClassification.from_pretrained(tmp_path)
    save_file({**tensors, "cvt.surprise": np.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"1 unexpected: cvt\.surprise"):
        TFCvtForImageClassification.from_pretrained(tmp_path)
    path.write_bytes(b"\x89HDF\r\n\x1a\nand no more")
    with pytest.raises(CheckpointError, match="damaged, half-written or no h5 file"):
        TFCvtForImageClassification.from_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="is not there"):
        TFCvtForImageClassification.from_pretrained(tmp_path / "nowhere")


@pytest.mark.files_alone
def test_a_head_for_other_classes(expected: dict[str, np.ndarray]) -> None:
    with pytest.raises(CheckpointError, match="ignore_mismatched_sizes=True"):
        TFCvtForImageClassification.from_pretrained(SMALL, num_labels=3)
    model = TFCvtForImageClassification.from_pretrained(SMALL, num_labels=3, ignore_mismatched_sizes=True)
    found = named(model)
    assert found["classifier.weight"].shape == (3, 8)
    same = [name for name in found if not name.startswith("classifier")]
    assert all((found[name] == expected[name]).all() for name in same)


def test_saved_and_loaded(tmp_path: Path, expected: dict[str, np.ndarray]) -> None:
    """Also for the process around this one, which loads what is saved here with PyTorch."""
    pixels, saved = photos(), Path(os.environ["CVT_SAVED"])
    model = TFCvtForImageClassification(small(depth=(1, 2, 3), id2label={i: f"class {i}" for i in range(5)}))
    body = TFCvtModel(small(depth=(1, 1, 1)))
    for network in (model, body):
        network.set_weights(
            [np.random.default_rng(i).uniform(0.1, 0.9, w.shape) for i, w in enumerate(network.weights)]
        )
    model.save_pretrained(saved / "classifier")
    body.save_pretrained(saved / "model")
    assert_equal(TFCvtForImageClassification.from_pretrained(saved / "classifier"), named(model))
    assert_equal(TFCvtModel.from_pretrained(saved / "model"), named(body))
    assert TFCvtModel.from_pretrained(saved / "classifier").config.id2label[4] == "class 4"
    np.savez(
        saved / "saved.npz",
        pixel_values=pixels,
        logits=array(compiled(lambda x: model(x).logits)(pixels)),
        last_hidden_state=array(compiled(lambda x: body(x).last_hidden_state)(pixels)),
    )
    with pytest.raises(CheckpointError, match="cannot save into"):
        model.save_pretrained(saved / "saved.npz")


@pytest.mark.files_alone
def test_tf_model_h5_is_as_transformers_wrote_it(tmp_path: Path) -> None:
    """Name by name and number by number, the lists of names too: what transformers 4 loads it by."""
    unpacked("h5", tmp_path)
    model = TFCvtForImageClassification.from_pretrained(SMALL)
    model.save_pretrained(tmp_path / "ours", safe_serialization=False)
    assert json.loads((tmp_path / "ours/config.json").read_text())["architectures"] == ["TFCvtForImageClassification"]
    mine, theirs = (contents(tmp_path / folder / "tf_model.h5", model.name) for folder in ("ours", "h5"))
    assert mine.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_array_equal(mine[name], value, err_msg=name)
    assert_equal(TFCvtForImageClassification.from_pretrained(tmp_path / "ours"), named(model))


def contents(path: Path, instance: str) -> dict[str, Any]:
    """Tensors and lists of names of an h5 file, the model's own name replaced."""
    found: dict[str, Any] = {}

    def plain(name: str | bytes) -> str:
        text = name.decode() if isinstance(name, bytes) else name
        return text.replace(instance, "tf_cvt_for_image_classification")

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[plain(name)] = np.asarray(item)
        elif len(item.attrs.get("weight_names", ())):
            found[f"names of {name}"] = sorted(map(plain, item.attrs["weight_names"]))

    with h5py.File(path) as file:
        file.visititems(visit)
        found["layers"] = list(map(plain, file.attrs["layer_names"]))
    return found


@pytest.mark.files_alone
def test_many_names_take_several_attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 allows 64 KiB for one; a CvT-21 has more names than fit."""
    monkeypatch.setattr(tensorflow_files, "_ATTRIBUTE_LIMIT", 10_000)
    model = TFCvtModel(small())
    model.save_pretrained(tmp_path, safe_serialization=False)
    with h5py.File(tmp_path / "tf_model.h5") as file:
        parts = [file["cvt"].attrs[f"weight_names{part}"] for part in range(len(file["cvt"].attrs))]
    assert len(parts) > 1
    assert sum(map(len, parts)) == len(model.weights)
    assert_equal(TFCvtModel.from_pretrained(tmp_path), named(model))
