"""A trace's numbers for other programs: arrays as NPZ, a summary as JSON, and the set of maps both of them hold.

The NPZ file, schema version 2, is read by :func:`visualize.load`, or by ``numpy.load(path, allow_pickle=False)``. Names
count from 0, as the library does; ``{s}`` is a stage, ``{b}`` a block.

====================================  ==============================================================================
``schema``                            "cvt-explorer 2"
``settings``                          JSON text: ``model``, ``config`` (the model's ``config.json``), ``target``
``labels``                            class names, ``[num_labels]``
``logits``, ``probabilities``         ``[num_labels]``
``crop``                              photo height and width, resized height and width, top, left, height, width, in
                                      pixels (:class:`cvt.geometry.CropGeometry`)
``stages.{s}.feature_map``            output without CLS, ``[channels, rows, columns]``
``stages.{s}.tokens``, ``.keys``      grids: rows, columns, stride, offset, receptive field, in model pixels
``stages.{s}.has_cls``, ``.scale``    whether CLS stands first among queries and keys; factor of the attention logits
``stages.{s}.blocks.{b}.query``       ``[heads, queries, channels / heads]``
``stages.{s}.blocks.{b}.key``         ``[heads, keys, channels / heads]``
``stages.{s}.blocks.{b}.value``       ``[heads, keys, channels / heads]``, of a trace with a target
``maps.{name}``                       every map of :func:`standard_maps`, ``[rows, columns]``
``maps.{name}.grid``                  its grid, as above
``maps.{name}.about``                 JSON text: the map's kind, name, unit, baseline, share of CLS, details and total
====================================  ==============================================================================

Attention is ``softmax(query @ key.T * scale)`` over the last axis. All numbers are float32, but for grids (float64),
``crop`` (int64) and ``has_cls`` (bool).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cvt.errors import ConfigError
from visualize.attention import attention_heads, attention_received
from visualize.class_evidence import class_evidence, pixel_evidence
from visualize.describe import describe
from visualize.feature_maps import feature_map
from visualize.heatmap import Heatmap
from visualize.loading import SCHEMA
from visualize.methods import METHODS
from visualize.rollout import rollout

if TYPE_CHECKING:
    from cvt.geometry import CropGeometry, Grid
    from cvt.tracing import Trace

__all__ = ["SCHEMA", "save_arrays", "save_summary", "standard_maps", "summary"]

_ABOUT = ("kind", "name", "unit", "baseline", "cls_share", "details", "total")


def standard_maps(trace: Trace, first: Literal[0, 1] = 0) -> dict[str, Heatmap]:
    """The maps that tell most about a trace, by name; stages and heads count from ``first``.

    ``feature_norm.{s}`` and ``attention_received.{s}`` (last block) of every stage, ``cls_attention.{h}`` of every
    head of the last block where it has CLS, ``rollout``; with a target the rollout is for that class, and there are
    ``class_evidence``, the best map of it, ``pixel_evidence``, and ``{method}.{s}`` of every method of
    :data:`visualize.methods.METHODS` that explains a class in a stage.
    """
    stages = list(enumerate(range(len(trace.stages)), first))
    maps = {f"feature_norm.{number}": feature_map(trace, s) for number, s in stages}
    maps |= {f"attention_received.{number}": attention_received(trace, s, -1) for number, s in stages}
    if trace.stages[-1].has_cls:
        heads = attention_heads(trace, -1, -1, "cls")
        maps |= {f"cls_attention.{number}": head_map for number, head_map in enumerate(heads, first)}
    maps["rollout"] = rollout(trace, for_class=trace.target is not None)
    if trace.target is not None:
        maps |= {"class_evidence": class_evidence(trace), "pixel_evidence": pixel_evidence(trace)}
        for entry in METHODS.values():
            if entry.needs_target and entry.shown != "whole":
                maps |= {f"{entry.id}.{number}": entry.map_of(trace, stage=s) for number, s in stages}
    return maps


def save_arrays(trace: Trace, path: str | Path, *, model_name: str = "") -> None:
    """Write a trace's arrays to an NPZ file; this module's documentation is its schema.

    Raises:
        ConfigError: the path does not end in ".npz".
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise ConfigError(f"{str(path)!r} must end in '.npz'")
    settings = {"model": model_name, "config": trace.config.to_dict(), "target": trace.target}
    arrays: dict[str, Any] = {
        "schema": SCHEMA,
        "settings": json.dumps(settings, ensure_ascii=False),
        "labels": np.array([trace.label(index) for index in range(len(trace.logits))]),
        "logits": trace.logits,
        "probabilities": trace.probabilities,
        "crop": np.array(_crop_numbers(trace.crop)),
    }
    for index, stage in enumerate(trace.stages):
        name = f"stages.{index}."
        arrays[name + "feature_map"] = stage.feature_map
        arrays[name + "tokens"] = _grid_numbers(stage.geometry.tokens)
        arrays[name + "keys"] = _grid_numbers(stage.geometry.keys)
        arrays[name + "has_cls"] = stage.has_cls
        arrays[name + "scale"] = np.float32(stage.scale)
        for number, block in enumerate(stage.blocks):
            arrays[f"{name}blocks.{number}.query"] = block.query
            arrays[f"{name}blocks.{number}.key"] = block.key
            if block.value is not None:
                arrays[f"{name}blocks.{number}.value"] = block.value
    for name, heatmap in standard_maps(trace).items():
        arrays[f"maps.{name}"] = heatmap.values.astype(np.float32, copy=False)
        arrays[f"maps.{name}.grid"] = _grid_numbers(heatmap.grid)
        about = {field: getattr(heatmap, field) for field in _ABOUT}
        arrays[f"maps.{name}.about"] = json.dumps(about, ensure_ascii=False)
    with path.open("wb") as file:
        np.savez(file, **arrays)


