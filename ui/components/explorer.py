"""The explorer as a Gradio component, and what its browser side gets of a trace.

The page gives it values and hears one event::

    explorer = Explorer()
    ...
    yield explorer_value(trace, model_name=name, example=example)          # a first picture within 0.3 s

    @explorer.evidence(inputs=[...], outputs=explorer, show_progress="hidden")
    def answer(..., event: gr.EventData):                                   # somebody asks for another class
        index = requested_class(event, len(config.id2label))
        return with_evidence(value, trace(model, processor, photo, target=index))

In the browser the root is ``#explorer`` (the component brings it; give no ``elem_id``), with the attributes of the
design's contract, which count from 1 as the address does, and an object ``explorer``, which counts as Python does::

    await root.explorer.open({ stage, block, head, view, query, target })  # any of them
    await root.explorer.attentionRow(stage, block, head, query)            # Float32Array, CLS first where it exists
    root.explorer.setUrl({ example, model })                               # null removes; the explorer owns the address
    root.explorer.parameters                                               # what the address said at first

``view`` is one of "attention", "attention_cls", "attention_received", "feature", "similarity", "rollout" and
"class_evidence". Whenever what is shown changes, the root dispatches ``explorer:change``, with stage, block, head and
view in ``detail``.

Attention itself never travels. Each block is one file of half-precision numbers, its queries
``[heads, queries, channels / heads]`` followed by its keys ``[heads, keys, channels / heads]``, little-endian, CLS
first where the stage has one; the browser works out the rows that somebody looks at. Every file's name in the cache
comes from its content, so the files of a photo that is opened again are the same files.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.data_classes import FileData, GradioModel
from PIL import Image
from pydantic import Field

from cvt.errors import ConfigError
from cvt.geometry import CropGeometry, Grid
from cvt.tracing import StageTrace, Trace
from visualize.heatmap import Heatmap
from visualize.methods import METHODS, map_of, methods_shown

from ..examples import credit_line
from ..session.measured import MeasuredMap
from .cached import cached_file, cached_picture
from .part import Part

__all__ = [
    "ClassData",
    "Explorer",
    "ExplorerData",
    "explorer_value",
    "requested_class",
    "requested_contrast",
    "with_evidence",
    "with_figure",
]

DISPLAY_SIDE = 1280
"""Longest side, in pixels, of the photo that is shown; the whole photo is fetched when a picture is saved."""

FEATURE_LEVELS = 64
"""Levels from a channel's smallest to its largest value: enough for eye and cosine, and a third smaller than 256."""

CLASSES = 10
"""How many of the most probable classes the explorer offers."""

WHOLE = tuple(entry.id for entry in METHODS.values() if entry.family == "evidence" and entry.shown == "whole")
"""Methods of class evidence that answer for the network, whatever the stage."""


class MapData(GradioModel):
    """A map worked out by the server. ``stage`` is from 0; None where the map belongs to no single stage."""

    grid: Grid
    kind: str
    baseline: float | None
    cls_share: float | None
    stage: int | None
    method: str


class MapsData(GradioModel):
    """Maps that share one file of levels (:func:`levels`), one after the other."""

    file: FileData
    maps: list[MapData]


class ClassData(GradioModel):
    """A class the explorer can be asked about."""

    index: int
    label: str
    probability: float


class EvidenceData(GradioModel):
    """Where the evidence for one class lies: a map for each stage's methods, and those of the whole network.

    ``against`` is the class that it was held against; None for the mean of all.
    """

    index: int
    against: int | None
    maps: MapsData


class StageData(GradioModel):
    """One stage; ``features`` is a file of levels (:func:`levels`), one map per channel; ``methods`` show evidence."""

    tokens: Grid
    queries: Grid
    keys: Grid
    has_cls: bool
    heads: int
    channels: int
    scale: float
    blocks: list[FileData]
    features: FileData
    methods: list[str]


class FigureData(GradioModel):
    """A figure to take home; ``made`` as in :class:`ExplorerData`, for the browser takes each once."""

    made: float
    file: FileData


