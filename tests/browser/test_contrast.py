"""For and against: what spoke against a class, and why one class and not another."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.page_helpers import FIRST_EXAMPLE, PATIENCE, ready
from ui.examples import examples


def colours(page: Any) -> dict[str, int]:
    """How many cells of the map are redder, and how many bluer, than the colour of nothing."""
    count = """canvas => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const found = { red: 0, blue: 0 };
        for (let i = 0; i < data.length; i += 4) {
            if (data[i] > data[i + 2] + 8) found.red += 1;
            if (data[i + 2] > data[i] + 8) found.blue += 1;
        }
        return found;
    }"""
    return page.locator("#explorer .map").first.evaluate(count)


def test_what_spoke_against_is_seen_alone(opened: Any, top_class: Callable[..., str]) -> None:
    winner, both = top_class(examples()[FIRST_EXAMPLE].open()), colours(opened)
    assert both["red"] > 0 and both["blue"] > 0
    opened.locator(".others summary").click()
    opened.locator("[name=view]").select_option("evidence_against")
    expect(opened.locator("#explorer")).to_have_attribute("data-view", "evidence_against")
    expect(opened.locator(".explanation .said")).to_contain_text(f"speaks against “{winner}”")
    expect(opened.locator("[data-question=why]")).to_have_attribute("aria-pressed", "true")
    alone = colours(opened)
    assert alone["red"] == 0
    assert alone["blue"] == both["blue"]  # on the same scale


def test_one_class_is_held_against_another(opened: Any, top_class: Callable[..., str]) -> None:
    pixels = "canvas => canvas.toDataURL()"
    before = opened.locator("#explorer .map").first.evaluate(pixels)
    winner, rival = top_class(examples()[FIRST_EXAMPLE].open()), opened.locator("[name=against]")
    other = rival.locator("option").nth(2).inner_text()
    rival.select_option(label=other)
    said = opened.locator(".explanation .said")
    expect(said).to_contain_text(f"Why “{winner}” and not “{other}”", timeout=PATIENCE)
    expect(opened.locator("#explorer")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    expect(opened.locator(".notice")).to_be_hidden(timeout=PATIENCE)
    assert opened.locator("#explorer .map").first.evaluate(pixels) != before
    expect(opened).to_have_url(re.compile("against="))
    opened.reload()
    ready(opened)
    expect(said).to_contain_text(f"Why “{winner}” and not “{other}”", timeout=PATIENCE)
    opened.locator("#prediction .confidence-set").nth(2).click()  # another class is asked about by itself
    expect(said).not_to_contain_text("and not", timeout=PATIENCE)
    expect(rival).to_have_value("")
