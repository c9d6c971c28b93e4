"""What the explorer sends to the browser."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from cvt.config import CvtConfig
from cvt.errors import ConfigError
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.tracing import Trace, trace
from ui.components.explorer import (
    DISPLAY_SIDE,
    Explorer,
    explorer_value,
    levels,
    requested_class,
    with_evidence,
)


@pytest.fixture(scope="module")
def model() -> CvtForImageClassification:
    torch.manual_seed(0)
    config = CvtConfig(embed_dim=[8, 16, 32], num_heads=[1, 2, 4], depth=[1, 2, 3], num_labels=12)
    return CvtForImageClassification(config).eval()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def size_of(path: str) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def seen(model: CvtForImageClassification, size: tuple[int, int] = (90, 70), target: int | None = None) -> Trace:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return trace(model, CvtImageProcessor(), Image.fromarray(pixels), target=target, resolution=64)


def test_a_block_is_its_queries_and_keys_in_half_precision(model: CvtForImageClassification) -> None:
    noise_trace = seen(model)
    value = explorer_value(noise_trace, model_name="m")
    for stage, sent in zip(noise_trace.stages, value.stages, strict=True):
        for block, file in zip(stage.blocks, sent.blocks, strict=True):
            numbers = np.fromfile(file.path, dtype="<f2")
            true = np.concatenate([block.query.ravel(), block.key.ravel()])
            assert file.size == 2 * len(true)
            np.testing.assert_allclose(numbers, true, rtol=1e-3, atol=1e-6)


def read_levels(content: bytes, sizes: list[int]) -> np.ndarray:
    raw = zlib.decompress(content)
    low, step = np.frombuffer(raw, "<f4", 2 * len(sizes)).reshape(2, -1)
    codes = np.frombuffer(raw, np.uint8, offset=8 * len(sizes))
    return np.repeat(low, sizes) + codes * np.repeat(step, sizes)


@pytest.mark.parametrize("count", [256, 64, 2])
def test_levels_are_within_half_a_step(count: int) -> None:
    random = np.random.default_rng(0)
    maps = [random.normal(size=(4, 5)).astype(np.float32) * 10.0**power for power in (-6, 0, 6)]
    maps.append(np.full((2, 2), 7, dtype=np.float32))
    read = read_levels(levels(maps, count), [values.size for values in maps])
    true = np.concatenate([values.ravel() for values in maps])
    half = np.concatenate([np.full(values.size, np.ptp(values) / (count - 1) / 2 * 1.001) for values in maps])
    assert (np.abs(read - true) <= half + 1e-6 * np.abs(true)).all()


def test_features_and_maps_are_sent_as_levels(model: CvtForImageClassification) -> None:
    noise_trace = seen(model, target=3)
    value = with_evidence(explorer_value(noise_trace, model_name="m"), noise_trace)
    for stage, sent in zip(noise_trace.stages, value.stages, strict=True):
        read = read_levels(
            Path(sent.features.path).read_bytes(), [sent.tokens.rows * sent.tokens.columns] * sent.channels
        )
        np.testing.assert_allclose(read, stage.feature_map.ravel(), atol=np.ptp(stage.feature_map) / 125)
    (evidence,) = value.evidence
    assert evidence.index == 3
    maps = {(sent_map.stage, sent_map.method): sent_map for sent_map in evidence.maps.maps}
    of_stages = [(stage, method) for stage, sent in enumerate(value.stages) for method in sent.methods]
    assert maps.keys() == {*of_stages, (None, "rollout"), *((None, method) for method in value.methods)}
    assert value.methods[0] == "class_evidence"
    rollout = maps[None, "rollout"].grid
    assert (rollout.rows, rollout.columns) == (64, 64)


def test_evidence_is_kept_for_the_classes_asked_for_before(model: CvtForImageClassification) -> None:
    first, second = seen(model, target=3), seen(model, target=11)
    value = explorer_value(first, model_name="m")
    more = with_evidence(with_evidence(value, first), second)
    assert [evidence.index for evidence in more.evidence] == [3, 11]
    assert {3, 11} <= {known.index for known in more.classes}
    assert [evidence.index for evidence in with_evidence(more, first).evidence] == [11, 3]
    assert (value.evidence, value.key, value.made) == ([], more.key, more.made)
    with pytest.raises(ConfigError, match="target"):
        with_evidence(value, seen(model))


def test_the_key_is_of_photo_model_and_resolution(model: CvtForImageClassification) -> None:
    noise_trace = seen(model)
    key = explorer_value(noise_trace, model_name="m").key
    assert explorer_value(seen(model), model_name="m", example="e").key == key
    assert explorer_value(noise_trace, model_name="other").key != key
    assert explorer_value(seen(model, (91, 70)), model_name="m").key != key
    changed = replace(noise_trace, photo=np.full_like(noise_trace.photo, 7))
    assert explorer_value(changed, model_name="m").key != key


def test_large_photos_are_shown_smaller_and_kept_whole(model: CvtForImageClassification) -> None:
    small = explorer_value(seen(model), model_name="m")
    assert small.original is None
    assert size_of(small.photo.path) == (90, 70)
    large = explorer_value(seen(model, (2000, 1000)), model_name="m")
    assert large.original is not None
    assert size_of(large.photo.path) == (DISPLAY_SIDE, DISPLAY_SIDE // 2)
    assert size_of(large.original.path) == (2000, 1000)
    assert large.crop.photo == (1000, 2000)


def test_a_photo_of_somebodys_own_has_no_name(model: CvtForImageClassification) -> None:
    value = explorer_value(seen(model), model_name="m")
    assert value.example is None
    assert json.loads(value.model_dump_json())["example"] is None


def test_all_of_cvt_13_stays_within_its_bytes(cache: Path) -> None:
    torch.manual_seed(0)
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    noise_trace = trace(
        CvtForImageClassification(CvtConfig(num_labels=10)), CvtImageProcessor(), Image.fromarray(pixels)
    )
    value = explorer_value(noise_trace, model_name="m")
    blocks = [file.size or 0 for stage in value.stages for file in stage.blocks]
    assert value.stages[-1].blocks[-1].size == 2 * 384 * (197 + 50)
    assert sum(blocks) == 3_151_360
    assert sum(file.stat().st_size for file in cache.rglob("*.bin")) <= 4e6


@pytest.mark.parametrize("data", [None, {}, {"class_index": -1}, {"class_index": 12}, {"class_index": True},
                                  {"class_index": "3"}, {"class_index": 1.0}, "3"])  # fmt: skip
def test_what_a_browser_asks_for_is_checked(data: object) -> None:
    with pytest.raises(ConfigError, match="0 to 11"):
        requested_class(gr.EventData(None, data), 12)


def test_a_class_that_exists_is_accepted() -> None:
    assert requested_class(gr.EventData(None, {"class_index": 11}), 12) == 11


def test_the_component_believes_nothing(model: CvtForImageClassification) -> None:
    explorer = Explorer(explorer_value(seen(model), model_name="m"))
    assert explorer.preprocess({"key": "anything"}) is None
    assert explorer.value["stages"][0]["blocks"][0]["url"].endswith("block.bin")
    assert callable(explorer.evidence)
    assert Explorer().value is None
