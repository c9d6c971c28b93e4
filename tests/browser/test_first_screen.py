"""The first screen: what stands on it at every size, and what its ribbon, questions and classes do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.page_helpers import FIRST_EXAMPLE, PATIENCE, first_class, ready
from ui.examples import examples
from visualize.language import phrase

PHONE = {"width": 390, "height": 844}


def edges(page: Any, selector: str) -> tuple[float, float]:
    """Top and bottom of a node on the page."""
    box = page.locator(selector).first.bounding_box()
    return box["y"], box["y"] + box["height"]


@pytest.fixture
def on_a_phone(new_page: Callable[..., Any], address: str) -> Any:
    page = new_page(viewport=PHONE, has_touch=True, is_mobile=True)
    page.goto(address)
    ready(page)
    return page


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_ribbon_prediction_map_scale_and_sentence_need_no_scrolling(
    new_page: Callable[..., Any], address: str, size: tuple[int, int], language: str
) -> None:
    page = new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(f"{address}?lang={language}")
    ready(page)
    for part in ("#stages", "#prediction", "#explorer .picture", "#explorer .scale", "#explorer .explanation"):
        top, bottom = edges(page, part)
        assert top >= 0, part
        assert bottom <= size[1], part
    assert page.locator(".picture").bounding_box()["height"] > 0.45 * size[1]


def test_on_a_phone_the_map_begins_early_and_the_answer_is_near(on_a_phone: Any) -> None:
    page = on_a_phone
    assert edges(page, "#explorer .picture")[0] < 500
    for part in ("#stages", "#explorer .picture", "#prediction"):
        assert edges(page, part)[1] <= 1.5 * PHONE["height"], part
    assert edges(page, "#photo")[1] <= edges(page, "#explorer")[0] < edges(page, "#prediction")[0]


def test_rows_too_long_for_a_phone_fade_out_where_they_go_on(on_a_phone: Any) -> None:
    for row in (on_a_phone.locator("#stages"), on_a_phone.locator("#explorer .questions")):
        expect(row).to_have_attribute("data-beyond", "after")
        assert "linear-gradient" in row.evaluate("node => getComputedStyle(node).maskImage")
        row.evaluate("node => node.scrollTo({ left: 40 })")
        expect(row).to_have_attribute("data-beyond", "before after")
        row.evaluate("node => node.scrollTo({ left: node.scrollWidth })")
        expect(row).to_have_attribute("data-beyond", "before")


def test_the_answer_stays_in_sight_however_far_the_ribbon_is_scrolled(on_a_phone: Any) -> None:
    ribbon, answer = on_a_phone.locator("#stages"), on_a_phone.locator("#stages .answer strong")
    for left in (0, 150, 10_000):
        ribbon.evaluate("(node, left) => node.scrollTo({ left })", left)
        inside, around = answer.bounding_box(), ribbon.bounding_box()
        assert around["x"] < inside["x"], left
        assert inside["x"] + inside["width"] <= around["x"] + around["width"], left
        on_top = "node => node.contains(document.elementFromPoint(...%s))"
        middle = [inside["x"] + inside["width"] / 2, inside["y"] + inside["height"] / 2]
        assert answer.evaluate(on_top % middle), left


def test_nothing_fades_where_all_is_in_sight(page: Any, address: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(address)
    ready(page)
    expect(page.locator("[data-beyond]")).to_have_count(0)
    expect(page.locator("#stages")).to_have_css("mask-image", "none")


def test_a_map_of_the_whole_network_says_so_where_a_stage_is_chosen(opened: Any) -> None:
    stage = opened.locator("[name=stage]")
    expect(stage).to_be_disabled()
    expect(stage.locator("option:checked")).to_have_text("all of them")
    opened.locator("[data-question=see]").click()
    expect(stage).to_be_enabled()
    expect(stage.locator("option:checked")).to_have_text("3 of 3")


def test_it_opens_on_why_with_nothing_more_to_ask(page: Any, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or "") if request.method == "POST" else None)
    page.goto(address)
    ready(page)
    explorer = page.locator("#explorer")
    expect(explorer).to_have_attribute("data-view", "class_evidence")
    expect(page.locator("[data-question=why]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".explanation .said")).to_contain_text(f"“{first_class(page).inner_text()}”")
    page.locator("[data-example=coffee]").click()
    expect(page).to_have_url(re.compile("example=coffee"), timeout=PATIENCE)
    ready(page)
    expect(page.locator(".notice")).to_be_hidden()
    expect(page.locator(".map")).to_be_visible()
    assert not [data for data in asked if "class_index" in data]


@pytest.mark.parametrize(
    ("question", "view"),
    [("look", "attention"), ("gather", "attention_cls"), ("see", "feature"), ("alike", "similarity"),
     ("why", "class_evidence")],
)  # fmt: skip
def test_a_question_is_answered_and_its_methods_stand_behind(opened: Any, question: str, view: str) -> None:
    opened.get_by_role("button", name="Where does this token look?").click()
    opened.get_by_role("button", name=phrase("en", "explorer", f"question.{question}")).click()
    expect(opened.locator("#explorer")).to_have_attribute("data-view", view)
    expect(opened.locator("[data-question][aria-pressed=true]")).to_have_count(1)
    expect(opened.locator(f"[data-question={question}]")).to_have_attribute("aria-pressed", "true")
    expect(opened.locator("[name=view]")).to_be_hidden()
    opened.locator(".others summary").click()
    expect(opened.locator("[name=view]")).to_have_value(view)


def test_cls_is_looked_at_where_it_is(opened: Any) -> None:
    opened.locator("#stages > [data-stage='1']").click()
    expect(opened.locator("#explorer")).to_have_attribute("data-stage", "1")
    opened.locator("[data-question=gather]").click()
    expect(opened.locator("#explorer")).to_have_attribute("data-stage", "3")
    expect(opened.locator("#explorer")).to_have_attribute("data-query", "cls")


def test_the_ribbon_leads_from_the_photo_to_the_answer(opened: Any) -> None:
    words = opened.locator("#stages").inner_text()
    places = [words.index(part) for part in ("seen at", "7 × 7", "Stage 1", "3 × 3", "Stage 2", "Stage 3", "answer")]
    assert places == sorted(places)
    expect(opened.locator("#stages .answer strong")).to_have_text(first_class(opened).inner_text())


def test_a_stage_keeps_the_question_that_has_stages(opened: Any) -> None:
    opened.locator("[data-question=look]").click()
    opened.locator("#stages > [data-stage='2']").click()
    explorer = opened.locator("#explorer")
    expect(explorer).to_have_attribute("data-stage", "2")
    expect(explorer).to_have_attribute("data-view", "attention")


def test_pressing_a_class_shows_the_change_in_sight(on_a_phone: Any) -> None:
    page = on_a_phone
    second = page.locator("#prediction .confidence-set").nth(1)
    second.scroll_into_view_if_needed()
    second.tap()
    said = page.locator(".explanation .said")
    expect(said).to_contain_text(second.locator(".text").inner_text(), timeout=PATIENCE)
    expect(page.locator(".picture")).to_be_in_viewport(ratio=0.9)


def test_a_class_chosen_for_one_photo_does_not_stick_to_the_next(opened: Any) -> None:
    opened.locator("#prediction .confidence-set").nth(3).click()
    chosen = opened.locator("#prediction .confidence-set .text").nth(3).inner_text()
    said = opened.locator(".explanation .said")
    expect(said).to_contain_text(chosen, timeout=PATIENCE)
    opened.locator("[data-example=rocket]").click()
    expect(opened).to_have_url(re.compile("example=rocket"), timeout=PATIENCE)
    ready(opened)
    expect(said).to_contain_text(f"“{first_class(opened).inner_text()}”")


def test_back_undoes_an_example_and_a_stage(opened: Any, top_class: Callable[..., str]) -> None:
    explorer = opened.locator("#explorer")
    opened.locator("[data-question=see]").click()
    expect(explorer).to_have_attribute("data-view", "feature")
    opened.locator("#stages > [data-stage='2']").click()
    expect(opened).to_have_url(re.compile("stage=2"))
    opened.locator("[data-example=viaduct]").click()
    expect(opened).to_have_url(re.compile("example=viaduct"), timeout=PATIENCE)
    ready(opened)
    opened.go_back()
    pressed = opened.locator(f"[data-example={FIRST_EXAMPLE}]")
    expect(pressed).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    expect(explorer).to_have_attribute("data-stage", "2")
    first = top_class(examples()[FIRST_EXAMPLE].open())
    expect(opened.locator("#stages .answer strong")).to_have_text(first, timeout=PATIENCE)
    ready(opened)
    opened.go_back()
    expect(explorer).to_have_attribute("data-stage", "3")
    opened.go_forward()
    expect(explorer).to_have_attribute("data-stage", "2")


def test_presenting_fills_the_screen_and_escape_ends_it(opened: Any) -> None:
    explorer, size = opened.locator("#explorer"), opened.viewport_size
    opened.get_by_role("button", name="Where does this token look?").click()
    expect(explorer).to_have_attribute("data-view", "attention")
    row, column = map(int, explorer.get_attribute("data-query").split(","))
    opened.get_by_role("button", name="Present").click()
    expect(explorer).to_have_class(re.compile("presenting"))
    opened.wait_for_function("document.fullscreenElement?.id === 'explorer'")
    for hidden in (".questions", ".controls", ".tools"):
        expect(opened.locator(hidden)).to_be_hidden()
    box = explorer.bounding_box()
    assert (box["x"], box["y"]) == (0, 0)
    assert (box["width"], box["height"]) >= (size["width"], size["height"])
    letters = opened.locator(".explanation .said").evaluate("(node) => parseFloat(getComputedStyle(node).fontSize)")
    assert letters >= 24
    opened.keyboard.press("ArrowDown")
    expect(explorer).to_have_attribute("data-query", f"{row + 1},{column}")
    opened.keyboard.press("Escape")
    expect(explorer).not_to_have_class(re.compile("presenting"))
    opened.wait_for_function("!document.fullscreenElement")
    expect(opened.get_by_role("button", name="Present")).to_be_focused()
