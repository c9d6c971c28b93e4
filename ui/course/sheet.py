"""Exercise sheets to print: questions about a class's own photo on A4, and their answers on pages of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from cvt.errors import ConfigError
from cvt.tracing import Trace
from visualize.fonts import families, pillow_font, writable
from visualize.language import Language
from visualize.paint import prepare

from .asked import Asked
from .facts import numbers
from .questions import ask
from .text import QuestionText, course, fill

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SHEETS", "exercise_sheet", "sheet_questions", "wrapped"]

SHEETS = ("A", "B", "C", "D")
"""Sheets that ask the same of other numbers, so that neighbours cannot copy."""

PAGE = 8.27, 11.69
MARGIN = 0.7
TITLE, HEADING, TEXT = 15.0, 11.0, 9.5
LEADING = 1.45
INK, GREY = "#222222", "#666666"
PHOTO = 2.5
"""Side of the photo, in inches."""


@dataclass(frozen=True)
class _Line:
    """A line of text; ``after`` is the room below it in inches, ``keep`` says that the next one stays on its page."""

    text: str
    size: float = TEXT
    bold: bool = False
    indent: float = 0.0
    after: float = 0.0
    keep: bool = False


def exercise_sheet(
    trace: Trace, path: str | Path, *, sheet: str = "A", language: str = "en", model_name: str = ""
) -> None:
    """Write a PDF: the photo with the last stage's grid, questions lesson by lesson, and at the end all answers.

    Questions that only the page can ask, because a map has to be pressed, are left out.

    Args:
        trace: a traced photo, with a target.
        path: where to; a PDF.
        sheet: one of :data:`SHEETS`.
        language: of the words.
        model_name: to be named on the sheet.

    Raises:
        ConfigError: there is no such sheet or language.
    """
    if sheet not in SHEETS:
        raise ConfigError(f"sheet {sheet!r} must be one of {', '.join(SHEETS)}")
    words = Language.of(language)
    asked = sheet_questions(trace, sheet, language)
    title = words.text("exercises", "title", sheet=sheet)
    questions = [_Line(title, TITLE, True, after=0.12), _Line(words.text("exercises", "name"), after=0.25)]
    answers = [_Line(words.text("exercises", "answers", sheet=sheet), TITLE, True, after=0.12)]
    told = numbers(trace)
    winner = str(told["class"]) if writable(str(told["class"])) else f"#{trace.top(1)[0][0]}"
    about = words.text("exercises", "about", **{**told, "class": winner, "model": model_name or "CvT"})
    lesson = ""
    for number, (heading, question, made) in enumerate(asked, start=1):
        if heading != lesson:
            lesson = heading
            questions.append(_Line(lesson, HEADING, True, after=0.06, keep=True))
            answers.append(_Line(lesson, HEADING, True, after=0.03, keep=True))
        questions += _question_lines(number, question, replace(made, values={**told, **made.values}), words)
        answers += _wrapped_lines(f"{number}.  {plain(_solution(question, made))}", after=0.04)
    _write_pdf(path, trace, about, questions, answers, title)


def sheet_questions(trace: Trace, sheet: str, language: str = "en") -> list[tuple[str, QuestionText, Asked]]:
    """The questions of a sheet: the lesson's title, the words, and what was made of the photo."""
    found = []
    for lesson in course(language):
        for question in lesson.questions:
            asked = ask(question.name, trace, f"sheet {sheet}")
            if asked is not None and not asked.open:
                found.append((lesson.title, question, asked))
    return found


def plain(text: str) -> str:
    """A text without the marks of emphasis and terms."""
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text).replace("*", "")


def _question_lines(number: int, question: QuestionText, asked: Asked, words: Language) -> list[_Line]:
    lines = _wrapped_lines(f"{number}.  {plain(fill(question.ask, asked.values))}", keep=True)
    if asked.kind == "number":
        return [*lines, _Line(words.text("exercises", "answer"), indent=0.3, after=0.14)]
    options = [_option(question, name, {**asked.values, **values}) for name, values in asked.options]
    for place, option in enumerate(options):
        lines += _wrapped_lines(f"☐ {option}", indent=0.3, keep=place < len(options) - 1)
    return [*lines[:-1], _Line(lines[-1].text, indent=0.3, after=0.14)]


def _option(question: QuestionText, name: str, values: dict[str, object]) -> str:
    text = question.says.get(name) or question.says["option"]
    return plain(fill(text.partition("→")[0].strip(), values))


