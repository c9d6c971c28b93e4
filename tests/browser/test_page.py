"""The whole page on the bundled checkpoint, in a real Chromium."""

from __future__ import annotations

import gc
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.page_helpers import (
    FIRST_EXAMPLE,
    PATIENCE,
    colours,
    empty_photo,
    first_class,
    png,
    ready,
    ribbon_pictures,
)
from tests.browser.trusted import copy_picture, drop
from ui.components.photo import MAX_BYTES
from ui.examples import examples
from visualize.language import word

FIRST = examples()[FIRST_EXAMPLE].open()


@pytest.fixture(scope="module", autouse=True)
def what_gradio_leaves() -> Iterator[None]:
    """Collect it here, not in the tests that come after."""
    yield
    gc.collect()


def written(folder: Path, content: bytes, name: str = "photo.png") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_the_first_example_is_there_before_anything_is_asked(
    page: Any, address: str, top_class: Callable[..., str]
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    ready(page)
    expect(first_class(page)).to_have_text(top_class(FIRST))
    assert page.locator("#prediction .confidence-set").count() == 5
    assert page.locator("#stages img").count() == 7
    assert not [url for url in asked if "component_server" in url]


def test_no_request_leaves_this_machine(new_page: Callable[..., Any], address: str) -> None:
    page, outside = new_page(), []
    page.on("request", lambda request: outside.append(request.url) if "127.0.0.1" not in request.url else None)
    page.goto(address)
    ready(page)
    page.locator("[data-example=cat]").click()
    expect(page.locator("[data-example=cat]")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    ready(page)
    assert [url for url in outside if not url.startswith(("data:", "blob:"))] == []


def test_the_view_on_the_screen_is_a_figure_to_take_home(page: Any, address: str) -> None:
    page.goto(f"{address}?v=2&view=attention&stage=2&block=1&head=2&query=4,5")
    ready(page)
    expect(page.locator("#explorer")).to_have_attribute("data-query", "4,5")
    buttons = page.get_by_role("group", name="Figure of the view")
    for suffix, words in (("svg", "stage 2, block 1, head 2, seen from"), ("pdf", "%PDF")):
        with page.expect_download(timeout=PATIENCE) as download:
            buttons.get_by_role("button", name=suffix.upper()).click()
        name = f"cvt-{FIRST_EXAMPLE}-bundled-imagenette-attention-stage-2-block-1-head-2-4-5.{suffix}"
        assert download.value.suggested_filename == name
        assert words in download.value.path().read_bytes().decode(errors="replace").replace("</text>", "")
        expect(page.locator("#explorer .message")).to_have_text(f"Figure saved: {name}")


@pytest.mark.parametrize(
    ("said", "told"),
    [("head=all&query=4,5", ["head 1", "head 2"]), ("query=4,5&compare=9,10", ["row 4, column 5", "row 9, column 10"])],
)
def test_a_figure_shows_all_heads_or_both_tokens(page: Any, address: str, said: str, told: list[str]) -> None:
    page.goto(f"{address}?v=2&view=attention&stage=2&block=1&{said}")
    ready(page)
    with page.expect_download(timeout=PATIENCE) as download:
        page.get_by_role("group", name="Figure of the view").get_by_role("button", name="SVG").click()
    words = " ".join(ET.parse(download.value.path()).getroot().itertext())
    assert all(part in words for part in told), words


def test_a_dropped_photo_is_named_and_its_three_stages_drawn(
    opened: Any, top_class: Callable[..., str], tmp_path: Path
) -> None:
    photo = colours(1)
    before = ribbon_pictures(opened)
    drop(opened, [written(tmp_path, png(photo))])
    opened.wait_for_function("document.querySelector('#stages img')?.naturalWidth === 200", timeout=PATIENCE)
    ready(opened)
    expect(first_class(opened)).to_have_text(top_class(photo), timeout=PATIENCE)
    pictures = ribbon_pictures(opened)
    assert len(set(pictures)) == 7
    assert not set(pictures) & set(before)
    sizes = opened.locator("#stages img").evaluate_all(
        "images => Promise.all(images.map(image => image.decode().then(() => image.naturalWidth)))"
    )
    assert sizes[0] == 200
    for alt in opened.locator("#stages [data-stage] img").evaluate_all("images => images.map(image => image.alt)"):
        assert len(alt) > 20


def test_a_chosen_file_works_like_a_dropped_one(opened: Any, top_class: Callable[..., str], tmp_path: Path) -> None:
    photo = colours(2)
    path = tmp_path / "somebody's <b>photo.png"
    path.write_bytes(png(photo))
    opened.locator("#photo input[type=file]").set_input_files(path)
    ready(opened)
    expect(first_class(opened)).to_have_text(top_class(photo), timeout=PATIENCE)


def test_a_photo_from_the_clipboard(new_page: Callable[..., Any], address: str, top_class: Callable[..., str]) -> None:
    photo = colours(7)
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(address)
    ready(page)
    copy_picture(page, png(photo))
    page.get_by_role("button", name="Paste").click()
    expect(first_class(page)).to_have_text(top_class(photo), timeout=PATIENCE)


def test_a_photo_from_the_camera(new_page: Callable[..., Any], address: str) -> None:
    page = new_page(permissions=["camera"])
    page.goto(address)
    ready(page)
    before = ribbon_pictures(page)
    page.get_by_role("button", name="Camera").click()
    page.wait_for_function("document.querySelector('#photo video')?.readyState === HTMLMediaElement.HAVE_ENOUGH_DATA")
    page.get_by_role("button", name="Take the picture").click(timeout=PATIENCE)
    page.wait_for_function(f"document.querySelector('#stages img')?.src !== {before[0]!r}", timeout=PATIENCE)
    ready(page)
    expect(page.locator("dialog.camera")).to_have_count(0)
    assert not set(ribbon_pictures(page)) & set(before)


def test_without_a_prediction_there_is_none_to_choose(opened: Any, tmp_path: Path) -> None:
    hint = opened.get_by_text("Press a class to see what speaks for it.")
    expect(hint).to_be_visible()
    empty_photo(opened, tmp_path)
    expect(opened.locator("#stages > [data-stage]")).to_have_count(0)
    expect(hint).to_be_hidden()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"this is no picture", "not a picture"),
        (png(colours(3))[:2000], "damaged or cut off"),
        (bytes(21 * 2**20), "at most 20 MB"),
    ],
    ids=["empty", "fake", "cut-off", "21 MB"],
)
def test_a_bad_file_gets_a_toast_and_the_next_photo_works(
    opened: Any, top_class: Callable[..., str], tmp_path: Path, content: bytes, told: str
) -> None:
    drop(opened, [written(tmp_path, content)])
    toast = opened.locator(".toast-body").first
    expect(toast).to_contain_text(told, timeout=PATIENCE)
    assert "Traceback" not in opened.locator("body").inner_text()
    photo = colours(4)
    drop(opened, [written(tmp_path, png(photo))])
    ready(opened)
    expect(first_class(opened)).to_have_text(top_class(photo), timeout=PATIENCE)


