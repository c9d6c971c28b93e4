"""``/classify`` and ``/explain``: the page's work for programs, through ``gradio_client`` or plain HTTP."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from cvt.tracing import Trace
from visualize.counting import parse_head, parse_index, parse_query
from visualize.describe import describe
from visualize.heatmap import Heatmap
from visualize.methods import METHODS, method_named
from visualize.paint import overlay

from .arguments import parse_size, parse_target
from .components.photo import Given, Photo, given
from .components.undrawn import undrawn
from .errors import as_toasts
from .session.gpu import trace
from .session.look import predicted
from .session.models import ModelCache

__all__ = ["MOST_CALLS", "MOST_CLASSES", "add_endpoints", "classify", "explain", "heatmap_file"]

MOST_CLASSES = 1000

MOST_CALLS = 12
"""Calls of programs that are under way at a time; the others wait, and the page's visitors wait for none of them."""


def classify(models: ModelCache, image: Image.Image, model: str, top_k: int = 5) -> dict[str, float]:
    """The most probable classes of a photo, at least one."""
    return predicted(models.get(model), models.batches, image, min(max(int(top_k), 1), MOST_CLASSES))


def explain(
    models: ModelCache,
    image: Image.Image,
    model: str,
    method: str = "attention",
    stage: float = 3,
    block: float = -1,
    head: str = "mean",
    query: str = "cls",
    target: str = "",
    size: float = 1600,
) -> tuple[str, str, str]:
    """A map drawn on the photo, a sentence about it, and a file with its numbers (see :func:`heatmap_file`).

    Everything counts from 1, or from the end with negative numbers; classes have the model's own numbers, from 0. The
    picture's longest side is ``size`` at most, and never longer than the photo's.

    Raises:
        ConfigError: an argument names something that is not there.
    """
    loaded = models.get(model)
    config, entry = loaded.model.config, method_named(method)
    at = parse_index("stage", stage, config.num_stages)
    block_at = parse_index("block", block, config.depth[at])
    which = parse_head(head, config.num_heads[at])
    named = parse_target(target, config)
    wanted, rules = (("winner" if named is None else named), [entry.rule]) if entry.rule else (None, [])
    longest = parse_size(size)
    with models.network.place():
        seen = trace(loaded.model, loaded.processor, image, target=wanted, rules=rules)
    in_stage, ignores_query = seen.stages[at], "query" not in entry.uses
    query_at = parse_query(query, in_stage.geometry.tokens, in_stage.has_cls or ignores_query)
    shown = entry.map_of(seen, stage=at, block=block_at, head=which, query=query_at)
    picture = overlay(seen, shown, size=min(longest, max(image.size)))
    height, width = image.info.get("photo_size", image.size)[::-1]
    numbers = heatmap_file(replace(seen, crop=replace(seen.crop, photo=(height, width))), shown)
    return str(_picture_file(picture)), describe(shown), str(numbers)


def _picture_file(picture: Image.Image) -> Path:
    """A PNG, written here and not by Gradio, which would hold up everybody while it packs; packed fast, not small."""
    content = io.BytesIO()
    picture.save(content, "PNG", compress_level=1)
    return Path(save_bytes_to_cache(content.getvalue(), "picture.png", get_upload_folder()))


def heatmap_file(seen: Trace, shown: Heatmap) -> Path:
    """A NumPy archive with one map and where it lies.

    ``values`` as in :class:`~visualize.heatmap.Heatmap`; ``centre_y`` and ``centre_x`` the centres of its rows and
    columns in photo pixels; ``grid``, ``crop`` and ``details`` JSON texts of what their classes hold.
    """
    grid, crop = shown.grid, seen.crop
    rows, columns = np.arange(grid.rows), np.arange(grid.columns)
    y, x = crop.to_photo(grid.offset + rows * grid.stride, grid.offset + columns * grid.stride)  # type: ignore[arg-type]
    content = io.BytesIO()
    np.savez_compressed(
        content,
        values=shown.values,
        centre_y=np.asarray(y),
        centre_x=np.asarray(x),
        name=shown.name,
        kind=shown.kind,
        grid=json.dumps(asdict(grid)),
        crop=json.dumps(asdict(crop)),
        details=json.dumps(shown.details),
    )
    return Path(save_bytes_to_cache(content.getvalue(), "heatmap.npz", get_upload_folder()))


def add_endpoints(models: ModelCache, start: str) -> None:
    """Add both endpoints to the Blocks being built; their components are never drawn.

    Args:
        models: the models to choose from.
        start: name of the one that is taken when none is named.
    """
    names = list(models.entries)

    @as_toasts
    def run_classify(image: Given, model: str, top_k: float) -> dict[str, float]:
        return classify(models, given(image), model, int(top_k))

    @as_toasts
    def run_explain(
        image: Given,
        model: str,
        method: str,
        stage: float,
        block: float,
        head: str,
        query: str,
        target: str,
        size: float,
    ) -> tuple[str, str, str]:
        return explain(models, given(image), model, method, stage, block, head, query, target, size)

    with gr.Column(visible=False):
        image = undrawn(Photo(label="image: the photo"))
        model = undrawn(gr.Dropdown(names, value=start, label="model: name of a model on the page's list"))
        top_k = undrawn(gr.Number(5, precision=0, label="top_k: how many classes"))
        method = undrawn(gr.Dropdown(list(METHODS), value="attention", label="method: what to draw"))
        stage = undrawn(gr.Number(3, precision=0, label="stage: from 1, or from the end: -1"))
        block = undrawn(gr.Number(-1, precision=0, label="block: from 1, or from the end: -1"))
        head = undrawn(gr.Textbox("mean", label="head: from 1, or from the end: -1, or mean"))
        query = undrawn(gr.Textbox("cls", label="query: cls, or row,column of a token, both from 1"))
        target = undrawn(
            gr.Textbox("", label="target: name of a class, or its number from 0; empty for the most probable")
        )
        size = undrawn(gr.Number(1600, precision=0, label="size: longest side of the picture in pixels, at most"))
        confidences = undrawn(gr.Label(label="label and confidences"))
        picture = undrawn(gr.Image(label="picture: PNG of the photo with the map on it", format="png"))
        sentence = undrawn(gr.Textbox(label="description: one sentence"))
        numbers = undrawn(gr.File(label="numbers: NPZ with the map and where it lies"))
        undrawn(gr.Button()).click(
            run_classify,
            [image, model, top_k],
            confidences,
            api_name="classify",
            api_description="The most probable classes of a photo.",
            concurrency_id="calls",
            concurrency_limit=MOST_CALLS,
        )
        undrawn(gr.Button()).click(
            run_explain,
            [image, model, method, stage, block, head, query, target, size],
            [picture, sentence, numbers],
            api_name="explain",
            api_description="What a network does at one stage, drawn on the photo.",
            concurrency_id="calls",
            concurrency_limit=MOST_CALLS,
        )
