"""Finding, checking, loading and saving models: the one strict loader behind every ``from_pretrained``.

A model comes from the package ("bundled"), a local folder or a Hub repository in transformers' layout, or a single
file of weights, which may be Microsoft's original ``.pth``. Every tensor must be there, be known and have its shape.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from cvt import hub
from cvt.checkpoint_architecture import complete_fields, fields_from_shapes
from cvt.checkpoint_files import WEIGHTS_NAMES, find_weights, read_json, read_tensors
from cvt.checkpoint_keys import Layout, detect_layout, from_ours, to_ours
from cvt.config import PRESETS, CvtConfig
from cvt.errors import CheckpointError, ConfigError
from cvt.initialisation import initialise

if TYPE_CHECKING:
    from cvt.pretrained_model import CvtPreTrainedModel

__all__ = ["bundled_models", "is_cached", "load_model", "model_name", "read_config", "resolve_file", "save_model"]

ModelType = TypeVar("ModelType", bound="CvtPreTrainedModel")

_PRETRAINED = Path(__file__).parent / "pretrained"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_HEAD = ("layernorm", "classifier")  # our modules that make a classifier of a model
_CONFIG_FIELDS = frozenset(inspect.signature(CvtConfig).parameters) - {"extra"}
_SHOWN = 10  # tensor names per list in an error


# Where things are ----------------------------------------------------------------------------------------------------


def bundled_models() -> dict[str, Path]:
    """The models inside this package, by name, the default one first."""
    if not _PRETRAINED.is_dir():
        return {}
    folders = {path.name: path for path in sorted(_PRETRAINED.iterdir()) if (path / "config.json").is_file()}
    default = _PRETRAINED / "default"
    first = default.read_text(encoding="utf-8").strip() if default.is_file() else None
    return dict(sorted(folders.items(), key=lambda item: item[0] != first))


def model_name(folder: Path) -> str:
    """What the model in a folder is called: the folder's name; of ``RUN/model``, as training writes it, the run's."""
    folder = folder.absolute()
    return folder.parent.name if folder.name == "model" else folder.name


def is_cached(repo_id: str, *, revision: str | None = None) -> bool:
    """Whether a Hub model and its preprocessing are in the local cache, whole. No network is touched."""
    folder = hub.cached_folder(repo_id, revision)
    return folder is not None and (folder / "preprocessor_config.json").is_file()


def resolve_file(ref: str | Path, filename: str, *, revision: str | None = None) -> Path:
    """The file of that name of a model: "bundled", "bundled:NAME", a folder or a Hub id (downloaded if need be).

    Raises:
        CheckpointError: there is no such model, or it has no such file.
    """
    path = _find(ref)
    if path is None:
        return hub.download_file(str(ref), filename, revision)
    if path.is_file() and path.name != filename:
        raise CheckpointError(f"{path} is a single file and has no {filename}; name the folder that holds both")
    found = path if path.is_file() else path / filename
    if not found.is_file():
        raise CheckpointError(f"the folder {path} has no {filename}; it holds {_listing(path)}")
    return found


def _find(ref: str | Path) -> Path | None:
    """Where ``ref`` is on this machine, a folder or a file; None for a Hub id."""
    name = str(ref)
    if name == "bundled" or name.startswith("bundled:"):
        return _bundled(name.partition(":")[2])
    path = Path(os.path.expanduser(ref))
    if name and os.path.exists(path):  # unlike Path.exists, False for a name no file could have
        return path
    if isinstance(ref, str) and _HUB_ID.fullmatch(ref) and path.suffix not in (".pth", ".pt", ".bin", ".safetensors"):
        return None
    if name in PRESETS:
        raise CheckpointError(
            f"{name!r} is an architecture without weights; the published ones are 'microsoft/{name}…' on the Hub"
        )
    raise CheckpointError(
        f"{name!r} is not there: expected 'bundled', a folder, a weights file, or a Hub id such as 'microsoft/cvt-13'"
    )


def _bundled(name: str) -> Path:
    models = bundled_models()
    if name in models or (models and not name):
        return models[name] if name else next(iter(models.values()))
    known = ", ".join(f"'bundled:{known}'" for known in models) or "none in this installation"
    raise CheckpointError(f"there is no bundled model {name!r}; bundled are: {known}")


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    return _shorten(names) if names else "nothing"


# Configurations ------------------------------------------------------------------------------------------------------


def read_config(ref: str | Path, *, revision: str | None = None, **overrides: Any) -> CvtConfig:
    """The configuration of a preset ("cvt-13"), "bundled", a folder, a ``config.json`` file or a Hub id.

    Raises:
        CheckpointError: there is none, it cannot be read, or it describes another kind of model.
        ConfigError: a value that is not allowed, or an override that is no field.
    """
    if str(ref) in PRESETS and not Path(ref).exists():
        return _config({}, {**PRESETS[str(ref)], **overrides})
    path = _find(ref)
    if path is None or path.is_dir():
        path = resolve_file(ref, "config.json", revision=revision)
    return _config(_read_fields(path), overrides)


def _read_fields(path: Path) -> dict[str, Any]:
    fields = read_json(path)
    model_type = fields.get("model_type", "cvt")
    if model_type != "cvt":
        raise CheckpointError(f"{path} describes a model of type {model_type!r}; this package loads 'cvt' alone")
    return fields


def _config(fields: Mapping[str, Any], overrides: Mapping[str, Any]) -> CvtConfig:
    """A configuration from a file's fields; an override must name a field, ours or one the file has."""
    unknown = overrides.keys() - _CONFIG_FIELDS - fields.keys()
    if unknown:
        raise ConfigError(f"{', '.join(sorted(unknown))}: not a field of CvtConfig, so it cannot be overridden")
    return CvtConfig.from_dict(fields, **overrides)


