"""Close-ups on the page: hands, keys and links move them, and they follow what is on the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.closeup_page import number, open_closeup
from tests.browser.page_helpers import PATIENCE, ready


def test_the_window_slides_by_keys_and_by_hand(opened: Page) -> None:
    page = opened
    open_closeup(page, "embedding", stage=1, query="14,18", channel=10)
    root, picture = page.locator("#closeup"), page.locator("#closeup .seen")
    before = number(page, "result")
    picture.focus()
    page.keyboard.press("ArrowRight")
    expect(root).to_have_attribute("data-query", "14,19")
    page.keyboard.press("Shift+ArrowDown")
    expect(root).to_have_attribute("data-query", "18,19")
    assert number(page, "result") != before
    box = picture.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    expect(root).to_have_attribute("data-query", "19,19")
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.01 * box["height"], steps=4)
    expect(root).to_have_attribute("data-query", "1,8")
    page.mouse.up()
    expect(page.locator("#closeup figcaption strong")).to_contain_text("14 of its 49 places lie outside")


def test_numbers_of_a_grid_are_walked_with_arrow_keys(opened: Page) -> None:
    open_closeup(opened, "embedding", stage=1, query="14,18", channel=10)
    heard = (
        """() => { window.looks = []; document.addEventListener("closeup:look", (e) => looks.push(e.detail.cell)); }"""
    )
    opened.evaluate(heard)
    opened.locator(".line[data-input='1'] [data-name=pixels]").focus()
    start = int(opened.locator("#closeup").get_attribute("data-look") or 0)
    opened.keyboard.press("ArrowDown")
    down = start + 7 if start + 7 <= 49 else start
    expect(opened.locator("#closeup")).to_have_attribute("data-look", str(down))
    opened.keyboard.press("ArrowLeft")
    expect(opened.locator("#closeup")).to_have_attribute("data-look", str(down - 1))
    assert opened.evaluate("looks.at(-1)") == down - 1


def test_a_link_opens_it_and_closing_takes_it_out_of_the_address(page: Page, address: str) -> None:
    page.goto(f"{address}?open=embedding&stage=2&query=3,4&channel=5")
    root = page.locator("#closeup[data-closeup=embedding]")
    expect(root).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    expect(root).to_have_attribute("data-query", "3,4")
    page.wait_for_function("location.search.includes('open_channel=5')")
    page.reload()
    expect(root).to_have_attribute("data-channel", "5", timeout=PATIENCE)
    page.get_by_role("button", name="Close the close-up").click()
    expect(page.locator("#closeup")).to_be_hidden()
    assert page.locator("#closeup").get_attribute("data-closeup") is None
    assert "open" not in page.evaluate("[...new URLSearchParams(location.search).keys()].join().replace('opened', '')")


def test_the_ribbon_and_the_bars_open_numbers(opened: Page) -> None:
    opened.locator("#stages [data-open=embedding]").nth(1).click()
    root = opened.locator("#closeup[data-closeup=embedding]")
    expect(root).to_have_attribute("data-stage", "2", timeout=PATIENCE)
    expect(root).to_have_attribute("data-state", "ready")
    bars = opened.locator("#closeup .bars")
    box = bars.bounding_box()
    assert box
    bars.click(position={"x": 41.5 / 96 * box["width"], "y": box["height"] / 2})
    expect(root).to_have_attribute("data-channel", "42")


def test_another_photo_is_followed(opened: Page) -> None:
    open_closeup(opened, "embedding", stage=2, query="5,5", channel=3)
    before = number(opened, "result")
    opened.locator("[data-example=coffee]").click()
    opened.wait_for_function(
        "before => document.querySelector('#closeup [data-name=result]')?.dataset.value !== before",
        arg=str(before),
        timeout=PATIENCE,
    )
    expect(opened.locator("#closeup")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    expect(opened.locator("#closeup")).to_have_attribute("data-query", "5,5")


def test_no_numbers_travel_before_something_is_opened(new_page: Callable[..., Any], address: str) -> None:
    page = new_page()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "piece.bin" in request.url else None)
    page.goto(address)
    ready(page)
    assert fetched == []
    open_closeup(page, "embedding", stage=1)
    assert len(fetched) == 2  # the pixels and the weights
    open_closeup(page, "embedding", stage=1, query="3,3", channel=4)
    assert len(fetched) == 2


def test_what_did_not_arrive_is_asked_for_again(opened: Page) -> None:
    lost: list[str] = []

    def lose(route: Any) -> None:
        lost.append(route.request.url)
        route.abort() if len(lost) <= 2 else route.continue_()

    opened.route("**/piece.bin", lose)
    opened.evaluate("void document.querySelector('#closeup').closeup.open({ kind: 'embedding' })")
    retry = opened.get_by_role("button", name="Try again")
    expect(opened.locator("#closeup")).to_contain_text("The numbers could not be fetched", timeout=PATIENCE)
    retry.click()
    expect(opened.locator("#closeup")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    assert len(lost) >= 4


def test_keys_alone_open_it_and_close_it(opened: Page) -> None:
    opener = opened.locator("#stages [data-open=answer]")
    opener.focus()
    opened.keyboard.press("Enter")
    expect(opened.locator("#closeup h2")).to_be_focused(timeout=PATIENCE)
    expect(opened.locator("#closeup")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    opened.keyboard.press("Escape")
    expect(opened.locator("#closeup")).to_be_hidden()
    expect(opener).to_be_focused()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_nothing_is_cut_on_a_phone(new_page: Callable[..., Any], address: str, language: str) -> None:
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.goto(f"{address}?lang={language}")
    ready(page)
    for kind in ("embedding", "projection", "attention", "block", "answer"):
        open_closeup(page, kind, stage=1, query="19,19")
        nodes = page.locator("#closeup :not(.scrolling *)")
        beyond = nodes.evaluate_all("all => all.filter(n => n.getBoundingClientRect().right > innerWidth + 1).length")
        assert beyond == 0, kind
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, kind
        words = page.locator("#closeup").inner_text()
        assert not any(part in words for part in ("{", "caption.", "step.", "column.", "undefined", "NaN")), kind
        if kind != "answer":  # a tap moves it
            expect(page.locator("#closeup")).to_have_attribute("data-query", "19,19")
            page.locator("#closeup .seen").tap(position={"x": 60, "y": 80})
            expect(page.locator("#closeup")).not_to_have_attribute("data-query", "19,19")


def test_another_class_is_chosen_beside_it(opened: Page) -> None:
    open_closeup(opened, "answer")
    before = number(opened, "target logit")
    opened.get_by_label("Second class").select_option("8")
    expect(opened.locator("#closeup")).to_have_attribute("data-against", "8")
    assert number(opened, "target logit") == before


def test_the_explorer_opens_the_number_behind_what_it_shows(opened: Page) -> None:
    root = opened.locator("#closeup")
    opened.locator("#explorer [name=number]").click()
    expect(root).to_have_attribute("data-closeup", "answer", timeout=PATIENCE)
    opened.evaluate(
        "document.querySelector('#explorer').explorer.open({ view: 'feature', stage: 2, channel: 4, query: [3, 5] })"
    )
    opened.locator("#explorer [name=number]").click()
    expect(root).to_have_attribute("data-closeup", "block", timeout=PATIENCE)
    expect(root).to_have_attribute("data-query", "4,6")
    expect(root).to_have_attribute("data-channel", "5")
    expect(root).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    opened.evaluate(
        "document.querySelector('#explorer').explorer.open({ view: 'attention_cls', stage: 3, block: 1, head: 2 })"
    )
    opened.locator("#explorer [name=number]").click()
    expect(root).to_have_attribute("data-closeup", "attention", timeout=PATIENCE)
    expect(root).to_have_attribute("data-query", "cls")
    expect(root).to_have_attribute("data-block", "2")
    expect(root).to_have_attribute("data-head", "3")
