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
from visualize.feature_maps import feature_map
from visualize.fonts import families, pillow_font, writable
from visualize.heatmap import Heatmap
from visualize.language import phrase, word
from visualize.methods import map_of
from visualize.paint import Canvas, prepare
from visualize.palette import Limits, default_palette, limits, lookup_table, shared_limits
from visualize.rollout import rollout
from visualize.scale import scale_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cvt.tracing import Trace

__all__ = ["SUFFIXES", "report"]

SUFFIXES = (".png", ".pdf", ".svg")

PAGE = 8.27, 11.69
MARGIN = 0.45
TITLE, TEXT, SMALL = 14, 8.5, 7.0
CAPTION, SCALE, HEADING = 0.15, 0.46, 0.19
INK, GREY = "#222222", "#666666"
BAR = "#3b528b"
FIRST, GAP = 1.9, 0.12
BOLD = 1.12
"""A bold line's length against a plain one's, at most."""
PICTURE_PIXELS = 480
ELONGATED = 1.5
"""Of photos longer than this, side to side, maps show a part."""
ACROSS = 8
"""Pictures on a line, at most."""

_Window = tuple[int, int, int, int]

_EVIDENCE = ("class_evidence", "libragrad")
"""The map that the network's answer follows best (``benchmarks/faithfulness.py``), and what adds up to the answer."""


@dataclass(frozen=True)
class _Box:
    """A rectangle of the page in inches from its top-left corner."""

    left: float
    top: float
    width: float
    height: float


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
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{str(path)!r} must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if not evidence and trace.target is not None:
        evidence = [trace]
    if any(of_class.target is None for of_class in evidence):
        raise ConfigError("a trace in evidence has no target: make it with trace(..., target=CLASS), by index or name")
    rolled = rollout(evidence[0], for_class=True) if evidence else rollout(trace)
    figure = _figure(trace, _lines(trace, rolled, evidence, language), model_name, photo_name, language)
    told = phrase(
        language, "report", "told", label=_label(trace, trace.top(1)[0][0]), rollout=describe(rolled, language)
    )
    metadata = {
        ".png": {"Title": photo_name, "Description": told},
        ".pdf": {"Title": photo_name, "Subject": told, "CreationDate": None},
        ".svg": {"Title": photo_name, "Description": told, "Date": None},
    }
    suffix = path.suffix.lower()
    figure.savefig(path, format=suffix[1:], dpi=dpi, metadata=metadata[suffix])


def _lines(trace: Trace, rolled: Heatmap, evidence: Sequence[Trace], language: str) -> list[list[_Row]]:
    """What stands on each line of the sheet below photo and prediction."""
    stages = range(len(trace.stages))
    in_stage = [detail("stage", stage + 1, language) for stage in stages]
    norms = [feature_map(trace, stage) for stage in stages]
    received = [attention_received(trace, stage, -1) for stage in stages]
    lines = [
        [_Row(title(norms[0], language, details=False), norms, in_stage)],
        [
            _Row(phrase(language, "report", "received"), received, in_stage),
            _Row(title(rolled, language, details=False), [rolled], [str(rolled.details.get("class", ""))]),
        ],
    ]
    if trace.stages[-1].has_cls:
        heads = attention_heads(trace, -1, -1, "cls")
        shared = shared_limits(heads)
        for first in range(0, len(heads), ACROSS):
            some = heads[first : first + ACROSS]
            in_head = [detail("head", first + number, language) for number in range(1, len(some) + 1)]
            lines.append([_Row(phrase(language, "report", "heads"), some, in_head, shared)])
    classes = [_label(of_class, of_class.target or 0) for of_class in evidence]
    rows = []
    for method in _EVIDENCE if evidence else ():
        maps = [map_of(of_class, method) for of_class in evidence]
        heading = title(maps[0], language, details=False)
        if "stage" in maps[0].details:
            heading = phrase(language, "describe", "subject", name=heading, details=in_stage[-1])
        rows.append(_Row(heading, maps, classes, shared_limits(maps)))
    together = len(rows) * len(evidence) <= ACROSS
    lines += [rows] if rows and together else [[row] for row in rows]
    return lines


def _figure(trace: Trace, lines: Sequence[Sequence[_Row]], model_name: str, photo_name: str, language: str) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=PAGE, facecolor="white")
    FigureCanvasAgg(figure)
    height, width = trace.photo.shape[:2]
    hidden = max(height, width) / min(height, width) / ELONGATED  # the whole photo against the part that is shown
    canvas = prepare(trace, round(PICTURE_PIXELS * min(max(1.0, hidden), 4.0)))
    window = _window(canvas)
    width = PAGE[0] - 2 * MARGIN
    top = _header(figure, trace, model_name, photo_name, language)
    _picture(figure, _Box(MARGIN, top, width * 0.48, FIRST), canvas.photo, anchor="NW", seen=canvas)
    _prediction(figure, _Box(MARGIN + width * 0.52, top, width * 0.48, FIRST), trace, language)
    top += FIRST + GAP
    aspect = (window[3] - window[1]) / (window[2] - window[0])
    counts = [sum(len(row.maps) for row in line) for line in lines]
    around = HEADING + CAPTION + SCALE
    heights = _levelled([width / count * aspect for count in counts], PAGE[1] - MARGIN - top - around * len(lines))
    for line, count, height in zip(lines, counts, heights, strict=True):
        left = MARGIN
        for row in line:
            share = width * len(row.maps) / count
            _row(figure, _Box(left, top, share, height), row, canvas, window, language)
            left += share
        top += height + around
    _write(figure, MARGIN, PAGE[1] - MARGIN, phrase(language, "report", "footer"), SMALL, GREY)
    return figure


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
    _write(figure, MARGIN, MARGIN, _fitting(name, width / BOLD, TITLE), TITLE, bold=True)
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
    _write(figure, MARGIN, MARGIN + 0.28, _fitting(told, width, TEXT), TEXT, GREY)
    told = phrase(
        language,
        "report",
        "crop",
        photo=phrase(language, "report", "size", width=crop.photo[1], height=crop.photo[0]),
        resized=phrase(language, "report", "size", width=crop.resized[1], height=crop.resized[0]),
        seen=phrase(language, "report", "size", width=crop.width, height=crop.height),
    )
    _write(figure, MARGIN, MARGIN + 0.44, told, TEXT, GREY)
    return MARGIN + 0.7


