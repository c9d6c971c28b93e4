"""Everything about one photo on a sheet of A4: prediction, maps of every stage, attention, rollout, evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from cvt.errors import ConfigError
from visualize.attention import attention_heads, attention_received
from visualize.describe import describe, detail, number, title
from visualize.drawing import (
    BOLD,
    GREY,
    INK,
    SMALL,
    TEXT,
    Box,
    axes_in,
    checked_path,
    draw_scale,
    fitting,
    length,
    new_figure,
    save_figure,
    write,
)
from visualize.feature_maps import feature_map
from visualize.fonts import writable
from visualize.heatmap import Heatmap
from visualize.language import phrase
from visualize.methods import map_of
from visualize.paint import Canvas, prepare
from visualize.palette import Limits, limits, shared_limits
from visualize.rollout import rollout
from visualize.scale import in_unit, scale_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cvt.tracing import Trace

__all__ = ["report"]

PAGE = 8.27, 11.69
MARGIN = 0.45
TITLE = 14
CAPTION, SCALE, HEADING = 0.15, 0.46, 0.19
BAR = "#3b528b"
FIRST, GAP = 1.9, 0.12
PICTURE_PIXELS = 480
ELONGATED = 1.5
"""Of photos longer than this, side to side, maps show a part."""
ACROSS = 8
"""Pictures on a line, at most."""

_Window = tuple[int, int, int, int]

_EVIDENCE = ("class_evidence", "libragrad")
"""The map that the network's answer follows best (``benchmarks/faithfulness.py``), and what adds up to the answer."""


@dataclass(frozen=True)
class _Row:
    """Maps side by side: a heading, their captions, and the scale they share, or None where each has its own."""

    heading: str
    maps: Sequence[Heatmap]
    captions: Sequence[str]
    shared: Limits | None = None


def report(
    trace: Trace,
    path: str | Path,
    *,
    model_name: str = "",
    photo_name: str = "",
    evidence: Sequence[Trace] = (),
    language: str = "en",
    dpi: int = 200,
) -> None:
    """Write a sheet about one photo, legible on A4.

    It shows the photo and what the model saw of it, the five most probable classes, the feature norm and the attention
    received in every stage, the attention of CLS by head in the last block (where there is CLS), the rollout, and, for
    each class asked for, the best map of its evidence, and what the tokens that enter the last stage bring. Every
    picture has its scale; pictures in a row that invite comparison share one.

    Args:
        trace: the traced photo.
        path: where to; the suffix decides: ".png", ".pdf" or ".svg".
        model_name, photo_name: to be named on the sheet.
        evidence: traces of the same photo, each with a target, whose evidence is shown side by side; by default the
            trace itself, if it has a target.
        language: of the words.
        dpi: pixels per inch of a PNG.

    Raises:
        ConfigError: the suffix is none of the three, a trace in ``evidence`` has no target, or the language is unknown.
    """
    path = checked_path(path)
    if not evidence and trace.target is not None:
        evidence = [trace]
    if any(of_class.target is None for of_class in evidence):
        raise ConfigError("a trace in evidence has no target: make it with trace(..., target=CLASS), by index or name")
    rolled = rollout(evidence[0], for_class=True) if evidence else rollout(trace)
    figure = _figure(trace, _rows(trace, rolled, evidence, language), model_name, photo_name, language)
    told = phrase(
        language, "report", "told", label=_label(trace, trace.top(1)[0][0]), rollout=describe(rolled, language)
    )
    save_figure(figure, path, title=photo_name, description=told, dpi=dpi)


def _rows(trace: Trace, rolled: Heatmap, evidence: Sequence[Trace], language: str) -> list[_Row]:
    """What stands on the sheet below photo and prediction, in this order."""
    stages = range(len(trace.stages))
    in_stage = [detail("stage", stage + 1, language) for stage in stages]
    norms = [feature_map(trace, stage) for stage in stages]
    received = [attention_received(trace, stage, -1) for stage in stages]
    rows = [
        _Row(title(norms[0], language, details=False), norms, in_stage),
        _Row(phrase(language, "report", "received"), received, in_stage),
        _Row(title(rolled, language, details=False), [rolled], [str(rolled.details.get("class", ""))]),
    ]
    if trace.stages[-1].has_cls:
        heads = attention_heads(trace, -1, -1, "cls")
        shared = shared_limits(heads)
        for first in range(0, len(heads), ACROSS):
            some = heads[first : first + ACROSS]
            in_head = [detail("head", first + number, language) for number in range(1, len(some) + 1)]
            rows.append(_Row(phrase(language, "report", "heads"), some, in_head, shared))
    classes = [_label(of_class, of_class.target or 0) for of_class in evidence]
    for method in _EVIDENCE if evidence else ():
        maps = [map_of(of_class, method) for of_class in evidence]
        heading = title(maps[0], language, details=False)
        if "stage" in maps[0].details:
            heading = phrase(language, "describe", "subject", name=heading, details=in_stage[-1])
        rows.append(_Row(heading, maps, classes, shared_limits(maps)))
    return rows


