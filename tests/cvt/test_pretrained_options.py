"""The arguments of transformers' ``from_pretrained`` and ``save_pretrained``, and the names that load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from cvt.checkpoint_keys import LAYOUTS
from cvt.errors import CheckpointError, ConfigError
from cvt.model import CvtForImageClassification, CvtModel
from tests.cvt.checkpoints import spelled


@pytest.fixture
def folder(tmp_path: Path, classifier: CvtForImageClassification) -> Path:
    classifier.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def same(model: nn.Module, other: nn.Module) -> bool:
    mine, theirs = model.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


# Loading


def test_the_path_may_be_named(folder: Path, classifier: CvtForImageClassification) -> None:
    assert same(CvtForImageClassification.from_pretrained(pretrained_model_name_or_path=folder), classifier)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, "float16", "torch.bfloat16"])
def test_a_dtype_that_is_asked_for(folder: Path, dtype: Any) -> None:
    wanted = getattr(torch, dtype.removeprefix("torch.")) if isinstance(dtype, str) else dtype
    for name in ("dtype", "torch_dtype"):
        model = CvtForImageClassification.from_pretrained(folder, **{name: dtype})
        assert model.dtype == wanted
        assert {tensor.dtype for tensor in model.state_dict().values()} == {wanted, torch.int64}


@pytest.mark.parametrize("told", [True, False], ids=["configuration tells", "configuration says nothing"])
def test_the_dtype_of_the_file(folder: Path, classifier: CvtForImageClassification, told: bool) -> None:
    classifier.bfloat16().save_pretrained(folder)
    if not told:
        fields = json.loads((folder / "config.json").read_text())
        del fields["dtype"]
        (folder / "config.json").write_text(json.dumps(fields))
    assert CvtForImageClassification.from_pretrained(folder, dtype="auto").dtype == torch.bfloat16
    assert CvtForImageClassification.from_pretrained(folder).dtype == torch.float32


@pytest.mark.parametrize("device_map", ["auto", "cpu", torch.device("cpu"), {"": "cpu"}, "balanced"], ids=str)
def test_a_device_map_is_one_device(folder: Path, device_map: Any) -> None:
    model = CvtForImageClassification.from_pretrained(folder, device_map=device_map)
    assert model.device.type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"device_map": {"cvt": "cpu", "classifier": "disk"}}, "spreads the model"),
        ({"device_map": "moon"}, "device 'moon' is not available here"),
        ({"device_map": 99}, "device 'cuda:99' is not available here"),
        ({"dtype": "int8"}, "dtype='int8' must be 'auto' or a floating-point type"),
        ({"dtype": "load"}, "dtype='load' must be"),
        ({"dtype": 16}, "dtype=16 must be"),
        ({"dtype": "float16", "torch_dtype": "float32"}, "two names of one thing"),
        ({"load_in_8bit": True, "attn": "x"}, "attn, load_in_8bit: not a field"),
        ({"num_labels": 0}, "num_labels=0 must be a whole number"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be(folder: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CvtForImageClassification.from_pretrained(folder, **arguments)


def test_a_subfolder(tmp_path: Path, folder: Path, classifier: CvtForImageClassification) -> None:
    assert same(CvtForImageClassification.from_pretrained(tmp_path, subfolder="saved"), classifier)
    with pytest.raises(CheckpointError, match=r"has no folder elsewhere; it holds saved"):
        CvtForImageClassification.from_pretrained(tmp_path, subfolder="elsewhere")


def test_the_kind_of_file_can_be_chosen(folder: Path, classifier: CvtForImageClassification) -> None:
    with torch.no_grad():
        classifier.classifier.bias += 1
    torch.save(spelled(classifier, "transformers"), folder / "pytorch_model.bin")
    assert same(CvtForImageClassification.from_pretrained(folder, use_safetensors=False), classifier)
    assert not same(CvtForImageClassification.from_pretrained(folder), classifier)
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"has none of model\.safetensors, model\.safetensors\.index\.json; it"):
        CvtForImageClassification.from_pretrained(folder, use_safetensors=True)


def loaded(kind: Any, folder: Path, **options: Any) -> tuple[Any, dict[str, Any]]:
    """A model, and how its tensors matched."""
    model, info = kind.from_pretrained(folder, output_loading_info=True, **options)
    return model, info


def test_loading_tells_what_did_not_match(folder: Path) -> None:
    model, info = loaded(CvtForImageClassification, folder, num_labels=3, ignore_mismatched_sizes=True)
    shape = torch.Size
    assert info == {
        "missing_keys": set(),
        "unexpected_keys": set(),
        "mismatched_keys": {
            ("classifier.weight", shape((5, 24)), shape((3, 24))),
            ("classifier.bias", shape((5,)), shape((3,))),
        },
        "error_msgs": [],
    }
    assert model.classifier.out_features == 3
    model, info = loaded(CvtModel, folder)
    head = {f"{module}.{leaf}" for module in ("layernorm", "classifier") for leaf in ("weight", "bias")}
    assert info["unexpected_keys"] == head
    model.save_pretrained(folder)
    model, info = loaded(CvtForImageClassification, folder, num_labels=3, ignore_mismatched_sizes=True)
    assert info["missing_keys"] == head


# Saving


def test_shards(folder: Path, classifier: CvtForImageClassification) -> None:
    classifier.save_pretrained(save_directory=folder, max_shard_size="20KB")
    names = {path.name for path in folder.iterdir()}
    shards = sorted(names - {"config.json", "model.safetensors.index.json"})
    assert len(shards) > 2, "and no whole file is left from before, which would be preferred"
    assert all(path.stat().st_size < 60_000 for path in folder.iterdir())
    assert same(CvtForImageClassification.from_pretrained(folder), classifier)
    classifier.save_pretrained(folder, max_shard_size=10**9)
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}


def test_a_pickle_of_tensors(folder: Path, classifier: CvtForImageClassification) -> None:
    classifier.save_pretrained(folder, safe_serialization=False)
    assert {path.name for path in folder.iterdir()} == {"config.json", "pytorch_model.bin"}
    assert same(CvtForImageClassification.from_pretrained(folder), classifier)


def test_only_weights_that_would_be_stale_are_deleted(folder: Path, classifier: CvtForImageClassification) -> None:
    mine = ("notes.txt", "model-best.safetensors", "model.onnx", "preprocessor_config.json")
    for name in mine:
        (folder / name).write_text("kept")
    classifier.save_pretrained(folder, safe_serialization=False)
    assert {path.name for path in folder.iterdir()} == {"config.json", "pytorch_model.bin", *mine}


def test_given_tensors_are_written_instead(folder: Path, classifier: CvtForImageClassification) -> None:
    halves = {name: tensor.half() for name, tensor in classifier.state_dict().items() if tensor.is_floating_point()}
    counters = {name: tensor for name, tensor in classifier.state_dict().items() if name not in halves}
    classifier.save_pretrained(folder, state_dict={**halves, **counters})
    assert CvtForImageClassification.from_pretrained(folder, dtype="auto").dtype == torch.float16
    before = (folder / "model.safetensors").read_bytes()
    classifier.save_pretrained(folder, is_main_process=False)
    assert (folder / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"max_shard_size": "big"}, "max_shard_size='big' must be"), ({"variant": "fp16"}, "variant: no argument")],
    ids=str,
)
def test_ways_of_saving_that_cannot_be(
    folder: Path, classifier: CvtForImageClassification, arguments: dict[str, Any], message: str
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ConfigError, match=message):
        classifier.save_pretrained(folder, **arguments)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_bare_model_is_saved_under_its_own_names(tmp_path: Path, classifier: CvtForImageClassification) -> None:
    classifier.cvt.save_pretrained(tmp_path)  # type: ignore[operator]
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert {name.partition(".")[0] for name in file.keys()} == {"encoder"}  # noqa: SIM118
    assert same(CvtModel.from_pretrained(tmp_path), classifier.cvt)  # type: ignore[arg-type]


# Names of tensors


def without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a classifier's ``cvt``, as transformers or we would name them in a CvtModel."""
    return {name.removeprefix("cvt."): tensor for name, tensor in tensors.items() if name.startswith("cvt.")}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_state_dict_of_each_layout_loads(classifier: CvtForImageClassification, layout: Any, wrapped: bool) -> None:
    fresh: nn.Module = CvtForImageClassification(classifier.config)
    tensors = spelled(classifier, layout)
    if wrapped:
        fresh, tensors = nn.DataParallel(fresh), {f"module.{name}": tensor for name, tensor in tensors.items()}
    before = list(tensors)
    assert str(fresh.load_state_dict(tensors)) == "<All keys matched successfully>"
    assert same(fresh.module if wrapped else fresh, classifier)  # type: ignore[arg-type]
    assert list(tensors) == before, "what was given is left as it was"


