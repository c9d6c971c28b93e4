"""Links to the page in its other languages."""

from __future__ import annotations

from .part import Part

__all__ = ["LanguageLinks"]


class LanguageLinks(Part):
    """One link per language; it has no value."""

    part = "languages"
