"""Rollout: by hand, against whole matrices, and the law that relevance is conserved."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvt.config import CvtConfig
from cvt.errors import ConfigError
from cvt.geometry import CropGeometry, Grid, convolved_size, stage_geometry
from cvt.tracing import BlockTrace, StageTrace, Trace
from visualize.rollout import embedding_footprint, key_footprint, rollout, spread_keys

ROWS = [[0.5, 0.25, 0.25, 0], [0, 1, 0, 0], [0.25] * 4, [0.1, 0.2, 0.3, 0.4]]


def test_one_block_by_hand(by_hand: Callable[..., Trace]) -> None:
    """Half stays, half goes where the token looks."""
    heatmap = rollout(by_hand([ROWS]), (1, 1))
    np.testing.assert_allclose(heatmap.values, [[0.05, 0.1], [0.15, 0.7]], atol=1e-6)
    assert (heatmap.kind, heatmap.baseline, heatmap.grid.shape) == ("distribution", 0.25, (2, 2))


def test_two_blocks_by_hand(by_hand: Callable[..., Trace]) -> None:
    """The last block comes first: (0, 0) looks at (0, 1), which then looks at (1, 0)."""
    first, last = np.eye(4)[[0, 2, 2, 3]], np.eye(4)[[1, 1, 2, 3]]
    np.testing.assert_allclose(rollout(by_hand([first], [last]), (0, 0)).values, [[0.5, 0.25], [0.25, 0]], atol=1e-6)


def test_cls_by_hand(by_hand: Callable[..., Trace]) -> None:
    """CLS keeps 0.5 + 0.5 · 0.2 and sends 0.4 to the first token; at the embedding that is all there is."""
    rows = [[0.2, 0.8, 0, 0, 0]] + [[0.5, *(0.5 * np.array(row))] for row in ROWS]
    trace = by_hand([rows], cls=True)
    inside = rollout(trace, stop_stage=0)
    np.testing.assert_allclose(inside.values, [[0.4, 0], [0, 0]], atol=1e-6)
    assert (inside.cls_share, inside.baseline) == (pytest.approx(0.6), 1 / 5)
    np.testing.assert_allclose(rollout(trace).values, [[1, 0], [0, 0]], atol=1e-6)
    assert rollout(trace).cls_share is None


def test_cls_that_looks_at_itself_alone_points_nowhere(by_hand: Callable[..., Trace]) -> None:
    trace = by_hand([np.eye(5)], cls=True)
    np.testing.assert_allclose(rollout(trace, "cls").values, np.full((2, 2), 0.25), atol=1e-6)


def test_squeezed_keys_by_hand(by_hand: Callable[..., Trace]) -> None:
    """A 4 × 1 photo, keys at tokens 0 and 2 seeing 0–1 and 1–3: token 1 is seen twice and counts half for each."""
    trace = by_hand([[[0, 1]] * 4], size=(4, 1), qkv_projection_method=["dw_bn"])
    np.testing.assert_allclose(rollout(trace, (0, 0)).values[:, 0], [0.5, 0.1, 0.2, 0.2], atol=1e-6)
    trace = by_hand([[[1, 0]] * 4], size=(4, 1), qkv_projection_method=["dw_bn"])
    np.testing.assert_allclose(rollout(trace, (3, 0)).values[:, 0], [1 / 3, 1 / 6, 0, 0.5], atol=1e-6)


def test_all_tokens_is_the_mean_of_each(by_hand: Callable[..., Trace]) -> None:
    trace = by_hand([ROWS], [ROWS[::-1]])
    each = [rollout(trace, (row, column)).values for row in (0, 1) for column in (0, 1)]
    np.testing.assert_allclose(rollout(trace).values, np.mean(each, axis=0), atol=1e-6)


def for_a_class(by_hand: Callable[..., Trace]) -> Trace:
    """Two tokens, ∇A = [[2, −1], [3, 0]] and A = [[½, ½], [1, 0]], as for gradient × attention; (∇A ⊙ A)⁺ has the rows
    (1, 0) and (3, 0), so that both tokens' evidence lies on the first."""
    gradients = [[[[2.0, -1.0], [3.0, 0.0]]]]
    return by_hand([[[0.5, 0.5], [1, 0]]], values=[np.eye(2)[None]], context_gradients=gradients, size=(1, 2))


