"""What goes with a checkpoint's weights: its configuration, and its download. Without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cvt import hub
from cvt.checkpoint_architecture import complete_fields, fields_from_shapes
from cvt.checkpoint_files import WEIGHTS_NAMES
from cvt.checkpoint_match import Weights
from cvt.config import CvtConfig, read_fields
from cvt.errors import ConfigError
from cvt.files import json_text
from cvt.hub import HUB_DEFAULTS, HubOptions
from cvt.presets import PRESETS

__all__ = ["choose_config", "config_text", "download"]


def choose_config(
    given: CvtConfig | str | None, fields: dict[str, Any] | None, weights: Weights, overrides: dict[str, Any]
) -> CvtConfig:
    """The caller's configuration, else the file's, else what the shapes tell."""
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.tensors.items()}
    if weights.layout == "microsoft" and not (given is None and fields is not None and "hidden_act" in fields):
        overrides = {"hidden_act": "quick_gelu", **overrides}  # a CvtConfig's default says nothing of it
    if isinstance(given, CvtConfig):
        return CvtConfig.from_dict(given.to_dict(), **overrides)
    if given is not None:
        if given not in PRESETS:
            raise ConfigError(f"config={given!r} must be a CvtConfig or one of {', '.join(map(repr, PRESETS))}")
        settled = fields_from_shapes(shapes)
        labels = {"num_labels": settled["num_labels"]} if "num_labels" in settled else {}
        return CvtConfig.from_dict({**PRESETS[given], **labels}, **overrides)
    return CvtConfig.from_dict(complete_fields(shapes) if fields is None else fields, **overrides)


def download(repo_id: str, options: HubOptions = HUB_DEFAULTS, names: Sequence[str] = WEIGHTS_NAMES) -> Path:
    """The local folder with a Hub repository's ``config.json`` and weights, the first of ``names`` that it has.

    Raises:
        CheckpointError: there is no such model, it is another kind of model, or the Hub does not answer.
    """
    config = hub.download_file(repo_id, "config.json", options)
    read_fields(config)  # refuses another architecture before its weights are downloaded
    return hub.download_model(repo_id, hub.at_commit(options, config), names=names)


def config_text(config: CvtConfig, architecture: str, dtype: str) -> str:
    """``config.json`` of a saved model: the configuration, the class that transformers makes of it, and a dtype."""
    fields = config.to_dict()
    fields.pop("torch_dtype", None)  # the older name of dtype, with which transformers decides what to load into
    fields |= {"architectures": [architecture], "dtype": dtype}
    return json_text(fields)
