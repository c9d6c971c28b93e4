"""Sentences on maps whose content is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cvt.geometry import Grid
from visualize.describe import describe, number, place
from visualize.heatmap import Heatmap, Kind, cells_holding

KEYS = Grid(7, 7, 32, 1, 63)


def heatmap(values: np.ndarray, kind: Kind = "distribution", name: str = "attention", **fields: Any) -> Heatmap:
    return Heatmap(np.asarray(values, dtype=np.float32), KEYS, kind, name, **fields)


def corner(low: float = 0.001, high: float = 0.2) -> np.ndarray:
    """Four high cells in the upper left."""
    values = np.full((7, 7), low)
    values[:2, :2] = high
    return values


def test_concentrated_attention() -> None:
    details = {"stage": 3, "block": 10, "head": 1, "query": "CLS"}
    assert describe(heatmap(corner(), details=details)) == (
        "Attention (stage 3, block 10, head 1, seen from CLS) concentrates in the upper left; "
        "3 of 49 keys hold half of it."
    )


def test_in_japanese() -> None:
    details = {"stage": 3, "head": "mean", "query": "row 3, column 4"}
    assert describe(heatmap(corner(), details=details), "ja") == (
        "アテンション（ステージ3、ヘッド平均、3行4列から）は左上に集中し、49個のキーのうち3個が半分を占める。"
    )


def test_attention_to_cls() -> None:
    assert describe(heatmap(corner() / 2, cls_share=0.4)).endswith(
        "hold half of it; a further 40% falls on CLS itself."
    )
    assert "CLS" not in describe(heatmap(corner(), cls_share=0.01))
    assert describe(heatmap(corner() / 1e4, cls_share=0.9999)) == "Attention falls almost entirely on CLS itself."


def test_attention_to_a_single_key() -> None:
    single = np.zeros((7, 7))
    single[3, 3] = 1
    assert describe(heatmap(single)) == "Attention concentrates in the centre; 1 of 49 keys holds half of it."


def test_even_attention() -> None:
    flat = np.full((7, 7), 1 / 49)
    assert describe(heatmap(flat)) == "Attention is spread almost evenly; 25 of 49 keys hold half of it."


def test_scattered_attention() -> None:
    corners = np.full((7, 7), 0.001)
    corners[[0, 0, 6, 6], [0, 6, 0, 6]] = 0.2
    assert describe(heatmap(corners)) == "Attention is scattered over several places; 3 of 49 keys hold half of it."


def test_what_lies_around_a_place_is_not_in_it() -> None:
    ring = np.full((7, 7), 0.001)
    ring[1:6, 1:6] = 1
    ring[2:5, 2:5] = 0.001
    assert describe(heatmap(ring)) == "Attention is scattered over several places; 9 of 49 keys hold half of it."


def test_attention_that_leans_to_one_side() -> None:
    slope = np.tile(np.linspace(0.2, 2, 7) ** 2, (7, 1))
    assert describe(heatmap(slope)) == "Attention is strongest on the right; 11 of 49 keys hold half of it."


def test_feature_norms() -> None:
    rising = np.tile(np.linspace(1, 4, 7)[:, None], (1, 7))
    told = describe(heatmap(rising, "sequential", "feature norm"))
    assert told == "Feature norm is highest at the bottom and lowest at the top, from 1 to 4."
    level = describe(heatmap(10 + 0.01 * rising, "sequential", "feature norm"))
    assert level == "Feature norm is almost the same everywhere, from 10 to 10."


def test_signed_maps() -> None:
    both = np.zeros((7, 7))
    both[:2, :2], both[5:, 5:] = 3, -1
    told = describe(heatmap(both, "diverging", "Grad-CAM", details={"class": "tench"}))
    assert told == (
        "Grad-CAM (class tench) is positive mostly in the upper left and negative mostly in the lower right, "
        "from −1 to 3; 75% of its strength is positive."
    )
    assert describe(heatmap(np.maximum(both, 0), "diverging")) == (
        "Attention is almost only positive, most strongly in the upper left, up to 3."
    )
    assert describe(heatmap(np.minimum(both, 0), "diverging")) == (
        "Attention is almost only negative, most strongly in the lower right, down to −1."
    )
    assert describe(heatmap(0 * both, "diverging")) == "Attention is zero everywhere."


def test_colour_maps() -> None:
    rgb = np.zeros((7, 7, 3))
    rgb[:, :4] = (0.1, 0.8, 0.2)
    rgb[:, 4:] = (0.6, 0.1, 0.9)
    told = describe(heatmap(rgb, "colour", "principal components"))
    assert told == "Principal components: mostly green (on the left), then purple (on the right)."
    assert describe(heatmap(np.full((7, 7, 3), 0.5), "colour")) == "Attention: almost only grey."


@pytest.mark.parametrize(
    ("rgb", "colour"),
    [
        ((1, 0, 0), "red"),
        ((1, 0.5, 0), "orange"),
        ((1, 1, 0), "yellow"),
        ((0, 1, 0), "green"),
        ((0, 1, 1), "cyan"),
        ((0, 0, 1), "blue"),
        ((0.6, 0, 1), "purple"),
        ((1, 0, 0.7), "pink"),
        ((0.5, 0.5, 0.5), "grey"),
        ((0.1, 0.1, 0.1), "black"),
        ((0.95, 0.95, 0.95), "white"),
    ],
)
def test_everyday_colours(rgb: tuple[float, float, float], colour: str) -> None:
    assert describe(heatmap(np.tile(rgb, (7, 7, 1)), "colour")) == f"Attention: almost only {colour}."


@pytest.mark.parametrize("flip", [False, True])
def test_places_follow_the_true_centres(flip: bool) -> None:
    """Row 2 of 7 is centred on pixel 65 of 224, in the upper third; tiled cells would put it at 80, in the middle."""
    values = np.zeros((7, 7))
    values[2, 3] = 1
    assert place(values.T if flip else values, KEYS) == ("middle_left" if flip else "upper_middle")


def test_a_flipped_map_is_told_flipped() -> None:
    grid = Grid(7, 7, 32, 15.5, 63)  # centres that lie symmetrically
    values = np.random.default_rng(1).dirichlet(np.full(49, 0.03)).reshape(7, 7)
    swapped = {"left": "right", "right": "left", "middle": "middle"}
    side, other = (place(cells, grid).split("_") for cells in (values, values[:, ::-1]))
    assert other == [side[0], swapped[side[1]]]


def test_cells_that_hold_a_share() -> None:
    np.testing.assert_array_equal(cells_holding(np.array([[0.1, 0.4], [0.3, 0.2]]), 0.5), [1, 2])
    np.testing.assert_array_equal(cells_holding(np.array([[0.1, 0.4], [0.3, 0.2]]), 0.4), [1])
    assert len(cells_holding(np.full(10, 0.1), 0.5)) == 5


def test_numbers() -> None:
    assert [number(x) for x in (0, -0.12345, 1234.5, 1e-7)] == ["0", "−0.123", "1.23e+03", "1e−07"]


@pytest.mark.parametrize("kind", ["distribution", "sequential", "diverging", "colour"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_map_gets_one_whole_sentence(kind: Kind, language: Any) -> None:
    rng = np.random.default_rng(0)
    for spread in (0.01, 0.3, 3):
        shape = (7, 7, 3) if kind == "colour" else (7, 7)
        values = np.exp(spread * rng.normal(size=shape))
        values = values / values.max() if kind == "colour" else values - (kind == "diverging")
        told = describe(heatmap(values, kind, details={"stage": 1, "colour of the day": "teal"}), language)
        assert told.endswith("." if language == "en" else "。")
        assert told.count("。" if language == "ja" else ". ") == (language == "ja")
        assert "{" not in told


def test_an_unknown_language() -> None:
    with pytest.raises(ValueError, match="language 'fr' must be one of 'en', 'ja'"):
        describe(heatmap(corner()), "fr")  # type: ignore[arg-type]


def test_a_map_that_is_not_finite() -> None:
    with pytest.raises(ValueError, match="not finite"):
        describe(heatmap(np.full((7, 7), np.nan)))