def test_for_a_class_by_hand(by_hand: Callable[..., Trace]) -> None:
    trace = for_a_class(by_hand)
    heatmap = rollout(trace, for_class=True)
    np.testing.assert_allclose(heatmap.values, [[0.8 * 0.5 + 0.2, 0.8 * 0.5]], atol=1e-6)
    assert heatmap.details["class"] == "LABEL_1"
    np.testing.assert_allclose(rollout(trace, for_class=True, residual=0.5).values, [[0.75, 0.25]], atol=1e-6)
    np.testing.assert_allclose(rollout(trace, (0, 1), for_class=True, residual=0.5).values, [[0.5, 0.5]], atol=1e-6)
    plain = rollout(trace)
    np.testing.assert_allclose(plain.values, [[0.625, 0.375]], atol=1e-6)
    assert "class" not in plain.details
    np.testing.assert_allclose(rollout(trace, residual=0.8).values, [[0.55, 0.45]], atol=1e-6)


def test_without_evidence_attention_itself_is_followed(by_hand: Callable[..., Trace]) -> None:
    """The first row's gradients are all negative; the second's evidence lies on the first token."""
    gradients = [[[[-2.0, -1.0], [3.0, 0.0]]]]
    trace = by_hand([[[0.5, 0.5], [1, 0]]], values=[np.eye(2)[None]], context_gradients=gradients, size=(1, 2))
    np.testing.assert_allclose(rollout(trace, for_class=True, residual=0).values, [[0.75, 0.25]], atol=1e-6)


def test_for_a_class_relevance_is_conserved_and_follows_the_class(noise_trace: Callable[..., Trace], kind: str) -> None:
    first, second = (rollout(noise_trace(kind, target=target), for_class=True) for target in (0, 3))
    for heatmap in (first, second):
        assert heatmap.values.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)
        assert heatmap.values.min() >= 0
    assert np.abs(first.values - second.values).max() > 0.01 * first.values.max()
    same = [rollout(noise_trace(kind, target=target)).values for target in (0, 3, None)]
    np.testing.assert_allclose(same[0], same[2], atol=1e-8)
    np.testing.assert_allclose(same[1], same[2], atol=1e-8)


def window_matrix(inputs: tuple[int, int], outputs: tuple[int, int], kernel: int, stride: int, pad: int) -> np.ndarray:
    """Spread of every output cell over the input cells, one dimension times the other, written out cell by cell."""

    def line(size: int, cells: int) -> np.ndarray:
        windows = [
            [i for i in range(c * stride - pad, c * stride - pad + kernel) if 0 <= i < size] for c in range(cells)
        ]
        spread = np.zeros((cells, size))
        for cell, window in enumerate(windows):
            for i in window:
                spread[cell, i] = 1 / sum(i in other for other in windows)
        return spread / spread.sum(axis=1, keepdims=True)

    return np.kron(line(inputs[0], outputs[0]), line(inputs[1], outputs[1]))


def whole_rollout(trace: Trace, stop_stage: int = -1) -> np.ndarray:
    """Rollout by whole matrices, from the classifier's tokens to the pixels or a stage's tokens, CLS first."""
    config, vector = trace.config, np.ones(0)
    for index in reversed(range(max(stop_stage, 0), len(trace.stages))):
        stage = trace.stages[index]
        cls, tokens = int(stage.has_cls), stage.geometry.tokens.shape
        if not vector.size:
            vector = np.eye(cls + tokens[0] * tokens[1])[0] if cls else np.full(np.prod(tokens), 1 / np.prod(tokens))
        else:
            vector = np.concatenate([np.zeros(cls), vector])
        spread = np.eye(cls + np.prod(stage.geometry.keys.shape), len(vector))
        if config.qkv_projection_method[index] != "linear":
            window = config.kernel_qkv[index], config.stride_kv[index], config.padding_kv[index]
            spread[cls:, cls:] = window_matrix(tokens, stage.geometry.keys.shape, *window)
        for block in reversed(stage.blocks):
            logits = np.einsum("hqd,hkd->hqk", block.query.astype(np.float64), block.key) * stage.scale
            weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
            weights = (weights / weights.sum(axis=-1, keepdims=True)).mean(axis=0)
            vector = vector @ (0.5 * (np.eye(len(vector)) + weights @ spread))
        if index == stop_stage:
            return vector
        vector = vector[cls:] / vector[cls:].sum()
        below = trace.stages[index - 1].geometry.tokens.shape if index else trace.pixel_values.shape[1:]
        window = config.patch_sizes[index], config.patch_stride[index], config.patch_padding[index]
        vector = vector @ window_matrix((below[0], below[1]), tokens, *window)
    return vector


