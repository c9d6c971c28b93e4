"""Writing a model in the layout of transformers, so that no reader ever sees half of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from cvt.checkpoint_files import WEIGHTS_NAMES
from cvt.checkpoint_keys import from_ours
from cvt.checkpoint_source import config_text
from cvt.config import CvtConfig
from cvt.errors import CheckpointError, ConfigError
from cvt.files import json_text, write_whole

__all__ = ["save_model"]

_SHARD = re.compile(r"(model|pytorch_model)-\d{5}-of-\d{5}\.(safetensors|bin)")


def save_model(
    tensors: Mapping[str, Tensor],
    config: CvtConfig,
    folder: Path,
    *,
    safe_serialization: bool = True,
    max_shard_size: int | str = "50GB",
) -> None:
    """Write ``config.json`` and the weights; see :meth:`cvt.CvtModel.save_pretrained`.

    Args:
        tensors: by our names, with "cvt." in front also where there is no classification head.
        config: what they belong to.
        folder: made if missing; weights of other names that it holds are deleted, since they would be stale.
        safe_serialization: safetensors, or else what ``torch.save`` writes.
        max_shard_size: in bytes, or as "200MB"; weights that exceed it are split.

    Raises:
        CheckpointError: the folder cannot be written.
        ConfigError: ``max_shard_size`` is no size.
    """
    has_head = "classifier.weight" in tensors
    named = {name: from_ours(name, "transformers") for name in tensors}
    theirs = {
        name if has_head else name.removeprefix("cvt."): tensors[ours].detach().contiguous()
        for ours, name in named.items()
    }
    dtype = next(tensor.dtype for tensor in theirs.values() if tensor.is_floating_point())
    architecture = "CvtForImageClassification" if has_head else "CvtModel"
    text = config_text(config, architecture, str(dtype).removeprefix("torch."))
    stem, suffix = ("model", "safetensors") if safe_serialization else ("pytorch_model", "bin")
    try:
        shards = split_torch_state_dict_into_shards(
            theirs, filename_pattern=f"{stem}{{suffix}}.{suffix}", max_shard_size=max_shard_size
        )
    except (ValueError, TypeError) as error:
        raise ConfigError(f"max_shard_size={max_shard_size!r} must be a number of bytes, or as '200MB'") from error
    index = {"metadata": shards.metadata, "weight_map": shards.tensor_to_filename}
    written = set(shards.filename_to_tensors)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for filename, names in shards.filename_to_tensors.items():
            _write(folder / filename, {name: theirs[name] for name in names})
        if shards.is_sharded:
            written.add(f"{stem}.{suffix}.index.json")
            write_whole(
                folder / f"{stem}.{suffix}.index.json",
                lambda path: path.write_text(json_text(index), encoding="utf-8"),
            )
        write_whole(folder / "config.json", lambda path: path.write_text(text, encoding="utf-8"))
        for path in folder.iterdir():
            if path.name not in written and (path.name in WEIGHTS_NAMES or _SHARD.fullmatch(path.name)):
                path.unlink()
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot save into {folder}: {error}") from error


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    if path.suffix == ".safetensors":
        write_whole(path, lambda unfinished: save_file(tensors, unfinished, metadata={"format": "pt"}))
    else:
        write_whole(path, lambda unfinished: torch.save({n: t.cpu() for n, t in tensors.items()}, unfinished))