def test_two_visitors_see_their_own(
    new_page: Callable[..., Any], address: str, top_class: Callable[..., str], tmp_path: Path
) -> None:
    photos = [colours(5), colours(6, (150, 200))]
    pages = [new_page(), new_page()]
    for page in pages:
        page.goto(address)
        ready(page)
    for page, photo in zip(pages, photos, strict=True):
        drop(page, [written(tmp_path, png(photo), f"{photo.width}.png")])
    for page, photo in zip(pages, photos, strict=True):
        has_come = f"document.querySelector('#stages img')?.naturalWidth === {photo.width}"
        page.wait_for_function(has_come, timeout=PATIENCE)
        ready(page)
        expect(first_class(page)).to_have_text(top_class(photo))
        width = page.locator("#stages img").first.evaluate("image => image.decode().then(() => image.naturalWidth)")
        assert width == photo.width
    summaries = [take(page, "Summary, JSON") for page in pages]
    assert [json.loads(summary)["crop"]["photo_width"] for summary in summaries] == [200, 150]
    assert not set(ribbon_pictures(pages[0])) & set(ribbon_pictures(pages[1]))


def take(page: Any, kind: str) -> bytes:
    """A file of the download corner."""
    page.locator("#measure > button").click()
    page.get_by_label(kind).check()
    page.get_by_role("button", name="Make the file").click()
    link = page.locator("#measure a[download]")
    expect(link).to_be_visible(timeout=PATIENCE)
    with page.expect_download() as waiting:
        link.first.click()
    return Path(waiting.value.path()).read_bytes()


