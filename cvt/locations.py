"""Where models are: in this package, in a local folder or file, or on the Hub."""

from __future__ import annotations

import os
import re
from pathlib import Path

from cvt import hub
from cvt.errors import CheckpointError, shorten
from cvt.hub import HUB_DEFAULTS, HubOptions
from cvt.presets import PRESETS

__all__ = ["bundled_models", "find", "is_cached", "listing", "model_name", "resolve_file"]

_PRETRAINED = Path(__file__).parent / "pretrained"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


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


def resolve_file(ref: str | Path, filename: str, options: HubOptions = HUB_DEFAULTS) -> Path:
    """The file of that name of a model: "bundled", "bundled:NAME", a folder or a Hub id (downloaded if need be).

    Raises:
        CheckpointError: there is no such model, or it has no such file.
    """
    path = find(ref, options.subfolder)
    if path is None:
        return hub.download_file(str(ref), filename, options)
    if path.is_file() and path.name != filename:
        raise CheckpointError(f"{path} is a single file and has no {filename}; name the folder that holds both")
    found = path if path.is_file() else path / filename
    if not found.is_file():
        raise CheckpointError(f"the folder {path} has no {filename}; it holds {listing(path)}")
    return found


def find(ref: str | Path, subfolder: str = "") -> Path | None:
    """Where ``ref``, or a folder within it, is on this machine, a folder or a file; None for a Hub id.

    Raises:
        CheckpointError: it is neither here nor a Hub id.
    """
    name = str(ref)
    if name == "bundled" or name.startswith("bundled:"):
        return _bundled(name.partition(":")[2])
    path = Path(os.path.expanduser(ref))
    if name and os.path.exists(path):  # unlike Path.exists, False for a name no file could have
        if subfolder and not (path / subfolder).is_dir():
            raise CheckpointError(f"the folder {path} has no folder {subfolder}; it holds {listing(path)}")
        return path / subfolder
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
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return shorten(names) if names else "nothing"
