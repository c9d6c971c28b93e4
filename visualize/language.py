"""Every text that a person reads, by language: those of pictures and sheets, and those of whatever stands above.

A language is a file of ``words/``, named by its code, with texts in sections, and a folder of the same name with
further sections, a file each, prose in Markdown, and the lessons in a folder of theirs. Files put there are a language;
nothing else has to know of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cvt.errors import ConfigError

__all__ = ["LANGUAGES", "Language", "phrase", "word"]

_INSTALLED, _CHECKOUT = Path(__file__).with_name("words"), Path(__file__).parent.parent / "words"

WORDS = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
"""Where the texts lie: inside the package where it is installed, beside it in a checkout."""

LANGUAGES = tuple(sorted((path.stem for path in WORDS.glob("*.toml")), key=lambda code: (code != "en", code)))
"""The codes of all languages, English first."""


@dataclass(frozen=True)
class Language:
    """One language's texts.

    Attributes:
        code: such as "en".
        texts: by section and name. A text may have blanks, ``{name}``. Prose is the section "prose".
        lessons: the files of the course by their names, as they are written.
    """

    code: str
    texts: Mapping[str, Mapping[str, str]]
    lessons: Mapping[str, str]

    @staticmethod
    def of(code: str) -> Language:
        """The language with that code.

        Raises:
            ConfigError: there is none; the message says which there are.
        """
        if code not in LANGUAGES:
            raise ConfigError(f"language {code!r} must be one of {', '.join(map(repr, LANGUAGES))}")
        return _read(code)

    @property
    def name(self) -> str:
        """What those who speak it call it."""
        return self.texts["language"]["name"]

    def text(self, section: str, name: str, /, **values: object) -> str:
        """A text, its blanks filled in.

        Raises:
            KeyError: there is no such text, or a value is missing.
        """
        return self.texts[section][name].format(**values)

    def word(self, section: str, name: str) -> str:
        """A text without blanks; else the section's default, else the name itself."""
        words = self.texts[section]
        return words.get(name, words.get("default", name))


@cache
def _read(code: str) -> Language:
    texts = tomllib.loads((WORDS / f"{code}.toml").read_text(encoding="utf-8"))
    sections = {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted((WORDS / code).glob("*.toml"))
    }
    texts = {**texts, **sections, "prose": _prose(WORDS / code)}
    return Language(code, texts, _prose(WORDS / code / "lessons"))


def _prose(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8").strip() for path in sorted(folder.glob("*.md"))}


def phrase(language: str, section: str, name: str, /, **values: object) -> str:
    """A language's text, its blanks filled in.

    Raises:
        ConfigError: there is no such language.
    """
    return Language.of(language).text(section, name, **values)


def word(language: str, section: str, name: str) -> str:
    """A language's word; else the section's default, else the name itself.

    Raises:
        ConfigError: there is no such language.
    """
    return Language.of(language).word(section, name)