def test_quick_changes_end_on_the_last(opened: Any, top_class: Callable[..., str]) -> None:
    for name in ["cat", "coffee", "viaduct", "rocket", FIRST_EXAMPLE]:
        opened.locator(f"[data-example={name}]").click()
    expect(opened.locator(f"[data-example={FIRST_EXAMPLE}]")).to_have_attribute(
        "aria-pressed", "true", timeout=PATIENCE
    )
    expect(opened).to_have_url(re.compile(f"example={FIRST_EXAMPLE}"), timeout=PATIENCE)
    ready(opened)
    photo = FIRST
    expect(first_class(opened)).to_have_text(top_class(photo), timeout=PATIENCE)
    shape = "document.querySelector('#stages img').naturalWidth / document.querySelector('#stages img').naturalHeight"
    opened.wait_for_function(f"Math.abs({shape} - {photo.width / photo.height}) < 0.03", timeout=PATIENCE)


def test_the_address_opens_an_example_in_a_language(page: Any, address: str, top_class: Callable[..., str]) -> None:
    page.goto(f"{address}?example=viaduct&lang=ja&stage=2&view=attention_received")
    expect(page.locator("#explorer")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    expect(page.locator("[data-example=viaduct]")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    answer = word("ja", "classes", top_class(examples()["viaduct"].open()))
    expect(first_class(page)).to_have_text(answer, timeout=PATIENCE)
    expect(page.locator("#stages strong").first).to_have_text("ステージ1")
    expect(page.locator("#lessons")).to_contain_text("トークン")
    expect(page.locator("#explorer")).to_have_attribute("data-stage", "2", timeout=PATIENCE)
    assert page.locator("html").get_attribute("lang") == "ja"


def test_a_japanese_page_warns_in_japanese(page: Any, address: str, tmp_path: Path) -> None:
    page.goto(f"{address}?lang=ja&example=nothing")
    toasts = page.locator(".toast-body")
    expect(toasts).to_contain_text("サンプル「nothing」はここにありません。", timeout=PATIENCE)
    expect(toasts.locator(".toast-title")).to_have_text("注意")
    ready(page)
    large = tmp_path / "large.png"
    large.write_bytes(bytes(MAX_BYTES + 1))
    page.locator("#photo input[type=file]").set_input_files(large)
    expect(page.locator(".toast-body.error")).to_contain_text("「large.png」は大きすぎます", timeout=PATIENCE)
    expect(page.locator(".toast-body.error .toast-title")).to_have_text("エラー")


def test_an_address_with_nonsense_is_told_and_harmless(page: Any, address: str, top_class: Callable[..., str]) -> None:
    page.goto(f"{address}?example=%3Cimg%20src%3Dx%20onerror%3D%22document.title%3D'hacked'%22%3E")
    expect(page.locator(".toast-body")).to_contain_text("There is no example", timeout=PATIENCE)
    ready(page)
    expect(first_class(page)).to_have_text(top_class(FIRST))
    assert page.title() == "CvT Explorer"


def test_somebodys_own_photo_is_never_in_the_address(opened: Any) -> None:
    expect(opened).to_have_url(re.compile(f"example={FIRST_EXAMPLE}"), timeout=PATIENCE)
    drop(opened, [examples()["cat"].path])  # even where it happens to be one of ours
    ready(opened)
    expect(opened).not_to_have_url(re.compile("example="), timeout=PATIENCE)
    expect(opened.locator("[data-example][aria-pressed=true]")).to_have_count(0)


def test_choosing_a_prediction_shows_what_speaks_for_it(opened: Any) -> None:
    second = opened.locator("#prediction .confidence-set").nth(1)
    second.click()
    explorer = opened.locator("#explorer")
    expect(explorer).to_have_attribute("data-view", "class_evidence", timeout=PATIENCE)
    expect(explorer).to_contain_text(second.locator(".text").inner_text(), timeout=PATIENCE)
    ready(opened)


def test_choosing_a_stage_opens_it(opened: Any) -> None:
    opened.locator("#stages > [data-stage='1']").click()
    expect(opened.locator("#explorer")).to_have_attribute("data-stage", "1", timeout=PATIENCE)
    expect(opened.locator("#stages > [data-stage='1']")).to_have_attribute("data-current", "")
    expect(opened.locator("#explorer")).to_have_attribute("data-view", "feature")
    opened.locator("#stages > [data-stage='2']").press("Enter")
    expect(opened.locator("#explorer")).to_have_attribute("data-stage", "2", timeout=PATIENCE)
    expect(opened.locator("#stages > [data-current]")).to_have_attribute("data-stage", "2")


def test_the_curves_of_a_method(opened: Any) -> None:
    opened.locator("#measure > button").click()
    opened.get_by_role("button", name="Measure", exact=True).click()
    expect(opened.locator("#measure .curve")).to_have_count(2, timeout=PATIENCE)
    expect(opened.locator("#measure figcaption")).to_contain_text(first_class(opened).inner_text())


def test_the_classes_can_be_searched(opened: Any) -> None:
    opened.locator("#about > button").click()
    opened.get_by_label("Find one of its 10 classes").first.fill("GOLF")
    expect(opened.locator("#about li:visible", has_text="golf ball")).to_have_count(1)
    expect(opened.locator("#about .classes li:visible")).to_have_count(1)
    expect(opened.locator("#about")).to_contain_text("% right first (measured on")


@pytest.mark.parametrize("width", [320, 360, 640, 768, 1280, 1920])  # 640: 1280 enlarged to 200 %
def test_it_fits_every_screen(new_page: Callable[..., Any], address: str, width: int) -> None:
    page = new_page(viewport={"width": width, "height": 400 if width == 640 else 900})
    page.goto(address)
    ready(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    spilling = page.evaluate(
        """width => [...document.querySelectorAll("#main *:not(.questions *), #lessons *")].filter((node) => {
            const box = node.getBoundingClientRect();
            const seen = box.width > 1 && box.height > 1 && getComputedStyle(node).overflow === "visible";
            return seen && box.right > width + 1;
        }).map((node) => node.className)""",
        width,
    )
    assert spilling == []


def test_nothing_jumps_while_results_come_in(opened: Any) -> None:
    places = "id => document.querySelector(id).getBoundingClientRect().top"
    boxes = f"['#photo', '#prediction', '#explorer', '#stages'].map({places})"
    before = opened.evaluate(boxes)
    opened.locator("[data-example=rocket]").click()  # of the same shape as the first
    expect(opened).to_have_url(re.compile("example=rocket"), timeout=PATIENCE)
    ready(opened)
    np.testing.assert_allclose(opened.evaluate(boxes), before, atol=2)


def test_what_is_of_the_photo_before_stands_back(opened: Any) -> None:
    opened.evaluate(
        """() => {
            const frame = document.querySelector("#explorer .frame");
            window.lightest = 1;
            const look = () => {
                window.lightest = Math.min(window.lightest, getComputedStyle(frame).opacity);
                requestAnimationFrame(look);
            };
            look();
        }"""
    )
    opened.locator("[data-example=rocket]").click()
    expect(opened).to_have_url(re.compile("example=rocket"), timeout=PATIENCE)
    opened.wait_for_function("getComputedStyle(document.querySelector('#explorer .frame')).opacity === '1'")
    assert opened.evaluate("window.lightest") < 0.5