@dataclass(frozen=True)
class _Weights:
    """What was read: tensors by our names, and how the file spelled them."""

    source: str
    layout: Layout
    tensors: dict[str, Tensor]  # by our names; names we do not know stay as they are
    spelled: dict[str, str]

    def spelling(self, name: str) -> str:
        return self.spelled.get(name) or from_ours(name, self.layout)


def _choose_config(
    given: CvtConfig | str | None, fields: dict[str, Any] | None, weights: _Weights, overrides: dict[str, Any]
) -> CvtConfig:
    """The caller's configuration, else the file's, else what the shapes tell."""
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.tensors.items()}
    if weights.layout == "microsoft" and not (given is None and fields is not None and "hidden_act" in fields):
        overrides = {"hidden_act": "quick_gelu", **overrides}  # a CvtConfig's default says nothing of it
    if isinstance(given, CvtConfig):
        return _config(given.to_dict(), overrides)
    if given is not None:
        if given not in PRESETS:
            raise ConfigError(f"config={given!r} must be a CvtConfig or one of {', '.join(map(repr, PRESETS))}")
        settled = fields_from_shapes(shapes)
        labels = {"num_labels": settled["num_labels"]} if "num_labels" in settled else {}
        return _config({**PRESETS[given], **labels}, overrides)
    return _config(complete_fields(shapes) if fields is None else fields, overrides)


# Loading -------------------------------------------------------------------------------------------------------------


def load_model(
    cls: type[ModelType],
    ref: str | Path,
    *,
    config: CvtConfig | str | None = None,
    revision: str | None = None,
    ignore_mismatched_sizes: bool = False,
    **config_overrides: Any,
) -> ModelType:
    """A model with its weights, float32, on the CPU, in evaluation mode; see :meth:`cvt.CvtModel.from_pretrained`.

    A ``.pth`` in Microsoft's layout computes with QuickGELU, as it was trained, unless ``hidden_act`` is overridden.

    Raises:
        CheckpointError: nothing is found, it cannot be read or trusted, or its tensors do not fit.
        ConfigError: the configuration is not valid.
    """
    path = _find(ref) or _download(str(ref), revision)
    fields = _read_fields(path / "config.json") if config is None and (path / "config.json").is_file() else None
    weights = _read_weights(path)
    chosen = _choose_config(config, fields, weights, config_overrides)
    with torch.device("meta"):  # no memory, no time: the checkpoint's own tensors become the parameters
        model = cls(chosen)
    tensors, fresh = _match(model, weights, ignore_mismatched_sizes)
    for name in fresh:
        _draw(model.get_submodule(name), chosen.initializer_range)
        tensors |= {f"{name}.{leaf}": tensor for leaf, tensor in model.get_submodule(name).state_dict().items()}
    prefix = _prefix(model)
    model.load_state_dict({name.removeprefix(prefix): t for name, t in tensors.items()}, strict=True, assign=True)
    return model.eval()


def _download(repo_id: str, revision: str | None) -> Path:
    config = hub.download_file(repo_id, "config.json", revision)
    _read_fields(config)  # refuses another architecture before its weights are downloaded
    return hub.download_model(repo_id, revision=config.parent.name)  # of the same commit


