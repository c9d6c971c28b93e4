"""What close-ups compute with: the weights of one part of a network, and what one photo did there.

A piece is a group of arrays under one name. Stages and blocks count from 0 here, as in the network's own paths:

- ``pixels``: the model's input as bytes, ``[height, width, 3]``
- ``stages.{s}.embedding``: weights of the convolutional token embedding, by their names below ``embedding``
- ``stages.{s}.output``: the stage's feature map, ``[channels, rows, columns]``
- ``stages.{s}.added``: lengths of what attention and MLP of each block add to each token, ``[blocks, 2, tokens]``
- ``stages.{s}.layers.{l}.input``: the tokens that enter a block, ``[tokens, channels]``, CLS first where there is one
- ``stages.{s}.layers.{l}.attention``, ``….mlp``: the block's weights, each with those of the norm before it
- ``classifier``: weights of the last norm and of the classifier
- ``gathered``: what the classifier reads. With CLS: ``start``, ``[channels]``, what ``attention`` and ``mlp`` of each
  block of the last stage add to it, ``[blocks, channels]``, and its attention there, mean of heads, ``gaze``,
  ``[blocks, keys]``. Without: the last stage's ``tokens``, ``[tokens, channels]``.
- ``labels``: names of all classes
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cvt.config import CvtConfig
from cvt.errors import ConfigError
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.probe import record
from cvt.tracing import Trace
from visualize.attention import attention_rows

from .models import LoadedModel

__all__ = ["Piece", "input_bytes", "normalisation", "piece_names", "pieces"]

Piece = dict[str, np.ndarray] | list[str]
"""Arrays by their names; of ``labels`` the names themselves."""


def piece_names(config: CvtConfig) -> list[str]:
    """The names of all pieces of a network."""
    names = ["pixels", "classifier", "gathered", "labels"]
    for stage, depth in enumerate(config.depth):
        names += [f"stages.{stage}.{part}" for part in ("embedding", "output", "added")]
        names += [f"stages.{stage}.layers.{layer}.{part}" for layer in range(depth) for part in LAYER_PARTS]
    return names


LAYER_PARTS = ("input", "attention", "mlp")


def pieces(loaded: LoadedModel, trace: Trace, names: Sequence[str]) -> dict[str, Piece]:
    """Pieces by their names. The network runs once, where any of them is about the photo.

    Raises:
        ConfigError: there is no piece of that name.
    """
    unknown = set(names) - set(piece_names(loaded.model.config))
    if unknown:
        raise ConfigError(f"{sorted(unknown)[0]!r} is no piece of this network")
    with torch.inference_mode():
        heard = _heard(loaded.model, trace) if any(_is_heard(name) for name in names) else {}
        return {name: _piece(loaded, trace, name, heard) for name in names}


def _is_heard(name: str) -> bool:
    return name == "gathered" or name.endswith((".output", ".added", ".input"))


def _heard(model: CvtForImageClassification, trace: Trace) -> dict[str, Tensor]:
    """What passes the network's probes for the photo; paths begin with ``stages``."""
    pixels = torch.from_numpy(trace.pixel_values.copy())[None].to(model.device, model.dtype)
    with record(model, "stages.*.output", "layers.*.attention.context") as heard:
        model(pixels)
    return {name.removeprefix("cvt.encoder."): value for name, value in heard.items()}