class ExplorerData(GradioModel):
    """A trace as the browser gets it.

    Attributes:
        key: names photo, model and resolution by their content; values with the same key differ at most in their maps.
        made: seconds since 1970; the browser drops a value of another key that is older than what it has.
        model, example: for the address; ``example`` is None for a photo that somebody brought.
        credit: whose photo it is, by language; nothing of a photo that somebody brought.
        photo: the photo, at most 1,280 pixels wide or high.
        original: the photo at its full size, where that is larger.
        methods: what shows class evidence of the network as a whole, best first; the rollout is a view of its own.
        contrasting: the methods that can hold one class against another.
        measured: how faithful the methods' maps of this model are over many photos, where that was measured.
        figure: of the view on the screen, where somebody has just asked for one.
    """

    key: str
    made: float
    model: str
    example: str | None
    credit: dict[str, str]
    photo: FileData
    original: FileData | None
    crop: CropGeometry
    stages: list[StageData]
    methods: list[str]
    contrasting: list[str]
    measured: list[MeasuredMap]
    class_count: int
    classes: list[ClassData]
    evidence: list[EvidenceData] = Field(default_factory=list)
    figure: FigureData | None = None


class Explorer(Part):
    """Attention, features, rollout and class evidence of one photo, drawn in the browser as the pointer moves."""

    part = "explorer"
    raises = ("evidence", "figure")
    data_model = ExplorerData


def explorer_value(
    trace: Trace, *, model_name: str, example: str | None = None, measured: Sequence[MeasuredMap] = ()
) -> ExplorerData:
    """A trace as the explorer's value. Fast: no map is worked out here; :func:`with_evidence` adds some.

    Args:
        trace: a traced photo.
        model_name: the ``model`` of the address.
        example: the ``example`` of the address, for a photo that comes with the page; an uploaded photo has None and
            never appears in a link.
        measured: figures of the model's maps.
    """
    count = len(trace.stages)
    stages = [_stage(stage, _evidence_methods(index, count)) for index, stage in enumerate(trace.stages)]
    digest = hashlib.sha256(trace.photo.tobytes() + trace.logits.tobytes() + model_name.encode())
    digest.update("".join(block.path for stage in stages for block in stage.blocks).encode())
    photo = Image.fromarray(trace.photo)
    large = max(photo.size) > DISPLAY_SIDE
    chosen = [index for index in [trace.target] if index is not None]
    return ExplorerData(
        key=digest.hexdigest()[:16],
        made=time.time(),
        model=model_name,
        example=example,
        credit=credit_line(example),
        photo=cached_picture(_fitted(photo), "photo.jpg", quality=82),
        original=cached_picture(photo, "photo.jpg", quality=92) if large else None,
        crop=trace.crop,
        stages=stages,
        methods=list(WHOLE),
        contrasting=[entry.id for entry in METHODS.values() if entry.contrasts],
        measured=list(measured),
        class_count=len(trace.probabilities),
        classes=_classes(trace, chosen),
    )


def with_evidence(value: ExplorerData, trace: Trace) -> ExplorerData:
    """The value with the evidence for the class ``trace.target``: in every stage, and of the network as a whole.

    Classes that the value has already are kept.

    Raises:
        ConfigError: the trace was made without a target.
    """
    if trace.target is None:
        raise ConfigError("this trace has no class evidence: make it with trace(..., target=CLASS)")
    index, against = trace.target, trace.against
    count = len(trace.stages)
    maps: list[tuple[Heatmap, int | None, str]] = [
        (map_of(trace, method, stage), stage, method)
        for stage in range(count)
        for method in _evidence_methods(stage, count)
    ]
    maps += [(map_of(trace, method), None, method) for method in (*WHOLE, "rollout")]
    others = [known for known in value.evidence if (known.index, known.against) != (index, against)]
    evidence = [*others, EvidenceData(index=index, against=against, maps=_maps("evidence", maps))]
    return value.model_copy(update={"evidence": evidence, "classes": _classes(trace, _asked_for(evidence))})