def _figure(trace: Trace, rows: Sequence[_Row], model_name: str, photo_name: str, language: str) -> Figure:
    figure = new_figure(*PAGE)
    height, width = trace.photo.shape[:2]
    first = min(FIRST * width / height, (PAGE[0] - 2 * MARGIN) * 0.48)  # the photo's width
    hidden = max(height, width) / min(height, width) / ELONGATED  # the whole photo against the part that is shown
    canvas = prepare(trace, round(PICTURE_PIXELS * min(max(1.0, hidden), 4.0)))
    window = _window(canvas)
    width = PAGE[0] - 2 * MARGIN
    top = _header(figure, trace, model_name, photo_name, language)
    _picture(figure, Box(MARGIN, top, first, FIRST), canvas.photo, anchor="NW", seen=canvas)
    beside = first + 3 * GAP
    _prediction(figure, Box(MARGIN + beside, top, width - beside, FIRST), trace, language)
    top += FIRST + GAP
    aspect = (window[3] - window[1]) / (window[2] - window[0])
    around = HEADING + CAPTION + SCALE
    for line, height in _arranged(rows, width, PAGE[1] - MARGIN - top, aspect, around, language):
        count = sum(len(row.maps) for row in line)
        left = MARGIN
        for row in line:
            share = width * len(row.maps) / count
            _row(figure, Box(left, top, share, height), row, canvas, window, language)
            left += share
        top += height + around
    write(figure, MARGIN, PAGE[1] - MARGIN, phrase(language, "report", "footer"), SMALL, GREY)
    return figure


def _arranged(
    rows: Sequence[_Row], width: float, available: float, aspect: float, around: float, language: str
) -> list[tuple[list[_Row], float]]:
    """The rows on lines, each with the height of its pictures.

    Of the arrangements below whose pictures their scales can be read, the one whose smallest picture is largest.

    Args:
        width, available: of the space there is, in inches.
        aspect: of a picture, height by width.
        around: what a line needs above and below its pictures.
    """
    best: list[tuple[list[_Row], float]] = []
    largest = (False, 0.0, 0.0)
    for across in range(max(len(row.maps) for row in rows), ACROSS + 1):
        lines = _packed(rows, across)
        counts = [sum(len(row.maps) for row in line) for line in lines]
        steps = [width / count for count in counts]
        heights = _levelled([(step - GAP) * aspect for step in steps], available - around * len(lines))
        covered = sum(count * height**2 / aspect for count, height in zip(counts, heights, strict=True))
        legible = all(
            row.shared is not None or _fits_below(heatmap, limits(heatmap), min(height / aspect, step - GAP), language)
            for line, height, step in zip(lines, heights, steps, strict=True)
            for row in line
            for heatmap in row.maps
        )
        if min(heights) > 0 and (legible, min(heights), covered) > largest:
            best, largest = list(zip(lines, heights, strict=True)), (legible, min(heights), covered)
    return best


def _packed(rows: Sequence[_Row], across: int) -> list[list[_Row]]:
    """Rows in their order on lines of at most so many pictures."""
    lines: list[list[_Row]] = []
    count = 0
    for row in rows:
        count += len(row.maps)
        if not lines or count > across:
            lines.append([])
            count = len(row.maps)
        lines[-1].append(row)
    return lines


def _levelled(wanted: Sequence[float], available: float) -> list[float]:
    """The wanted heights, the largest cut to one level such that their sum is at most ``available``."""
    if sum(wanted) <= available:
        return list(wanted)
    level, rest = 0.0, available
    for index, height in enumerate(sorted(wanted)):
        level = rest / (len(wanted) - index)
        if height > level:
            break
        rest -= height
    return [min(height, level) for height in wanted]


def _header(figure: Figure, trace: Trace, model_name: str, photo_name: str, language: str) -> float:
    """Writes what was run on what; returns where the rest begins."""
    config, crop = trace.config, trace.crop
    width = PAGE[0] - 2 * MARGIN
    name = photo_name if photo_name and writable(photo_name) else phrase(language, "report", "title")
    write(figure, MARGIN, MARGIN, fitting(name, width / BOLD, TITLE), TITLE, bold=True)
    told = phrase(
        language,
        "report",
        "settings",
        model=model_name or "CvT",
        depth="/".join(map(str, config.depth)),
        widths="/".join(map(str, config.embed_dim)),
        heads="/".join(map(str, config.num_heads)),
        activation=config.hidden_act,
        temperature=number(config.temperature),
    )
    write(figure, MARGIN, MARGIN + 0.28, fitting(told, width, TEXT), TEXT, GREY)
    told = phrase(
        language,
        "report",
        "crop",
        photo=phrase(language, "report", "size", width=crop.photo[1], height=crop.photo[0]),
        resized=phrase(language, "report", "size", width=crop.resized[1], height=crop.resized[0]),
        seen=phrase(language, "report", "size", width=crop.width, height=crop.height),
    )
    write(figure, MARGIN, MARGIN + 0.44, told, TEXT, GREY)
    return MARGIN + 0.7


