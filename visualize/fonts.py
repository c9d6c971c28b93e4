"""Fonts that can write class names: DejaVu Sans, which comes with matplotlib, and a CJK font where there is one."""

from __future__ import annotations

from functools import cache

from PIL import ImageFont

from visualize.texts import Language, phrase

__all__ = ["families", "pillow_font", "readable", "writable"]

_CJK = (
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "Source Han Sans JP",
    "Hiragino Sans",
    "Yu Gothic",
    "Meiryo",
    "MS Gothic",
    "IPAexGothic",
    "IPAGothic",
    "TakaoPGothic",
    "VL PGothic",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
)


@cache
def _files() -> dict[str, str]:
    """Font files by family, in the order of preference."""
    from matplotlib.font_manager import fontManager

    installed: dict[str, str] = {}
    for font in fontManager.ttflist:
        if font.style == "normal" and font.weight in (400, "normal", "regular", "book") and font.stretch == "normal":
            installed.setdefault(font.name, font.fname)
    return {family: installed[family] for family in ("DejaVu Sans", *_CJK) if family in installed}


@cache
def _characters(family: str) -> frozenset[int]:
    from matplotlib.font_manager import get_font

    return frozenset(get_font(_files()[family]).get_charmap())


def families() -> list[str]:
    """Font families for matplotlib, the first that has a character being the one to draw it."""
    return list(_files())


def writable(text: str) -> bool:
    """Whether every character of a text can be drawn, rather than become an empty box."""
    return all(any(ord(character) in _characters(family) for family in _files()) for character in text)


def readable(language: Language) -> Language:
    """A language, or English where no installed font can write its words."""
    return language if writable(phrase(language, "report", "title")) else "en"


@cache
def _pillow_font(family: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_files()[family], size)


def pillow_font(text: str, size: int) -> ImageFont.FreeTypeFont:
    """The preferred font that has all of a text's characters, for Pillow; the first one where none has."""
    complete = [family for family in _files() if all(ord(character) in _characters(family) for character in text)]
    return _pillow_font(complete[0] if complete else families()[0], size)
