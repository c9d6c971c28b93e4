"""Attention from queries and keys."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cvt.errors import ConfigError
from cvt.model import CvtForImageClassification
from cvt.tracing import BlockTrace, StageTrace, Trace
from visualize import attention as maths
from visualize.attention import (
    attention_distance,
    attention_entropy,
    attention_heads,
    attention_map,
    attention_received,
    attention_rows,
    keys_holding,
    weigh_rows,
)

ROWS = [[0.5, 0.25, 0.25, 0], [0, 1, 0, 0], [0.25] * 4, [0.1, 0.2, 0.3, 0.4]]
"""Attention of 2 × 2 tokens to themselves."""
WITH_CLS = [[0.2, 0.8, 0, 0, 0]] + [[0.5, *(0.5 * np.array(row))] for row in ROWS]


def test_one_row_by_hand(by_hand: Callable[..., Trace]) -> None:
    heatmap = attention_map(by_hand([ROWS]), 0, 0, (1, 1))
    np.testing.assert_allclose(heatmap.values, [[0.1, 0.2], [0.3, 0.4]], atol=1e-6)
    assert (heatmap.kind, heatmap.baseline, heatmap.cls_share) == ("distribution", 0.25, None)


def test_cls_by_hand(by_hand: Callable[..., Trace]) -> None:
    trace = by_hand([WITH_CLS], cls=True)
    seen = attention_map(trace, 0, 0, "cls")
    np.testing.assert_allclose(seen.values, [[0.8, 0], [0, 0]], atol=1e-6)
    assert (seen.cls_share, seen.baseline) == (pytest.approx(0.2), pytest.approx(1 / 5))
    np.testing.assert_allclose(attention_map(trace, 0, 0, (0, -1)).values, [[0, 0.5], [0, 0]], atol=1e-6)


def test_received_by_hand(by_hand: Callable[..., Trace]) -> None:
    received = attention_received(by_hand([WITH_CLS], cls=True), 0, -1)
    np.testing.assert_allclose(received.values, [[0.245, 0.17], [0.08, 0.065]], atol=1e-6)
    assert received.cls_share == pytest.approx(0.44)


def test_two_heads_by_hand(by_hand: Callable[..., Trace]) -> None:
    trace = by_hand([ROWS, ROWS[::-1]], num_heads=[2])
    first, second = attention_heads(trace, 0, 0, (0, 0))
    np.testing.assert_allclose(first.values, [[0.5, 0.25], [0.25, 0]], atol=1e-6)
    np.testing.assert_allclose(second.values, [[0.1, 0.2], [0.3, 0.4]], atol=1e-6)
    mean = attention_map(trace, 0, 0, (0, 0))
    np.testing.assert_allclose(mean.values, (first.values + second.values) / 2, atol=1e-6)
    assert (first.details["head"], second.details["head"], mean.details["head"]) == (1, 2, "mean")
    assert attention_map(trace, 0, 0, (0, 0), -1).details["head"] == 2


def test_entropy_and_distance_by_hand(by_hand: Callable[..., Trace]) -> None:
    """Neighbours of a 2 × 2 grid are 1 pixel apart, and √2 across."""
    trace = by_hand([ROWS])
    log, far = np.log, np.sqrt(2)
    tenth = -sum(p * log(p) for p in (0.1, 0.2, 0.3, 0.4))
    entropy = (1.5 * log(2) + 0 + log(4) + tenth) / 4
    np.testing.assert_allclose(attention_entropy(trace, 0, 0), [entropy], atol=1e-6)
    np.testing.assert_allclose(attention_entropy(trace, 0, 0, relative=True), [entropy / log(4)], atol=1e-6)
    distance = (0.5 + 0 + 0.25 * (2 + far) + (0.2 + 0.3 + 0.1 * far)) / 4
    np.testing.assert_allclose(attention_distance(trace, 0, 0), [distance], atol=1e-6)


def test_cls_has_no_distance(by_hand: Callable[..., Trace]) -> None:
    """With CLS taking half of every row, what is left is shared as before."""
    without, with_cls = by_hand([ROWS]), by_hand([WITH_CLS], cls=True)
    np.testing.assert_allclose(attention_distance(with_cls, 0, 0), attention_distance(without, 0, 0), atol=1e-6)


def test_entropy_of_extremes(by_hand: Callable[..., Trace]) -> None:
    assert attention_entropy(by_hand([np.eye(4)]), 0, 0) == pytest.approx(0)
    assert attention_entropy(by_hand([np.full((4, 4), 0.25)]), 0, 0, relative=True) == pytest.approx(1)
    assert attention_entropy(by_hand([np.ones((1, 1))], size=(1, 1)), 0, 0, relative=True) == pytest.approx(1)


def test_keys_holding(by_hand: Callable[..., Trace]) -> None:
    trace = by_hand([ROWS])
    counts = {query: keys_holding(attention_map(trace, 0, 0, query)) for query in [(0, 0), (0, 1), (1, 0), (1, 1)]}
    assert counts == {(0, 0): 1, (0, 1): 1, (1, 0): 2, (1, 1): 2}
    assert keys_holding(attention_map(trace, 0, 0, (0, 0)), 1.0) == 3
    with pytest.raises(ConfigError, match="share=0"):
        keys_holding(attention_map(trace, 0, 0, (0, 0)), 0)


def test_parity_with_the_networks_softmax(
    noise_trace: Callable[..., Trace], network: Callable[[str], CvtForImageClassification], kind: str
) -> None:
    """Every block and head of every network: rows, single rows, and what is received."""
    trace = noise_trace(kind)
    with torch.no_grad():
        pixels = torch.from_numpy(trace.pixel_values.copy())[None]
        attentions = iter(network(kind)(pixels, output_attentions=True).attentions)
    sharp = 0.0
    for index, stage in enumerate(trace.stages):
        for block in range(len(stage.blocks)):
            expected = next(attentions)[0].numpy()
            sharp = max(sharp, expected.max() * expected.shape[2])
            rows = np.concatenate([weights for _, weights in attention_rows(stage, block)])
            np.testing.assert_allclose(rows, expected.mean(axis=0), atol=1e-5)
            query = "cls" if stage.has_cls else (0, 0)
            for head, seen in enumerate(attention_heads(trace, index, block, query)):
                whole = ([] if seen.cls_share is None else [seen.cls_share]) + seen.values.reshape(-1).tolist()
                np.testing.assert_allclose(whole, expected[head, 0], atol=1e-5)
                received = attention_received(trace, index, block, head)
                average = expected[head].mean(axis=0)[int(stage.has_cls) :]
                np.testing.assert_allclose(received.values.reshape(-1), average, atol=1e-5)
    assert sharp > 2, "attention was so even that nothing was put to the test"


def test_distributions_sum_to_one(noise_trace: Callable[..., Trace], kind: str) -> None:
    trace = noise_trace(kind, 40, 56)
    for index, stage in enumerate(trace.stages):
        for seen in (attention_received(trace, index, -1), attention_map(trace, index, 0, (-1, 0))):
            assert seen.values.sum() + (seen.cls_share or 0) == pytest.approx(1, abs=1e-5)
            assert (seen.cls_share is None) is not stage.has_cls
            assert seen.baseline == 1 / (seen.values.size + stage.has_cls)
            assert seen.grid == stage.geometry.keys


@settings(max_examples=30, deadline=None)
@given(arrays(np.float32, (2, 5, 3), elements=st.floats(-1e4, 1e4, width=32)), st.integers(1, 12))
def test_softmax_of_any_size_in_chunks_of_any_size(query: np.ndarray, chunk: int) -> None:
    """Logits up to 1e8 neither overflow nor lose their row sums, and chunks do not show."""
    key = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    block = BlockTrace(query, key)
    logits = np.einsum("hqd,hkd->hqk", query.astype(np.float64), key)
    expected = torch.from_numpy(logits).softmax(dim=-1).numpy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maths, "CHUNK", chunk)
        got = np.concatenate([exps / sums for _, exps, sums in maths.exponentials(block, 1.0)], axis=1)
        mean = weigh_rows(block, 1.0, np.full(5, 0.2, dtype=np.float32))
    np.testing.assert_allclose(got.sum(axis=-1), 1, atol=1e-5)
    rounding = 1e-6 * np.abs(logits).max() + 1e-5
    np.testing.assert_allclose(got, expected, atol=min(rounding, 1))
    np.testing.assert_allclose(mean, got.mean(axis=(0, 1)), atol=1e-5)


def test_memory_is_bounded() -> None:
    """9,216 queries on 2,304 keys would be 81 MiB of attention; a few are held at a time."""
    generator = np.random.default_rng(0)
    shapes = (1, 96 * 96, 16), (1, 48 * 48, 16)
    block = BlockTrace(*(generator.normal(size=shape).astype(np.float32) for shape in shapes))
    tracemalloc.start()
    weigh_rows(block, 0.25, np.full(96 * 96, 1 / 96**2, dtype=np.float32))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_permuting_keys_permutes_the_map(by_hand: Callable[..., Trace]) -> None:
    """Mirroring the keys mirrors the map, and nothing else about it changes."""
    mirrored = np.array(ROWS).reshape(4, 2, 2)[:, :, ::-1].reshape(4, 4)
    received, received_mirrored = (attention_received(by_hand([rows]), 0, 0) for rows in (ROWS, mirrored))
    np.testing.assert_allclose(received_mirrored.values, received.values[:, ::-1], atol=1e-6)


def test_rows_come_in_order_and_leave_the_trace_alone(noise_trace: Callable[..., Trace]) -> None:
    stage: StageTrace = noise_trace("released").stages[0]
    before = stage.blocks[0].query.copy(), stage.blocks[0].key.copy()
    ends = [rows.stop for rows, _ in attention_rows(stage, 0)]
    assert ends == sorted(ends) and ends[-1] == stage.geometry.tokens.rows * stage.geometry.tokens.columns
    np.testing.assert_array_equal(stage.blocks[0].query, before[0])
    np.testing.assert_array_equal(stage.blocks[0].key, before[1])


def test_errors(noise_trace: Callable[..., Trace]) -> None:
    trace, nowhere = noise_trace("released"), noise_trace("linear")
    with pytest.raises(ConfigError, match=r"stage 1 has no CLS token; stages with one: 2"):
        attention_map(trace, 1, 0, "cls")
    with pytest.raises(ConfigError, match="this model has none in any stage"):
        attention_map(nowhere, -1, 0, "cls")
    with pytest.raises(ConfigError, match=r"row 3 does not exist: allowed are 0 to 2"):
        attention_map(trace, 2, 0, (3, 0))
    with pytest.raises(ConfigError, match=r"block 2 does not exist: allowed are 0 to 1"):
        attention_map(trace, 2, 2, "cls")
    with pytest.raises(ConfigError, match=r"head 6 does not exist: allowed are 0 to 5"):
        attention_received(trace, 2, 0, 6)
    with pytest.raises(ConfigError, match="head 'max' is unknown"):
        attention_received(trace, 2, 0, "max")  # type: ignore[arg-type]
    for query in ("0,1", 3, (1, 2, 3)):
        with pytest.raises(ConfigError, match=r"query .* is unknown: allowed are 'cls' or"):
            attention_map(trace, 2, 0, query)  # type: ignore[arg-type]