@pytest.mark.parametrize("layout", LAYOUTS[:2])
def test_a_bare_model_takes_a_bare_state_dict(classifier: CvtForImageClassification, layout: Any) -> None:
    bare = CvtModel(classifier.config)
    bare.load_state_dict(without_prefix(spelled(classifier, layout)))
    assert same(bare, classifier.cvt)  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_does_not_fit_is_named(classifier: CvtForImageClassification, layout: Any) -> None:
    tensors = spelled(classifier, layout)
    tensors["stray.weight"] = torch.zeros(1)
    del tensors[next(name for name in tensors if name.endswith("cls_token"))]
    with pytest.raises(RuntimeError, match=r"Missing key.*stages\.2\.cls_token(.|\n)*Unexpected key.*stray\.weight"):
        CvtForImageClassification(classifier.config).load_state_dict(tensors)
    with pytest.raises(RuntimeError, match="size mismatch"):
        CvtForImageClassification(CvtModel.config_class(num_labels=5)).load_state_dict(spelled(classifier, layout))


def test_state_dict_gives_our_names(classifier: CvtForImageClassification) -> None:
    names = list(classifier.state_dict())
    assert "cvt.encoder.stages.1.layers.0.attention.query_linear.weight" in names
    assert names[-4:] == ["layernorm.weight", "layernorm.bias", "classifier.weight", "classifier.bias"]
