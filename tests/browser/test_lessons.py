"""The lessons in a browser: every step walked, questions answered as people answer them, progress kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import expect

from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from tests.browser.page_helpers import PATIENCE, ready
from tests.browser.trusted import drop
from tests.cvt.networks import randomise, uniform_config
from ui.course.text import QuestionText, course
from ui.examples import examples
from ui.launch import launch_options
from ui.page import build

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def fresh(new_page: Callable[..., Any]) -> Any:
    """A page of somebody who has never been here."""
    return new_page(**DESKTOP)


@pytest.fixture
def opened(fresh: Any, address: str) -> Any:
    """The same with the first example on it."""
    fresh.goto(address)
    ready(fresh)
    return fresh


def opened_step(page: Any, lesson: int, step: int) -> Any:
    """Wait until a step stands on the screen with what it opens; its dock."""
    expect(page.locator("#lessons")).to_have_attribute("data-opened", f"{lesson}.{step}", timeout=PATIENCE)
    return page.locator("#lessons .dock")


def at_step(page: Any, address: str, lesson: int, step: int, more: str = "") -> Any:
    page.goto(f"{address}?lesson={lesson}&step={step}{more}")
    return opened_step(page, lesson, step)


@pytest.mark.parametrize(
    ("screen", "language"),
    [(DESKTOP, "en"), (PHONE, "ja")],
    ids=["desktop-en", "phone-ja"],
)
def test_every_step_can_be_walked(
    new_page: Callable[..., Any], address: str, screen: dict[str, Any], language: str
) -> None:
    walk(new_page(**screen), address, language)


def test_every_step_can_be_walked_with_another_network(
    new_page: Callable[..., Any], serve: Callable[..., str], tmp_path: Path
) -> None:
    """Two stages, no CLS, keys by averages; lessons say what it has instead."""
    save_another(tmp_path / "another")
    page = new_page(**DESKTOP)
    told = walk(page, serve(build(str(tmp_path / "another"), "cpu"), **launch_options()), "en")
    assert "looks 2 times" in told[2, 1]
    assert "keys and values are means over a window" in told[3, 2]
    assert "This model has no CLS token" in told[5, 1]
    assert page.locator("#explorer").get_attribute("data-view") == "class_evidence"


def save_another(folder: Path) -> None:
    """A network unlike the released ones, of random weights."""
    embedding = {"patch_sizes": [7, 3], "patch_stride": [4, 2], "patch_padding": [2, 1], "embed_dim": [16, 24]}
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = CvtForImageClassification(uniform_config(2, **embedding, depth=[1, 2], qkv_projection_method="avg"))
        randomise(model)
    model.save_pretrained(folder)
    CvtImageProcessor(size=96).save_pretrained(folder)


def walk(page: Any, address: str, language: str) -> dict[tuple[int, int], str]:
    """From the first step to the last by the button; text, map and buttons stay in sight, and nothing spills.

    Returns:
        What each step says, by lesson and step.
    """
    at_step(page, address, 1, 1, f"&lang={language}")
    said = {}
    places = [(lesson, index) for lesson in course(language) for index in range(1, len(lesson.steps) + 1)]
    size = page.viewport_size
    for lesson, index in places:
        dock = opened_step(page, lesson.number, index)
        step = lesson.steps[index - 1]
        expect(dock.locator("h3")).to_have_text(step.title)
        expect(page).to_have_url(re.compile(rf"lesson={lesson.number}&step={index}\b"))
        said[lesson.number, index] = told = dock.inner_text()
        assert not re.search(r"\{\w+\}|undefined|NaN|\*\*|\]\(", told), told
        assert dock.locator(".question").count() <= len(step.questions)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        box = dock.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= size["width"] + 1
        assert box["y"] >= 0 and box["y"] + box["height"] <= size["height"] + 1
        assert dock.locator("footer").bounding_box()["y"] < size["height"]
        if (lesson, index) != places[-1]:
            dock.locator(".next").click()
    dock.locator(".next").click()
    expect(page.locator("#lessons")).to_have_attribute("data-state", "closed")
    return said


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_map_stays_in_sight_while_a_step_talks(
    new_page: Callable[..., Any], address: str, screen: dict[str, Any]
) -> None:
    page = new_page(**screen)
    dock = at_step(page, address, 1, 1)
    picture, beside = page.locator("#explorer .picture").bounding_box(), dock.bounding_box()
    size = page.viewport_size
    right = beside["x"] if screen is DESKTOP else size["width"]
    bottom = size["height"] if screen is DESKTOP else beside["y"]
    assert picture["x"] >= 0 and picture["x"] + picture["width"] <= right + 1
    assert picture["y"] >= 0 and picture["y"] + picture["height"] <= bottom + 1
    assert picture["height"] > 0.25 * size["height"]


def test_lessons_stand_below_the_first_screen(opened: Any) -> None:
    assert opened.locator("#lessons").bounding_box()["y"] > opened.locator("#explorer .scale").bounding_box()["y"]
    lessons = course("en")
    expect(opened.locator("#lessons [data-lesson]")).to_have_count(len(lessons))
    expect(opened.locator("#lessons [data-step]")).to_have_count(sum(len(lesson.steps) for lesson in lessons))
    opened.get_by_text(lessons[1].title).click()
    opened.get_by_role("link", name=lessons[1].steps[1].title).click()
    expect(opened_step(opened, 2, 2)).to_contain_text(lessons[1].steps[1].title)


def test_a_step_waits_and_notices(opened: Any) -> None:
    """Three tokens are pointed at; only then the step is done, and it stays so."""
    opened.locator("#lessons .start").click()
    dock = opened_step(opened, 1, 1)
    expect(dock.locator(".next")).to_have_text("Skip")
    box = opened.locator("#explorer .picture").bounding_box()
    for place in (0.4, 0.5):
        opened.mouse.move(box["x"] + box["width"] * place, box["y"] + box["height"] / 2)
        opened.wait_for_timeout(100)
    expect(dock.locator(".next")).to_have_text("Skip")
    opened.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2)
    expect(dock.locator(".next")).to_have_text("Next")
    expect(dock.locator(".mark")).to_have_text("Done")
    opened.reload()
    expect(opened_step(opened, 1, 1).locator(".next")).to_have_text("Next")


def test_letting_go_and_coming_back(opened: Any) -> None:
    opened.locator("#lessons .start").click()
    dock = opened_step(opened, 1, 1)
    dock.locator(".next").click()
    opened_step(opened, 1, 2)
    opened.get_by_role("button", name="Where does this token look?").click()
    expect(opened.locator("#explorer")).to_have_attribute("data-view", "attention")
    dock.get_by_role("button", name="Show again").click()
    expect(opened.locator("#explorer")).to_have_attribute("data-view", "feature")
    dock.get_by_role("button", name="Close").click()
    expect(dock).to_be_hidden()
    expect(opened).not_to_have_url(re.compile("lesson="))
    expect(opened.locator("#lessons .start")).to_be_focused()
    opened.locator("#lessons .start").press("Enter")
    expect(opened_step(opened, 1, 2).locator("h3")).to_be_focused()


def facts(page: Any) -> dict[str, Any]:
    """What the server told the lessons of the photo on the page."""
    told: dict[str, Any] = page.evaluate(
        "fetch(document.querySelector('#lessons').dataset.facts).then((r) => r.json())"
    )
    return told


def question_of(name: str) -> QuestionText:
    return next(question for lesson in course("en") for question in lesson.questions if question.name == name)


def test_a_number_is_checked_and_a_mistake_explained(fresh: Any, address: str) -> None:
    dock = at_step(fresh, address, 1, 4)
    form = dock.locator("[data-question=shared-pixels]")
    told = form.locator("legend").inner_text()
    row, column, other_row, other_column = map(int, re.findall(r"row (\d+), column (\d+)", told)[0] +
                                               re.findall(r"row (\d+), column (\d+)", told)[1])  # fmt: skip
    overlaps = [max(0, 7 - 4 * abs(first - second)) for first, second in ((row, other_row), (column, other_column))]
    answer = overlaps[0] * overlaps[1]
    field, said = form.get_by_label("Your answer"), form.locator(".said")
    field.press("Enter")
    expect(said).to_have_text("Type a number.")
    field.fill("49")
    field.press("Enter")
    expect(said).to_contain_text("Not yet. That is the whole window; the other one lies elsewhere.")
    field.fill(str(answer))
    form.get_by_role("button", name="Check").click()
    expect(said).to_contain_text(f"Right. Yes: {overlaps[0]} × {overlaps[1]}.")
    expect(form).to_have_attribute("data-state", "right")
    form.get_by_role("button", name="Another one").click()
    expect(form.get_by_label("Your answer")).to_be_focused()
    expect(form.get_by_label("Your answer")).to_have_value("")


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_token_is_found_on_the_photo(new_page: Callable[..., Any], address: str, screen: dict[str, Any]) -> None:
    """The right one is where the channel is largest, as the explorer's own picture has it."""
    page = new_page(**screen)
    dock = at_step(page, address, 1, 1)
    form = dock.locator("[data-question=strongest]")
    check, said = form.get_by_role("button", name="Check"), form.locator(".said")
    check.click()
    expect(said).to_contain_text("Press “Show the map” first")
    form.get_by_role("button", name="Show the map").click()
    explorer = page.locator("#explorer")
    expect(explorer).to_have_attribute("data-stage", "2")
    channel = int(re.findall(r"channel (\d+)", form.locator("legend").inner_text())[0])
    variants = facts(page)["questions"]["strongest"]
    asked = next(variant for variant in variants if variant["values"]["channel"] == channel)
    rows, columns = facts(page)["table"][1]["grid"]
    corners = {(1, 1), (rows, 1)} - set(map(tuple, asked["tokens"]))
    press(page, min(corners), (rows, columns))
    check.click()
    expect(said).to_contain_text("Not yet. There the number is smaller.")
    press(page, tuple(asked["tokens"][0]), (rows, columns))
    row, column = asked["tokens"][0]
    expect(form.locator("output")).to_have_text(f"Pinned: row {row}, column {column}")
    check.click()
    expect(said).to_contain_text("Right.")


