"""The view on the screen as a figure to take home: what the browser says of it, its map, and the file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from cvt.errors import ConfigError, shown
from cvt.tracing import Trace
from visualize.counting import parse_head, parse_index, parse_query
from visualize.feature_maps import feature_map
from visualize.figure import figure
from visualize.heatmap import Heatmap
from visualize.methods import METHODS, map_of

__all__ = ["FORMATS", "View", "figure_file", "maps_of_view", "read_view", "view_of"]

FORMATS = ("pdf", "svg")

VIEWS = {
    "attention": "attention",
    "attention_cls": "attention",
    "attention_received": "attention_received",
    "feature": "feature",
    "similarity": "similarity",
    "rollout": "rollout",
    "class_evidence": "class_evidence",
    "evidence_against": "class_evidence",
}
"""The explorer's views, and the method each is drawn by, where nothing else is chosen."""

CHOSEN = [name for name, entry in METHODS.items() if entry.needs_target]
"""What may be chosen for evidence."""


@dataclass(frozen=True)
class View:
    """A view of the explorer, counted from 0.

    Attributes:
        name: as in the address.
        method: an entry of :data:`~visualize.methods.METHODS`.
        stage, block, query: as in :mod:`visualize`.
        head: the same, or "all" for a map of each.
        compare: another token to be seen beside the first, by views that ask for one.
        channel: of a view of features; None for the length of all.
        target: the class it is about; None where it is about none.
        against: the class that one is held against; None for the mean of all.
    """

    name: str
    method: str
    stage: int
    block: int
    head: Literal["mean", "all"] | int
    query: Literal["cls"] | tuple[int, int]
    compare: Literal["cls"] | tuple[int, int] | None
    channel: int | None
    target: int | None
    against: int | None


def read_view(said: Mapping[str, Any], trace: Trace) -> View:
    """What an address says of a view, counted from 1; what it leaves out is the last stage, its last block, all heads.

    Args:
        said: view, stage, block, head, query, compare, channel, method, target and against, of unknown types.
        trace: of the photo it is about, with whatever target.

    Raises:
        ConfigError: one of them names nothing that is there; the message names it.
    """
    name = _known("view", said.get("view"), VIEWS)
    stage = parse_index("stage", _whole("stage", said.get("stage"), -1), len(trace.stages))
    seen = trace.stages[stage]
    count = len(trace.logits)
    method = VIEWS[name]
    if method == "class_evidence" and said.get("method") is not None:
        method = _known("method", said["method"], CHOSEN)
    is_about_class = METHODS[method].needs_target
    channel = None if said.get("channel") in (None, "norm") else _whole("channel", said["channel"], 0)
    query = "cls" if name == "attention_cls" else _text("query", said.get("query"), "cls")
    takes_cls = seen.has_cls or "query" not in METHODS[method].uses
    head = _text("head", said.get("head"), "mean")
    compare = None if said.get("compare") is None else _text("compare", said["compare"], "")
    return View(
        name=name,
        method=method,
        stage=stage,
        block=parse_index("block", _whole("block", said.get("block"), -1), len(seen.blocks)),
        head="all" if head == "all" else parse_head(head, len(seen.blocks[0].query)),
        query=parse_query(query, seen.geometry.tokens, takes_cls),
        compare=None if compare is None else parse_query(compare, seen.geometry.tokens, takes_cls),
        channel=None if channel is None else parse_index("channel", channel, len(seen.feature_map)),
        target=_class("target", said.get("target"), count) if is_about_class else None,
        against=None if said.get("against") is None else _class("against", said["against"], count),
    )


def view_of(method: str) -> str | None:
    """The view that shows a method's maps; None where none does."""
    own = {drawn: view for view, drawn in reversed(VIEWS.items())}
    return own.get(method, "class_evidence" if method in CHOSEN else None)


def maps_of_view(trace: Trace, view: View) -> list[Heatmap]:
    """The maps that a view shows: one, one for each head, or those of two tokens. Heads are those of the last token.

    Raises:
        ConfigError: the view is about a class, and the trace has no target.
    """
    if view.name == "feature":
        return [feature_map(trace, view.stage, "norm" if view.channel is None else view.channel)]
    uses, tokens = METHODS[view.method].uses, [view.query]
    if view.compare is not None and "query" in uses:
        tokens.append(view.compare)
    if view.head == "all" and "head" in uses:
        heads = range(len(trace.stages[view.stage].blocks[0].query))
        return [map_of(trace, view.method, view.stage, view.block, head, tokens[-1]) for head in heads]
    head = "mean" if view.head == "all" else view.head
    maps = [map_of(trace, view.method, view.stage, view.block, head, token) for token in tokens]
    if view.name != "evidence_against":
        return maps
    return [replace(shown, values=np.minimum(shown.values, 0), name="evidence against", total=None) for shown in maps]


def figure_file(
    trace: Trace, view: View, suffix: str, *, model_name: str, credit: str = "", language: str = "en"
) -> Path:
    """A figure of a view, "pdf" or "svg", with its text as text.

    Args:
        trace: traced with the view's target and against, where it has them.
        model_name, credit, language: as for :func:`visualize.figure.figure`.

    Raises:
        ConfigError: there is no such format.
    """
    suffix = _known("format", suffix, FORMATS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"figure.{suffix}"
        figure(trace, maps_of_view(trace, view), path, model_name=model_name, credit=credit, language=language)
        return Path(save_bytes_to_cache(path.read_bytes(), path.name, get_upload_folder()))


def _known(name: str, value: object, known: Sequence[str] | Mapping[str, Any]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ConfigError(f"{name}={shown(value)} must be one of {', '.join(known)}")
    return value


def _whole(name: str, value: object, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{name}={shown(value)} must be a whole number")
    return value


def _text(name: str, value: object, default: str) -> str:
    """What may be a number or a word."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, str | int) or len(shown(value)) > 40:
        raise ConfigError(f"{name}={shown(value)} must be a number or a word")
    return str(value)


def _class(name: str, value: object, count: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
        raise ConfigError(f"{name}={shown(value)} must be a class's number, from 0 to {count - 1}")
    return value
