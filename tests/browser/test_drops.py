"""Photos dropped and pasted anywhere on the page, by events that the browser trusts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.page_helpers import PATIENCE, colours, first_class, png, ready, ribbon_pictures
from tests.browser.trusted import copy_picture, drag, drop
from ui.components.photo import MAX_BYTES
from visualize.language import phrase

DESKTOP = {"width": 1280, "height": 1000}
PHONE = {"width": 390, "height": 844}
MARGIN = (4.0, 400.0)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Ten photos of different colours and sizes."""
    paths = [tmp_path / f"photo-{number}.png" for number in range(10)]
    for number, path in enumerate(paths):
        path.write_bytes(png(colours(20 + number, (200 + 10 * number, 150))))
    return paths


def classified(page: Any, number: int) -> None:
    """Wait until everything on the page belongs to that photo of :func:`photos`."""
    width = "document.querySelector('#stages img')?.naturalWidth"
    page.wait_for_function(f"{width} === {200 + 10 * number}", timeout=PATIENCE)
    ready(page)
    expect(first_class(page)).to_be_visible()


@pytest.mark.parametrize(("size", "count"), [(DESKTOP, 10), (PHONE, 5)], ids=["desktop", "phone"])
def test_drops_in_a_row_are_all_classified(
    new_page: Callable[..., Any],
    address: str,
    photos: list[Path],
    size: dict[str, int],
    count: int,
    top_class: Callable[..., str],
) -> None:
    page = new_page(viewport=size)
    page.goto(address)
    ready(page)
    for number, photo in enumerate(photos[:count]):
        drop(page, [photo], ["#photo", "#explorer", MARGIN, "#stages", "#lessons"][number % 5])
        classified(page, number)
        expect(first_class(page)).to_have_text(top_class(colours(20 + number, (200 + 10 * number, 150))))


def test_dragging_a_file_shows_where_to_drop(opened: Any, photos: list[Path]) -> None:
    sheet = opened.get_by_text(phrase("en", "photo", "here"))
    expect(sheet).to_be_hidden()
    drag(opened, photos[:1], "#explorer")
    expect(sheet).to_be_visible()
    drag(opened, photos[:1], (-10, -10), kinds=("Over",))  # out of the window
    expect(sheet).to_be_hidden()


def test_dragging_a_text_shows_nothing_and_leaves_the_photo(opened: Any) -> None:
    before = first_class(opened).inner_text()
    drag(opened, "a text", "#photo")
    expect(opened.get_by_text(phrase("en", "photo", "here"))).to_be_hidden()
    drop(opened, "a text", "#photo")
    opened.get_by_label("Opacity").press("ArrowRight")  # the page goes on
    ready(opened)
    expect(first_class(opened)).to_have_text(before)


def test_of_several_photos_the_first_is_taken_and_said(opened: Any, photos: list[Path], tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("no photo")
    drop(opened, [note, photos[3], photos[4]], "#explorer")
    expect(opened.locator(".toast-body")).to_contain_text(f"“{photos[3].name}” is taken")
    classified(opened, 3)


def test_what_is_no_photo_is_told(opened: Any, tmp_path: Path, photos: list[Path]) -> None:
    note = tmp_path / "note.txt"
    note.write_text("no photo")
    drop(opened, [note], "#explorer")
    expect(opened.locator(".toast-body")).to_contain_text("not a picture", timeout=PATIENCE)
    drop(opened, photos[:1], "#explorer")
    classified(opened, 0)


def test_what_is_too_large_is_told_before_it_travels(opened: Any, tmp_path: Path) -> None:
    sent: list[str] = []
    opened.on("request", lambda request: sent.append(request.url) if "upload" in request.url else None)
    large = tmp_path / "<b>large.png"
    large.write_bytes(bytes(MAX_BYTES + 1))
    drop(opened, [large], "#explorer")
    expect(opened.locator(".toast-body")).to_contain_text("“<b>large.png” is too large: at most 20 MB")
    expect(first_class(opened)).to_be_visible()
    assert sent == []


def test_a_photo_as_telephones_make_it(opened: Any, tmp_path: Path, top_class: Callable[..., str]) -> None:
    photo = colours(27, (270, 150))
    path = tmp_path / "IMG_0001.HEIC"
    photo.save(path, "HEIF", quality=90)
    note = tmp_path / "note.txt"
    note.write_text("no photo")
    drop(opened, [note, path], "#explorer")
    classified(opened, 7)
    expect(first_class(opened)).to_have_text(top_class(photo))


@pytest.fixture
def with_clipboard(new_page: Callable[..., Any], address: str) -> Any:
    """The page, in a browser where it may write to the clipboard."""
    page = new_page(viewport=DESKTOP, permissions=["clipboard-read", "clipboard-write"])
    page.goto(address)
    ready(page)
    return page


@pytest.mark.parametrize("where", ["body", "#explorer [name=target]", "#about .find"])
def test_a_picture_is_pasted_anywhere(with_clipboard: Any, photos: list[Path], where: str) -> None:
    page = with_clipboard
    before = ribbon_pictures(page)
    copy_picture(page, photos[5].read_bytes())
    if where == "#about .find":
        page.locator("#about > button").click()
    if where != "body":
        page.locator(where).first.focus()
    page.keyboard.press("Control+v")
    page.wait_for_function("document.querySelector('#stages img')?.naturalWidth === 250", timeout=PATIENCE)
    ready(page)
    assert not set(ribbon_pictures(page)) & set(before)


def test_text_is_pasted_where_it_is_written(with_clipboard: Any) -> None:
    page = with_clipboard
    page.evaluate("navigator.clipboard.writeText('golf')")
    page.locator("#about > button").click()
    page.locator("#about .find").focus()
    page.keyboard.press("Control+v")
    expect(page.locator("#about .find")).to_have_value("golf")
    ready(page)