def _piece(loaded: LoadedModel, trace: Trace, name: str, heard: dict[str, Tensor]) -> Piece:
    model = loaded.model
    if name == "pixels":
        return {"pixels": input_bytes(loaded.processor, trace.pixel_values)}
    if name == "labels":
        return [trace.label(index) for index in range(model.config.num_labels)]
    if name == "classifier":
        return _weights(model, ("layernorm.", "classifier."))
    if name == "gathered":
        return _gathered(model, trace, heard)
    _, stage, *inner, part = name.split(".")
    if inner:
        layer = int(inner[1])
        if part == "input":
            return {"tokens": _array(_entering(model, int(stage), layer, heard)[0])}
        block = model.get_submodule(f"cvt.encoder.stages.{stage}.layers.{layer}")
        return _weights(block, (f"{part}_norm.", f"{part}."))
    if part == "embedding":
        return _weights(model.get_submodule(f"cvt.encoder.stages.{stage}.embedding"), ("",))
    if part == "output":
        return {"map": _array(heard[f"stages.{stage}.output"][0])}
    added = _added(model, int(stage), heard)
    return {"added": _array(torch.stack([torch.stack(pair).norm(dim=-1) for pair in added]))}


def input_bytes(processor: CvtImageProcessor, pixel_values: np.ndarray) -> np.ndarray:
    """The model's input before it was rescaled and normalised, ``[height, width, 3]``: bytes, as all photos are."""
    factor, mean, deviation = normalisation(processor)
    values = pixel_values.astype(np.float64).transpose(1, 2, 0) * deviation + mean
    return np.rint(values / factor).clip(0, 255).astype(np.uint8)


def normalisation(processor: CvtImageProcessor) -> tuple[float, list[float], list[float]]:
    """How a byte becomes what the network gets, ``(byte * factor - mean) / deviation``: factor, mean, deviation."""
    factor = processor.rescale_factor if processor.do_rescale else 1.0
    if not processor.do_normalize:
        return factor, [0.0] * 3, [1.0] * 3
    return factor, list(processor.image_mean), list(processor.image_std)


def _weights(module: torch.nn.Module, prefixes: tuple[str, ...]) -> dict[str, np.ndarray]:
    return {
        name: _array(value)
        for name, value in module.state_dict().items()
        if name.startswith(prefixes) and value.is_floating_point()
    }


def _entering(model: CvtForImageClassification, stage: int, layer: int, heard: dict[str, Tensor]) -> Tensor:
    """The tokens that enter a layer, ``[1, tokens, channels]``."""
    if layer:
        return heard[f"stages.{stage}.layers.{layer - 1}.output"]
    tokens = _tokens(heard[f"stages.{stage}.embedding.output"])
    if not model.config.cls_token[stage]:
        return tokens
    return torch.cat([model.get_parameter(f"cvt.encoder.stages.{stage}.cls_token"), tokens], dim=1)


def _tokens(feature_map: Tensor) -> Tensor:
    """A map ``[1, channels, rows, columns]`` as tokens ``[1, tokens, channels]``."""
    return feature_map.flatten(2).transpose(1, 2)


def _added(model: CvtForImageClassification, stage: int, heard: dict[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """What attention and MLP of each layer of a stage add to its tokens, each ``[tokens, channels]``."""
    result = []
    for index in range(model.config.depth[stage]):
        path = f"stages.{stage}.layers.{index}"
        context = heard[f"{path}.attention.context"].transpose(1, 2).flatten(2)
        attention = model.get_submodule(f"cvt.encoder.{path}.attention.output_linear")(context)
        mlp = heard[f"{path}.output"] - _entering(model, stage, index, heard) - attention
        result.append((attention[0], mlp[0]))
    return result


def _gathered(model: CvtForImageClassification, trace: Trace, heard: dict[str, Tensor]) -> dict[str, np.ndarray]:
    last = len(trace.stages) - 1
    if not trace.stages[last].has_cls:
        return {"tokens": _array(_tokens(heard[f"stages.{last}.output"])[0])}
    added = _added(model, last, heard)
    return {
        "start": _array(_entering(model, last, 0, heard)[0, 0]),
        "attention": _array(torch.stack([attention[0] for attention, _ in added])),
        "mlp": _array(torch.stack([mlp[0] for _, mlp in added])),
        "gaze": np.stack([next(attention_rows(trace.stages[last], block))[1][0] for block in range(len(added))]),
    }


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())
