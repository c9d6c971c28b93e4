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

PICTURE = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=="
HEATMAP = {
    "file": {"url": PICTURE},
    "kind": "distribution",
    "alt": {"en": "A map.", "ja": "図。"},
    "ticks": [{"at": 0, "text": {"en": "0"}}, {"at": 0.2, "text": {"en": "1/5"}}, {"at": 1, "text": {"en": "1"}}],
}
NUMBERS = {"stage": 1, "rows": 2, "columns": 3, "channels": 4, "window": 7, "blocks": 1, "heads": 1}
CARD = {
    **{"numbers": NUMBERS, "has_cls": False, "grid": {"url": PICTURE}},
    **{"feature": {**HEATMAP, "kind": "sequential", "ticks": []}, "attention": HEATMAP},
}
CREDIT = {"author": "Somebody", "licence": "CC0 1.0", "licence_url": "#", "source": "#", "image": PICTURE}
VALUES: dict[str, Any] = {
    "about": {"facts": [["accuracy", "unmeasured"]], "numbers": {}, "classes": ["cat", "<b>dog</b>"]},
    "curves": {"label": "cat", "curves": [{"name": "least_first", "area": 0.5, "points": [[0, 0], [1, 1]]}]},
    "embedding": {
        **{"rows": 4, "columns": 8, "window": 3, "stride": 2},
        **{"centres": [[1, 1], [1, 3], [1, 5]], "chosen": [[1, 3]]},
    },
    "examples": {"pictures": [{"id": "cat", **CREDIT}, {"id": "coffee", **CREDIT}], "chosen": "cat"},
    "explorer": None,
    "languages": None,
    "photo": {"most": 1000},
    "stages": {"width": 1, "height": 1, "cards": [CARD]},
}

SHOWN = {
    "about": "dl.facts dd",
    "curves": "polyline.least_first",
    "embedding": "rect.window",
    "examples": "#examples > [data-example=cat][aria-pressed=true]",
    "explorer": "#explorer[data-state=empty]",
    "languages": "nav.languages a[data-current]",
    "photo": ".drop-sheet",
    "stages": "#stages > [data-stage='1'] .feature img",
}
"""Something that each part draws of its value."""


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
    page.evaluate(MOUNT, [part, VALUES[part], json.loads(assets.words("en")), json.loads(assets.theme())])


def test_all_parts_are_tried() -> None:
    assert tuple(sorted(VALUES)) == tuple(sorted(SHOWN)) == assets.PARTS


@pytest.mark.parametrize("part", assets.PARTS)
def test_a_part_needs_nothing_but_its_host(page: Page, plain: str, part: str) -> None:
    mount(page, plain, part)
    expect(page.locator(SHOWN[part])).to_be_attached()
    assert page.locator(f"link[href$='/{part}/{part}.css']").count() == 1
    page.evaluate("part.update()")
    expect(page.locator(SHOWN[part])).to_be_attached()
    page.evaluate("part.destroy()")
    assert page.locator("main").inner_html() == ""


@pytest.mark.parametrize("part", [part for part in assets.PARTS if VALUES[part] and part != "photo"])
def test_a_value_that_comes_later_is_shown(page: Page, plain: str, part: str) -> None:
    page.goto(plain)
    page.evaluate(MOUNT, [part, None, json.loads(assets.words("en")), json.loads(assets.theme())])
    expect(page.locator(SHOWN[part])).to_have_count(0)
    page.evaluate("set", VALUES[part])
    expect(page.locator(SHOWN[part])).to_be_attached()


def test_choosing_an_example_tells_the_host(page: Page, plain: str) -> None:
    mount(page, plain, "examples")
    page.locator("[data-example=coffee]").click()
    expect(page.locator("[data-example=coffee]")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("[host.value.chosen, told]") == ["coffee", [["select", None]]]


def test_what_a_value_says_is_text(page: Page, plain: str) -> None:
    mount(page, plain, "about")
    expect(page.locator("li").nth(1)).to_have_text("<b>dog</b>")
    assert page.locator("li b").count() == 0


def test_a_stylesheet_is_there_once_however_many_parts_use_it(page: Page, plain: str) -> None:
    mount(page, plain, "about")
    for _ in range(2):
        page.evaluate("""async () => (await import("/about/about.js")).mount(document.createElement("div"), host)""")
    assert page.locator("link[rel=stylesheet]").count() == 1
