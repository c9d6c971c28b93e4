"""The whole page on the bundled checkpoint, as its tests look at it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from cvt.config import CvtConfig
from tests.browser.trusted import drop
from ui.examples import opening_example

__all__ = [
    "FIRST_EXAMPLE",
    "MODEL",
    "PATIENCE",
    "colours",
    "empty_photo",
    "first_class",
    "png",
    "ready",
    "ribbon_pictures",
]

MODEL = "bundled:imagenette"
"""What the tests look at, if they say no other: of its grids and heads their numbers speak."""

PATIENCE = 60_000
"""Milliseconds that a result may take."""

FIRST_EXAMPLE = opening_example(CvtConfig.from_pretrained(MODEL).id2label.values()).id
"""The one that the page opens with."""


def ready(page: Any) -> None:
    """Wait until explorer and ribbon show something, and the parts that come later are there too."""
    expect(page.locator("#explorer")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    expect(page.locator("#stages > [data-stage]")).to_have_count(3, timeout=PATIENCE)
    expect(page.locator("[data-part]:empty")).to_have_count(0, timeout=PATIENCE)


def first_class(page: Any) -> Any:
    return page.locator("#prediction .confidence-set .text").first


def empty_photo(page: Any, folder: Path) -> None:
    """Bring a file that is no photo: what was there is gone."""
    path = folder / "no-photo.png"
    path.write_bytes(b"this is no picture")
    drop(page, [path])
    expect(page.locator("#explorer")).to_have_attribute("data-state", "empty", timeout=PATIENCE)


def ribbon_pictures(page: Any) -> list[str]:
    return page.locator("#stages img").evaluate_all("images => images.map(image => image.src)")


def colours(seed: int, size: tuple[int, int] = (200, 150)) -> Image.Image:
    """A photo of coloured blobs, unlike any other seed's."""
    small = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
