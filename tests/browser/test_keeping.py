"""What one has stays: over a reload, another language, a step back, and a model that cannot be had."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.page_helpers import FIRST_EXAMPLE, PATIENCE, colours, png, ready
from tests.browser.trusted import drop

WIDTHS = (210, 240)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Two photos, told apart by their widths."""
    paths = [tmp_path / f"{width}.png" for width in WIDTHS]
    for width, path in zip(WIDTHS, paths, strict=True):
        path.write_bytes(png(colours(width, (width, 150))))
    return paths


def shown(page: Any, width: int) -> None:
    """Wait until everything on the page belongs to the photo of that width."""
    page.wait_for_function(f"document.querySelector('#stages img')?.naturalWidth === {width}", timeout=PATIENCE)
    page.wait_for_function(f"document.querySelector('canvas.photo')?.width === {width}", timeout=PATIENCE)
    ready(page)


def says(page: Any, **attributes: str) -> None:
    for name, value in attributes.items():
        expect(page.locator("#explorer")).to_have_attribute(f"data-{name}", value, timeout=PATIENCE)


def pinned(page: Any, photo: Path) -> None:
    """Somebody's own photo, a stage, a view and a pin."""
    drop(page, [photo])
    shown(page, int(photo.stem))
    page.locator("[data-question=look]").click()
    page.locator("#stages > [data-stage='2']").click()
    says(page, stage="2", view="attention")
    page.locator("#explorer .frame").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("query="))


def test_an_own_photo_survives_a_reload_and_another_language(opened: Any, photos: list[Path]) -> None:
    page = opened
    pinned(page, photos[0])
    query = page.locator("#explorer").get_attribute("data-query")
    page.reload()
    shown(page, WIDTHS[0])
    says(page, stage="2", view="attention", query=query)
    page.locator(".languages a[lang=ja]").click()
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    shown(page, WIDTHS[0])
    says(page, stage="2", view="attention", query=query)
    expect(page.locator("#explorer .sentence")).to_contain_text("固定中")
    assert "lang=ja" in page.url and "example=" not in page.url
    page.go_back()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    shown(page, WIDTHS[0])
    says(page, stage="2", view="attention", query=query)


def test_back_and_forth_between_own_photos_and_an_example(opened: Any, photos: list[Path]) -> None:
    page = opened
    pinned(page, photos[0])
    drop(page, photos[1:])
    shown(page, WIDTHS[1])
    page.locator("[data-example=coffee]").click()
    expect(page).to_have_url(re.compile("example=coffee"), timeout=PATIENCE)
    ready(page)
    page.go_back()
    shown(page, WIDTHS[1])
    expect(page.locator("[data-example][aria-pressed=true]")).to_have_count(0)
    page.go_back()
    shown(page, WIDTHS[0])
    says(page, stage="2", view="attention")
    expect(page).to_have_url(re.compile("query="))
    page.go_forward()
    shown(page, WIDTHS[1])
    page.go_forward()
    expect(page.locator("[data-example=coffee]")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    expect(page).to_have_url(re.compile("example=coffee"))


def test_what_the_last_photo_still_says_takes_nothing_from_the_one_on_its_way_back(
    opened: Any, photos: list[Path]
) -> None:
    page = opened
    pinned(page, photos[0])
    drop(page, photos[1:])
    shown(page, WIDTHS[1])
    held: list[Any] = []
    page.route("**/upload**", lambda route: held.append(route))
    with page.expect_request("**/upload**"):
        page.go_back()
    page.evaluate("document.querySelector('#explorer').explorer.settle()")
    held[0].continue_()
    shown(page, WIDTHS[0])
    says(page, stage="2", view="attention")
    expect(page).to_have_url(re.compile("query="))


def test_a_photo_that_is_kept_no_more_is_told(opened: Any, photos: list[Path]) -> None:
    page = opened
    pinned(page, photos[0])
    page.evaluate("new Promise((done) => (indexedDB.deleteDatabase('cvt-explorer').onsuccess = done))")
    page.reload()
    expect(page.locator(".toast-body")).to_contain_text("no longer kept in this browser", timeout=PATIENCE)
    says(page, stage="2", view="attention")
    expect(page).to_have_url(re.compile(f"example={FIRST_EXAMPLE}"))


@pytest.mark.parametrize("model", ["nobody/nothing", "microsoft/cvt-13"])
def test_a_link_to_a_model_that_cannot_be_had_keeps_the_rest(page: Any, address: str, model: str) -> None:
    page.goto(f"{address}?v=2&example=viaduct&model={model}&stage=2&view=attention&query=3,4")
    expect(page.locator(".toast-body")).to_be_visible(timeout=PATIENCE)
    says(page, stage="2", view="attention", query="3,4")
    expect(page.locator("[data-example=viaduct]")).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile(r"example=viaduct&model=bundled[^&/]*&stage=2"), timeout=PATIENCE)


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "en",
            "CvT-13 could not be fetched: this machine seems to have no connection to the internet. The page goes on",
        ),
        (
            "ja",
            "CvT-13をダウンロードできませんでした。このコンピューターは、インターネットにつながっていないようです。",
        ),
    ],
)
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_a_download_without_a_network_is_told_in_plain_words_beside_the_controls(
    new_page: Callable[..., Any], address: str, language: str, told: str, width: int, height: int
) -> None:
    page = new_page(viewport={"width": width, "height": height})
    page.goto(f"{address}?lang={language}")
    ready(page)
    chosen = page.locator("#model input").input_value()
    page.locator("#model input").click()
    page.get_by_role("option", name="CvT-13 ·").first.click()
    toast = page.locator(".toast-body")
    expect(toast).to_contain_text(told, timeout=PATIENCE)
    expect(page.locator("#model input")).to_have_value(chosen, timeout=PATIENCE)
    for word in ("json", "HF_", "bundled"):
        expect(toast).not_to_contain_text(word)
    box = toast.bounding_box()
    regions = "#header, #ribbon, #bring" + (", #explorer" if width > 767 else "")  # a phone scrolls
    controls = f":is({regions}) :is(a, button, input, select, summary):visible"
    for control in page.locator(controls).all():
        other = control.bounding_box()
        apart = max(
            abs(box[at] + box[side] / 2 - other[at] - other[side] / 2) - (box[side] + other[side]) / 2
            for at, side in (("x", "width"), ("y", "height"))
        )
        assert apart >= 0, control.evaluate("element => element.outerHTML")
