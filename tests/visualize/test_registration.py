"""One bright pixel in a photo is found again, at every stage, where the maps say that their cells lie."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.tracing import Trace, trace
from visualize.heatmap import Heatmap

DISTANCE = 32
"""Impulses, one model pixel apart, down a diagonal: every phase of the coarsest grid, 32 pixels, comes once."""


def without_attention(model: CvtForImageClassification) -> CvtForImageClassification:
    """The network with its attention switched off, so that a token depends on nothing but its receptive field."""
    muted = copy.deepcopy(model)
    for stage in muted.cvt.encoder.stages:
        for layer in stage.layers:
            layer.attention.output_linear.weight.data.zero_()
    return muted


def changes(before: Trace, after: Trace, stage: int) -> dict[str, Heatmap]:
    """How much the tokens, queries and keys of a stage differ between two photos, as maps."""
    stage_before, stage_after = before.stages[stage], after.stages[stage]
    cls, grids = int(stage_before.has_cls), stage_before.geometry
    differences = {
        "tokens": (stage_before.feature_map - stage_after.feature_map, grids.tokens),
        "queries": (
            (stage_before.blocks[0].query - stage_after.blocks[0].query)[:, cls:].transpose(0, 2, 1),
            grids.queries,
        ),
        "keys": ((stage_before.blocks[0].key - stage_after.blocks[0].key)[:, cls:].transpose(0, 2, 1), grids.keys),
    }
    return {
        name: Heatmap(np.abs(values).reshape(-1, *grid.shape).max(axis=0), grid, "sequential", name)
        for name, (values, grid) in differences.items()
    }


def middle(heatmap: Heatmap) -> tuple[float, float]:
    """Centre (y, x), in model pixels, of the rectangle of cells that have changed at all."""
    changed = heatmap.values > 1e-4 * heatmap.values.max()
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    return heatmap.grid.centre((rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2)


@pytest.mark.parametrize(
    ("name", "photo_size", "resolution"),
    [("released", (190, 250), 128), ("average", (330, 180), 112), ("CLS everywhere", (200, 200), 160)],
)
def test_impulses(
    network: Callable[[str], CvtForImageClassification], name: str, photo_size: tuple[int, int], resolution: int
) -> None:
    """Each impulse lies in the middle of what changes, to half a cell; on average over all phases, to half a pixel."""
    model, processor = without_attention(network(name)), CvtImageProcessor(size=resolution, crop_pct=0.875)
    dark = np.full((*photo_size, 3), 40, dtype=np.uint8)
    before = trace(model, processor, Image.fromarray(dark))
    errors: dict[tuple[int, str], list[np.ndarray]] = {}
    for step in range(DISTANCE):
        place = (resolution - DISTANCE) / 2 + step
        row, column = (round(float(where)) for where in before.crop.to_photo(place, place))
        bright = dark.copy()
        bright[row, column] = 255
        after = trace(model, processor, Image.fromarray(bright))
        for stage in range(3):
            for what, heatmap in changes(before, after, stage).items():
                off = np.subtract(middle(heatmap), before.crop.to_model(row, column))
                assert np.abs(off).max() <= heatmap.grid.stride / 2 + 0.5, (stage, what, off)
                errors.setdefault((stage, what), []).append(off)
    average = {key: np.abs(np.mean(offs, axis=0)).max() for key, offs in errors.items()}
    assert max(average.values()) < 0.5, average