def _solution(question: QuestionText, asked: Asked) -> str:
    """The right answer and how it comes about."""
    if asked.kind == "number":
        answer = f"{asked.answer:,}" if isinstance(asked.answer, int) else f"{asked.answer:g}"
        return f"{answer}: {fill(question.says['shown'], asked.values)}"
    values = dict(asked.options)[str(asked.answer)]
    reason = question.says.get(str(asked.answer), "").partition("→")[2].strip()
    return f"{_option(question, str(asked.answer), {**asked.values, **values})} {fill(reason, asked.values)}"


def _wrapped_lines(text: str, *, indent: float = 0.0, after: float = 0.0, keep: bool = False) -> list[_Line]:
    lines = wrapped(text, PAGE[0] - 2 * MARGIN - indent, TEXT)
    kept = [_Line(line, indent=indent, keep=True) for line in lines[:-1]]
    return [*kept, _Line(lines[-1], indent=indent, after=after, keep=keep)]


def wrapped(text: str, width: float, size: float) -> list[str]:
    """A text cut into lines of at most ``width`` inches: between words, and between any two Japanese characters."""
    pieces = re.findall(r"[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+\s*|\s+", text)
    lines = [""]
    for piece in pieces:
        if lines[-1] and _length((lines[-1] + piece).rstrip(), size) > width and piece not in "、。，）」：；・ー":
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def _length(text: str, size: float) -> float:
    """Length of a line in inches."""
    return float(pillow_font(text, 100).getlength(text)) * size / 100 / 72


def _write_pdf(
    path: str | Path, trace: Trace, about: str, questions: list[_Line], answers: list[_Line], title: str
) -> None:
    from matplotlib.backends.backend_pdf import PdfPages

    with PdfPages(path, metadata={"Title": title, "CreationDate": None}) as pdf:
        first = _page()
        left, top = MARGIN, MARGIN
        for line in questions[:2]:
            _write(first, left, top, line)
            top += _height(line)
        _photo(first, trace, left, top)
        right = PAGE[0] - MARGIN - (left + PHOTO + 0.3)
        for index, part in enumerate(wrapped(about, right, TEXT)):
            _write(first, left + PHOTO + 0.3, top + index * _height(_Line("")), _Line(part))
        for page in _pages(questions[2:], first, top + PHOTO + 0.3):
            pdf.savefig(page)
        for page in _pages(answers, _page(), MARGIN):
            pdf.savefig(page)


def _pages(lines: Sequence[_Line], page: Figure, top: float) -> Iterator[Figure]:
    """Lines on as many pages as they need; lines that belong together stay on one."""
    for block in _blocks(lines):
        if top + sum(map(_height, block)) > PAGE[1] - MARGIN:
            yield page
            page, top = _page(), MARGIN
        for line in block:
            _write(page, MARGIN, top, line)
            top += _height(line)
    yield page


def _blocks(lines: Sequence[_Line]) -> Iterator[list[_Line]]:
    block: list[_Line] = []
    for line in lines:
        block.append(line)
        if not line.keep:
            yield block
            block = []


def _page() -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=PAGE, facecolor="white")


def _height(line: _Line) -> float:
    return line.size * LEADING / 72 + line.after


def _write(page: Figure, left: float, top: float, line: _Line) -> None:
    page.text(
        (left + line.indent) / PAGE[0],
        1 - top / PAGE[1],
        line.text,
        fontsize=line.size,
        fontfamily=families(),
        fontweight="bold" if line.bold else "normal",
        color=INK,
        verticalalignment="top",
        parse_math=False,
    )


def _photo(page: Figure, trace: Trace, left: float, top: float) -> None:
    """What the model sees, with the grid of the last stage's tokens; rows and columns count from 1."""
    canvas = prepare(trace, min(800, max(trace.photo.shape[:2])))
    seen = canvas.photo.crop(canvas.inside).resize((600, 600), Image.Resampling.BICUBIC)
    grid, height, width = trace.stages[-1].geometry.tokens, trace.crop.height, trace.crop.width
    axes = page.add_axes((left / PAGE[0], 1 - (top + PHOTO) / PAGE[1], PHOTO / PAGE[0], PHOTO / PAGE[1]))
    axes.imshow(np.asarray(seen), extent=(-0.5, width - 0.5, height - 0.5, -0.5), aspect="auto")
    for axis, count in ((axes.xaxis, grid.columns), (axes.yaxis, grid.rows)):
        places = grid.offset + grid.stride * np.arange(count)
        every = max(1, count // 9)
        axis.set_ticks(places[::every], [str(place + 1) for place in range(0, count, every)], fontsize=6)
        axis.set_ticks(np.append(places, places[-1] + grid.stride) - grid.stride / 2, minor=True)
    axes.xaxis.tick_top()
    axes.tick_params(which="both", length=0, pad=2)
    axes.grid(which="minor", color="white", alpha=0.5, linewidth=0.5)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