def with_figure(value: ExplorerData, path: Path) -> ExplorerData:
    """The value with a figure, a file in Gradio's cache."""
    figure = FigureData(made=time.time(), file=FileData(path=str(path), size=path.stat().st_size))
    return value.model_copy(update={"figure": figure})


def _asked_for(evidence: Sequence[EvidenceData]) -> list[int]:
    """The classes that evidence is about, each once."""
    named = [index for known in evidence for index in (known.index, known.against) if index is not None]
    return list(dict.fromkeys(named))


def requested_class(event: gr.EventData, count: int) -> int:
    """The class that an ``evidence`` event asks for.

    Raises:
        ConfigError: what the browser sent is not the index of one of the model's ``count`` classes.
    """
    return _class_index(event, "class_index", count)


def requested_contrast(event: gr.EventData, count: int) -> int | None:
    """The class that the other one is to be held against; None for the mean of all.

    Raises:
        ConfigError: as for :func:`requested_class`.
    """
    data = event._data if isinstance(event._data, dict) else {}
    return None if data.get("against") is None else _class_index(event, "against", count)


def _class_index(event: gr.EventData, name: str, count: int) -> int:
    data = event._data if isinstance(event._data, dict) else {}
    index = data.get(name)
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
        raise ConfigError(f"class {index!r} is not an index from 0 to {count - 1}")
    return index


def _evidence_methods(stage: int, count: int) -> list[str]:
    """What shows class evidence in a stage, from 0, of ``count``."""
    return [entry.id for entry in methods_shown("evidence", stage, count)]


def _stage(stage: StageTrace, methods: list[str]) -> StageData:
    geometry = stage.geometry
    return StageData(
        tokens=geometry.tokens,
        queries=geometry.queries,
        keys=geometry.keys,
        has_cls=stage.has_cls,
        heads=len(stage.blocks[0].query),
        channels=len(stage.feature_map),
        scale=stage.scale,
        blocks=[cached_file(_halves(block.query, block.key), "block.bin") for block in stage.blocks],
        features=cached_file(levels(list(stage.feature_map), FEATURE_LEVELS), "features.bin"),
        methods=methods,
    )


def _halves(*arrays: np.ndarray) -> bytes:
    return b"".join(array.astype("<f2").tobytes() for array in arrays)


def levels(arrays: Sequence[np.ndarray], count: int = 256) -> bytes:
    """Maps as one of ``count`` levels per number, each map between its own extremes, deflated (zlib).

    The content is float32 ``low`` and ``step``, ``[2, maps]``, then the maps' codes, a byte each; a number is
    ``low + code · step``, off by at most half a step.
    """
    low = np.array([array.min() for array in arrays], dtype=np.float32)
    step = (np.array([array.max() for array in arrays], dtype=np.float32) - low) / (count - 1)
    codes = [
        np.rint((array - start) / (width or 1)).astype(np.uint8).tobytes()
        for array, start, width in zip(arrays, low, step, strict=True)
    ]
    return zlib.compress(np.stack([low, step]).astype("<f4").tobytes() + b"".join(codes), level=1)


def _maps(name: str, maps: Sequence[tuple[Heatmap, int | None, str]]) -> MapsData:
    described = [
        MapData(
            grid=shown.grid,
            kind=shown.kind,
            baseline=shown.baseline,
            cls_share=shown.cls_share,
            stage=stage,
            method=method,
        )
        for shown, stage, method in maps
    ]
    return MapsData(file=cached_file(levels([shown.values for shown, _, _ in maps]), f"{name}.bin"), maps=described)


def _classes(trace: Trace, indices: list[int]) -> list[ClassData]:
    """The most probable classes, and after them the others asked for."""
    top = [index for index, _ in trace.top(CLASSES)]
    return [
        ClassData(index=index, label=trace.label(index), probability=float(trace.probabilities[index]))
        for index in [*top, *(index for index in indices if index not in top)]
    ]


def _fitted(photo: Image.Image) -> Image.Image:
    """The photo at the size it is shown."""
    factor = DISPLAY_SIDE / max(photo.size)
    if factor >= 1:
        return photo
    width, height = (max(1, round(side * factor)) for side in photo.size)
    return photo.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
