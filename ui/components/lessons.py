"""The lessons as a Gradio component: where their texts stand, and what they need to know of the photo on the page."""

from __future__ import annotations

import json

from gradio.data_classes import FileData, GradioModel
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from cvt.tracing import Trace
from visualize.language import LANGUAGES

from ..course.questions import lesson_facts
from ..serving import assets
from .part import Part

__all__ = ["Lessons", "LessonsData", "lessons_value"]


class LessonsData(GradioModel):
    """What the browser needs to run the lessons.

    Attributes:
        key: names photo and model.
        course: the addresses of the lessons' texts by language, seen from the page.
        facts: numbers and questions about photo and model, as JSON; they come when somebody opens a lesson.
    """

    key: str
    course: dict[str, str]
    facts: FileData | None = None


class Lessons(Part):
    """Root ``#lessons``: a line that opens them, and a dock beside the map while one runs. Raises ``facts``."""

    part = "lessons"
    raises = ("facts",)
    data_model = LessonsData


def lessons_value(key: str, trace: Trace | None = None) -> LessonsData:
    """The lessons for a photo and a model, which ``key`` names; with a trace, their numbers and questions too."""
    course = {language: assets.lessons_address(language) for language in LANGUAGES}
    return LessonsData(key=key, course=course, facts=None if trace is None else _file(trace, key))


def _file(trace: Trace, key: str) -> FileData:
    content = json.dumps(lesson_facts(trace, key), ensure_ascii=False).encode()
    return FileData(path=save_bytes_to_cache(content, "lessons.json", get_upload_folder()), size=len(content))