def test_parity_with_whole_matrices(noise_trace: Callable[..., Trace], kind: str) -> None:
    trace = noise_trace(kind, 40, 56)
    pixels = rollout(trace).values
    np.testing.assert_allclose(pixels.reshape(-1), whole_rollout(trace), atol=1e-6)
    assert pixels.max() > 1.2 * pixels.mean(), "the map is so even that nothing was put to the test"
    for stop in range(3):
        heatmap = rollout(trace, stop_stage=stop)
        shares = [] if heatmap.cls_share is None else [heatmap.cls_share]
        np.testing.assert_allclose([*shares, *heatmap.values.flat], whole_rollout(trace, stop), atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(32, 90), st.integers(32, 90), st.sampled_from([None, (0, 0), (-1, -1)]), st.integers(0, 2))
def test_relevance_is_conserved(height: int, width: int, start: Any, stage: int) -> None:
    """Whatever the input's size, the start and the stage: nothing is lost, nothing negative, no pixel outside."""
    trace = random_trace(height, width)
    heatmap = rollout(trace, start, stage=stage)
    assert heatmap.values.shape == (height, width)
    assert heatmap.values.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)
    assert heatmap.values.min() >= 0
    for stop in range(stage + 1):
        inside = rollout(trace, start, stage=stage, stop_stage=stop)
        assert inside.values.sum(dtype=np.float64) + (inside.cls_share or 0) == pytest.approx(1, abs=1e-5)
        assert inside.grid == trace.stages[stop].geometry.tokens


def random_trace(height: int, width: int, channels: int = 4) -> Trace:
    """Random queries and keys in the layout of the released models, without any network."""
    config = CvtConfig(embed_dim=(8, 12, 24))
    generator = np.random.default_rng(height * 1000 + width)
    stages = []
    for index, geometry in enumerate(stage_geometry(config, height, width)):
        cls, heads = int(config.cls_token[index]), config.num_heads[index]
        sizes = (cls + grid.rows * grid.columns for grid in (geometry.queries, geometry.keys))
        query, key = (generator.normal(size=(heads, size, channels)).astype(np.float32) for size in sizes)
        map_of_nothing = np.zeros((1, *geometry.tokens.shape), dtype=np.float32)
        stages.append(StageTrace(geometry, map_of_nothing, (BlockTrace(query, key),), bool(cls), 1.0))
    return Trace(
        photo=np.zeros((height, width, 3), dtype=np.uint8),
        pixel_values=np.zeros((3, height, width), dtype=np.float32),
        crop=CropGeometry((height, width), (height, width), 0, 0, height, width),
        config=config,
        logits=np.zeros(2, dtype=np.float32),
        probabilities=np.full(2, 0.5, dtype=np.float32),
        stages=tuple(stages),
    )


