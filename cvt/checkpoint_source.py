"""Finding a model and its configuration: in the package, in a local folder or file, or on the Hub. Without torch."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cvt import hub
from cvt.checkpoint_architecture import complete_fields, fields_from_shapes
from cvt.checkpoint_files import WEIGHTS_NAMES, read_json
from cvt.checkpoint_match import Weights, shorten
from cvt.config import PRESETS, CvtConfig
from cvt.errors import CheckpointError, ConfigError

__all__ = [
    "bundled_models",
    "choose_config",
    "config_text",
    "download",
    "find",
    "is_cached",
    "listing",
    "model_name",
    "read_config",
    "read_fields",
    "resolve_file",
]

_PRETRAINED = Path(__file__).parent / "pretrained"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_CONFIG_FIELDS = frozenset(inspect.signature(CvtConfig).parameters) - {"extra"}


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
    path = find(ref)
    if path is None:
        return hub.download_file(str(ref), filename, revision)
    if path.is_file() and path.name != filename:
        raise CheckpointError(f"{path} is a single file and has no {filename}; name the folder that holds both")
    found = path if path.is_file() else path / filename
    if not found.is_file():
        raise CheckpointError(f"the folder {path} has no {filename}; it holds {listing(path)}")
    return found


def find(ref: str | Path) -> Path | None:
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


def listing(folder: Path) -> str:
    """The names of a folder's files, for an error."""
    names = sorted(path.name for path in folder.iterdir())
    return shorten(names) if names else "nothing"


# Configurations ------------------------------------------------------------------------------------------------------


def read_config(ref: str | Path, *, revision: str | None = None, **overrides: Any) -> CvtConfig:
    """The configuration of a preset ("cvt-13"), "bundled", a folder, a ``config.json`` file or a Hub id.

    Raises:
        CheckpointError: there is none, it cannot be read, or it describes another kind of model.
        ConfigError: a value that is not allowed, or an override that is no field.
    """
    if str(ref) in PRESETS and not Path(ref).exists():
        return _config({}, {**PRESETS[str(ref)], **overrides})
    path = find(ref)
    if path is None or path.is_dir():
        path = resolve_file(ref, "config.json", revision=revision)
    return _config(read_fields(path), overrides)


def read_fields(path: Path) -> dict[str, Any]:
    """The fields of a ``config.json`` that describes a CvT.

    Raises:
        CheckpointError: it cannot be read, or describes another kind of model.
    """
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


def choose_config(
    given: CvtConfig | str | None, fields: dict[str, Any] | None, weights: Weights, overrides: dict[str, Any]
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


def download(repo_id: str, revision: str | None, names: Sequence[str] = WEIGHTS_NAMES) -> Path:
    """The local folder with a Hub repository's ``config.json`` and weights, the first of ``names`` that it has.

    Raises:
        CheckpointError: there is no such model, it is another kind of model, or the Hub does not answer.
    """
    config = hub.download_file(repo_id, "config.json", revision)
    read_fields(config)  # refuses another architecture before its weights are downloaded
    return hub.download_model(repo_id, revision=config.parent.name, names=names)  # of the same commit


def config_text(config: CvtConfig, architecture: str, dtype: str) -> str:
    """``config.json`` of a saved model: the configuration, the class that transformers makes of it, and a dtype."""
    fields = config.to_dict()
    fields.pop("torch_dtype", None)  # the older name of dtype, with which transformers decides what to load into
    fields |= {"architectures": [architecture], "dtype": dtype}
    return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
