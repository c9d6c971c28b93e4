"""Loading PyTorch models: the one strict loader behind every ``from_pretrained``.

A model comes from the package ("bundled"), a local folder or a Hub repository in transformers' layout, or a single
file of weights, which may be Microsoft's original ``.pth``. Every tensor must be there, be known and have its shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from cvt.checkpoint_files import WEIGHTS_NAMES, find_weights, read_tensors
from cvt.checkpoint_match import Weights, match, name_tensors
from cvt.checkpoint_source import choose_config, download
from cvt.config import CvtConfig, read_fields
from cvt.device import choose_device
from cvt.errors import CheckpointError, ConfigError
from cvt.hub import HUB_DEFAULTS, HubOptions
from cvt.initialisation import initialise
from cvt.locations import find, listing

__all__ = ["load_model"]

ModelType = TypeVar("ModelType", bound=nn.Module)


def load_model(
    cls: type[ModelType],
    ref: str | Path,
    *,
    config: CvtConfig | str | None = None,
    dtype: torch.dtype | str | None = None,
    device_map: Any = None,
    use_safetensors: bool | None = None,
    ignore_mismatched_sizes: bool = False,
    options: HubOptions = HUB_DEFAULTS,
    **config_overrides: Any,
) -> tuple[ModelType, dict[str, Any]]:
    """A model with its weights, in evaluation mode, and how they matched; see :meth:`cvt.CvtModel.from_pretrained`.

    A ``.pth`` in Microsoft's layout computes with QuickGELU, as it was trained, unless ``hidden_act`` is overridden.

    Raises:
        CheckpointError: nothing is found, it cannot be read or trusted, or its tensors do not fit.
        ConfigError: the configuration is not valid, or an argument is not allowed.
    """
    wanted, device = _wanted_dtype(dtype), _wanted_device(device_map)
    names = tuple(name for name in WEIGHTS_NAMES if use_safetensors in (None, "safetensors" in name))
    path = find(ref, options.subfolder) or download(str(ref), options, names)
    fields = read_fields(path / "config.json") if config is None and (path / "config.json").is_file() else None
    weights = _read_weights(path, names, as_stored=wanted == "auto")
    chosen = choose_config(config, fields, weights, config_overrides)
    with torch.device("meta"):  # no memory, no time: the checkpoint's own tensors become the parameters
        model = cls(chosen)
    prefix = "" if hasattr(model, "classifier") else "cvt."  # the key maps know the names of a classifier
    expected = {prefix + name: tensor.shape for name, tensor in model.state_dict().items()}
    for name in expected.keys() - weights.tensors.keys():
        if name.endswith("num_batches_tracked"):  # counts batches in training; older checkpoints lack it
            weights.tensors[name] = torch.zeros((), dtype=torch.int64)
    tensors, fresh = match(expected, weights, chosen, cls.__name__, ignore_mismatched_sizes)
    for name in fresh:
        _draw(model.get_submodule(name), chosen.initializer_range)
        tensors |= {f"{name}.{leaf}": tensor for leaf, tensor in model.get_submodule(name).state_dict().items()}
    model.load_state_dict({name.removeprefix(prefix): t for name, t in tensors.items()}, strict=True, assign=True)
    if wanted == "auto":
        wanted = _stored_dtype(chosen, tensors)
    return model.to(device, wanted).eval(), _loading_info(expected, weights.tensors, prefix)


def _wanted_dtype(dtype: torch.dtype | str | None) -> Any:
    """A dtype of PyTorch, or "auto"; float32 where nothing is asked for."""
    if dtype is None or dtype == "auto":
        return dtype or torch.float32
    found = getattr(torch, dtype.removeprefix("torch."), None) if isinstance(dtype, str) else dtype
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ConfigError(f"dtype={dtype!r} must be 'auto' or a floating-point type, such as torch.bfloat16")
    return found


def _stored_dtype(config: CvtConfig, tensors: Mapping[str, Tensor]) -> torch.dtype:
    """What the configuration says that the weights are; else what most of them are."""
    told = config.extra.get("dtype") or config.extra.get("torch_dtype")
    if told:
        found: torch.dtype = _wanted_dtype(told)
        return found
    return next(tensor.dtype for tensor in tensors.values() if tensor.is_floating_point())


def _wanted_device(device_map: Any) -> torch.device:
    """The one device of a ``device_map``: "auto", a device, or ``{"": device}``; the CPU where nothing is asked for."""
    if isinstance(device_map, Mapping):
        if set(device_map) != {""}:
            raise ConfigError(f"device_map={device_map!r} spreads the model; a CvT goes to one device as a whole")
        device_map = device_map[""]
    if device_map is None:
        return torch.device("cpu")
    if isinstance(device_map, int) and not isinstance(device_map, bool):
        device_map = f"cuda:{device_map}"
    return choose_device("auto" if device_map in ("balanced", "sequential") else str(device_map))


def _read_weights(path: Path, names: tuple[str, ...], as_stored: bool) -> Weights:
    """Every tensor of a weights file or of a folder, by our names."""
    files = [path] if path.is_file() else find_weights(path, names)
    if files is None:
        raise CheckpointError(f"the folder {path} has none of {', '.join(names)}; it holds {listing(path)}")
    read: dict[str, Tensor] = {}
    for file in files:
        read |= read_tensors(file, as_stored)
    return name_tensors(str(path), read)


def _draw(module: nn.Module, std: float) -> None:
    """Real memory for a module of the head, initialised as in a new model."""
    module.to_empty(device="cpu")
    module.reset_parameters()  # type: ignore[operator]
    initialise(module, std)


def _loading_info(
    expected: Mapping[str, torch.Size], found: Mapping[str, Tensor], prefix: str
) -> dict[str, set[Any] | list[str]]:
    """What ``output_loading_info=True`` gives; the names are the model's own."""
    misshapen = (name for name in expected.keys() & found.keys() if found[name].shape != expected[name])
    return {
        "missing_keys": {name.removeprefix(prefix) for name in expected.keys() - found.keys()},
        "unexpected_keys": set(found.keys() - expected.keys()),
        "mismatched_keys": {(name, found[name].shape, expected[name]) for name in misshapen},
        "error_msgs": [],
    }
