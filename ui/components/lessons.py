"""The lessons as a Gradio component: where their texts stand, and what they need to know of the photo on the page."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import gradio as gr
from gradio.data_classes import FileData, GradioModel
from pydantic import Field

from cvt.errors import ConfigError
from cvt.tracing import Trace
from visualize.language import LANGUAGES

from ..course.questions import lesson_facts
from ..course.sheet import SHEETS, exercise_sheet
from ..serving import assets
from .cached import cached_file
from .part import Part

__all__ = ["Lessons", "LessonsData", "lessons_value", "requested_sheet", "with_sheet"]


class SheetData(GradioModel):
    """An exercise sheet to take home."""

    name: str
    file: FileData


class LessonsData(GradioModel):
    """What the browser needs to run the lessons.

    Attributes:
        key: names photo and model.
        course: the addresses of the lessons' texts by language, seen from the page.
        facts: numbers and questions about photo and model, as JSON; they come when somebody opens a lesson.
        sheets: the names of the exercise sheets that can be asked for.
        sheet: the one that was asked for last.
    """

    key: str
    course: dict[str, str]
    facts: FileData | None = None
    sheets: list[str] = Field(default_factory=lambda: list(SHEETS))
    sheet: SheetData | None = None


class Lessons(Part):
    """Root ``#lessons``: a line that opens them, a dock beside the map while one runs, and a page for teachers.

    Raises ``facts`` and ``sheet``.
    """

    part = "lessons"
    raises = ("facts", "sheet")
    data_model = LessonsData


def lessons_value(key: str, trace: Trace | None = None) -> LessonsData:
    """The lessons for a photo and a model, which ``key`` names; with a trace, their numbers and questions too."""
    course = {language: assets.lessons_address(language) for language in LANGUAGES}
    if trace is None:
        return LessonsData(key=key, course=course)
    facts = json.dumps(lesson_facts(trace, key), ensure_ascii=False).encode()
    return LessonsData(key=key, course=course, facts=cached_file(facts, "lessons.json"))


def with_sheet(value: LessonsData, trace: Trace, sheet: str, *, language: str, model_name: str) -> LessonsData:
    """The lessons with an exercise sheet, as :func:`~ui.course.sheet.exercise_sheet` writes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"exercise-sheet-{sheet}.pdf"
        exercise_sheet(trace, path, sheet=sheet, language=language, model_name=model_name)
        file = cached_file(path.read_bytes(), path.name)
    return value.model_copy(update={"sheet": SheetData(name=sheet, file=file)})


def requested_sheet(event: gr.EventData) -> str:
    """The sheet that a ``sheet`` event asks for.

    Raises:
        ConfigError: what the browser sent is no sheet's name.
    """
    data = event._data if isinstance(event._data, dict) else {}
    sheet = data.get("sheet")
    if sheet not in SHEETS:
        raise ConfigError(f"sheet {sheet!r} must be one of {', '.join(SHEETS)}")
    return str(sheet)
