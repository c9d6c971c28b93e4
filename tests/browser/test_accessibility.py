"""Whom does the page shut out? Nobody, says axe, and whoever has a keyboard alone, a finger, or small eyes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.page_helpers import PATIENCE, ready
from visualize.language import phrase

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

GRADIO = {("aria-prohibited-attr", ".empty")}  # its box for a file that is not there yet
"""What axe finds in Gradio's own nodes: the rule, and where."""

VIEWS = ["class_evidence", "rollout", "attention", "attention_received", "attention_cls", "feature", "similarity"]

SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}


def violations(page: Any, within: str = "html") -> set[tuple[str, str]]:
    """Whatever axe finds, of any severity, but for Gradio's own."""
    run = """([within, values]) =>
        axe.run(within, { resultTypes: ["violations"], runOnly: { type: "tag", values } })"""
    found = page.evaluate(run, [within, RULES])["violations"]
    nodes = {(rule["id"], str(node["target"][0])) for rule in found for node in rule["nodes"]}
    return nodes - GRADIO


def open_all(page: Any) -> None:
    """Everything that is folded."""
    for name in ("#measure", "#about"):
        page.locator(f"{name} > .label-wrap").click()
    folded = page.locator("details:not([open]) > summary:visible")
    while folded.count():
        folded.first.click()
    expect(page.locator("[name=view]")).to_be_visible()
    expect(page.locator(".about-model .find")).to_be_visible()


