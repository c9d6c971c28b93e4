"""Explanations of a traced photo, as maps that know where they are.

Every function takes a :class:`cvt.Trace`, made by :func:`cvt.trace`, and returns numbers or a
:class:`~visualize.heatmap.Heatmap`; nothing here runs the network. Stages, blocks, heads, rows and columns count from
0, negative ones from the end, as everything in Python; what people read (sentences, sheets, summaries) counts from 1.
"""

from visualize.attention import (
    attention_distance,
    attention_entropy,
    attention_heads,
    attention_map,
    attention_received,
    attention_rows,
    keys_holding,
)
from visualize.class_evidence import class_evidence, pixel_evidence
from visualize.comparison import Compared, compare
from visualize.describe import describe
from visualize.export import save_arrays, summary
from visualize.faithfulness import Curve, Faithfulness, centre_map, faithfulness, random_map
from visualize.feature_maps import class_channels, feature_map, similarity_map
from visualize.figure import figure
from visualize.heatmap import Heatmap, sample, to_pixels
from visualize.loading import Saved, load
from visualize.methods import map_of
from visualize.paint import overlay
from visualize.report import report
from visualize.rollout import rollout

__all__ = [
    "Compared",
    "Curve",
    "Faithfulness",
    "Heatmap",
    "Saved",
    "attention_distance",
    "attention_entropy",
    "attention_heads",
    "attention_map",
    "attention_received",
    "attention_rows",
    "centre_map",
    "class_channels",
    "class_evidence",
    "compare",
    "describe",
    "faithfulness",
    "feature_map",
    "figure",
    "keys_holding",
    "load",
    "map_of",
    "overlay",
    "pixel_evidence",
    "random_map",
    "report",
    "rollout",
    "sample",
    "save_arrays",
    "similarity_map",
    "summary",
    "to_pixels",
]