@pytest.mark.parametrize(
    "fields", [{}, {"patch_sizes": (5, 3, 2), "patch_padding": (1, 1, 0)}, {"patch_stride": (3, 2, 2)}]
)
def test_footprints_stay_where_they_are(fields: dict[str, Any]) -> None:
    """All relevance on one inner token, or key, spreads around that cell's own centre, down to the pixels."""
    config = CvtConfig(**fields)
    height, width = 160, 224
    geometry = stage_geometry(config, height, width)
    for stage, grids in enumerate(geometry):
        for grid in (grids.tokens, grids.keys):
            row, column = grid.rows // 2, grid.columns // 3
            values = np.zeros(grid.shape, dtype=np.float32)
            values[row, column] = 1
            if grid is grids.keys:
                values = key_footprint(config, stage, grids.tokens, grids.keys).spread(values)
            for above in range(stage, -1, -1):
                below = geometry[above - 1].tokens.shape if above else (height, width)
                values = embedding_footprint(config, above, below, geometry[above].tokens).spread(values)
            y, x = (float((values * place).sum() / values.sum()) for place in np.indices(values.shape))
            assert abs(y - grid.centre(row, column)[0]) < 0.5
            assert abs(x - grid.centre(row, column)[1]) < 0.5


def test_even_attention_makes_an_even_map() -> None:
    """No lattice: overlapping windows do not show. Only near the borders do windows differ in size."""
    trace = random_trace(224, 224)
    even = [BlockTrace(np.zeros_like(stage.blocks[0].query), stage.blocks[0].key) for stage in trace.stages]
    for stage, block in zip(trace.stages, even, strict=True):
        object.__setattr__(stage, "blocks", (block,))
    inner = rollout(trace).values[64:-64, 64:-64]
    assert np.ptp(inner) < 0.01 * inner.mean()


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4), st.integers(0, 4))
def test_mirrored_where_the_windows_are(size: int, kernel: int, stride: int, padding: int) -> None:
    """Where cells lie symmetrically in the map below, a mirrored map is spread as the mirror of its spread."""
    if padding >= kernel or (size + 2 * padding - kernel) % stride or size + 2 * padding < kernel:
        return  # windows that do not come out even, as those of the released models at 224 pixels, lean to one side
    assert mirrored_alike(size, kernel, stride, padding)


def test_not_mirrored_at_224_pixels() -> None:
    assert not mirrored_alike(224, 7, 4, 2)


def mirrored_alike(size: int, kernel: int, stride: int, padding: int) -> bool:
    config = CvtConfig(patch_sizes=[kernel] * 3, patch_stride=[stride] * 3, patch_padding=[padding] * 3)
    cells = convolved_size(size, kernel, stride, padding)
    values = np.random.default_rng(0).random((cells, cells), dtype=np.float32)
    footprint = embedding_footprint(config, 0, (size, size), Grid(cells, cells, stride, 0, kernel))
    return np.allclose(footprint.spread(values[::-1]), footprint.spread(values)[::-1], atol=1e-6)


def test_cls_keys_stay_cls(noise_trace: Callable[..., Trace]) -> None:
    trace = noise_trace("CLS everywhere")
    keys = trace.stages[1].blocks[0].key.shape[1]
    tokens = spread_keys(trace, 1, np.eye(keys, dtype=np.float32)[0])
    assert tokens[0] == 1 and not tokens[1:].any()


def test_memory_is_bounded() -> None:
    """At 384 pixels the first stage has 9,216 tokens: tokens × keys would be 81 MiB, tokens × tokens 324 MiB."""
    trace = random_trace(384, 384)
    tracemalloc.start()
    rollout(trace)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 << 20


def test_errors(noise_trace: Callable[..., Trace]) -> None:
    trace = noise_trace("released")
    with pytest.raises(ConfigError, match="stop_stage 2 does not exist: allowed are 0 to 1"):
        rollout(trace, stage=1, stop_stage=2)
    with pytest.raises(ConfigError, match="stage 3 does not exist"):
        rollout(trace, stage=3)
    with pytest.raises(ConfigError, match="stage 0 has no CLS token"):
        rollout(trace, "cls", stage=0)
    with pytest.raises(ConfigError, match="row 9 does not exist"):
        rollout(trace, (9, 0))
    with pytest.raises(ConfigError, match=r"residual=1.5 must be a share, 0 to 1"):
        rollout(trace, residual=1.5)
    with pytest.raises(ConfigError, match="no class evidence: make it with trace"):
        rollout(trace, for_class=True)
