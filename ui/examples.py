"""The photos that come with the page, each with its author and licence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from cvt.photo import open_photo
from visualize.language import LANGUAGES, Language

__all__ = ["FOLDER", "SMALL", "SMALL_AT", "Example", "credit_line", "credits_text", "examples", "opening_example"]

FOLDER = Path(__file__).parent.parent / "examples"

SMALL = FOLDER / "small"

SMALL_AT = "examples"
"""Where the small pictures are served, below the page."""


@dataclass(frozen=True)
class Example:
    """One photo.

    Attributes:
        id: what an address calls it, and what words call its title by.
        file: its name in :data:`FOLDER`.
        author, licence, licence_url, source, changes: whose it is, and what was done to it.
        shows: ImageNet's classes that are right for it, each by the first of its names; none where no class is.
    """

    id: str
    file: str
    author: str
    licence: str
    licence_url: str
    source: str
    changes: str
    shows: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where the photo lies."""
        return FOLDER / self.file

    @property
    def small(self) -> str:
        """The address of its small picture, seen from the page."""
        return f"{SMALL_AT}/{self.file}"

    def shows_any(self, labels: Iterable[str]) -> bool:
        """Whether one of a model's class names is right for it; ImageNet's names for a class stand side by side."""
        names = {name.strip() for label in labels for name in label.split(",")}
        return not names.isdisjoint(self.shows)

    def open(self) -> Image.Image:
        """The photo itself."""
        return open_photo(self.path)


@cache
def examples() -> dict[str, Example]:
    """All of them by id, the one to start with first."""
    content = json.loads((FOLDER / "examples.json").read_text(encoding="utf-8"))
    return {fields["id"]: Example(**fields | {"shows": tuple(fields["shows"])}) for fields in content}


def opening_example(labels: Iterable[str]) -> Example:
    """The one that a page opens with: the first that shows one of a model's classes, or else the first."""
    known, offered = list(labels), examples().values()
    return next((example for example in offered if example.shows_any(known)), next(iter(offered)))


def credit_line(name: str | None) -> dict[str, str]:
    """Whose photo an example is, in a line for each language; nothing for other photos."""
    example = examples().get(name or "")
    if example is None:
        return {}
    languages = {code: Language.of(code) for code in LANGUAGES}
    return {
        code: language.text("examples", "credit_line", **asdict(example) | _in_words(example, language))
        for code, language in languages.items()
    }


def credits_text(language: Language) -> str:
    """Every photo's credit, as a Markdown list."""
    return "\n".join(
        language.text("examples", "credit", **asdict(example) | _in_words(example, language))
        for example in examples().values()
    )


def _in_words(example: Example, language: Language) -> dict[str, str]:
    """Title and licence; a licence without words of its own is called the same everywhere."""
    return {"title": language.word("examples", example.id), "licence": language.word("examples", example.licence)}
