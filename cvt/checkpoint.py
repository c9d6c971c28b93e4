"""Loading and saving PyTorch models: the one strict loader behind every ``from_pretrained``.

A model comes from the package ("bundled"), a local folder or a Hub repository in transformers' layout, or a single
file of weights, which may be Microsoft's original ``.pth``. Every tensor must be there, be known and have its shape.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from cvt.checkpoint_files import WEIGHTS_NAMES, find_weights, read_tensors
from cvt.checkpoint_keys import from_ours
from cvt.checkpoint_match import Weights, match, name_tensors
from cvt.checkpoint_source import choose_config, config_text, download
from cvt.config import CvtConfig, read_fields
from cvt.errors import CheckpointError
from cvt.files import write_whole
from cvt.initialisation import initialise
from cvt.locations import find, listing

__all__ = ["load_model", "save_model"]

ModelType = TypeVar("ModelType", bound=nn.Module)


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
    path = find(ref) or download(str(ref), revision)
    fields = read_fields(path / "config.json") if config is None and (path / "config.json").is_file() else None
    weights = _read_weights(path)
    chosen = choose_config(config, fields, weights, config_overrides)
    with torch.device("meta"):  # no memory, no time: the checkpoint's own tensors become the parameters
        model = cls(chosen)
    prefix = _prefix(model)
    expected = {prefix + name: tensor.shape for name, tensor in model.state_dict().items()}
    for name in expected.keys() - weights.tensors.keys():
        if name.endswith("num_batches_tracked"):  # counts batches in training; older checkpoints lack it
            weights.tensors[name] = torch.zeros((), dtype=torch.int64)
    tensors, fresh = match(expected, weights, chosen, cls.__name__, ignore_mismatched_sizes)
    for name in fresh:
        _draw(model.get_submodule(name), chosen.initializer_range)
        tensors |= {f"{name}.{leaf}": tensor for leaf, tensor in model.get_submodule(name).state_dict().items()}
    model.load_state_dict({name.removeprefix(prefix): t for name, t in tensors.items()}, strict=True, assign=True)
    return model.eval()


def _read_weights(path: Path) -> Weights:
    """Every tensor of a weights file or of a folder, by our names."""
    files = [path] if path.is_file() else find_weights(path)
    if files is None:
        raise CheckpointError(f"the folder {path} has none of {', '.join(WEIGHTS_NAMES)}; it holds {listing(path)}")
    read: dict[str, Tensor] = {}
    for file in files:
        read |= read_tensors(file)
    return name_tensors(str(path), read)


def _prefix(model: nn.Module) -> str:
    """What stands before a model's own tensor names in the key maps, which know those of a classifier."""
    return "" if hasattr(model, "classifier") else "cvt."


def _draw(module: nn.Module, std: float) -> None:
    """Real memory for a module of the head, initialised as in a new model."""
    module.to_empty(device="cpu")
    module.reset_parameters()  # type: ignore[operator]
    initialise(module, std)


def save_model(model: nn.Module, config: CvtConfig, folder: str | Path) -> None:
    """Write ``config.json`` and ``model.safetensors`` in transformers' layout; each file appears whole or not at all.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    has_head = hasattr(model, "classifier")
    dtype = next(model.parameters()).dtype
    tensors = {}
    for name, tensor in model.state_dict().items():
        theirs = from_ours(name, "transformers")
        tensors[theirs if has_head else theirs.removeprefix("cvt.")] = tensor.detach().contiguous()
    architecture = "CvtForImageClassification" if has_head else "CvtModel"
    text = config_text(config, architecture, str(dtype).removeprefix("torch."))
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "model.safetensors", lambda path: save_file(tensors, path, metadata={"format": "pt"}))
        write_whole(folder / "config.json", lambda path: path.write_text(text, encoding="utf-8"))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot save into {folder}: {error}") from error
