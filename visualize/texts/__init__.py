"""Words of pictures and their descriptions, one file per language."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

from cvt.errors import ConfigError

__all__ = ["Language", "phrase", "word"]

Language = Literal["en", "ja"]


@cache
def _texts(language: Language) -> dict[str, dict[str, str]]:
    if language not in get_args(Language):
        raise ConfigError(f"language {language!r} must be one of {', '.join(map(repr, get_args(Language)))}")
    return tomllib.loads(files(__package__).joinpath(f"{language}.toml").read_text(encoding="utf-8"))


def phrase(language: Language, section: str, key: str, **values: object) -> str:
    """A template of a language's file, filled in.

    Raises:
        ConfigError: there is no such language.
    """
    return _texts(language)[section][key].format(**values)


def word(language: Language, section: str, key: str) -> str:
    """A word of a language's file; else the section's default, else the key itself."""
    words = _texts(language)[section]
    return words.get(key, words.get("default", key))
