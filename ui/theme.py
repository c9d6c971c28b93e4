"""How the page looks: quiet greys, one accent, the reader's own fonts."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

__all__ = ["PAGE_STYLE", "theme"]

PAGE_STYLE = Path(__file__).with_name("page.css")

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Hiragino Sans", "Noto Sans", "Noto Sans CJK JP", "sans-serif")

MONOSPACE = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def theme() -> gr.themes.Base:
    """The theme, for ``launch``. No font is fetched from anywhere."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        font=FONTS,
        font_mono=MONOSPACE,
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_shadow="none",
        block_label_text_weight="500",
        block_title_text_weight="600",
        stat_background_fill="*primary_500",
        stat_background_fill_dark="*primary_500",
        color_accent="*primary_600",  # 3 : 1 beside white, for outlines of what has the focus
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_600",
        button_primary_text_color="white",
    )
