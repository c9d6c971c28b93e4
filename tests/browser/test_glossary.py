"""Terms explain themselves where they stand: to a pointer, to the keyboard, to a finger and to ears."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.page_helpers import ready
from visualize.language import LANGUAGES, WORDS, Language

MARKED = re.compile(r"\[[^\]]+\]\(([^)]+)\)")
TIP = "#glossary-tip"


def glossary(language: str = "en") -> Any:
    return Language.of(language).texts["glossary"]


def looking(page: Any, address: str, query: str = "") -> None:
    page.goto(f"{address}?view=attention{query}")
    ready(page)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_term_marked_in_a_text_is_explained_and_every_explanation_is_asked_for(code: str) -> None:
    files = [WORDS / f"{code}.toml", *(WORDS / code).rglob("*.md")]
    marked = {name for file in files for name in MARKED.findall(file.read_text(encoding="utf-8"))}
    links = {name for name in marked if "/" in name or name.startswith(("#", "{"))}
    assert (marked - links) | {"receptive field"} == glossary(code).keys()


def test_a_term_is_explained_while_it_is_pointed_at(page: Any, address: str) -> None:
    looking(page, address)
    term = page.locator(".facts .term", has_text="Entropy")
    term.hover()
    expect(page.locator(TIP)).to_have_text(glossary()["entropy"])
    expect(term).to_have_accessible_description(glossary()["entropy"])
    page.locator(TIP).hover()  # it may be pointed at itself
    expect(page.locator(TIP)).to_be_visible()
    page.mouse.move(5, 5)
    expect(page.locator(TIP)).to_have_count(0)
    page.locator(".explanation .term", has_text="keys").hover()
    expect(page.locator(TIP)).to_have_text(glossary()["key"])
    assert "](" not in page.locator("body").inner_text()


def test_a_term_is_reached_with_the_keyboard_and_escape_closes_nothing_else(page: Any, address: str) -> None:
    looking(page, address, "&query=2,3")
    pins = page.locator(".marks .token:not(.halo)")
    at = pins.get_attribute("x")
    page.locator("[name=stage]").focus()
    page.keyboard.press("Tab")
    expect(page.locator("label[for=explorer-block] .term")).to_be_focused()
    expect(page.locator(TIP)).to_have_text(glossary()["block"])
    page.keyboard.press("Escape")
    expect(page.locator(TIP)).to_have_count(0)
    expect(pins).to_have_attribute("x", at)
    page.keyboard.press("Tab")
    expect(page.locator("[name=block]")).to_be_focused()


def test_a_label_is_still_its_controls(page: Any, address: str) -> None:
    looking(page, address)
    for name in ("stage", "block", "head"):
        expect(page.locator(f"[name={name}]")).to_have_accessible_name(name.capitalize())
    field = page.get_by_label("Receptive field")
    field.focus()
    expect(field).to_have_accessible_description(glossary()["receptive field"])
    page.get_by_text("Receptive field", exact=True).click()
    expect(field).to_be_checked()


def test_a_finger_taps_a_term_and_taps_elsewhere(new_page: Callable[..., Any], address: str) -> None:
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    looking(page, address, "&lang=ja")
    page.locator(".explanation .term").first.tap()
    tip = page.locator(TIP)
    expect(tip).to_have_text(glossary("ja")["query"])
    box = tip.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    page.locator(".scale-name .said").tap()
    expect(tip).to_have_count(0)


def test_terms_explain_themselves_on_the_whole_screen_too(page: Any, address: str) -> None:
    looking(page, address)
    page.get_by_role("button", name="Present").click()
    page.wait_for_function("document.fullscreenElement")
    page.locator(".explanation .term").first.hover()
    expect(page.locator(TIP)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(TIP)).to_have_count(0)
    expect(page.locator("#explorer")).to_have_class(re.compile("presenting"))


@pytest.mark.parametrize(("language", "lesson", "step"), [("en", 7, 2), ("ja", 3, 1)])
def test_no_line_begins_with_the_sign_that_follows_a_term(
    new_page: Callable[..., Any], address: str, language: str, lesson: int, step: int
) -> None:
    """At every width of a phone."""
    page = new_page(viewport={"width": 320, "height": 844})
    page.goto(f"{address}?lesson={lesson}&step={step}&lang={language}")
    ready(page)
    closed = page.locator("#lessons .closed")
    expect(closed.first).to_be_visible()
    apart = """all => all.filter((span) => {
        const sign = document.createRange();
        sign.selectNodeContents(span.lastChild);
        const term = [...span.firstChild.getClientRects()].at(-1);
        return Math.abs(sign.getBoundingClientRect().bottom - term.bottom) > 12;
    }).map((span) => span.textContent)"""
    for width in range(320, 430, 6):
        page.set_viewport_size({"width": width, "height": 844})
        assert closed.evaluate_all(apart) == [], width
