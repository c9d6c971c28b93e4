"""The fonts of pictures and sheets, the same on every machine: DejaVu Sans, which comes with matplotlib, and a Japanese
one, which comes with this package (``typeface/``).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from PIL import ImageFont

__all__ = ["families", "pillow_font", "writable"]

JAPANESE = "CvT Explorer Gothic"


@cache
def _files() -> dict[str, str]:
    """Font files by family, in the order of preference; known to matplotlib from the first call on."""
    import matplotlib
    from matplotlib.font_manager import fontManager

    japanese = str(files("visualize").joinpath("typeface", "CvTExplorerGothic.ttf"))
    fontManager.addfont(japanese)
    regular = fontManager.ttflist[-1]
    fontManager.ttflist.append(replace(regular, weight=700))  # bold lines too are looked up in it, without a complaint
    latin = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return {"DejaVu Sans": str(latin), JAPANESE: japanese}


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


@cache
def _pillow_font(family: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_files()[family], size)


def pillow_font(text: str, size: int) -> ImageFont.FreeTypeFont:
    """The preferred font that has all of a text's characters, for Pillow; the first one where none has."""
    complete = [family for family in _files() if all(ord(character) in _characters(family) for character in text)]
    return _pillow_font(complete[0] if complete else families()[0], size)
