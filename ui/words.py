"""The page's words: those that Gradio shows in the browser's language, and those that the server says itself."""

from __future__ import annotations

from functools import cache
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from visualize.language import LANGUAGES, Language

from .examples import credits_text

__all__ = ["language_now", "language_of", "text", "translations"]


@cache
def translations() -> gr.I18n:
    """All labels and all prose of the page, the way ``launch(i18n=…)`` takes them."""
    return gr.I18n(**{code: _texts(Language.of(code)) for code in LANGUAGES})


def _texts(language: Language) -> dict[str, str]:
    methods = {
        name.replace("method.", "method_"): told
        for name, told in language.texts["comparison"].items()
        if name.startswith("method.")
    }
    return {**language.texts["page"], **language.texts["prose"], **methods, "credits": credits_text(language)}


def text(name: str) -> Any:
    """A text that the browser shows in its own language; it stands for a string, though not all signatures say so.

    Raises:
        KeyError: there is no text of that name.
    """
    translations().translations_dict["en"][name]
    return translations()(name)


def language_of(request: gr.Request) -> Language:
    """The language in which somebody reads the page: what the address says, else the browser's first choice."""
    wanted = request.query_params.get("lang") or request.headers.get("accept-language", "")
    return Language.of(next((code for code in LANGUAGES if wanted.startswith(code)), "en"))


def language_now() -> Language:
    """The language of whoever asked for what is being done; English where nobody did."""
    request = LocalContext.request.get(None)
    return Language.of("en") if request is None else language_of(request)