def summary(trace: Trace, *, model_name: str = "", photo_name: str = "", language: str = "en") -> dict[str, Any]:
    """What a trace says, as plain JSON types: prediction, geometry, and every standard map in words and numbers.

    People read it, so stages, blocks, heads, rows and columns count from 1; ``index`` is the model's number of a class.

    Raises:
        ConfigError: there is no such language.
    """
    crop = ("photo_height", "photo_width", "resized_height", "resized_width", "top", "left", "height", "width")
    return {
        "schema": SCHEMA,
        "model": model_name,
        "photo": photo_name,
        "prediction": [
            {"index": index, "label": trace.label(index), "probability": probability}
            for index, probability in trace.top()
        ],
        "target": None if trace.target is None else {"index": trace.target, "label": trace.label(trace.target)},
        "crop": dict(zip(crop, _crop_numbers(trace.crop), strict=True)),
        "stages": [
            {
                "tokens": list(stage.geometry.tokens.shape),
                "keys": list(stage.geometry.keys.shape),
                "stride": stage.geometry.tokens.stride,
                "offset": stage.geometry.tokens.offset,
                "receptive_field": stage.geometry.tokens.receptive_field,
                "blocks": len(stage.blocks),
                "heads": len(stage.blocks[0].query),
                "has_cls": stage.has_cls,
            }
            for stage in trace.stages
        ],
        "maps": {name: _map_summary(heatmap, language) for name, heatmap in standard_maps(trace, 1).items()},
    }


def save_summary(
    trace: Trace, path: str | Path, *, model_name: str = "", photo_name: str = "", language: str = "en"
) -> None:
    """Write :func:`summary` as a JSON file."""
    told = summary(trace, model_name=model_name, photo_name=photo_name, language=language)
    Path(path).write_text(json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _map_summary(heatmap: Heatmap, language: str) -> dict[str, Any]:
    row, column = np.unravel_index(int(heatmap.values.argmax()), heatmap.values.shape)
    return {
        "name": heatmap.name,
        "kind": heatmap.kind,
        "unit": heatmap.unit,
        "details": heatmap.details,
        "description": describe(heatmap, language),
        "shape": list(heatmap.values.shape),
        "smallest": float(heatmap.values.min()),
        "largest": float(heatmap.values.max()),
        "mean": float(heatmap.values.mean(dtype=np.float64)),
        "largest_at": [int(row) + 1, int(column) + 1],
        "baseline": heatmap.baseline,
        "cls_share": heatmap.cls_share,
    }


def _grid_numbers(grid: Grid) -> np.ndarray:
    return np.array([grid.rows, grid.columns, grid.stride, grid.offset, grid.receptive_field], dtype=np.float64)


def _crop_numbers(crop: CropGeometry) -> list[int]:
    return [*crop.photo, *crop.resized, crop.top, crop.left, crop.height, crop.width]
