"""The photos that come with the page, each with its author and licence."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from cvt.photo import open_photo

__all__ = ["FOLDER", "Example", "credits_text", "examples"]

FOLDER = Path(__file__).parent.parent / "examples"


@dataclass(frozen=True)
class Example:
    """One photo; ``id`` is what an address calls it."""

    id: str
    file: str
    title: dict[str, str]
    author: str
    licence: dict[str, str]
    licence_url: str
    source: str
    changes: str

    @property
    def path(self) -> Path:
        """Where the photo lies."""
        return FOLDER / self.file

    def open(self) -> Image.Image:
        """The photo itself."""
        return open_photo(self.path)


@cache
def examples() -> dict[str, Example]:
    """All of them by id, the one to start with first."""
    content = json.loads((FOLDER / "examples.json").read_text(encoding="utf-8"))
    return {one["id"]: Example(**one) for one in content}


def credits_text(language: str, line: str) -> str:
    """Every photo's credit, as a Markdown list; ``line`` is how a credit is written in that language."""
    return "\n".join(
        line.format(**asdict(one) | {"title": one.title[language], "licence": one.licence[language]})
        for one in examples().values()
    )
