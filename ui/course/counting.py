"""Questions about the architecture: what can be counted from sizes, windows and steps."""

from __future__ import annotations

import random
from dataclasses import replace
from math import ceil

from cvt.costs import stage_costs
from cvt.geometry import Grid, stage_geometry
from cvt.tracing import Trace

from ..session.photo_changes import MOST_SHIFT
from .asked import Asked, number

__all__ = [
    "centres",
    "depthwise_weights",
    "doubled",
    "field_of_a_stage",
    "keys",
    "mean_share",
    "numbers_held",
    "other_size",
    "outside",
    "products",
    "products_of_a_logit",
    "rows_of_attention",
    "saving",
    "shared_pixels",
    "uniform_share",
    "unsqueezed",
    "whole_step",
]


def products(trace: Trace, chance: random.Random) -> Asked:
    """How many products make one number of a token, in one of the stages."""
    config = trace.config
    stage = chance.randrange(config.num_stages)
    below = config.embed_dim[stage - 1] if stage else config.num_channels
    window = config.patch_sizes[stage]
    slips = {"plane": window**2, "row": window * below}
    return number(window**2 * below, slips=slips, stage=stage + 1, window=window, below=below)


def shared_pixels(trace: Trace, chance: random.Random) -> Asked:
    """How many pixels the windows of two tokens near each other share; both lie inside the photo."""
    config, grid = trace.config, trace.stages[0].geometry.tokens
    window, step = config.patch_sizes[0], config.patch_stride[0]
    down, across = chance.choice([(0, 1), (1, 0), (1, 1), (0, 2)])
    overlaps = [max(0, window - step * apart) for apart in (down, across)]
    row, column = (_inner(trace, chance, size, apart) for size, apart in zip(grid.shape, (down, across), strict=True))
    slips = {"side": max(window - step, 0), "all": window**2, "row": window * max(window - step, 0)}
    return number(
        overlaps[0] * overlaps[1],
        slips=slips,
        row=row + 1,
        column=column + 1,
        other_row=row + down + 1,
        other_column=column + across + 1,
        high=overlaps[0],
        wide=overlaps[1],
        window=window,
        step=step,
    )


def centres(trace: Trace, chance: random.Random) -> Asked:
    """How far apart neighbouring tokens of a stage are, in pixels of the model's input."""
    config = trace.config
    stage = chance.randrange(min(1, config.num_stages - 1), config.num_stages)
    step = round(trace.stages[stage].geometry.tokens.stride)
    steps = " × ".join(map(str, config.patch_stride[: stage + 1]))
    slips = {"last": config.patch_stride[stage], "sum": sum(config.patch_stride[: stage + 1])}
    return number(step, slips=slips, stage=stage + 1, steps=steps)


def field_of_a_stage(trace: Trace, chance: random.Random) -> Asked | None:
    """How wide the window of the photo is that a token sees through the embeddings; worked out from the stage below."""
    stages = trace.stages
    if len(stages) < 2:
        return None
    stage = chance.randrange(1, len(stages))
    below, window = stages[stage - 1].geometry.tokens, trace.config.patch_sizes[stage]
    stride = round(below.stride)
    slips = {"times": window * below.receptive_field, "step": window * stride}
    return number(
        stages[stage].geometry.tokens.receptive_field,
        slips=slips,
        stage=stage + 1,
        below=stage,
        window=window,
        stride=stride,
        field=below.receptive_field,
        more=(window - 1) * stride,
    )


def numbers_held(trace: Trace, chance: random.Random) -> Asked:
    """How many numbers a stage keeps for the photo."""
    stage = chance.randrange(len(trace.stages))
    grid, channels = trace.stages[stage].geometry.tokens, trace.config.embed_dim[stage]
    held = grid.rows * grid.columns * channels
    slips = {"places": grid.rows * grid.columns, "side": grid.rows * channels}
    return number(held, slips=slips, stage=stage + 1, rows=grid.rows, columns=grid.columns, channels=channels)


