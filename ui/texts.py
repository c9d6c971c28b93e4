"""Every word on the page, from the files in ``content/``: one folder per language.

``labels.toml`` holds the short ones, each Markdown file a text under its own name; Japanese paragraphs stand on one
line, for Markdown would put a space where a line ends. The browser chooses the language
(see :mod:`ui.language`); the server sends them all.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import gradio as gr

from ui.credits import credits_text

__all__ = ["LANGUAGES", "Language", "text", "translations", "words"]

Language = Literal["en", "ja"]

LANGUAGES: tuple[Language, ...] = ("en", "ja")


@cache
def words(language: Language) -> dict[str, str]:
    """All texts of a language by name."""
    folder = files("ui").joinpath("content", language)
    labels: dict[str, str] = tomllib.loads(folder.joinpath("labels.toml").read_text(encoding="utf-8"))
    prose = {
        file.name.removesuffix(".md"): file.read_text(encoding="utf-8").strip()
        for file in folder.iterdir()
        if file.name.endswith(".md")
    }
    prose["credits"] = credits_text(language, labels["credit"])
    if twice := labels.keys() & prose.keys():
        raise ValueError(f"texts named twice in content/{language}: {', '.join(sorted(twice))}")
    return labels | prose


@cache
def translations() -> gr.I18n:
    """All texts, the way ``launch(i18n=…)`` takes them."""
    return gr.I18n(**{language: words(language) for language in LANGUAGES})


def text(name: str) -> Any:
    """A text that the browser shows in its own language; it stands for a string, though not all signatures say so.

    Raises:
        KeyError: no language has a text of that name.
    """
    words("en")[name]
    return translations()(name)
