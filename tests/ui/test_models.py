"""The model list and the cache."""

from __future__ import annotations

import json
import math
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from cvt.errors import CheckpointError, ConfigError
from cvt.locations import bundled_models
from ui.session import models
from ui.session.measured import MeasuredMap
from ui.session.models import LoadedModel, ModelCache, ModelEntry, offered_models

CPU = torch.device("cpu")


@dataclass
class Loader:
    """Stands in for loading: counts, and can be made to fail or wait."""

    loaded: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda name: None

    def __call__(self, entry: ModelEntry, device: torch.device) -> LoadedModel:
        self.loaded.append(entry.name)
        self.before(entry.name)
        return LoadedModel(entry, torch.nn.Identity(), None)  # type: ignore[arg-type]


def cache_of(names: str, loader: Loader, capacity: int = 2) -> ModelCache:
    return ModelCache([ModelEntry(name, name, name, 224) for name in names], capacity, CPU, loader)


def test_a_model_is_loaded_once_however_many_ask_at_the_same_time() -> None:
    all_here = threading.Barrier(8)
    loader = Loader()
    cache = cache_of("a", loader)

    def ask(_: int) -> LoadedModel:
        all_here.wait()
        return cache.get("a")

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(ask, range(8)))
    assert loader.loaded == ["a"]
    assert all(network is got[0] for network in got)


def test_two_models_load_side_by_side() -> None:
    both = threading.Barrier(2, timeout=20)
    cache = cache_of("ab", Loader(before=lambda name: both.wait() and None))
    with ThreadPoolExecutor(2) as pool:
        assert [network.entry.name for network in pool.map(cache.get, "ab")] == ["a", "b"]


def test_the_model_unused_for_longest_goes() -> None:
    loader = Loader()
    cache = cache_of("abc", loader, capacity=2)
    for name in "abaca":
        cache.get(name)
    assert loader.loaded == ["a", "b", "c"]  # a was used again before c came, so b went
    cache.get("b")
    assert loader.loaded == ["a", "b", "c", "b"]


def test_a_model_that_failed_to_load_is_tried_again() -> None:
    def refuse(name: str) -> None:
        if len(loader.loaded) == 1:
            raise CheckpointError("no network")

    loader = Loader(before=refuse)
    cache = cache_of("a", loader)
    with pytest.raises(CheckpointError, match="no network"):
        cache.get("a")
    assert cache.get("a").entry.name == "a"


def test_a_model_that_is_not_offered_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"'/etc/passwd' is not offered here; choose one of: a, b"):
        cache_of("ab", Loader()).get("/etc/passwd")


def test_the_list_has_the_bundled_models_and_the_seven_published_checkpoints() -> None:
    entries = offered_models("auto")
    assert [entry.name for entry in entries] == [
        "bundled",
        "bundled:imagenette",
        "microsoft/cvt-13",
        "microsoft/cvt-21",
        "microsoft/cvt-13-384",
        "microsoft/cvt-21-384",
        "microsoft/cvt-13-384-22k",
        "microsoft/cvt-21-384-22k",
        "microsoft/cvt-w24-384-22k",
    ]
    published = entries[2:]
    assert [entry.top1 for entry in published] == [81.6, 82.5, 83.0, 83.3, 83.3, 84.9, 87.6]
    assert published[-1].label == "CvT-W24 (22k) · 384 px · 277 M · top-1 87.6 % · ↓ 1110 MB"


def test_every_bundled_model_goes_by_its_whole_name() -> None:
    titles = {"imagenet-210": "ImageNet 210", "imagenette": "Imagenette"}
    for name in bundled_models():
        first = offered_models(f"bundled:{name}")[0]
        assert first.top1 is not None, "it is the one on the list, with its figures"
        assert first.title == titles[name]
    assert offered_models(f"bundled:{next(iter(bundled_models()))}") == offered_models("bundled")


def test_auto_takes_cvt_13_where_it_was_downloaded_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "is_cached", lambda name: name == "microsoft/cvt-13")
    first = offered_models("auto")[0]
    assert first.name == "microsoft/cvt-13"
    assert "↓" not in first.label


def test_a_named_model_comes_first() -> None:
    names = [entry.name for entry in offered_models("microsoft/cvt-21")]
    assert names[:2] == ["microsoft/cvt-21", "bundled"]
    assert len(names) == 9
    assert offered_models("somebody/cvt-of-birds")[0].ref == "somebody/cvt-of-birds"


@pytest.mark.parametrize("choice", ["bundled", "bundled:imagenette"])
def test_a_bundled_model_tells_its_measured_accuracy(choice: str) -> None:
    bundled = offered_models(choice)[0]
    assert bundled.top1 is not None
    assert 10 < bundled.top1 <= 100  # better than guessing one of ten
    assert bundled.images >= 100


def test_a_folder_is_offered_without_its_path(model_folder: Path) -> None:
    entry = offered_models(str(model_folder))[0]
    assert (entry.name, entry.title, entry.resolution, entry.top1) == ("local:small-cvt", "Small cvt", 64, None)
    assert str(model_folder) not in entry.label


def test_the_model_of_a_run_has_the_runs_name(model_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(model_folder, tmp_path / "my-birds" / "model")
    assert offered_models(str(tmp_path / "my-birds" / "model"))[0].title == "My birds"


def test_a_folder_with_an_evaluation_tells_it(model_folder: Path) -> None:
    evaluation = model_folder / "evaluation.json"
    evaluation.write_text(json.dumps({"dataset": "birds", "images": 1200, "resolution": 96, "top1": 0.875}))
    try:
        entry = offered_models(str(model_folder))[0]
    finally:
        evaluation.unlink()
    assert (entry.top1, entry.data, entry.images, entry.resolution) == (87.5, "birds", 1200, 96)


def test_a_folder_with_measured_maps_tells_them(model_folder: Path) -> None:
    measured = model_folder / "faithfulness.json"
    row = {"method": "libragrad", "stage": 0, "gain": 0.5, "pointing": 0.25}
    try:
        measured.write_text(json.dumps({"photos": 500, "maps": [row]}))
        assert offered_models(str(model_folder))[0].measured == (MeasuredMap("libragrad", 0, 0.5, 0.25),)
        for name, value in (("gain", math.nan), ("gain", 2), ("pointing", "much"), ("stage", -1), ("method", None)):
            measured.write_text(json.dumps({"maps": [row | {name: value}]}))
            with pytest.raises(CheckpointError, match=rf"faithfulness\.json: maps\.0\.{name}: .*; measure it again"):
                offered_models(str(model_folder))
        measured.write_text("[]")
        with pytest.raises(CheckpointError, match="must hold a JSON object"):
            offered_models(str(model_folder))
    finally:
        measured.unlink()


def test_what_is_loaded_is_ready_to_run(loaded: LoadedModel) -> None:
    assert not loaded.model.training
    assert loaded.processor.resolution == 64
