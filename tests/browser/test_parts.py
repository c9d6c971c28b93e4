"""The parts of ``web/`` on a page of their own, where nobody has heard of Gradio: a page with a host of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ui.serving import assets

WEB = Path(__file__).parents[2] / "web"

PAGE = "<!doctype html><html lang=en><head><meta charset=utf-8></head><body><main></main></body></html>"

MOUNT = """async ([part, value, store, theme]) => {
    const [{ mount }, { wordsOf }] = await Promise.all([import(`/${part}/${part}.js`), import("/shared/words.js")]);
    const told = window.told = [], changed = [];
    const host = window.host = {
        value, theme, words: wordsOf(store, part),
        watch: (callback) => changed.push(callback),
        trigger: (name, data) => told.push([name, data ?? null]),
        upload: async (file) => `kept/${file.name}`,
        ask: async () => null,
    };
    window.set = (next) => { host.value = next; changed.forEach((callback) => callback()); };
    window.part = mount(document.querySelector("main"), host);
}"""

PARTS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).with_name("parts")).glob("*.json"))
}
"""For each part a ``value``, and a selector of something that it then has ``shown``."""


class Quiet(SimpleHTTPRequestHandler):
    """The files of a folder, and an empty page at its top."""

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        """A file, or the page."""
        if self.path != "/":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE.encode())


@pytest.fixture(scope="module")
def plain() -> Iterator[str]:
    """The address of a server that knows nothing but files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(WEB))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def mount(page: Page, plain: str, part: str) -> None:
    page.goto(plain)
    page.evaluate(MOUNT, [part, PARTS[part]["value"], json.loads(assets.words("en")), json.loads(assets.theme())])


def test_all_parts_are_tried() -> None:
    assert tuple(PARTS) == assets.PARTS


@pytest.mark.parametrize("part", assets.PARTS)
def test_a_part_needs_nothing_but_its_host(page: Page, plain: str, part: str) -> None:
    mount(page, plain, part)
    expect(page.locator(PARTS[part]["shown"])).to_be_attached()
    styles = (WEB / part / f"{part}.css").exists()
    assert page.locator(f"link[href$='/{part}/{part}.css']").count() == int(styles)
    page.evaluate("part.update()")
    expect(page.locator(PARTS[part]["shown"])).to_be_attached()
    page.evaluate("part.destroy()")
    assert page.locator("main").inner_html() == ""


@pytest.mark.parametrize("part", [part for part in PARTS if PARTS[part]["value"] and part != "photo"])
def test_a_value_that_comes_later_is_shown(page: Page, plain: str, part: str) -> None:
    page.goto(plain)
    page.evaluate(MOUNT, [part, None, json.loads(assets.words("en")), json.loads(assets.theme())])
    expect(page.locator(PARTS[part]["shown"])).to_have_count(0)
    page.evaluate("set", PARTS[part]["value"])
    expect(page.locator(PARTS[part]["shown"])).to_be_attached()


def test_choosing_an_example_tells_the_host(page: Page, plain: str) -> None:
    mount(page, plain, "examples")
    page.locator("[data-example=coffee]").click()
    expect(page.locator("[data-example=coffee]")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("[host.value.chosen, told]") == ["coffee", [["select", None]]]


def test_the_words_of_a_comparison_follow_its_figures(page: Page, plain: str) -> None:
    mount(page, plain, "comparison")
    said = page.locator(".comparison .said")
    expect(said).to_contain_text("Best on many photos tells most: 0.60")
    expect(said).to_contain_text("1 of 3 methods do no better")
    expect(page.locator(".comparison tbody th").nth(1)).to_have_text("LibraGrad, stage 2")
    methods = [{"method": "centre", "stage": None, "gain": 0.4}, {"method": "libragrad", "stage": 0, "gain": 0.3}]
    page.evaluate("set", {"number": 2, "label": "cat", "methods": methods})
    expect(said).to_contain_text("Do not believe these maps here")


def test_what_has_yet_to_be_compared_is_asked_for_once(page: Page, plain: str) -> None:
    mount(page, plain, "comparison")
    page.evaluate("set", {"number": 2, "label": "cat", "methods": []})
    page.wait_for_function("told.length")
    page.evaluate("part.update()")
    assert page.evaluate("told") == [["wanted", None]]
    page.evaluate("set", {"number": 3, "label": "dog", "methods": []})
    page.wait_for_function("told.length === 2")


OBSERVED = """() => new Promise((done) => {
    const table = document.querySelector(".comparison");
    new IntersectionObserver((_, observer) => done(observer.disconnect())).observe(table);
})"""
"""Resolves when whoever looked out for the table before has heard whether it is in sight."""


def test_what_is_in_sight_while_a_page_is_put_together_is_not_asked_for(page: Page, plain: str) -> None:
    page.clock.install()
    mount(page, plain, "comparison")
    page.evaluate("set", {"number": 2, "label": "cat", "methods": []})
    page.evaluate(OBSERVED)
    page.locator("main").evaluate("main => void (main.style.marginTop = '3000px')")
    page.evaluate(OBSERVED)
    page.clock.fast_forward(60_000)
    assert page.evaluate("told") == []
    page.locator("main").evaluate("main => void (main.style.marginTop = 0)")
    page.evaluate(OBSERVED)
    page.clock.fast_forward(60_000)
    assert page.evaluate("told") == [["wanted", None]]


def test_an_older_comparison_that_comes_late_is_not_shown(page: Page, plain: str) -> None:
    mount(page, plain, "comparison")
    methods = [{"method": "libragrad", "stage": 0, "gain": 0.3}]
    page.evaluate("set", {"number": 5, "label": "cat", "methods": methods})
    page.evaluate("set", {"number": 4, "label": "dog", "methods": methods})
    expect(page.locator(".comparison .said")).to_contain_text("cat")


def test_what_a_value_says_is_text(page: Page, plain: str) -> None:
    mount(page, plain, "about")
    expect(page.locator("li").nth(1)).to_have_text("<b>dog</b>")
    assert page.locator("li b").count() == 0


def test_a_stylesheet_is_there_once_however_many_parts_use_it(page: Page, plain: str) -> None:
    mount(page, plain, "about")
    for _ in range(2):
        page.evaluate("""async () => (await import("/about/about.js")).mount(document.createElement("div"), host)""")
    assert page.locator("link[rel=stylesheet]").count() == 1