def _read_weights(path: Path) -> _Weights:
    """Every tensor of a weights file or of a folder, by our names."""
    files = [path] if path.is_file() else find_weights(path)
    if files is None:
        raise CheckpointError(f"the folder {path} has none of {', '.join(WEIGHTS_NAMES)}; it holds {_listing(path)}")
    read: dict[str, Tensor] = {}
    for file in files:
        read |= read_tensors(file)
    layout = detect_layout(read)
    if layout is None:
        raise CheckpointError(f"{path} holds the weights of another architecture, not of a CvT: {_shorten(list(read))}")
    spelled: dict[str, str] = {}
    for name in read:
        ours = to_ours(name, layout) or name
        if ours in spelled:
            raise CheckpointError(f"{path} holds one tensor under two names, {spelled[ours]} and {name}")
        spelled[ours] = name
    return _Weights(str(path), layout, {ours: read[name] for ours, name in spelled.items()}, spelled)


def _match(model: CvtPreTrainedModel, weights: _Weights, fresh_head: bool) -> tuple[dict[str, Tensor], set[str]]:
    """The tensors ``model`` takes, and the modules of its head that must start afresh, if ``fresh_head`` allows it.

    Raises:
        CheckpointError: naming every tensor that is missing, unexpected or of another shape.
    """
    prefix = _prefix(model)
    expected = {prefix + name: tensor.shape for name, tensor in model.state_dict().items()}
    tensors = dict(weights.tensors)
    if prefix:  # a classifier's checkpoint holds a whole CvtModel, and a head to leave out
        tensors = {name: tensor for name, tensor in tensors.items() if _module(name) not in _HEAD}
    for name in expected.keys() - tensors.keys():
        if name.endswith("num_batches_tracked"):  # counts batches in training; older checkpoints lack it
            tensors[name] = torch.zeros((), dtype=torch.int64)
    missing = [name for name in expected if name not in tensors]
    unexpected = [name for name in tensors if name not in expected]
    misshapen = [name for name in expected if name in tensors and tensors[name].shape != expected[name]]
    troubled = {_module(name) for name in (*missing, *unexpected, *misshapen)}
    if troubled and not (fresh_head and troubled <= set(_HEAD)):
        lists = {
            "missing": [weights.spelling(name) for name in missing],
            "unexpected": [weights.spelling(name) for name in unexpected],
            "of another shape": [
                f"{weights.spelling(name)} {list(tensors[name].shape)} instead of {list(expected[name])}"
                for name in misshapen
            ],
        }
        found = "; ".join(f"{len(names)} {what}: {_shorten(names)}" for what, names in lists.items() if names)
        raise CheckpointError(
            f"{weights.source} does not fit {type(model).__name__} with embed_dim={model.config.embed_dim}, "
            f"depth={model.config.depth}, num_labels={model.config.num_labels}. {found}. {_advice(troubled, missing)}"
        )
    return {name: tensor for name, tensor in tensors.items() if _module(name) not in troubled}, troubled


def _advice(troubled: set[str], missing: list[str]) -> str:
    if not troubled <= set(_HEAD):
        return "Its configuration describes another architecture than its weights, or the file is not complete."
    if missing:
        return "It has no classification head: load a CvtModel, or pass ignore_mismatched_sizes=True for a fresh one."
    return "Only the classification head differs: pass ignore_mismatched_sizes=True to start with a fresh one."


def _prefix(model: CvtPreTrainedModel) -> str:
    """What stands before a model's own tensor names in the key maps, which know those of a classifier."""
    return "" if hasattr(model, "classifier") else "cvt."


def _module(name: str) -> str:
    return name.partition(".")[0]


def _shorten(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def _draw(module: nn.Module, std: float) -> None:
    """Real memory for a module of the head, initialised as in a new model."""
    module.to_empty(device="cpu")
    module.reset_parameters()  # type: ignore[operator]
    initialise(module, std)


# Saving --------------------------------------------------------------------------------------------------------------


def save_model(model: CvtPreTrainedModel, folder: str | Path) -> None:
    """Write ``config.json`` and ``model.safetensors`` in transformers' layout; each file appears whole or not at all.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    has_head = hasattr(model, "classifier")
    tensors = {}
    for name, tensor in model.state_dict().items():
        theirs = from_ours(name, "transformers")
        tensors[theirs if has_head else theirs.removeprefix("cvt.")] = tensor.detach().contiguous()
    fields = model.config.to_dict()
    fields.pop("torch_dtype", None)  # the older name of dtype, with which transformers decides what to load into
    fields["architectures"] = ["CvtForImageClassification" if has_head else "CvtModel"]
    fields["dtype"] = str(model.dtype).removeprefix("torch.")
    text = json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "model.safetensors", lambda path: save_file(tensors, path, metadata={"format": "pt"}))
        _write(folder / "config.json", lambda path: path.write_text(text, encoding="utf-8"))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot save into {folder}: {error}") from error


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside ``path``, then move over it, so that no reader ever sees half a file."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode
        write(temporary)
        temporary.chmod(mode)  # safetensors would leave a file that nobody else may read
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