def _prediction(figure: Figure, box: Box, trace: Trace, language: str) -> None:
    """The most probable classes as bars from 0 to 1."""
    write(figure, box.left, box.top, phrase(language, "report", "prediction"), TEXT, bold=True)
    axes = axes_in(figure, box)
    axes.set(xlim=(0, box.width), ylim=(box.height, 0))
    axes.axis("off")
    step = (box.height - HEADING) / 5
    for place, (index, probability) in enumerate(trace.top(5)):
        y = HEADING + place * step
        write(figure, box.left, box.top + y, fitting(_label(trace, index), box.width - 0.6, TEXT), TEXT)
        write(figure, box.left + box.width, box.top + y, f"{probability:.1%}", TEXT, right=True)
        axes.barh(y + 0.21, box.width, 0.08, 0, color="#e6e6e6")
        axes.barh(y + 0.21, box.width * probability, 0.08, 0, color=BAR)


def _window(canvas: Canvas) -> _Window:
    """The part of a photo that is shown under maps: of long ones, what the model saw and some of what lies around."""
    left, top, right, bottom = canvas.inside
    width, height = canvas.photo.size
    if height > ELONGATED * width:
        top, bottom = _around(top, bottom, height, round(ELONGATED * width))
        return 0, top, width, bottom
    if width > ELONGATED * height:
        left, right = _around(left, right, width, round(ELONGATED * height))
        return left, 0, right, height
    return 0, 0, width, height


def _around(first: int, last: int, size: int, wanted: int) -> tuple[int, int]:
    """``wanted`` pixels of ``size``, or as many as there are from ``first`` to ``last``, with those in the middle."""
    length = max(wanted, last - first)
    start = min(max((first + last - length) // 2, 0), size - length)
    return start, start + length


def _row(figure: Figure, box: Box, row: _Row, canvas: Canvas, window: _Window, language: str) -> None:
    headings = [in_unit(row.heading, row.maps[0], language), row.heading]
    whole = [text for text in headings if BOLD * length(text, TEXT) <= box.width - GAP]
    heading = whole[0] if whole else fitting(row.heading, (box.width - GAP) / BOLD, TEXT)
    write(figure, box.left, box.top, heading, TEXT, bold=True)
    step = box.width / len(row.maps)
    shown = min(step - GAP, box.height * (window[2] - window[0]) / (window[3] - window[1]))
    top = box.top + HEADING + CAPTION
    has_own = row.shared is None or _fits_below(row.maps[0], row.shared, shown, language)
    for place, (heatmap, caption) in enumerate(zip(row.maps, row.captions, strict=True)):
        left, scale = box.left + place * step, row.shared or limits(heatmap)
        write(figure, left, top - CAPTION, fitting(caption, step - GAP, SMALL), SMALL)
        picture = canvas.paint(heatmap, scale=scale).crop(window)
        _picture(figure, Box(left, top, step - GAP, box.height), picture, anchor="NW")
        if has_own:
            draw_scale(figure, Box(left, top + box.height, shown, SCALE), heatmap, scale, language)
    if row.shared is not None and not has_own:
        draw_scale(figure, Box(box.left, top + box.height, box.width - GAP, SCALE), row.maps[0], row.shared, language)


def _fits_below(heatmap: Heatmap, scale: Limits, width: float, language: str) -> bool:
    """Whether the words of a scale have room below a picture: its numbers on one line, its baseline on the next."""
    ticks = scale_ticks(heatmap, scale, language)
    baseline = ticks.pop(scale.baseline, "") if scale.baseline else ""
    ends = max(length(ticks[end], SMALL) for end in (scale.low, scale.high))
    middle = sum(length(text, SMALL) for value, text in ticks.items() if scale.low < value < scale.high)
    return max(2 * ends + middle + GAP, length(baseline, SMALL) - GAP) <= width


def _picture(figure: Figure, box: Box, picture: Image.Image, *, anchor: str, seen: Canvas | None = None) -> None:
    """A picture as large as the box allows; with ``seen``, what the model saw of it is framed."""
    axes = axes_in(figure, box)
    axes.imshow(np.asarray(picture), interpolation="antialiased")
    axes.set_anchor(anchor)
    axes.axis("off")
    if seen is not None:
        left, top, right, bottom = seen.inside
        for colour, width in (("white", 2.0), (INK, 0.8)):
            axes.plot(
                np.array([left, right, right, left, left]) - 0.5,
                np.array([top, top, bottom, bottom, top]) - 0.5,
                color=colour,
                linewidth=width,
                clip_on=False,
            )


def _label(trace: Trace, index: int) -> str:
    """A class's name; its number where the fonts cannot write the name."""
    name = trace.label(index)
    return name if writable(name) else f"#{index}"
