"""The explorer's browser side, put together from files that can be read, tested and edited one by one.

Gradio takes one script, one stylesheet and one template. The JavaScript files are ordinary modules; here their imports
and exports are taken out and the rest is joined in the order of dependence, which is why no two of them may use one
name at top level for two things.
"""

from __future__ import annotations

import base64
import json
import re
from importlib.resources import files
from typing import get_args

from visualize.palette import Palette, lookup_table

__all__ = ["LANGUAGES", "pure_script", "script", "stylesheet", "template", "texts"]

LANGUAGES = ("en", "ja")
_MODULES = ("data", "draw", "words", "state", "maps", "controls", "share", "pointer", "explorer")
_IMPORT = re.compile(r"^import .*? from \"\./\w+\.js\";\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _joined(name: str) -> str:
    return _EXPORT.sub("", _IMPORT.sub("", _read(f"{name}.js")))


def pure_script() -> str:
    """The pure functions as a script that defines them."""
    return _joined("pure")


def texts() -> dict[str, dict[str, str]]:
    """Every text of the explorer, by language and name."""
    return {language: json.loads(_read(f"texts/{language}.json")) for language in LANGUAGES}


def script() -> str:
    """The whole browser side: the body of a function of ``element``, ``trigger`` and ``watch``."""
    palettes = {name: base64.b64encode(lookup_table(name).tobytes()).decode() for name in get_args(Palette)}
    constants = {"PURE_SOURCE": pure_script(), "PALETTES": palettes, "TEXTS": texts()}
    lines = [f"const {name} = {json.dumps(value, ensure_ascii=False)};" for name, value in constants.items()]
    return "\n".join(['"use strict";', *lines, pure_script(), *map(_joined, _MODULES)])


def stylesheet() -> str:
    """The styles, to be nested below the component."""
    return _read("explorer.css")


def template() -> str:
    """The static template: it names no property, so that Gradio never renders it again."""
    return _read("explorer.html")