def depthwise_weights(trace: Trace, chance: random.Random) -> Asked | None:
    """How many weights a depthwise convolution has, against an ordinary one."""
    config = trace.config
    stages = [s for s in range(config.num_stages) if config.qkv_projection_method[s] == "dw_bn"]
    if not stages:
        return None
    stage = chance.choice(stages)
    kernel, channels = config.kernel_qkv[stage], config.embed_dim[stage]
    slips = {"ordinary": kernel**2 * channels**2, "kernel": kernel**2, "linear": channels**2}
    ordinary = f"{kernel**2 * channels**2:,}"
    return number(
        kernel**2 * channels, slips=slips, stage=stage + 1, kernel=kernel, channels=channels, ordinary=ordinary
    )


def keys(trace: Trace, chance: random.Random) -> Asked | None:
    """How many places are left as keys in a stage that squeezes them."""
    found = _squeezed(trace)
    if not found:
        return None
    stage = chance.choice(found)
    grid, left = trace.stages[stage].geometry.tokens, trace.stages[stage].geometry.keys
    step = trace.config.stride_kv[stage]
    slips = {"half": grid.rows * grid.columns // step, "all": grid.rows * grid.columns, "side": left.rows}
    return number(
        left.rows * left.columns,
        slips=slips,
        stage=stage + 1,
        rows=grid.rows,
        columns=grid.columns,
        step=step,
        key_rows=left.rows,
        key_columns=left.columns,
    )


def saving(trace: Trace, chance: random.Random) -> Asked | None:
    """How many times fewer products attention needs in a stage, thanks to its step."""
    found = _squeezed(trace)
    if not found:
        return None
    stage = chance.choice(found)
    cost = stage_costs(trace.config, trace.crop.height, trace.crop.width)[stage]
    factor = cost.unsqueezed / cost.attention
    step = trace.config.stride_kv[stage]
    return number(
        round(factor, 2),
        tolerance=0.06 * factor,
        slips={"side": step, "both": step**4},
        stage=stage + 1,
        step=step,
        tokens=f"{_queries(trace, stage):,}",
        keys=f"{_keys(trace, stage):,}",
        squeezed=f"{cost.attention:,}",
        unsqueezed=f"{cost.unsqueezed:,}",
    )


def unsqueezed(trace: Trace, chance: random.Random) -> Asked | None:
    """How many weights of attention one head of a stage would have if every token were a key."""
    found = _squeezed(trace)
    if not found:
        return None
    stage = chance.choice(found)
    tokens, now = _queries(trace, stage), _queries(trace, stage) * _keys(trace, stage)
    asked = number(
        tokens**2,
        slips={"now": now, "tokens": tokens, "quarter": now * 4},
        stage=stage + 1,
        tokens=tokens,
        now=f"{now:,}",
        then=f"{tokens**2:,}",
    )
    return replace(asked, laboratory={"change": "keys"})


def uniform_share(trace: Trace, chance: random.Random) -> Asked:
    """The share that every key gets from a token that looks everywhere alike, in per cent."""
    stage = chance.randrange(len(trace.stages))
    count = _keys(trace, stage)
    slips = {"tokens": 100 / _queries(trace, stage), "fraction": 1 / count}
    return number(
        round(100 / count, 3),
        tolerance=0.06 * 100 / count,
        slips=slips,
        stage=stage + 1,
        keys=count,
        share=f"{100 / count:.2g}",
    )


def doubled(trace: Trace, chance: random.Random) -> Asked:
    """How many times as many weights of attention there are, about, for a photo with its sides multiplied.

    About, since CLS is one whatever the size, and keys of odd grids are rounded up.
    """
    times = chance.choice([2, 3])
    return number(
        times**4,
        tolerance=0.25 * times**4,
        slips={"side": times, "area": times**2, "cube": times**3},
        times=times,
        area=times**2,
    )


def rows_of_attention(trace: Trace, chance: random.Random) -> Asked | None:
    """How many rows the attention of a head of the last stage has, CLS's among them."""
    if not trace.stages[-1].has_cls:
        return None
    grid = trace.stages[-1].geometry.tokens
    count = grid.rows * grid.columns
    chosen = chance.randint(1, len(trace.stages[-1].blocks))
    slips = {"without": count, "keys": _keys(trace, len(trace.stages) - 1)}
    return number(count + 1, slips=slips, rows=grid.rows, columns=grid.columns, tokens=count, block=chosen)


def mean_share(trace: Trace, chance: random.Random) -> Asked | None:
    """What one token counts in the mean that a classifier without CLS reads, in per cent."""
    if trace.stages[-1].has_cls:
        return None
    grid = trace.stages[-1].geometry.tokens
    count = grid.rows * grid.columns
    some = chance.randint(1, max(1, count // 4))
    return number(
        round(100 * some / count, 3),
        tolerance=0.06 * 100 * some / count,
        slips={"fraction": some / count, "one": 100 / count},
        some=some,
        tokens=count,
    )


def outside(trace: Trace, chance: random.Random) -> Asked:
    """How many places of a window at the border lie where the photo has no pixels, so that zeros stand there."""
    config, grid = trace.config, trace.stages[0].geometry.tokens
    window = config.patch_sizes[0]
    places = [(0, 0), (0, grid.columns - 1), (grid.rows - 1, 0), (0, grid.columns // 2), (grid.rows // 2, 0)]
    beyond = [place for place in places if _inside(trace, *place) < window**2] or places
    row, column = chance.choice(beyond)
    inside = _inside(trace, row, column)
    high, wide = _seen(trace, row, 0), _seen(trace, column, 1)
    return number(
        window**2 - inside,
        slips={"inside": inside, "all": window**2},
        row=row + 1,
        column=column + 1,
        window=window,
        high=high,
        wide=wide,
        inside=inside,
    )


def other_size(trace: Trace, chance: random.Random) -> Asked:
    """How many tokens the last stage has for a photo of another shape."""
    stride = round(trace.stages[-1].geometry.tokens.stride)
    high, wide = (stride * chance.randint(6, 14) for _ in range(2))
    grid = stage_geometry(trace.config, high, wide)[-1].tokens
    slips = {"area": high * wide, "rows": grid.rows, "stride": high * wide // stride}
    return number(
        grid.rows * grid.columns,
        slips=slips,
        high=high,
        wide=wide,
        stride=stride,
        rows=grid.rows,
        columns=grid.columns,
    )


def whole_step(trace: Trace, chance: random.Random) -> Asked:
    """By how many pixels a photo must be shifted for a stage's tokens to move by so many places."""
    stage = chance.randrange(len(trace.stages))
    places = chance.randint(2, 4)
    stride = round(trace.stages[stage].geometry.tokens.stride)
    slips = {"one": places, "step": places * trace.config.patch_stride[stage]}
    asked = number(places * stride, slips=slips, stage=stage + 1, places=places, stride=stride)
    if places * stride > MOST_SHIFT:
        return asked
    return replace(asked, laboratory={"change": "shift", "way": "right", "by": places * stride})


def products_of_a_logit(trace: Trace, chance: random.Random) -> Asked:
    """How many products make the logits of so many classes."""
    classes = chance.randint(2, min(9, max(2, trace.config.num_labels)))
    channels = trace.config.embed_dim[-1]
    slips = {"one": channels, "classes": classes, "all": channels * trace.config.num_labels}
    return number(channels * classes, slips=slips, classes=classes, channels=channels)


def _squeezed(trace: Trace) -> list[int]:
    return [
        index for index, stage in enumerate(trace.stages) if stage.geometry.keys.shape != stage.geometry.tokens.shape
    ]


def _queries(trace: Trace, stage: int) -> int:
    return _cells(trace.stages[stage].geometry.tokens) + int(trace.stages[stage].has_cls)


def _keys(trace: Trace, stage: int) -> int:
    return _cells(trace.stages[stage].geometry.keys) + int(trace.stages[stage].has_cls)


def _cells(grid: Grid) -> int:
    return grid.rows * grid.columns


def _seen(trace: Trace, index: int, axis: int) -> int:
    """How many pixels of a window of the first embedding lie inside the input, along one axis."""
    config, size = trace.config, (trace.crop.height, trace.crop.width)[axis]
    first = index * config.patch_stride[0] - config.patch_padding[0]
    return min(first + config.patch_sizes[0], size) - max(first, 0)


def _inside(trace: Trace, row: int, column: int) -> int:
    return _seen(trace, row, 0) * _seen(trace, column, 1)


def _inner(trace: Trace, chance: random.Random, size: int, apart: int) -> int:
    """A row or column, from 0, whose window and that of the one ``apart`` further lie inside the input."""
    config = trace.config
    border = ceil(config.patch_padding[0] / config.patch_stride[0])
    return chance.randint(min(border, size - 1), max(border, size - 1 - border - apart))
