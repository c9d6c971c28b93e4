"""Questions about one photo in one model: what its maps, its attention and its answer say."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np

from cvt.geometry import Grid
from cvt.tracing import Trace
from visualize.attention import attention_heads, attention_map, attention_received
from visualize.heatmap import Heatmap
from visualize.methods import map_of

from .asked import Asked, choice, number, token
from .facts import class_name

__all__ = [
    "evidence",
    "focused_head",
    "looks_at_itself",
    "odds",
    "received",
    "silenced",
    "softmax",
    "strongest",
]

NEAR_THE_TOP = 0.9
"""A token counts as the largest from this share of the largest value on."""

CANDIDATES = 12
"""Channels of which the one is asked about that stands out in the fewest places."""

ADDING_UP = "libragrad"
"""The map of class evidence whose tokens, and the biases, add up to the answer."""

TRIES = 4
"""Tokens of which the one is asked about whose heads differ most."""


def strongest(trace: Trace, chance: random.Random) -> Asked:
    """The token at which a channel of a stage is largest. The channel is one that stands out in few places."""
    stage = min(1, len(trace.stages) - 1)
    maps = trace.stages[stage].feature_map
    offered = chance.sample(range(len(maps)), min(CANDIDATES, len(maps)))
    channel = min(offered, key=lambda index: len(_top(maps[index])))
    show = {"view": "feature", "stage": stage + 1, "channel": channel + 1}
    return token(_top(maps[channel]), show, stage=stage + 1, channel=channel + 1)


def received(trace: Trace, chance: random.Random) -> Asked:
    """A token over the key that receives most attention in a block of the last stage."""
    block = chance.randrange(len(trace.stages[-1].blocks))
    seen = attention_received(trace, -1, block)
    best = set(map(tuple, np.argwhere(seen.values >= 0.95 * seen.values.max()).tolist()))
    grid = trace.stages[-1].geometry.tokens
    over = {place: _cell_at(seen.grid, *grid.centre(*place)) for place in np.ndindex(*grid.shape)}
    found = sorted((place for place in over if over[place] in best), key=lambda place: -seen.values[over[place]])
    share = float(seen.values.max())
    show = {"view": "attention_received", "stage": len(trace.stages), "block": block + 1, "head": "mean"}
    times = share / float(seen.baseline or share)
    return token(found, show, stage=len(trace.stages), block=block + 1, share=_percent(share), times=f"{times:.1f}")


def evidence(trace: Trace, chance: random.Random) -> Asked | None:
    """The token of a stage that brings most to the class; None without a target."""
    if trace.target is None:
        return None
    stage = chance.randrange(len(trace.stages))
    brought = map_of(trace, ADDING_UP, stage).values
    show = {"view": "class_evidence", "stage": stage + 1, "method": ADDING_UP, "target": trace.target}
    return token(_top(brought), show, **{"class": class_name(trace, trace.target), "stage": stage + 1})


def softmax(trace: Trace, chance: random.Random) -> Asked:
    """The share that the first of three keys would get if there were no others: from their real scores."""
    stage = chance.randrange(len(trace.stages))
    stage_trace = trace.stages[stage]
    block = stage_trace.blocks[-1]
    grid, cls = stage_trace.geometry.tokens, int(stage_trace.has_cls)
    row, column = chance.randrange(grid.rows), chance.randrange(grid.columns)
    head = chance.randrange(len(block.query))
    query = block.query[head, cls + row * grid.columns + column]
    scores = np.sort(block.key[head, cls:] @ query * stage_trace.scale)[::-1]
    three = [round(float(scores[place]), 1) for place in (0, len(scores) // 3, 2 * len(scores) // 3)]
    weights = [math.exp(score) for score in three]
    share = 100 * weights[0] / sum(weights)
    slips = {"linear": 100 * three[0] / sum(three)} if sum(three) else {}
    return number(
        round(share, 2),
        tolerance=1.0,
        slips={**slips, "fraction": share / 100},
        stage=stage + 1,
        head=head + 1,
        row=row + 1,
        column=column + 1,
        first=_signed(three[0]),
        second=_signed(three[1]),
        third=_signed(three[2]),
        powers=" + ".join(f"{weight:.2f}" for weight in weights),
        power=f"{weights[0]:.2f}",
        share=f"{share:.0f}",
    )


def focused_head(trace: Trace, chance: random.Random) -> Asked | None:
    """The head of the last stage whose attention, from one token, half of which is held by the fewest keys."""
    last = trace.stages[-1]
    if len(last.blocks[0].query) < 2:
        return None
    grid = last.geometry.tokens
    tries = []
    for _ in range(TRIES):
        block = chance.randrange(len(last.blocks))
        place = chance.randrange(grid.rows), chance.randrange(grid.columns)
        bits = [_entropy(shares) for shares in attention_heads(trace, -1, block, place)]
        first, second = np.argsort(bits)[:2]
        tries.append((bits[second] - bits[first], block, place, int(first), bits))
    _, block, (row, column), head, bits = max(tries)
    options = {f"head{index + 1}": {"head": index + 1} for index in range(len(bits))}
    show = {
        "view": "attention",
        "stage": len(trace.stages),
        "block": block + 1,
        "head": "all",
        "query": f"{row + 1},{column + 1}",
    }
    asked = choice(f"head{head + 1}", options, block=block + 1, row=row + 1, column=column + 1, head=head + 1)
    return _showing(asked, show, bits=f"{bits[head]:.1f}", mean=f"{float(np.mean(bits)):.1f}")


def looks_at_itself(trace: Trace, chance: random.Random) -> Asked | None:
    """The block of the last stage in which a head of CLS keeps the largest share for CLS itself."""
    last = trace.stages[-1]
    if not last.has_cls or len(last.blocks) < 2:
        return None
    head = chance.randrange(len(last.blocks[0].query))
    shares = [attention_map(trace, -1, block, "cls", head).cls_share or 0.0 for block in range(len(last.blocks))]
    best = int(np.argmax(shares))
    others = [block for block in range(len(shares)) if block != best]
    offered = sorted([best, *chance.sample(others, min(3, len(others)))])
    options = {f"block{block + 1}": {"block": block + 1} for block in offered}
    told = ", ".join(f"{block + 1}: {_percent(shares[block])} %" for block in offered)
    show = {"view": "attention_cls", "stage": len(trace.stages), "block": 1, "head": head + 1}
    return _showing(choice(f"block{best + 1}", options), show, block=best + 1, head=head + 1, shares=told)


def silenced(trace: Trace, chance: random.Random) -> Asked | None:
    """What a key's share of CLS's attention becomes when CLS may not look at itself, and the rest is shared out."""
    last = trace.stages[-1]
    if not last.has_cls:
        return None
    block = max(range(len(last.blocks)), key=lambda index: attention_map(trace, -1, index, "cls").cls_share or 0.0)
    head = chance.randrange(len(last.blocks[0].query))
    seen = attention_map(trace, -1, block, "cls", head)
    own, best = round(100 * float(seen.cls_share or 0), 1), round(100 * float(seen.values.max()), 1)
    if own >= 99 or best <= 0:
        return None
    then = 100 * best / (100 - own)
    asked = number(
        round(then, 2),
        tolerance=max(0.02 * then, 0.15),
        slips={"same": best, "added": best + own, "fraction": then / 100},
        block=block + 1,
        head=head + 1,
        own=own,
        best=best,
        rest=round(100 - own, 1),
        then=f"{then:.1f}",
    )
    return replace(asked, laboratory={"change": "cls"})


def odds(trace: Trace, chance: random.Random) -> Asked | None:
    """How many times as probable one class is as another, from their logits."""
    if len(trace.logits) < 2:
        return None
    top = [index for index, _ in trace.top(min(4, len(trace.logits)))]
    first, second = sorted(chance.sample(top, 2), key=top.index)
    first_logit, second_logit = (round(float(trace.logits[index]), 2) for index in (first, second))
    temperature = float(f"{trace.config.temperature:.3g}")
    difference = first_logit - second_logit
    ratio = math.exp(difference / temperature)
    slips = {"difference": difference, "quotient": first_logit / (second_logit or 1)}
    if temperature != 1:
        slips["cold"] = math.exp(difference)
    return number(
        float(f"{ratio:.3g}"),
        tolerance=0.05 * ratio if temperature == 1 else 0.03 * ratio,
        slips={name: slip for name, slip in slips.items() if slip > 0},
        first=class_name(trace, first),
        second=class_name(trace, second),
        first_logit=_signed(first_logit, 2),
        second_logit=_signed(second_logit, 2),
        temperature=f"{temperature:g}",
        difference=f"{difference:.2f}",
        ratio=f"{ratio:.3g}",
    )


def _showing(asked: Asked, show: dict[str, object], **values: object) -> Asked:
    return Asked(asked.kind, asked.answer, {**asked.values, **values}, options=asked.options, open=show)


def _top(values: np.ndarray) -> list[tuple[int, int]]:
    """Cells whose value is near the largest, and those beside the largest one; the largest first."""
    best = np.unravel_index(int(values.argmax()), values.shape)
    rows, columns = np.indices(values.shape)
    beside = np.maximum(abs(rows - best[0]), abs(columns - best[1])) <= (1 if min(values.shape) > 10 else 0)
    near = np.argwhere(beside | (values >= NEAR_THE_TOP * values.max()))
    order = sorted(map(tuple, near.tolist()), key=lambda cell: -values[cell])
    return [(int(row), int(column)) for row, column in order]


def _cell_at(grid: Grid, y: float, x: float) -> tuple[int, int]:
    """The cell whose centre lies nearest, as ``cellAt`` in ``web/shared/geometry.js`` finds it."""
    row, column = ((place - grid.offset) / grid.stride for place in (y, x))
    return (
        min(max(math.floor(row + 0.5), 0), grid.rows - 1),
        min(max(math.floor(column + 0.5), 0), grid.columns - 1),
    )


def _entropy(heatmap: Heatmap) -> float:
    """In bits, CLS's share included."""
    shares = np.append(heatmap.values.ravel(), heatmap.cls_share or 0.0).astype(np.float64)
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.1 else f"{100 * share:.2g}"


def _signed(value: float, digits: int = 1) -> str:
    return f"{value:.{digits}f}".replace("-", "−")
