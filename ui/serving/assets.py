"""What the browser gets beside Gradio's page: the modules and styles of ``web/``, the words, and the colours.

All of it stands below one address that names its content, so that browsers may keep it for ever, and a changed file is
never mixed with what they kept of an older one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, get_args

from gradio.route_utils import BUILD_PATH_LIB
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from visualize.language import LANGUAGES, Language
from visualize.palette import Palette, colour_rule, lookup_table

from ..course.text import course_data
from ..examples import SMALL, SMALL_AT
from .memory import FOR_EVER, files_of, sent_from_memory

__all__ = ["ADDRESS", "GRADIO", "LATER", "PARTS", "WEB", "head", "lessons_address", "routes"]

WEB = Path(__file__).parents[2] / "web"
HOST = Path(__file__).parents[1] / "components" / "host.js"

PARTS = tuple(sorted(path.parent.name for path in WEB.glob("*/*.js") if path.stem == path.parent.name))
"""The parts of the page that the browser draws."""

LATER = ("about", "closeup", "comparison", "curves", "laboratory", "lessons")
"""Those that are not on the first screen: they come when there is a picture on it."""

STYLES = "all.css"
"""The styles of all parts in one file."""

GRADIO = Path(str(BUILD_PATH_LIB))
"""Gradio's own modules and styles, whose names name their content too."""


@cache
def words(language: str) -> str:
    """A language's texts for the parts, as JSON: what :func:`wordsOf` in ``web/shared/words.js`` takes."""
    texts = Language.of(language).texts
    names = {code: Language.of(code).name for code in LANGUAGES}
    parts = {part: dict(texts[part]) for part in PARTS if part in texts}
    shared = {section: dict(texts[section]) for section in ("glossary", "classes")}
    store = {"language": language, "languages": names, **shared, "parts": parts}
    return json.dumps(store, ensure_ascii=False)


@cache
def lessons(language: str) -> str:
    """The course in a language, as JSON: ``CourseText`` of ``web/types.d.ts``."""
    teachers = Language.of(language).texts["prose"]["teachers"]
    return json.dumps({"lessons": course_data(language), "teachers": teachers}, ensure_ascii=False)


@cache
def theme() -> str:
    """Palettes, and the rule for scales, as JSON: a ``Theme`` of ``web/types.d.ts``."""
    palettes = {name: base64.b64encode(lookup_table(name).tobytes()).decode() for name in get_args(Palette)}
    return json.dumps({"palettes": palettes, "colours": colour_rule()})


def _files() -> list[Path]:
    return sorted(path for path in WEB.rglob("*") if path.suffix in (".js", ".css"))


def _version() -> str:
    digest = hashlib.sha256(theme().encode())
    for language in LANGUAGES:
        digest.update(words(language).encode() + lessons(language).encode())
    for path in [*_files(), HOST]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


ADDRESS = f"web/{_version()}"
"""Where all of it stands, as seen from the page."""


def lessons_address(language: str) -> str:
    """Where the lessons in a language stand, as seen from the page."""
    return f"{ADDRESS}/lessons/{language}.json"


def head() -> str:
    """Lines for a document's head that fetch styles, and what the first screen is drawn by, while Gradio is starting.

    Gradio's own modules go first. What lies in a folder below a part's is fetched when somebody comes to need it.
    """
    modules = [path for path in _files() if path.suffix == ".js" and path.parent.parent == WEB]
    names = [path.relative_to(WEB).as_posix() for path in modules if path.parent.name not in LATER]
    lines = [f'<link rel="stylesheet" href="{ADDRESS}/{STYLES}" data-all-parts>']
    lines += [f'<link rel="modulepreload" fetchpriority="low" href="{ADDRESS}/{name}">' for name in [HOST.name, *names]]
    lines += [f'<link rel="preload" as="fetch" fetchpriority="low" crossorigin href="{ADDRESS}/theme.json">']
    return "".join(lines)


@cache
def _contents() -> dict[str, bytes]:
    """Everything below :data:`ADDRESS`."""
    files = {path.relative_to(WEB).as_posix(): path.read_bytes() for path in _files()}
    styles = [content for name, content in files.items() if name.endswith(".css")]
    texts = {f"words/{language}.json": words(language) for language in LANGUAGES}
    texts |= {f"lessons/{language}.json": lessons(language) for language in LANGUAGES}
    texts["theme.json"] = theme()
    written = {name: text.encode() for name, text in texts.items()}
    return files | written | {HOST.name: HOST.read_bytes(), STYLES: b"\n".join(styles)}


class _Pictures(StaticFiles):
    """Files that browsers may keep."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers.update(FOR_EVER)
        return response


def routes() -> list[BaseRoute]:
    """For Starlette, to be tried before Gradio's own."""
    return [
        Route(f"/{ADDRESS}/{{path:path}}", sent_from_memory(lambda path: _contents().get(path))),
        Route("/assets/{path:path}", sent_from_memory(files_of(GRADIO))),
        Mount(f"/{SMALL_AT}", _Pictures(directory=SMALL)),
    ]
