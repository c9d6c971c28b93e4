"""A few plain sentences on what is to be seen, and a picture of how tokens are made."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from cvt.config import CvtConfig
from cvt.geometry import stage_geometry
from ui.texts import LANGUAGES, text, words

__all__ = ["add_lessons", "embedding_picture"]

STATIC = Path(__file__).with_name("static")

SHOWN = 20
"""Pixels of the photo's upper left corner that the picture shows, across."""

CELL = 14
"""Side of one of these pixels in the picture."""


def add_lessons(config: CvtConfig) -> None:
    """Add the lessons to the Blocks being built."""
    with gr.Column(elem_id="lessons"):
        gr.Markdown(text("lessons"), elem_classes="section-title")
        with gr.Row(elem_classes="lessons"):
            with gr.Column(min_width=280):
                gr.Markdown(text("token"))
                gr.Markdown(text("stage"))
            with gr.Column(min_width=280):
                gr.Markdown(text("embedding"))
                gr.HTML(
                    embedding_picture(config),
                    js_on_load=(STATIC / "lessons.js").read_text(encoding="utf-8"),
                    apply_default_css=False,
                    elem_classes="embedding-picture",
                )
            with gr.Column(min_width=280):
                gr.Markdown(text("feature_map"))
                gr.Markdown(text("attention"))


def embedding_picture(config: CvtConfig) -> str:
    """The photo's first pixels with the tokens' true centres, and the windows of three neighbouring tokens, as SVG.

    Its words stand in an attribute for each language; the browser chooses (``static/lessons.js``).
    """
    tokens = stage_geometry(config, 224, 224)[0].tokens
    rows = SHOWN * 3 // 5
    centres = [tokens.centre(i, j) for i in range(tokens.rows) for j in range(tokens.columns)]
    inside = [(y, x) for y, x in centres if y < rows and x < SHOWN]
    windows = [tokens.centre(1, column) for column in (1, 2, 3)]
    width, height = SHOWN * CELL, rows * CELL
    kernel, stride = config.patch_sizes[0], config.patch_stride[0]
    half = kernel / 2
    told = " ".join(
        f'data-{language}="{words(language)["embedding_alt"].format(window=kernel, stride=stride)}"'
        for language in LANGUAGES
    )
    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" {told}>',
        *(f'<path class="pixel" d="M{i * CELL} 0V{height}"/>' for i in range(SHOWN + 1)),
        *(f'<path class="pixel" d="M0 {i * CELL}H{width}"/>' for i in range(rows + 1)),
        *(
            f'<rect class="window" x="{(x + 0.5 - half) * CELL:g}" y="{(y + 0.5 - half) * CELL:g}" '
            f'width="{2 * half * CELL:g}" height="{2 * half * CELL:g}"/>'
            for y, x in windows
        ),
        *(
            f'<circle class="{"centre chosen" if (y, x) in windows else "centre"}" cx="{(x + 0.5) * CELL:g}" '
            f'cy="{(y + 0.5) * CELL:g}" r="4"/>'
            for y, x in inside
        ),
        "</svg>",
    ]
    return "".join(parts)
