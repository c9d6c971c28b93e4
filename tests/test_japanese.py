"""Japanese as it is set: rules that hold for every text of the project, wherever it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest

from cvt.geometry import Grid
from visualize.describe import describe
from visualize.heatmap import Heatmap
from visualize.language import Language
from visualize.palette import limits
from visualize.scale import scale_title

JAPANESE = r"[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]"
RULES = {
    "a space beside Japanese": re.compile(rf"{JAPANESE} | {JAPANESE}"),
    "a space beside a sign": re.compile(r" [%×〜]|[×〜] "),
    "a half-width bracket or colon": re.compile(rf"({JAPANESE}|\}}) ?[()\[\]:~]|[()\[\]:~] ?({JAPANESE}|\{{)"),
    "a line that ends inside a paragraph": re.compile(r"[^\n]\n(?!\n|- )"),
    "a heading without a blank line below": re.compile(r"^#+ [^\n]*\n(?!\n)", re.MULTILINE),
    "a bracket before closing stars": re.compile(r"[」）]\*\*"),
    "no long vowel at the end": re.compile(r"(パラメータ|コンピュータ|サーバ|ユーザ|レイヤ|エラ|フォルダ)(?!ー)"),
}
MARKUP = re.compile(r"\]\([^)]*\)|\[(?=\{|[^\]]*\]\()|^(- |#+ )", re.MULTILINE)  # Markdown's own brackets and spaces
LABELS_OWN_LINES = {"page photo_hint"}


def broken(told: str) -> list[str]:
    """The rules that a text breaks; those about lines read the markup, the others do without it."""
    plain = MARKUP.sub("", told)
    return [name for name, rule in RULES.items() if rule.search(told if "line" in name else plain)]


def texts() -> Iterator[tuple[str, str]]:
    """Every Japanese text as it is kept, by a name that says where."""
    for section, told in Language.of("ja").texts.items():
        yield from ((f"{section} {name}", text) for name, text in told.items())


TEXTS = dict(texts())


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_text_keeps_to_the_rules(name: str) -> None:
    told = TEXTS[name].replace("\n", "") if name in LABELS_OWN_LINES else TEXTS[name]
    assert broken(told) == []


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ("ステージ 3", "a space beside Japanese"),
        ("CLS のアテンション", "a space beside Japanese"),
        ("ステージ {stage}", "a space beside Japanese"),
        ("{top1} %", "a space beside a sign"),
        ("{rows} × {columns}", "a space beside a sign"),
        ("特徴(ステージ1)", "a half-width bracket or colon"),
        ("特徴:大きさ", "a half-width bracket or colon"),
        ("トークンは\n数値", "a line that ends inside a paragraph"),
        ("### トークン\nトークンとは", "a heading without a blank line below"),
        ("**「挿入」**では", "a bracket before closing stars"),
        ("パラメータ数", "no long vowel at the end"),
    ],
)
def test_the_rules_see_what_they_forbid(told: str, rule: str) -> None:
    assert rule in broken(told)


@pytest.mark.parametrize(
    "told",
    [
        "ステージ3（CLS）",
        "- [猫](https://example.org/a)：Jane Doe、[CC BY 4.0](https://example.org/b)",
        "### 見出し\n\n本文。",
    ],
)
def test_the_rules_let_good_text_pass(told: str) -> None:
    assert broken(told) == []


@pytest.mark.parametrize("kind", ["sequential", "diverging", "distribution"])
def test_sentences_that_are_put_together_keep_to_them_too(kind: str) -> None:
    values = np.random.default_rng(0).random((6, 8), dtype=np.float32) - (0.5 if kind == "diverging" else 0)
    grid = Grid(6, 8, stride=16, offset=7.5, receptive_field=31)
    details = {"stage": 3, "block": 1, "head": "mean", "query": "row 2, column 3", "class": "教会"}
    heatmap = Heatmap(values, grid, kind, "attention", unit="share of attention", details=details)  # type: ignore[arg-type]
    assert broken(describe(heatmap, "ja")) == []
    assert broken(scale_title(heatmap, limits(heatmap, stretch=True), "ja").replace(" · ", "")) == []
