"""Every text in every language, and whoever asks for it."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from ui.session.view import view_of
from visualize.language import LANGUAGES, Language, phrase, word
from visualize.methods import METHODS, MethodEntry

ROOT = Path(__file__).parent.parent
ENGLISH = Language.of("en")
OTHERS = [code for code in LANGUAGES if code != "en"]

AS_THEY_ARE = {"name", "value", "unit", "cells", "classes"}
"""Sections of words that English has in the libraries themselves; another language has what differs."""

PARTS = {path.parent.name for path in (ROOT / "web").glob("*/*.js")} - {"shared"}


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def names(language: Language) -> Iterator[tuple[str, str]]:
    for section, texts in language.texts.items():
        if section not in AS_THEY_ARE:
            yield from ((section, name) for name in texts)


def test_english_comes_first() -> None:
    assert LANGUAGES[0] == "en"
    assert "ja" in LANGUAGES
    assert Language.of("ja").name == "日本語"


@pytest.mark.parametrize("code", OTHERS)
def test_all_languages_have_the_same_texts(code: str) -> None:
    assert set(names(Language.of(code))) == set(names(ENGLISH))
    assert Language.of(code).texts.keys() == ENGLISH.texts.keys()


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize(("section", "name"), sorted(names(ENGLISH)))
def test_translations_keep_what_is_filled_in(code: str, section: str, name: str) -> None:
    """But for an error's reason, which the libraries give in English, and a verb that only English bends."""
    there, here = Language.of(code).texts[section][name], ENGLISH.texts[section][name]
    assert placeholders(there) - {"reason", "hold"} == placeholders(here) - {"reason", "hold"}


def test_nothing_is_left_untranslated() -> None:
    """Names of methods (``option.…``, ``method.…``) may be the same everywhere."""
    japanese = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff、。：；（）]")
    same = [
        (section, name)
        for section, texts in Language.of("ja").texts.items()
        for name, told in texts.items()
        if re.search(r"[a-z]{3}", re.sub(r"\{\w+\}", "", told)) and not japanese.search(told)
    ]
    assert [name for _, name in same if not name.startswith(("option.", "method."))] == []


def test_a_text_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(KeyError):
        phrase("en", "page", "no such text")
    with pytest.raises(ValueError, match="'xx' must be one of 'en', "):
        Language.of("xx")


def test_words_fall_back_on_the_sections_default_and_then_on_themselves() -> None:
    assert word("en", "cells", "attention") == "keys"
    assert word("en", "cells", "anything") == "cells"
    assert word("en", "name", "rollout") == "rollout"


def python_asks() -> tuple[set[str], list[str]]:
    """Names that Python asks for: those spelled out, and patterns of those put together."""
    spelled: set[str] = set()
    patterns: list[str] = []
    for file in [*(ROOT / "ui").rglob("*.py"), *(ROOT / "visualize").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                spelled.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (re.escape(str(v.value)) if isinstance(v, ast.Constant) else r"\w+" for v in node.values)
                patterns.append("".join(parts))
    return spelled, patterns


def test_every_text_of_page_and_messages_is_used() -> None:
    """A text nobody asks for is a text somebody forgot; names in f-strings count by their fixed part."""
    spelled, patterns = python_asks()
    for section in ("page", "messages", "prose", "describe", "scale", "report"):
        asked = (name in spelled or any(re.fullmatch(p, name) for p in patterns) for name in ENGLISH.texts[section])
        unused = [name for name, is_asked in zip(ENGLISH.texts[section], asked, strict=True) if not is_asked]
        assert unused == [], section


@pytest.mark.parametrize("part", sorted(PARTS))
def test_every_text_of_a_part_is_there_and_used(part: str) -> None:
    """Names that are put together (`view.${view}`) count by their fixed beginning."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "web" / part).rglob("*.js"))
    python = (ROOT / "ui" / "components" / f"{part}.py").read_text(encoding="utf-8")
    texts = ENGLISH.texts.get(part, {})
    spelled = set(re.findall(r'\b(?:text|words)\("([^"$]+)"', source))
    assert spelled <= texts.keys()
    quoted = set(re.findall(r'"([^"\n]*)"', source + python))
    begun = tuple(found for found in re.findall(r"`([a-z]+\.)\$\{", source))
    given = {"examples", "curves"}  # some of their names come with the value: ids of photos, names of curves
    unused = {name for name in texts if name not in quoted and not (begun and name.startswith(begun))}
    assert part in given or unused == set()


@pytest.mark.parametrize("entry", METHODS.values(), ids=list(METHODS))
@pytest.mark.parametrize("code", LANGUAGES)
def test_every_method_is_named_wherever_it_is_offered(code: str, entry: MethodEntry) -> None:
    """In the comparison and the measurement, and among the explorer's kinds of evidence with an explanation."""
    texts = Language.of(code).texts
    if "query" not in entry.uses:
        assert texts["comparison"][f"method.{entry.id}"]
    if view_of(entry.id) == "class_evidence":
        assert texts["explorer"][f"option.{entry.id}"]
        assert texts["explorer"][f"explain.class_evidence.{entry.id}"]


def test_every_example_has_a_title() -> None:
    from ui.examples import examples

    for code in LANGUAGES:
        assert examples().keys() <= Language.of(code).texts["examples"].keys()
