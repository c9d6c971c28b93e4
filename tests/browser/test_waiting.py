"""A page for which the server has no room waits, says so, and goes on by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import expect

from tests.browser.page_helpers import PATIENCE, colours, first_class, png, ready
from tests.browser.trusted import drop


def test_a_page_waits_for_room_and_shows_the_newest_photo_with_its_own_prediction(
    opened: Any, tmp_path: Path, top_class: Callable[[Image.Image], str]
) -> None:
    refused: list[str] = []

    def answer(route: Any) -> None:
        if len(refused) < 3:
            refused.append(route.request.url)
            route.fulfill(status=503, json={"detail": "Queue is full."})
        else:
            route.continue_()

    photos = [colours(seed, (200 + seed, 150)) for seed in (5, 6)]
    opened.route("**/queue/join*", answer)
    notice = opened.locator(".waiting")
    for photo in photos:
        path = tmp_path / f"{photo.width}.png"
        path.write_bytes(png(photo))
        drop(opened, [path])
        expect(notice).to_have_text("Many people are here just now. Your photo waits its turn.", timeout=PATIENCE)
    opened.wait_for_function(
        f"document.querySelector('#stages img')?.naturalWidth === {photos[-1].width}", timeout=PATIENCE
    )
    ready(opened)
    expect(first_class(opened)).to_have_text(top_class(photos[-1]))
    expect(notice).to_have_count(0)
    assert len(refused) == 3
