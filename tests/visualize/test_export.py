"""The NPZ holds what its schema says, readable without pickle; the summary is plain JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cvt.errors import ConfigError
from cvt.tracing import Trace
from visualize.attention import attention_map
from visualize.export import SCHEMA, save_arrays, save_summary, standard_maps, summary
from visualize.loading import load

QKV = ("query", "key", "value")


def loaded(trace: Trace, folder: Path) -> dict[str, np.ndarray]:
    save_arrays(trace, folder / "arrays.npz", model_name="small")
    with np.load(folder / "arrays.npz", allow_pickle=False) as file:
        return dict(file)


def test_the_schema(noise_trace: Callable[..., Trace], kind: str, tmp_path: Path) -> None:
    trace = noise_trace(kind, target=2)
    arrays = loaded(trace, tmp_path)
    expected = {"schema", "settings", "labels", "logits", "probabilities", "crop"}
    for s, stage in enumerate(trace.stages):
        expected |= {f"stages.{s}.{name}" for name in ("feature_map", "tokens", "keys", "has_cls", "scale")}
        expected |= {f"stages.{s}.blocks.{b}.{name}" for b in range(len(stage.blocks)) for name in QKV}
    names = set(standard_maps(trace))
    expected |= {f"maps.{name}" for name in names} | {
        f"maps.{name}.{more}" for name in names for more in ("grid", "about")
    }
    assert set(arrays) == expected
    assert str(arrays["schema"]) == SCHEMA
    settings = json.loads(str(arrays["settings"]))
    assert (settings["model"], settings["target"], settings["config"]["depth"]) == ("small", 2, [1, 2, 2])
    assert arrays["labels"].tolist() == [f"LABEL_{index}" for index in range(5)]
    np.testing.assert_array_equal(arrays["logits"], trace.logits)
    np.testing.assert_array_equal(arrays["crop"], [48, 64, 48, 64, 0, 0, 48, 64])
    for name, array in arrays.items():
        assert array.dtype != object, name


def test_what_was_saved_is_read_back(noise_trace: Callable[..., Trace], tmp_path: Path) -> None:
    trace = noise_trace("released", target=2)
    save_arrays(trace, tmp_path / "arrays.npz", model_name="small")
    read = load(tmp_path / "arrays.npz")
    assert (read.settings["model"], read.settings["target"]) == ("small", 2)
    block = trace.stages[1].blocks[0]
    for name in QKV:
        np.testing.assert_array_equal(read.arrays[f"stages.1.blocks.0.{name}"], getattr(block, name))
    expected = standard_maps(trace)
    assert set(read.maps) == set(expected)
    for name, heatmap in expected.items():
        np.testing.assert_array_equal(read.maps[name].values, heatmap.values)
        assert replace(read.maps[name], values=heatmap.values) == heatmap
    (tmp_path / "wrong.npz").write_bytes(b"no archive")
    for wrong in ("wrong.npz", "missing.npz"):
        with pytest.raises(ConfigError, match=f"{wrong}' cannot be read as arrays of a trace"):
            load(tmp_path / wrong)


def test_attention_from_the_file_alone(noise_trace: Callable[..., Trace], tmp_path: Path) -> None:
    """What the documentation says one can do with queries and keys, done."""
    trace = noise_trace("released")
    arrays = loaded(trace, tmp_path)
    query, key = (arrays[f"stages.2.blocks.1.{name}"] for name in ("query", "key"))
    weights = np.exp(query @ key.transpose(0, 2, 1) * arrays["stages.2.scale"])
    weights /= weights.sum(axis=-1, keepdims=True)
    rows, columns, stride, offset, _ = arrays["stages.2.keys"]
    assert bool(arrays["stages.2.has_cls"])
    of_cls = weights[:, 0, 1:].reshape(-1, int(rows), int(columns))
    for head, values in enumerate(of_cls):
        expected = attention_map(trace, 2, 1, "cls", head)
        np.testing.assert_allclose(values, expected.values, atol=1e-6)
        np.testing.assert_allclose(arrays[f"maps.cls_attention.{head}"], values, atol=1e-6)
    assert (stride, offset) == (expected.grid.stride, expected.grid.offset)


def test_maps_that_need_a_class_or_cls(noise_trace: Callable[..., Trace]) -> None:
    with_target, without, no_cls = noise_trace("released", target=1), noise_trace("released"), noise_trace("linear")
    assert {"class_evidence", "pixel_evidence", "libragrad.1", "grad_cam.0", "grad_attention.2"} <= set(
        standard_maps(with_target)
    )
    assert not any(name.startswith("grad") for name in standard_maps(without))
    assert sum(name.startswith("cls_attention") for name in standard_maps(without)) == 6
    assert not any(name.startswith("cls_attention") for name in standard_maps(no_cls))


def test_the_file_must_be_an_npz(noise_trace: Callable[..., Trace], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"arrays.csv' must end in '.npz'"):
        save_arrays(noise_trace("released"), tmp_path / "arrays.csv")


def test_the_summary(noise_trace: Callable[..., Trace], kind: str, tmp_path: Path) -> None:
    trace = noise_trace(kind, target=3)
    save_summary(trace, tmp_path / "summary.json", model_name="small", photo_name="noise.png", language="ja")
    told = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert (told["schema"], told["model"], told["photo"]) == (SCHEMA, "small", "noise.png")
    assert told["target"] == {"index": 3, "label": "LABEL_3"}
    assert [guess["index"] for guess in told["prediction"]] == [index for index, _ in trace.top()]
    assert sum(guess["probability"] for guess in told["prediction"]) == pytest.approx(1, abs=1e-6)
    assert set(told["maps"]) == set(standard_maps(trace, 1))
    assert {"feature_norm.1", "feature_norm.3"} <= set(told["maps"]) and "feature_norm.0" not in told["maps"]
    for name, heatmap in standard_maps(trace, 1).items():
        entry = told["maps"][name]
        assert entry["largest"] == pytest.approx(float(heatmap.values.max()))
        row, column = entry["largest_at"]
        assert heatmap.values[row - 1, column - 1] == heatmap.values.max()
        assert entry["description"].endswith("。")
    assert told["stages"][2]["keys"] == list(trace.stages[2].geometry.keys.shape)


def test_the_summary_in_english_by_default(noise_trace: Callable[..., Trace]) -> None:
    told = summary(noise_trace("released"))
    assert told["target"] is None
    assert told["maps"]["rollout"]["description"].startswith("Rollout (from stage 3, starting from CLS)")
