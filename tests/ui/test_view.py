"""Any view of the explorer as a figure, from what an address says of it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvt.errors import ConfigError
from cvt.tracing import Trace
from ui.session.look import trace_photo
from ui.session.models import LoadedModel
from ui.session.view import figure_file, maps_of_view, read_view
from visualize.attention import attention_map
from visualize.class_evidence import class_evidence, pixel_evidence
from visualize.describe import title
from visualize.feature_maps import feature_map, similarity_map
from visualize.rollout import rollout

CREDIT = "Photo: Somebody, CC0"
TOKEN = {"stage": 2, "block": 1, "head": 2, "query": "3,4"}


@pytest.fixture(scope="module")
def seen(loaded: LoadedModel) -> Trace:
    pixels = np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    return trace_photo(loaded, Image.fromarray(pixels), 2)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"view": "attention", **TOKEN}, ["stage 2", "block 1", "head 2", "row 3, column 4", "share of attention"]),
        ({"view": "attention_cls", "stage": 3, "block": 2}, ["stage 3", "block 2", "mean of heads", "CLS"]),
        ({"view": "attention_received", **TOKEN}, ["Attention received", "stage 2", "block 1", "head 2"]),
        ({"view": "feature", "stage": 1, "channel": "norm"}, ["Feature norm", "stage 1"]),
        ({"view": "feature", "stage": 1, "channel": 5}, ["Channel", "stage 1", "channel 5"]),
        ({"view": "similarity", **TOKEN}, ["Similarity", "stage 2", "row 3, column 4", "cosine"]),
        ({"view": "rollout", "target": 2}, ["Rollout", "share of relevance"]),
        ({"view": "class_evidence", "target": 2}, ["Class evidence", "golf ball"]),
        ({"view": "class_evidence", "method": "libragrad", "stage": 2, "target": 2}, ["LibraGrad", "stage 2", "golf"]),
        ({"view": "evidence_against", "method": "pixel_evidence", "target": 2}, ["Evidence against", "golf ball"]),
    ],
)
def test_every_view_is_a_figure_whose_text_says_what_it_is(seen: Trace, said: dict[str, Any], named: list[str]) -> None:
    view = read_view(said, seen)
    path = figure_file(seen, view, "svg", model_name="A model", credit=CREDIT)
    told = " ".join(text.text or "" for text in ET.parse(path).iter("{http://www.w3.org/2000/svg}text"))
    for words in [*named, "A model", CREDIT]:
        assert words in told, (words, told)


def test_a_pdf_holds_its_fonts_and_its_words_in_every_language(seen: Trace) -> None:
    view = read_view({"view": "evidence_against", "target": 2}, seen)
    content = figure_file(seen, view, "pdf", model_name="A model", language="ja").read_bytes()
    assert content.startswith(b"%PDF") and b"/FontFile2" in content and b"/Type3" not in content


def test_the_map_is_the_one_on_the_screen(seen: Trace) -> None:
    cases = {
        "feature": ({"channel": 5, "stage": 1}, feature_map(seen, 0, 4)),
        "similarity": (TOKEN, similarity_map(seen, 1, (2, 3))),
        "rollout": ({"target": 2}, rollout(seen, for_class=True)),
        "class_evidence": ({"target": 2, "method": "libragrad", "stage": -2}, class_evidence(seen, 1)),
    }
    for name, (said, expected) in cases.items():
        np.testing.assert_array_equal(
            maps_of_view(seen, read_view({"view": name, **said}, seen))[0].values, expected.values
        )
    said = {"view": "evidence_against", "target": 2, "method": "pixel_evidence"}
    (against,) = maps_of_view(seen, read_view(said, seen))
    np.testing.assert_array_equal(against.values, np.minimum(pixel_evidence(seen).values, 0))
    assert against.values.min() < 0


def test_all_heads_and_two_tokens_stand_side_by_side_on_one_scale(seen: Trace) -> None:
    heads = {"view": "attention", **TOKEN, "head": "all", "compare": "5,6"}
    shown = maps_of_view(seen, read_view(heads, seen))
    expected = [attention_map(seen, 1, 0, (4, 5), head=head) for head in range(len(seen.stages[1].blocks[0].query))]
    for got, wanted in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(got.values, wanted.values)
    for view in ("attention", "similarity"):
        said = {"view": view, **TOKEN, "compare": "5,6"}
        first, second = maps_of_view(seen, read_view(said, seen))
        assert "row 3, column 4" in title(first) and "row 5, column 6" in title(second)
        path = figure_file(seen, read_view(said, seen), "svg", model_name="A model")
        told = [text.text or "" for text in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]
        assert "row 3, column 4" in " ".join(told) and "row 5, column 6" in " ".join(told)
        assert sum("[" in text for text in told) == 1, "one scale"
    assert len(maps_of_view(seen, read_view({"view": "feature", "head": "all", "compare": "1,1"}, seen))) == 1


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"view": "film"}, "view='film' must be one of attention,"),
        ({"view": ["attention"]}, "view=.* must be one of"),
        ({"stage": 4}, "stage 4 does not exist: they count from 1 to 3"),
        ({"stage": True}, "stage=True must be a whole number"),
        ({"block": 0}, "block 0 does not exist"),
        ({"head": 9}, "head 9 does not exist"),
        ({"head": []}, r"head=\[\] must be a number or a word"),
        ({"head": "9" * 5000}, "head=.* must be a number or a word"),
        ({"query": "cls", "stage": 1}, "there is no CLS token in that stage"),
        ({"query": "99,1"}, "row 99 does not exist"),
        ({"compare": "1,99"}, "column 99 does not exist"),
        ({"view": "similarity", "query": "cls"}, "similarity is to one token"),
        ({"view": "feature", "channel": 1000}, "channel 1000 does not exist"),
        ({"view": "rollout"}, "target=None must be a class's number, from 0 to 5"),
        ({"view": "class_evidence", "target": -1}, "target=-1 must be a class's number"),
        ({"view": "class_evidence", "target": 1, "against": 6}, "against=6 must be a class's number"),
        ({"view": "class_evidence", "target": 1, "method": "attention"}, "method='attention' must be one of rollout,"),
    ],
)
def test_what_is_not_there_is_named(seen: Trace, said: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        maps_of_view(seen, read_view({"view": "attention", "query": "1,1"} | said, seen))


def test_no_other_file_is_written(seen: Trace) -> None:
    view = read_view({"view": "feature"}, seen)
    for suffix in ("png", "", "../x.pdf", None):
        with pytest.raises(ConfigError, match=r"format=.* must be one of pdf, svg"):
            figure_file(seen, view, suffix, model_name="")  # type: ignore[arg-type]
