"""Every word in every language."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from ui.texts import LANGUAGES, text, translations, words

UI = Path(__file__).parents[2] / "ui"


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_all_languages_have_the_same_texts() -> None:
    assert words("en").keys() == words("ja").keys()
    for language in LANGUAGES:
        assert all(words(language).values()), language


@pytest.mark.parametrize("name", sorted(words("en")))
def test_translations_keep_what_is_filled_in(name: str) -> None:
    """But for an error's reason, which the libraries give in English."""
    assert placeholders(words("en")[name]) - {"reason"} == placeholders(words("ja")[name]) - {"reason"}


def test_nothing_is_left_untranslated() -> None:
    japanese = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
    signs = {"percent", "credit", "curves_alt"}
    assert [name for name, told in words("ja").items() if not japanese.search(told) and name not in signs] == []


def test_a_text_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(KeyError):
        text("no such text")


def test_gradio_gets_them_all() -> None:
    assert translations().translations_dict == {language: words(language) for language in LANGUAGES}


def test_every_text_is_used() -> None:
    """A text nobody asks for is a text somebody forgot; names in f-strings count by their fixed part."""
    asked: set[str] = set()
    patterns: list[str] = []
    for file in UI.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                asked.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (re.escape(str(v.value)) if isinstance(v, ast.Constant) else r"\w+" for v in node.values)
                patterns.append("".join(parts))
    unused = {name for name in words("en") if name not in asked and not any(re.fullmatch(p, name) for p in patterns)}
    assert {name for name in unused if not name.startswith("gradio_")} - {"credits"} == set()