def _prediction(figure: Figure, box: _Box, trace: Trace, language: str) -> None:
    """The most probable classes as bars from 0 to 1."""
    _write(figure, box.left, box.top, phrase(language, "report", "prediction"), TEXT, bold=True)
    axes = _axes(figure, box)
    axes.set(xlim=(0, box.width), ylim=(box.height, 0))
    axes.axis("off")
    step = (box.height - HEADING) / 5
    for place, (index, probability) in enumerate(trace.top(5)):
        y = HEADING + place * step
        _write(figure, box.left, box.top + y, _fitting(_label(trace, index), box.width - 0.6, TEXT), TEXT)
        _write(figure, box.left + box.width, box.top + y, f"{probability:.1%}", TEXT, right=True)
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


def _row(figure: Figure, box: _Box, row: _Row, canvas: Canvas, window: _Window, language: str) -> None:
    unit = word(language, "unit", row.maps[0].unit)
    in_unit = phrase(language, "scale", "in_unit", name=row.heading, unit=unit)
    headings = [in_unit, row.heading] if unit else [row.heading]
    fitting = [text for text in headings if BOLD * _length(text, TEXT) <= box.width - GAP]
    heading = fitting[0] if fitting else _fitting(row.heading, (box.width - GAP) / BOLD, TEXT)
    _write(figure, box.left, box.top, heading, TEXT, bold=True)
    step = box.width / len(row.maps)
    shown = min(step - GAP, box.height * (window[2] - window[0]) / (window[3] - window[1]))
    top = box.top + HEADING + CAPTION
    for place, (heatmap, caption) in enumerate(zip(row.maps, row.captions, strict=True)):
        left, scale = box.left + place * step, row.shared or limits(heatmap)
        _write(figure, left, top - CAPTION, _fitting(caption, step - GAP, SMALL), SMALL)
        picture = canvas.paint(heatmap, scale=scale).crop(window)
        _picture(figure, _Box(left, top, step - GAP, box.height), picture, anchor="NW")
        if row.shared is None:
            _scale(figure, _Box(left, top + box.height, shown, SCALE), heatmap, scale, language)
    if row.shared is not None:
        below = _Box(box.left, top + box.height, min(box.width - GAP, 3.0), SCALE)
        _scale(figure, below, row.maps[0], row.shared, language)


def _picture(figure: Figure, box: _Box, picture: Image.Image, *, anchor: str, seen: Canvas | None = None) -> None:
    """A picture as large as the box allows; with ``seen``, what the model saw of it is framed."""
    axes = _axes(figure, box)
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


def _scale(figure: Figure, box: _Box, heatmap: Heatmap, scale: Limits, language: str) -> None:
    """A colour bar with its numbers, and the baseline below them."""
    axes = _axes(figure, _Box(box.left, box.top + 0.04, box.width, 0.07))
    axes.imshow(lookup_table(default_palette(heatmap.kind))[None], aspect="auto", extent=(scale.low, scale.high, 0, 1))
    axes.axis("off")
    for value, text in scale_ticks(heatmap, scale, language).items():
        share = (value - scale.low) / (scale.high - scale.low)
        is_baseline = value == scale.baseline
        if is_baseline:
            axes.axvline(value, ymin=-0.6, ymax=1.4, color=INK, linewidth=1.2, clip_on=False)
        half = _length(text, SMALL) / 2
        x = box.left + min(max(share * box.width, half), max(box.width - half, half))
        _write(figure, x - half, box.top + (0.25 if is_baseline else 0.13), text, SMALL)


def _axes(figure: Figure, box: _Box) -> Axes:
    width, height = PAGE
    return figure.add_axes(
        (box.left / width, 1 - (box.top + box.height) / height, box.width / width, box.height / height)
    )


def _write(
    figure: Figure,
    left: float,
    top: float,
    text: str,
    size: float,
    colour: str = INK,
    *,
    bold: bool = False,
    right: bool = False,
) -> None:
    figure.text(
        left / PAGE[0],
        1 - top / PAGE[1],
        text,
        fontsize=size,
        color=colour,
        fontfamily=families(),
        fontweight="bold" if bold else "normal",
        horizontalalignment="right" if right else "left",
        verticalalignment="top",
        parse_math=False,
    )


def _length(text: str, size: float) -> float:
    """Length of a line of text in inches."""
    return float(pillow_font(text, 100).getlength(text)) * size / 100 / 72


def _fitting(text: str, width: float, size: float) -> str:
    """A text cut to a width in inches, with an ellipsis where something is missing."""
    if _length(text, size) <= width:
        return text
    while text and _length(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _label(trace: Trace, index: int) -> str:
    """A class's name; its number where the fonts cannot write the name."""
    name = trace.label(index)
    return name if writable(name) else f"#{index}"