def press(page: Any, token: tuple[int, int], grid: tuple[int, int]) -> None:
    """Click or tap a token; rows and columns from 1. The example is wider than high, and its middle square is seen."""
    box = page.locator("#explorer .picture").bounding_box()
    side = box["height"] * 0.875
    x = box["x"] + box["width"] / 2 + side * ((token[1] - 0.6) / grid[1] - 0.5)
    y = box["y"] + box["height"] / 2 + side * ((token[0] - 0.6) / grid[0] - 0.5)
    if page.evaluate("navigator.maxTouchPoints") > 0:
        page.touchscreen.tap(x, y)
    else:
        page.mouse.click(x, y)


def test_a_choice_is_checked_with_the_keyboard_alone(fresh: Any, address: str) -> None:
    dock = at_step(fresh, address, 1, 5)
    form = dock.locator("[data-question=coarser]")
    expect(dock.locator(".next")).to_have_text("Skip")
    form.get_by_label("Half are left.").focus()
    fresh.keyboard.press("Space")
    fresh.keyboard.press("Enter")
    expect(form.locator(".said")).to_contain_text("Not yet. That would be so in one direction")
    form.get_by_label("About a quarter are left.").focus()
    fresh.keyboard.press("Space")
    fresh.keyboard.press("Enter")
    expect(form.locator(".said")).to_contain_text("Right. Yes, about 324")
    expect(dock.locator(".next")).to_have_text("Next")


