"""The explorer's pure functions, in the browser they are written for, against numpy and the library."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from cvt.geometry import CropGeometry, Grid
from ui.explorer.assets import pure_script
from visualize.palette import Limits, colours, lookup_table


@pytest.fixture
def pure(page: Page) -> Page:
    page.goto("about:blank")
    page.add_script_tag(content=pure_script())
    return page


def block(seed: int = 0, heads: int = 2, queries: int = 5, keys: int = 4, size: int = 3) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {
        "heads": heads,
        "queries": queries,
        "keys": keys,
        "size": size,
        "scale": 0.7,
        "cls": 0,
        "query": random.normal(size=(heads, queries, size)).tolist(),
        "key": random.normal(size=(heads, keys, size)).tolist(),
    }


FLAT = "b.query = Float32Array.from(b.query.flat(2)); b.key = Float32Array.from(b.key.flat(2));"


def softmax(numbers: dict[str, Any]) -> np.ndarray:
    logits = np.array(numbers["query"]) @ np.array(numbers["key"]).transpose(0, 2, 1) * numbers["scale"]
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def test_half_precision_is_read_bit_by_bit(pure: Page) -> None:
    bits = [0, 0x8000, 1, 0x3FF, 0x400, 0x3C00, 0xBC00, 0x7BFF, 0x3555, *range(0, 0x7C00, 997)]
    read = pure.evaluate("(bits) => [...decodeHalves(new Uint16Array(bits))]", bits)
    assert read == [struct.unpack("<e", struct.pack("<H", value))[0] for value in bits]
    assert pure.evaluate("[halfToNumber(0x7C00), halfToNumber(0xFC00), halfToNumber(0x7C01)].map(String)") == [
        "Infinity", "-Infinity", "NaN",
    ]  # fmt: skip


def test_rows_of_attention(pure: Page) -> None:
    numbers = block()
    weights = softmax(numbers)
    for query in range(5):
        for head in (0, 1):
            row = pure.evaluate(
                f"([b, h, q]) => {{ {FLAT} return [...attentionRow(b, h, q)]; }}", [numbers, head, query]
            )
            assert row == pytest.approx(weights[head, query].tolist(), abs=1e-6)
        row = pure.evaluate(f"([b, q]) => {{ {FLAT} return [...attentionRow(b, 'mean', q)]; }}", [numbers, query])
        assert row == pytest.approx(weights[:, query].mean(0).tolist(), abs=1e-6)


def test_attention_received_is_the_mean_of_all_rows(pure: Page) -> None:
    numbers = block(1)
    weights = softmax(numbers)
    received = pure.evaluate(f"(b) => {{ {FLAT} return [...attentionReceived(b)]; }}", numbers)
    assert received == pytest.approx(weights.mean(axis=1).ravel().tolist(), abs=1e-6)
    mean = pure.evaluate("(r) => [...headOf(Float32Array.from(r), 2, 'mean')]", received)
    assert mean == pytest.approx(weights.mean(axis=(0, 1)).tolist(), abs=1e-6)


def test_large_logits_do_not_overflow(pure: Page) -> None:
    numbers = {**block(2), "scale": 500.0}
    row = pure.evaluate(f"(b) => {{ {FLAT} return [...attentionRow(b, 0, 0)]; }}", numbers)
    assert sum(row) == pytest.approx(1, abs=1e-5)
    assert max(row) == pytest.approx(float(softmax(numbers)[0, 0].max()), abs=1e-5)


def test_entropy_and_keys_for_half(pure: Page) -> None:
    assert pure.evaluate("entropy([0.25, 0.25, 0.25, 0.25])") == 2
    assert pure.evaluate("entropy([1, 0, 0])") == 0
    assert pure.evaluate("entropy([0.5, 0.25, 0.25])") == 1.5
    assert pure.evaluate("keysForHalf([0.1, 0.5, 0.2, 0.2])") == 1
    assert pure.evaluate("keysForHalf([0.25, 0.25, 0.25, 0.25])") == 2
    assert pure.evaluate("keysForHalf([0.1, 0.1, 0.1, 0.1, 0.1])") == 3
    assert pure.evaluate("keysForHalf([0.02, 0.02, 0.06])") == 1  # half of what there is, not of the whole


def test_geometry_is_the_librarys(pure: Page) -> None:
    crop = CropGeometry(photo=(300, 400), resized=(256, 341), top=16, left=58, height=224, width=224)
    shape = {"photo": [300, 400], "resized": [256, 341], "top": 16, "left": 58, "height": 224, "width": 224}
    grid = Grid(rows=14, columns=14, stride=16, offset=1, receptive_field=31)
    cells = {"rows": 14, "columns": 14, "stride": 16, "offset": 1}
    for y, x in [(0, 0), (1, 209), (223, 100.5), (-30, 260)]:
        assert pure.evaluate("([c, y, x]) => toPhoto(c, y, x)", [shape, y, x]) == pytest.approx(crop.to_photo(y, x))
        assert pure.evaluate("([c, y, x]) => toModel(c, y, x)", [shape, y, x]) == pytest.approx(crop.to_model(y, x))
    for (y, x), cell in {(1, 209): [0, 13], (1 + 16 + 7.9, 1 + 16 - 7.9): [1, 1], (-30, 260): [0, 13]}.items():
        assert pure.evaluate("([g, y, x]) => cellAt(g, y, x)", [cells, y, x]) == cell, "nearest, and on the map"
    window = pure.evaluate("([c, g]) => windowOf(c, g, [2, 3], 31)", [shape, cells])
    centre = crop.to_photo(*grid.centre(2, 3))
    scale = crop.scale
    assert window["top"] + window["height"] / 2 == pytest.approx(centre[0] + 0.5)
    assert window["left"] + window["width"] / 2 == pytest.approx(centre[1] + 0.5)
    assert (window["height"], window["width"]) == pytest.approx((31 * scale[0], 31 * scale[1]))
    seen = pure.evaluate("(c) => cropBox(c)", shape)
    top, left, bottom, right = crop.box
    assert (seen["top"], seen["left"]) == pytest.approx((top, left))
    assert (seen["height"], seen["width"]) == pytest.approx((bottom - top, right - left))


def test_paint_uses_the_palette_as_the_library_does_and_repeats_the_border(pure: Page) -> None:
    values = np.random.default_rng(0).uniform(-0.2, 1.3, (3, 4)).astype(np.float32)
    table = lookup_table("viridis")
    words = pure.evaluate(
        "([v, text]) => [...new Uint8Array(paint(v, 3, 4, decodePalette(text), 0, 1).buffer)]",
        [values.ravel().tolist(), __import__("base64").b64encode(table.tobytes()).decode()],
    )
    drawn = np.array(words, dtype=np.uint8).reshape(5, 6, 4)
    assert (drawn[1:-1, 1:-1, :3] == colours(values, "sequential", Limits(0, 1), "viridis")).all()
    assert (drawn[..., 3] == 255).all()
    assert (drawn[0, 1:-1] == drawn[1, 1:-1]).all()
    assert (drawn[0, 0] == drawn[1, 1]).all()
    assert (drawn[:, -1] == drawn[:, -2]).all()


@pytest.mark.parametrize(
    ("kind", "maps", "options", "low", "high", "below", "above"),
    [
        ("distribution", [[0.1, 0.2]], {"baseline": 0.02}, 0, 0.1, False, True),
        ("distribution", [[0.1, 0.2]], {"baseline": 0.1}, 0, 0.5, False, False),
        ("distribution", [[0.1, 0.2], [0.05, 0.4]], {"baseline": 0.1, "stretched": True}, 0.05, 0.4, False, False),
        ("diverging", [[-1, 3]], {}, -3, 3, False, False),
        ("diverging", [[-4, 3]], {"reach": 2}, -2, 2, True, True),
        ("diverging", [[0, 0]], {}, 0, 1, False, False),
        ("sequential", [[1, 5]], {}, 0, 5, False, False),
        ("sequential", [[2, 2]], {"stretched": True}, 2, 3, False, False),
    ],
)
def test_scales(
    pure: Page,
    kind: str,
    maps: list[list[float]],
    options: dict[str, Any],
    low: float,
    high: float,
    below: bool,
    above: bool,
) -> None:
    scale = pure.evaluate("([k, m, o]) => limits(k, m, o)", [kind, maps, options])
    assert (abs(scale["low"]), scale["high"]) == pytest.approx((abs(low), high))
    assert (scale["below"], scale["above"]) == (below, above)


def test_similarity_is_the_cosine(pure: Page) -> None:
    values = np.random.default_rng(3).normal(size=(5, 6))
    values[:, 4] = 0
    features = {"channels": 5, "tokens": 6, "values": values.ravel().tolist()}
    cosines = pure.evaluate("(f) => [...similarity(directions(f), 5, 2)]", features)
    length = np.linalg.norm(values, axis=0)
    true = values[:, 2] @ values / np.where(length > 0, length * length[2], 1)
    assert cosines == pytest.approx(true.tolist(), abs=1e-6)
    assert cosines[4] == 0


def test_choices_are_read_and_settled(pure: Page) -> None:
    queries = ["3,4", " 3 , 4", "cls", "3", "3,4,5", "a,b", ",", "1.5,2", [1, 2], None, {}]
    read = [[3, 4], [3, 4], "cls", None, None, None, None, None, [1, 2], None, None]
    assert pure.evaluate("(queries) => queries.map(parseQuery)", queries) == read
    assert pure.evaluate("[0, '2', -1, '-3', 3, -4, '', 'x', null, 1.5].map((v) => pickIndex(v, 3))") == [
        0, 2, 2, 0, None, None, None, None, None, None,
    ]  # fmt: skip
    stages = [{"blocks": [1], "heads": 1}, {"blocks": [1, 2], "heads": 3}]
    settle = "([s, now, wish]) => settle(s, now, wish)"
    now = {"stage": 2, "block": 0, "head": 2}
    assert pure.evaluate(settle, [stages, now, {}]) == now
    assert pure.evaluate(settle, [stages, now, {"stage": "1"}]) == {"stage": 1, "block": 0, "head": "mean"}
    assert pure.evaluate(settle, [stages, now, {"block": "-1", "head": "all"}]) == {
        "stage": 2,
        "block": 1,
        "head": "all",
    }
    assert pure.evaluate(settle, [stages, now, {"stage": 9, "block": 7, "head": "<b>"}]) == now
    assert pure.evaluate(settle, [stages, {}, {}]) == {"stage": 2, "block": 1, "head": "mean"}


def test_addresses_keep_what_is_not_theirs(pure: Page) -> None:
    change = "([href, changes]) => addressWith(href, changes)"
    href = "http://host/path?__theme=dark&stage=1#part"
    assert (
        pure.evaluate(change, [href, {"stage": 3, "query": "3,4", "example": None}])
        == "http://host/path?__theme=dark&stage=3&query=3,4#part"
    )
    assert pure.evaluate(change, [href, {"stage": None}]) == "http://host/path?__theme=dark#part"
    assert "%3Cscript%3E" in pure.evaluate(change, [href, {"model": "<script>"}])


def test_numbers_in_words(pure: Page) -> None:
    assert pure.evaluate("[0, 0.5, 0.0523, 0.00123, 0.00001234].map(inPercent)") == [
        "0", "50", "5.2", "0.12", "0.0012",
    ]  # fmt: skip
    assert pure.evaluate("fill('{a} of {b}, {c}', { a: 1, b: '{a}' })") == "1 of {a}, {c}"


def test_pictures_fill_a_frame(pure: Page) -> None:
    assert pure.evaluate("bestColumns(1, 1, 4 / 3)") == 1
    assert pure.evaluate("bestColumns(2, 1, 4 / 3)") == 2
    assert pure.evaluate("bestColumns(6, 1, 4 / 3)") == 3
    assert pure.evaluate("bestColumns(2, 3, 1)") == 1
    assert pure.evaluate("bestColumns(16, 1, 1)") == 4
