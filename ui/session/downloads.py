"""Files to take home."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from cvt.errors import ConfigError
from cvt.tracing import Trace
from visualize.export import save_arrays, save_summary
from visualize.report import report

from .models import LoadedModel

__all__ = ["KINDS", "take_home"]

KINDS = ("png", "pdf", "svg", "npz", "json")


def take_home(loaded: LoadedModel, seen: Trace, kind: str, language: str = "en") -> Path:
    """A file of a look: a sheet ("png", "pdf" or "svg"), the arrays ("npz") or a summary ("json").

    Args:
        seen: traced with the class the evidence is for.

    Raises:
        ConfigError: there is no such kind.
    """
    if kind not in KINDS:
        raise ConfigError(f"file kind {kind!r} must be one of {', '.join(KINDS)}")
    name = loaded.entry.title
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"cvt-explorer.{kind}"
        if kind == "npz":
            save_arrays(seen, path, model_name=name)
        elif kind == "json":
            save_summary(seen, path, model_name=name, language=language)
        else:
            report(seen, path, model_name=name, language=language)
        return Path(save_bytes_to_cache(path.read_bytes(), path.name, get_upload_folder()))