def test_giving_up_shows_the_answer(fresh: Any, address: str) -> None:
    form = at_step(fresh, address, 2, 3).locator("[data-question=field]")
    form.get_by_label("Your answer").fill("1")
    form.get_by_role("button", name="Check").click()
    form.get_by_role("button", name="Show the answer").click()
    expect(form.locator(".said")).to_have_text(re.compile(r"7 \+ \(3 − 1\) × 4|15 \+ \(3 − 1\) × 8"))


def test_two_learners_are_asked_different_things(new_page: Callable[..., Any], address: str) -> None:
    asked: set[str] = set()
    for _ in range(6):  # the same by chance as many times in a row: never
        if len(asked) > 1:
            break
        page = new_page(**DESKTOP)
        dock = at_step(page, address, 1, 4)
        asked.add(dock.locator("[data-question=shared-pixels] legend").inner_text())
        page.close()
    assert len(asked) > 1


def test_the_table_counts_the_network_on_the_page(fresh: Any, address: str) -> None:
    dock = at_step(fresh, address, 2, 4)
    lines = {
        line.get_attribute("data-line"): line.locator("td").all_inner_texts() for line in dock.locator("tbody tr").all()
    }
    assert lines["grid"] == ["36 × 36", "18 × 18", "9 × 9"]
    assert lines["keys"] == ["18 × 18", "9 × 9", "5 × 5"]
    assert lines["channels"] == ["48", "96", "192"]
    assert lines["heads"] == ["1", "2", "4"]
    assert lines["field"] == ["7", "15", "31"]
    assert lines["parameters"] == ["37,056", "271,776", "1,971,456"]
    assert lines["multiply_adds"] == ["81.6", "87.1", "146.2"]


def test_another_photo_asks_anew_and_the_step_stays(fresh: Any, address: str) -> None:
    dock = at_step(fresh, address, 1, 1)
    before = dock.locator("legend").inner_text(), fresh.locator("#lessons").get_attribute("data-facts")
    drop(fresh, [examples()["cat"].path])
    expect(fresh.locator("#lessons")).not_to_have_attribute("data-facts", before[1], timeout=PATIENCE)
    ready(fresh)
    expect(opened_step(fresh, 1, 1).locator("h3")).to_have_text(course("en")[0].steps[0].title)
    assert dock.locator("legend").inner_text() != before[0]


