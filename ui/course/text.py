"""The lessons as they are written: ``words/LANGUAGE/lessons/NUMBER-NAME.md``, read into what the browser gets.

A file is one lesson. It begins with front matter in TOML between two lines of ``+++``::

    minutes = 12                       # that a class needs
    [[steps]]                          # one for each heading of the second level, in order
    open = { view = "feature", … }     # what the explorer opens; stages, blocks, heads, channels count from 1
    close_up = { kind = "embedding" }  # which close-up opens; or laboratory = { kind = "place" }
    table = true                       # whether the table of what stages cost stands in the step
    wait = { on = "explorer", name = "query", times = 3 }

``wait`` is what the step waits for: that the state ``name`` of the explorer, the close-up or the laboratory takes
``times`` other values (1 if it does not say); without it the step waits for its questions to be answered. A number may
be "last" for the last stage; a ``query`` may be "middle" or "corner".

Then comes Markdown: the lesson's title (``#``), its goals as a list, and its steps (``##``). A paragraph that begins
with ``[name]`` stands only where a model has that trait (:mod:`ui.course.facts`), with ``[not name]`` only where it
has not. One that begins with ``>`` says what to do. ``{blanks}`` hold numbers of the model. Questions (``###`` and
their name in :mod:`ui.course.questions`) have a list after the paragraph that asks: options of a choice, as
``- name: option → what is said to it``; and what is said to an answer: ``right``, ``wrong``, and the names of slips.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

from cvt.errors import ConfigError
from visualize.language import Language

__all__ = ["Lesson", "QuestionText", "Step", "course", "course_data", "fill"]

_PLACES = ("explorer", "closeup", "laboratory")
_STEP_FIELDS = {"open", "close_up", "laboratory", "table", "wait"}


@dataclass(frozen=True)
class QuestionText:
    """A question's words: what it asks, and what is said to an answer or stands for an option, by name."""

    name: str
    ask: str
    says: Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """One idea: its paragraphs, what it opens and waits for, and the questions that follow it."""

    title: str
    paragraphs: tuple[str, ...]
    questions: tuple[QuestionText, ...]
    open: Mapping[str, Any] = field(default_factory=dict)
    close_up: Mapping[str, Any] = field(default_factory=dict)
    laboratory: Mapping[str, Any] = field(default_factory=dict)
    table: bool = False
    wait: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Lesson:
    """One lesson; ``number`` counts from 1."""

    number: int
    name: str
    title: str
    minutes: int
    goals: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def questions(self) -> list[QuestionText]:
        """The questions of all its steps."""
        return [question for step in self.steps for question in step.questions]


@cache
def course(language: str) -> tuple[Lesson, ...]:
    """All lessons in a language.

    Raises:
        ConfigError: there is no such language, or a file is not written as it should be; the message says which.
    """
    return tuple(read_lesson(name, text) for name, text in sorted(Language.of(language).lessons.items()))


def course_data(language: str) -> list[dict[str, Any]]:
    """All lessons as plain lists and dicts: ``Lesson[]`` of ``web/types.d.ts``."""
    return [asdict(lesson) for lesson in course(language)]


def fill(text: str, values: Mapping[str, object]) -> str:
    """A text with the blanks filled in that have a value, as ``fill`` in ``web/shared/words.js`` does."""
    return re.sub(r"\{(\w+)\}", lambda blank: str(values.get(blank[1], blank[0])), text)


def read_lesson(name: str, text: str) -> Lesson:
    """One file.

    Raises:
        ConfigError: it is not written as it should be.
    """
    try:
        _, matter, body = re.split(r"^\+\+\+\n", text, maxsplit=2, flags=re.MULTILINE)
        told = tomllib.loads(matter)
        number, short = re.fullmatch(r"(\d+)-([\w-]+)", name).groups()  # type: ignore[union-attr]
        head, *parts = re.split(r"^## ", body, flags=re.MULTILINE)
        title, *goals = _blocks(head)
        steps = [_step(part, given) for part, given in zip(parts, told["steps"], strict=True)]
        minutes = int(told["minutes"])
    except (AttributeError, KeyError, ValueError) as error:
        raise ConfigError(f"lesson {name!r} cannot be read: {error}") from error
    return Lesson(
        number=int(number),
        name=short,
        title=title.removeprefix("# "),
        minutes=minutes,
        goals=tuple(_items("\n".join(goals))),
        steps=tuple(steps),
    )


def _step(text: str, given: Mapping[str, Any]) -> Step:
    unknown = given.keys() - _STEP_FIELDS
    wait = given.get("wait", {})
    if unknown or (wait and (wait.get("on") not in _PLACES or "name" not in wait)):
        raise ValueError(f"a step's front matter says {dict(given)}")
    head, *parts = re.split(r"^### ", text, flags=re.MULTILINE)
    title, *paragraphs = _blocks(head)
    return Step(title, tuple(paragraphs), tuple(map(_question, parts)), **given)


def _question(text: str) -> QuestionText:
    name, ask, *lists = _blocks(text)
    says = dict(item.split(": ", 1) for item in _items("\n".join(lists)))
    return QuestionText(name, ask, says)


def _blocks(text: str) -> list[str]:
    """What blank lines part; the lines of a paragraph are joined, those of a list are not."""
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text) if block.strip()]
    return [block if block.startswith("- ") else " ".join(block.split("\n")) for block in blocks]


def _items(text: str) -> list[str]:
    """The items of a list; a line that is indented goes on with the one before."""
    joined = re.sub(r"\n +", " ", text)
    return [line.removeprefix("- ") for line in joined.split("\n") if line.startswith("- ")]
