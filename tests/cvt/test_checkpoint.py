"""The loader: where models are found, which configuration they get, and what does not fit."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

import cvt.checkpoint_saving
import cvt.locations
from cvt.checkpoint_keys import from_ours
from cvt.config import CvtConfig
from cvt.errors import CheckpointError, ConfigError
from cvt.locations import bundled_models, resolve_file
from cvt.model import CvtForImageClassification, CvtModel
from tests.cvt.checkpoints import spelled
from tests.cvt.networks import randomise


def pixels() -> Tensor:
    return torch.randn(1, 3, 48, 64, generator=torch.Generator().manual_seed(1))


def logits(model: nn.Module) -> Tensor:
    with torch.no_grad():
        result: Tensor = model(pixels()).logits
    return result


@pytest.fixture
def folder(tmp_path: Path, classifier: CvtForImageClassification) -> Path:
    """A saved small classifier."""
    classifier.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


# Saving and loading back


def test_what_is_saved_loads_to_the_same_numbers(folder: Path, classifier: CvtForImageClassification) -> None:
    loaded = CvtForImageClassification.from_pretrained(folder)
    assert torch.equal(logits(loaded), logits(classifier))
    assert not loaded.training
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in loaded.parameters())
    assert {tensor.device.type for tensor in loaded.state_dict().values()} == {"cpu"}
    assert loaded.config.to_dict() == {**classifier.config.to_dict(), "architectures": [type(loaded).__name__]} | {
        "dtype": "float32"
    }
    assert loaded(pixels(), labels=torch.tensor([1])).loss.requires_grad


def test_saving_writes_the_files_transformers_expects_and_no_others(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert all(path.stat().st_mode & 0o044 for path in folder.iterdir()), "others may read what is saved"
    fields = json.loads((folder / "config.json").read_text())
    assert fields["model_type"] == "cvt"
    assert fields["architectures"] == ["CvtForImageClassification"]
    assert fields["dtype"] == "float32"
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
        assert all(name.startswith(("cvt.encoder.", "layernorm.", "classifier.")) for name in file.keys())  # noqa: SIM118


def test_saving_over_the_folder_it_came_from(folder: Path) -> None:
    loaded = CvtForImageClassification.from_pretrained(folder)
    before = logits(loaded)
    with torch.no_grad():
        loaded.classifier.bias += 1
    loaded.save_pretrained(folder)
    torch.testing.assert_close(logits(CvtForImageClassification.from_pretrained(folder)), before + 1)


def test_a_save_that_fails_leaves_the_old_model_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full_disk(tensors: Any, path: Path, **_: Any) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cvt.checkpoint_saving, "save_file", full_disk)
    with pytest.raises(CheckpointError, match=r"cannot save into .*No space left"):
        CvtForImageClassification.from_pretrained(folder).save_pretrained(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_unknown_fields_of_a_configuration_survive(folder: Path, tmp_path: Path) -> None:
    fields = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**fields, "torch_dtype": "float16", "house": "blue"}))
    CvtForImageClassification.from_pretrained(folder).save_pretrained(tmp_path / "again")
    again = json.loads((tmp_path / "again" / "config.json").read_text())
    assert again["house"] == "blue"
    assert "torch_dtype" not in again, "transformers would load the float32 weights as float16"


def test_half_precision_is_loaded_as_float32_and_saved_as_it_is(
    classifier: CvtForImageClassification, tmp_path: Path
) -> None:
    classifier.half().save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "float16"
    loaded = CvtForImageClassification.from_pretrained(tmp_path)
    assert loaded.dtype == torch.float32
    assert torch.equal(loaded.layernorm.weight, classifier.layernorm.weight.float())


def test_bare_models_and_classifiers_load_each_other(folder: Path, tmp_path: Path) -> None:
    classifier = CvtForImageClassification.from_pretrained(folder)
    model = CvtModel.from_pretrained(folder)
    expected = classifier(pixels(), output_hidden_states=True).hidden_states[-1]
    assert torch.equal(model(pixels()).last_hidden_state, expected)
    model.save_pretrained(tmp_path / "bare")
    with safe_open(tmp_path / "bare" / "model.safetensors", "pt") as file:
        assert all(name.startswith("encoder.") for name in file.keys())  # noqa: SIM118
    assert torch.equal(CvtModel.from_pretrained(tmp_path / "bare")(pixels()).last_hidden_state, expected)
    with pytest.raises(CheckpointError, match=r"4 missing: layernorm.weight.*no classification head"):
        CvtForImageClassification.from_pretrained(tmp_path / "bare")
    fresh = CvtForImageClassification.from_pretrained(tmp_path / "bare", ignore_mismatched_sizes=True, num_labels=7)
    assert torch.equal(fresh(pixels(), output_hidden_states=True).hidden_states[-1], expected)
    assert logits(fresh).shape == (1, 7)


def test_loading_in_several_threads_disturbs_neither_the_others_nor_the_random_state(folder: Path) -> None:
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(lambda _: CvtForImageClassification.from_pretrained(folder), range(8)))
    assert torch.equal(torch.get_rng_state(), before)
    expected = logits(models[0])
    assert all(torch.equal(logits(model), expected) for model in models)
    models[0].classifier.bias.data += 1
    assert torch.equal(logits(models[1]), expected), "no two models share memory"


# Forms of checkpoints


def test_sharded_weights(folder: Path, classifier: CvtForImageClassification) -> None:
    tensors = spelled(classifier, "transformers")
    names = sorted(tensors)
    for form in ("model.safetensors", "pytorch_model.bin"):
        for path in folder.glob("*model*"):
            path.unlink()
        parts = {f"{form}-{part}": names[part::2] for part in range(2)}
        for file, part in parts.items():
            content = {name: tensors[name] for name in part}
            save_file(content, folder / file) if "safe" in form else torch.save(content, folder / file)
        weight_map = {name: file for file, part in parts.items() for name in part}
        (folder / f"{form}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
        assert torch.equal(logits(CvtForImageClassification.from_pretrained(folder)), logits(classifier))
    (folder / "pytorch_model.bin-1").unlink()
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin-1 cannot be read"):
        CvtForImageClassification.from_pretrained(folder)


def test_an_older_folder_with_a_pickle_and_no_counters(folder: Path, classifier: CvtForImageClassification) -> None:
    (folder / "model.safetensors").unlink()
    tensors = spelled(classifier, "transformers")
    torch.save({k: v for k, v in tensors.items() if "num_batches" not in k}, folder / "pytorch_model.bin")
    assert torch.equal(logits(CvtForImageClassification.from_pretrained(folder)), logits(classifier))


@pytest.mark.parametrize("layout", ["ours", "transformers", "microsoft"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_bare_file_with_a_configuration(
    layout: str, suffix: str, tmp_path: Path, classifier: CvtForImageClassification
) -> None:
    path = tmp_path / f"weights{suffix}"
    tensors = spelled(classifier, layout)
    save_file(tensors, path) if suffix == ".safetensors" else torch.save(tensors, path)
    loaded = CvtForImageClassification.from_pretrained(str(path), config=classifier.config, hidden_act="gelu")
    assert torch.equal(logits(loaded), logits(classifier))
    with pytest.raises(CheckpointError, match=r"pass config="):
        CvtForImageClassification.from_pretrained(path)


def test_a_bare_file_of_a_released_architecture_needs_nothing(tmp_path: Path) -> None:
    model = CvtForImageClassification(CvtConfig(num_labels=11, hidden_act="quick_gelu"))
    randomise(model)
    torch.save(spelled(model, "microsoft"), tmp_path / "CvT-13-224x224-IN-1k.pth")
    loaded = CvtForImageClassification.from_pretrained(tmp_path / "CvT-13-224x224-IN-1k.pth")
    assert loaded.config == model.config
    assert torch.equal(logits(loaded), logits(model))
    preset = CvtForImageClassification.from_pretrained(tmp_path / "CvT-13-224x224-IN-1k.pth", config="cvt-13")
    assert preset.config == model.config
    with pytest.raises(CheckpointError, match=r"depth=\[1, 4, 16\], num_labels=11\. \d+ missing: stage1\.blocks\.2"):
        CvtForImageClassification.from_pretrained(tmp_path / "CvT-13-224x224-IN-1k.pth", config="cvt-21")


def test_microsofts_weights_compute_with_quick_gelu_unless_told(
    folder: Path, tmp_path: Path, classifier: CvtForImageClassification
) -> None:
    path = tmp_path / "x.pth"
    torch.save(spelled(classifier, "microsoft"), path)
    plain = CvtConfig.from_dict(classifier.config.to_dict())
    assert CvtForImageClassification.from_pretrained(path, config=plain).config.hidden_act == "quick_gelu"
    assert CvtForImageClassification.from_pretrained(path, config=plain, hidden_act="gelu").config.hidden_act == "gelu"
    assert plain.hidden_act == "gelu", "the caller's configuration is not changed"
    assert CvtForImageClassification.from_pretrained(folder).config.hidden_act == "gelu"


# Configurations


def test_configurations_are_read_from_everywhere(folder: Path, tmp_path: Path) -> None:
    assert CvtConfig.from_pretrained("cvt-13") == CvtConfig()
    assert CvtConfig.from_pretrained("cvt-w24", num_labels=9).embed_dim == [192, 768, 1024]
    for ref in (folder, str(folder), folder / "config.json"):
        config = CvtConfig.from_pretrained(ref, hidden_act="quick_gelu")
        assert (config.depth, config.num_labels, config.hidden_act) == ([1, 2, 3], 5, "quick_gelu")
    config.save_pretrained(tmp_path / "config only")
    assert CvtConfig.from_pretrained(tmp_path / "config only") == config


def test_overrides_win_and_must_name_a_field(folder: Path) -> None:
    names = {index: f"class {index}" for index in range(5)}
    assert CvtForImageClassification.from_pretrained(folder, id2label=names).config.id2label == names
    for load in (CvtForImageClassification.from_pretrained, CvtConfig.from_pretrained):
        with pytest.raises(ConfigError, match="num_lables: not a field"):
            load(folder, num_lables=5)
    with pytest.raises(ConfigError, match=r"config='cvt-14' must be a CvtConfig or one of 'cvt-13'"):
        CvtForImageClassification.from_pretrained(folder, config="cvt-14")


def test_the_configuration_given_replaces_the_files(folder: Path) -> None:
    config = CvtConfig.from_pretrained(folder, temperature=2.0)
    assert CvtForImageClassification.from_pretrained(folder, config=config).config.temperature == 2.0
    with pytest.raises(CheckpointError, match="describes another architecture"):
        CvtForImageClassification.from_pretrained(folder, config=CvtConfig())


# Where models are


def test_bundled_models_by_name_the_default_first(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "pretrained"
    monkeypatch.setattr(cvt.locations, "_PRETRAINED", bundle)
    assert bundled_models() == {}
    with pytest.raises(CheckpointError, match="none in this installation"):
        CvtConfig.from_pretrained("bundled")
    model = CvtForImageClassification.from_pretrained(folder)
    for name in ("alpha", "beta"):
        setattr(model.config, "house", name)  # noqa: B010  (one that we do not know)
        model.save_pretrained(bundle / name)
    (bundle / "notes").mkdir()
    (bundle / "default").write_text("beta\n")
    assert list(bundled_models()) == ["beta", "alpha"]
    assert torch.equal(logits(CvtForImageClassification.from_pretrained("bundled")), logits(model))
    assert resolve_file("bundled", "config.json") == bundle / "beta" / "config.json"
    assert resolve_file("bundled:alpha", "config.json") == bundle / "alpha" / "config.json"
    with pytest.raises(
        CheckpointError, match=r"no bundled model 'gamma'; bundled are: 'bundled:beta', 'bundled:alpha'"
    ):
        CvtModel.from_pretrained("bundled:gamma")


@pytest.mark.parametrize(
    "ref",
    [
        "nowhere",
        "./nowhere/cvt",
        "/nowhere/cvt",
        "some/where/else",
        "weights/cvt.pth",
        "",
        "~nobody/cvt",
        "a" * 9999,
        "\0",
    ],
)
def test_what_is_nowhere_says_what_may_be_given(ref: str) -> None:
    with pytest.raises(
        CheckpointError, match=r"is not there: expected 'bundled', a folder, a weights file, or a Hub id"
    ):
        CvtModel.from_pretrained(ref)


def test_a_preset_has_no_weights() -> None:
    with pytest.raises(CheckpointError, match=r"'cvt-13' is an architecture without weights.*microsoft/cvt-13"):
        CvtModel.from_pretrained("cvt-13")


def test_a_folder_without_a_file_says_what_it_holds(folder: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"no preprocessor_config\.json; it holds config\.json, model\.safetensors"
    ):
        resolve_file(folder, "preprocessor_config.json")
    with pytest.raises(CheckpointError, match="single file"):
        resolve_file(folder / "model.safetensors", "preprocessor_config.json")
    (folder / "model.safetensors").rename(folder / "tf_model.h5")
    with pytest.raises(CheckpointError, match=r"none of model\.safetensors, .*; it holds config\.json, tf_model\.h5"):
        CvtModel.from_pretrained(folder)


# What does not fit


def test_another_architecture_is_refused_by_its_configuration(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "resnet", "depths": [3, 4, 6, 3]}))
    for load in (CvtForImageClassification.from_pretrained, CvtConfig.from_pretrained):
        with pytest.raises(CheckpointError, match="a model of type 'resnet'"):
            load(folder)


def test_another_architecture_is_refused_by_its_tensors(tmp_path: Path) -> None:
    save_file(
        {f"vit.encoder.layer.{layer}.output.dense.bias": torch.ones(2) for layer in range(12)}, tmp_path / "v.bin"
    )
    with pytest.raises(CheckpointError, match=r"another architecture.*vit\.encoder\.layer\.0\..* and 2 more"):
        CvtModel.from_pretrained(tmp_path / "v.bin", config="cvt-13")


def test_every_tensor_that_does_not_fit_is_named(folder: Path, classifier: CvtForImageClassification) -> None:
    tensors = spelled(classifier, "transformers")
    del tensors["cvt.encoder.stages.0.layers.0.intermediate.dense.bias"]
    tensors["cvt.encoder.stages.0.layers.7.layernorm_before.bias"] = torch.ones(8)
    tensors["cvt.pooler.weight"] = torch.ones(8)
    tensors["cvt.encoder.stages.2.cls_token"] = torch.ones(1, 1, 9)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError) as caught:
        CvtForImageClassification.from_pretrained(folder, ignore_mismatched_sizes=True)
    message = str(caught.value)
    assert "1 missing: cvt.encoder.stages.0.layers.0.intermediate.dense.bias;" in message
    assert re.search(r"2 unexpected: .*layers\.7\.layernorm_before\.bias, cvt\.pooler\.weight;", message)
    assert "1 of another shape: cvt.encoder.stages.2.cls_token [1, 1, 9] instead of [1, 1, 24]" in message
    assert str(folder) in message


def test_hundreds_of_names_are_shortened(folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"\d{3} missing: .* and \d{3} more; ") as caught:
        CvtForImageClassification.from_pretrained(folder, config="cvt-13")
    assert len(str(caught.value)) < 4000


def test_one_tensor_under_two_names_is_refused(tmp_path: Path, classifier: CvtForImageClassification) -> None:
    tensors = spelled(classifier, "transformers")
    tensors["encoder.stages.2.cls_token"] = torch.zeros(1, 1, 24)
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="one tensor under two names"):
        CvtModel.from_pretrained(tmp_path / "x.safetensors", config=classifier.config)


def test_a_head_of_another_size_starts_afresh_only_when_allowed(folder: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"classifier\.weight \[5, 24\] instead of \[3, 24\].*ignore_mismatched_sizes"
    ):
        CvtForImageClassification.from_pretrained(folder, num_labels=3)
    loaded = CvtForImageClassification.from_pretrained(folder, num_labels=3, ignore_mismatched_sizes=True)
    saved = CvtForImageClassification.from_pretrained(folder)
    assert torch.equal(loaded.layernorm.weight, saved.layernorm.weight)
    assert loaded.classifier.bias.tolist() == [0, 0, 0]
    assert loaded.classifier.weight.detach().std() == pytest.approx(loaded.config.initializer_range, rel=0.3)
    assert logits(loaded).shape == (1, 3)
    kept = CvtForImageClassification.from_pretrained(folder, ignore_mismatched_sizes=True)
    assert torch.equal(kept.classifier.weight, saved.classifier.weight), "a head that fits is kept"


# Memory

PEAK_OF_LOADING = """
import resource, sys
from cvt.model import CvtForImageClassification
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model = CvtForImageClassification.from_pretrained(sys.argv[1], config="cvt-21")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux only")
@pytest.mark.parametrize(
    ("name", "dtype"), [("x.safetensors", "float32"), ("x.safetensors", "float16"), ("x.pth", "float32")]
)
def test_loading_holds_the_weights_once(tmp_path: Path, name: str, dtype: str) -> None:
    with torch.device("meta"):
        shapes = CvtForImageClassification(CvtConfig.from_pretrained("cvt-21")).state_dict()
    size = sum(tensor.numel() * 4 for tensor in shapes.values())
    tensors = {
        from_ours(name, "transformers"): torch.ones(tensor.shape, dtype=getattr(torch, dtype))
        for name, tensor in shapes.items()
    }
    save_file(tensors, tmp_path / name) if name.endswith("safetensors") else torch.save(tensors, tmp_path / name)
    peak = subprocess.run(
        [sys.executable, "-c", PEAK_OF_LOADING, tmp_path / name], capture_output=True, text=True, check=True
    )
    assert int(peak.stdout) * 1024 < 1.25 * size