def test_presenting_fills_the_screen(fresh: Any, address: str) -> None:
    dock = at_step(fresh, address, 1, 1)
    dock.get_by_role("button", name="Present").click()
    fresh.wait_for_function("document.fullscreenElement === document.documentElement")
    letters = dock.locator(".scroll p").first.evaluate("(node) => parseFloat(getComputedStyle(node).fontSize)")
    assert letters >= 18
    box, size = fresh.locator("#explorer").bounding_box(), fresh.viewport_size
    assert (box["x"], box["y"]) == (0, 0)
    assert box["height"] >= size["height"]
    fresh.keyboard.press("PageDown")
    opened_step(fresh, 1, 2)
    fresh.keyboard.press("PageUp")
    opened_step(fresh, 1, 1)
    fresh.keyboard.press("Escape")
    fresh.wait_for_function("!document.fullscreenElement")
    expect(fresh.locator("html")).to_have_attribute("data-lesson", "running")


def test_an_address_of_a_step_that_is_not_there_opens_the_nearest(fresh: Any, address: str) -> None:
    fresh.goto(f"{address}?lesson=1&step=99")
    opened_step(fresh, 1, len(course("en")[0].steps))


def test_without_a_photo_the_lesson_says_so(opened: Any, tmp_path: Any) -> None:
    from tests.browser.page_helpers import empty_photo

    opened.locator("#lessons .start").click()
    dock = opened_step(opened, 1, 1)
    empty_photo(opened, tmp_path)
    expect(dock).to_contain_text("Choose a photo first")
    opened.locator("[data-example=coffee]").click()
    expect(dock).to_contain_text("A token is a list of numbers", timeout=PATIENCE)


def test_teachers_find_everything_on_one_page(fresh: Any, address: str) -> None:
    """Goals, minutes, every question with an answer, links that open a step, and a sheet of the photo."""
    fresh.goto(address)
    ready(fresh)
    fresh.get_by_role("button", name="For teachers").click()
    teachers = fresh.get_by_role("dialog", name="For teachers")
    lessons = course("en")
    expect(teachers.locator("[data-teach]")).to_have_count(len(lessons), timeout=PATIENCE)
    expect(fresh).to_have_url(re.compile("teachers=1"))
    told = teachers.inner_text()
    assert not re.search(r"\{\w+\}|undefined|NaN|\*\*|\]\(", told)
    for lesson in lessons:
        assert f"{lesson.minutes} minutes" in told
        assert all(goal in told for goal in lesson.goals)
    expect(teachers.locator("dd")).to_have_count(sum(len(lesson.questions) for lesson in lessons) - 1)  # one is for
    expect(teachers.locator(".absent")).to_have_count(1)  # models without CLS
    teachers.get_by_label("Exercise sheet").select_option("C")
    teachers.get_by_role("button", name="Make the sheet").click()
    link = teachers.get_by_role("link", name="Sheet C is ready")
    expect(link).to_be_visible(timeout=PATIENCE)
    with fresh.expect_download() as waiting:
        link.click()
    assert Path(waiting.value.path()).read_bytes().startswith(b"%PDF-")
    teachers.get_by_role("link", name=lessons[3].steps[2].title).click()
    opened_step(fresh, 4, 3)
    fresh.keyboard.press("Escape")


def test_the_page_for_teachers_prints(fresh: Any, address: str, tmp_path: Path) -> None:
    fresh.goto(f"{address}?teachers=1")
    expect(fresh.locator("#lessons [data-teach]")).to_have_count(len(course("en")), timeout=PATIENCE)
    printed = fresh.pdf(format="A4")
    assert printed.count(b"/Type /Page\n") >= 4
    fresh.keyboard.press("Escape")
    expect(fresh.locator("#lessons .teachers")).to_be_hidden()
    expect(fresh).not_to_have_url(re.compile("teachers="))


def test_a_link_presents_a_step(fresh: Any, address: str) -> None:
    at_step(fresh, address, 2, 1, "&present=1")
    expect(fresh.locator("html")).to_have_attribute("data-lesson", "presenting")
    fresh.keyboard.press("PageDown")
    opened_step(fresh, 2, 2)
    expect(fresh.locator("html")).to_have_attribute("data-lesson", "presenting")
    fresh.keyboard.press("Escape")
    expect(fresh.locator("html")).to_have_attribute("data-lesson", "running")