@pytest.mark.parametrize(
    ("size", "scheme", "language"),
    [("desktop", "light", "en"), ("phone", "dark", "ja")],  # every choice once: each walk through all views takes long
)
def test_axe_finds_nothing(new_page: Callable[..., Any], address: str, size: str, scheme: str, language: str) -> None:
    page = new_page(color_scheme=scheme, **SIZES[size])
    page.goto(f"{address}?lang={language}")
    ready(page)
    page.evaluate(AXE)
    assert violations(page) == set()
    open_all(page)
    page.get_by_label(phrase(language, "explorer", "field")).check()
    for view in VIEWS:
        page.locator("[name=view]").select_option(view)
        expect(page.locator("#explorer")).to_have_attribute("data-view", view)
        expect(page.locator("#explorer")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
        assert violations(page, "#explorer") == set(), view  # nothing else has changed
    for kind, change in (("place", "shift"), ("break", "head")):
        page.locator(f"#laboratory [data-kind={kind}]").click()
        page.locator(f"#laboratory .changes [data-keep={change}]").click()
        expect(page.locator("#laboratory")).to_have_attribute("data-tried", re.compile(change), timeout=PATIENCE)
        expect(page.locator("#laboratory")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
        assert violations(page, "#laboratory") == set(), kind
    page.locator("#laboratory .shut").click()
    page.locator("[name=view]").select_option("attention")
    page.locator("[name=head]").select_option("all")
    page.locator("label .term").first.focus()
    expect(page.locator("#glossary-tip")).to_be_visible()
    assert violations(page) == set()


def test_headings_are_in_order_and_every_section_has_one(opened: Any) -> None:
    levels = opened.locator(":is(h1, h2, h3, h4, h5, h6)").evaluate_all("all => all.map((one) => +one.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    for name in ("ribbon", "prediction", "explorer", "measure", "about"):
        told = phrase("en", "page", f"heading_{name}").removeprefix("## ")
        expect(opened.get_by_role("heading", name=told, level=2)).to_have_count(1)
    expect(opened.locator("#lessons h2")).to_be_visible()


def test_the_first_stop_skips_to_the_map(opened: Any) -> None:
    opened.keyboard.press("Tab")
    link = opened.get_by_role("link", name="Skip to the map")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    opened.keyboard.press("Enter")
    opened.keyboard.press("Tab")
    expect(opened.locator("#explorer :focus")).to_have_count(1)


STOP = """() => {
    const node = document.activeElement;
    if (!node || node === document.body) return null;
    const drawn = (one) => {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
        return (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
    };
    const { width, height } = node.getBoundingClientRect();
    const at = node.id || node.name || node.className || node.textContent;
    return { at: `${node.tagName} ${at}`, width, height, seen: drawn(node) || drawn(node.parentElement) };
}"""


def stops(page: Any) -> Iterator[dict[str, Any]]:
    """Where Tab leads, from the top of the page to its end."""
    for _ in range(200):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP)
        if stop is None:
            return
        yield stop


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_whatever_has_the_focus_is_seen_to_have_it(new_page: Callable[..., Any], address: str, scheme: str) -> None:
    page = new_page(color_scheme=scheme, viewport={"width": 1280, "height": 800})
    page.goto(address)
    ready(page)
    open_all(page)
    page.locator("h1").click()
    found = list(stops(page))
    assert len(found) > 40
    assert [stop["at"] for stop in found if not stop["seen"]] == []


IN_A_TARGET = {"the field of a dropdown": ".border-none", "a radio button": "[type=radio]", "a line's link": "li a"}
"""Parts of what can be pressed as a whole, and links in a sentence."""

TARGETS = """(spared) => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")]
    .map((node) => (node.labels?.length && node.type === "checkbox" ? node.labels[0] : node))
    .map((node) => [node, node.getBoundingClientRect()])
    .filter(([node]) => !node.matches(spared))
    .filter(([node, { width, height }]) => width > 1 && height > 1 && node.checkVisibility())
    .filter(([, { width, height }]) => width < 24 || height < 24)
    .map(([node]) => `${node.tagName}.${node.className} ${node.textContent.trim()}`)"""


@pytest.mark.parametrize(("size", "language"), [("desktop", "en"), ("phone", "ja")])
def test_what_can_be_pressed_is_large_enough(
    new_page: Callable[..., Any], address: str, size: str, language: str
) -> None:
    page = new_page(**SIZES[size])
    page.goto(f"{address}?lang={language}&view=attention")
    ready(page)
    open_all(page)
    assert page.evaluate(TARGETS, ", ".join(IN_A_TARGET.values())) == []


@pytest.mark.parametrize("size", SIZES)
def test_the_ribbon_stays_in_sight(new_page: Callable[..., Any], address: str, size: str) -> None:
    page = new_page(**SIZES[size])
    page.goto(address)
    ready(page)
    page.mouse.move(200, 400)
    page.mouse.wheel(0, 600)
    page.wait_for_function("scrollY > 300")
    box = page.locator("#stages").bounding_box()
    assert 0 <= box["y"] < 12
    assert box["height"] < 0.13 * SIZES[size]["viewport"]["height"]


def test_no_bands_beside_a_wide_photo_on_a_phone(new_page: Callable[..., Any], address: str) -> None:
    page = new_page(**SIZES["phone"])
    page.goto(address)
    ready(page)
    frame, picture = (page.locator(f"#explorer .{name}").bounding_box() for name in ("frame", "picture"))
    assert abs(frame["height"] - picture["height"]) < 2
    assert abs(frame["width"] - picture["width"]) < 2


@pytest.mark.parametrize(("width", "height"), [(390, 844), (768, 1024), (1280, 800), (1920, 1080)])
def test_four_heads_fill_their_rows(new_page: Callable[..., Any], address: str, width: int, height: int) -> None:
    page = new_page(viewport={"width": width, "height": height})
    page.goto(f"{address}?view=attention&stage=3&head=all")
    ready(page)
    boxes = [panel.bounding_box() for panel in page.locator(".panel").all()]
    assert len(boxes) == 4
    rows = [round(box["y"]) for box in boxes]
    assert sorted(rows.count(row) for row in set(rows)) in ([2, 2], [4])
    frame = page.locator("#explorer .frame").bounding_box()
    assert frame["height"] <= height
    assert all(box["y"] + box["height"] <= frame["y"] + frame["height"] + 1 for box in boxes)


def test_the_receptive_field_says_what_it_is(opened: Any) -> None:
    opened.get_by_role("button", name="Where does this token look?").click()
    opened.get_by_label("Receptive field").check()
    expect(opened.locator(".label.field:not(.wide)")).to_have_text("receptive field, 31 px")
    expect(opened.locator(".label.wide")).to_contain_text("of its query, ")
    opened.get_by_label("Receptive field").uncheck()
    expect(opened.locator(".label.field:not(.wide)")).to_be_hidden()


def test_an_edge_cell_says_why_it_is_narrower(page: Any, address: str) -> None:
    page.goto(f"{address}?v=2&view=attention&stage=3&query=1,1")
    ready(page)
    fact = page.locator("#explorer .facts .sub").first
    expect(fact).to_have_text("of 9 × 9, at the edge")
    fact.locator(".term").hover()
    expect(page.locator("#glossary-tip")).to_contain_text("cut off")
    page.goto(f"{address}?v=2&view=attention&stage=3&query=5,5")
    ready(page)
    expect(fact).to_have_text("of 9 × 9")


def test_no_fact_is_cut(opened: Any) -> None:
    for question in ("why", "look", "gather", "see", "alike"):
        opened.locator(f"[data-question={question}]").click()
        cut = "all => all.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.innerText)"
        assert opened.locator("#explorer .facts :is(dt, dd)").evaluate_all(cut) == []
        low = "node => node.lastElementChild.getBoundingClientRect().bottom <= node.getBoundingClientRect().bottom"
        assert opened.locator("#explorer .facts").evaluate(low)
