"""A picture of how tokens are made, from the model's own geometry."""

from __future__ import annotations

from gradio.data_classes import GradioModel

from cvt.config import CvtConfig
from cvt.geometry import stage_geometry

from .part import Part

__all__ = ["EmbeddingData", "EmbeddingPicture", "embedding_value"]

ROWS, COLUMNS = 12, 20
"""Pixels of the photo's upper left corner that the picture shows."""

RESOLUTION = 224
"""Side of the input, in pixels, for which the centres are worked out; they are the same for others."""


class EmbeddingData(GradioModel):
    """Places are (y, x) in pixels; ``chosen`` are three neighbouring tokens' centres, around which windows stand."""

    rows: int
    columns: int
    window: int
    stride: int
    centres: list[tuple[float, float]]
    chosen: list[tuple[float, float]]


class EmbeddingPicture(Part):
    """The photo's first pixels with the tokens' true centres, and the windows of three neighbouring tokens."""

    part = "embedding"
    data_model = EmbeddingData


def embedding_value(config: CvtConfig) -> EmbeddingData:
    """The first embedding of a model."""
    tokens = stage_geometry(config, RESOLUTION, RESOLUTION)[0].tokens
    centres = [tokens.centre(i, j) for i in range(tokens.rows) for j in range(tokens.columns)]
    return EmbeddingData(
        rows=ROWS,
        columns=COLUMNS,
        window=config.patch_sizes[0],
        stride=config.patch_stride[0],
        centres=[(y, x) for y, x in centres if y < ROWS and x < COLUMNS],
        chosen=[tokens.centre(1, column) for column in (1, 2, 3)],
    )
