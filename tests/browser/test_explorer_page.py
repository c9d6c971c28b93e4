"""The explorer as people meet it: links, pictures, two languages, small screens, and names that mean harm."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from tests.browser.explorer_app import HOSTILE, PARTS, Bench, build
from tests.browser.page_helpers import MODEL
from tests.browser.test_explorer import choose, map_pixels, opened, show
from visualize.language import Language


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(CvtForImageClassification.from_pretrained(MODEL), CvtImageProcessor.from_pretrained(MODEL))


@pytest.fixture(scope="module")
def url(bench: Bench, serve: Callable[..., str]) -> str:
    return serve(build(bench), **PARTS)


def test_a_link_opens_on_exactly_that(page: Page, url: str, bench: Bench) -> None:
    link = "?example=photo-0&stage=2&block=1&head=2&view=attention&query=4,5&compare=10,2&other=kept&v=2"
    root = opened(page, url, link)
    for name, value in {"stage": "2", "block": "1", "head": "2", "view": "attention", "query": "10,2"}.items():
        expect(root).to_have_attribute(f"data-{name}", value)
    expect(page.locator(".caption")).to_have_count(2)
    expect(page.locator(".caption").first).to_contain_text("4, 5")
    assert "other=kept" in page.url
    root = opened(page, url, "?stage=3&block=-2&head=all&view=attention_received&v=2")
    expect(root).to_have_attribute("data-block", str(bench.model.config.depth[-1] - 1))
    expect(page.locator(".panel")).to_have_count(bench.model.config.num_heads[-1])
    root = opened(page, url, "?query=cls")
    expect(root).to_have_attribute("data-view", "attention_cls")
    opened(page, url, "?view=feature&stage=1&channel=8&v=2")
    expect(page.locator("[name=channel] option:checked")).to_have_text(re.compile("^8 of"))


def test_a_link_from_before_counts_from_0(page: Page, url: str, bench: Bench) -> None:
    root = opened(page, url, "?stage=2&block=0&head=1&view=attention&query=3,4&compare=9,1")
    for name, value in {"stage": "2", "block": "1", "head": "2", "query": "10,2"}.items():
        expect(root).to_have_attribute(f"data-{name}", value)
    expect(page).to_have_url(re.compile(r"stage=2&block=1&head=2&view=attention&query=4,5&compare=10,2&v=2"))
    shown = map_pixels(page)
    root = opened(page, url, f"?{page.url.partition('?')[2]}")
    assert (map_pixels(page) == shown).all()
    opened(page, url, "?view=feature&stage=1&channel=7")
    expect(page.locator("[name=channel] option:checked")).to_have_text(re.compile("^8 of"))


def test_a_link_to_another_example_waits_for_it(page: Page, url: str) -> None:
    root = opened(page, url, "?example=photo-3&stage=1&query=6,7&v=2")
    expect(root).to_have_attribute("data-stage", "3")  # the page began with another example
    assert "example=photo-3&stage=1" in page.url  # and has not forgotten the link meanwhile
    show(page, "3")
    expect(root).to_have_attribute("data-stage", "1")
    expect(root).to_have_attribute("data-query", "6,7")


@pytest.mark.parametrize(
    "query",
    [
        "?stage=0&block=99&head=x&view=none&query=99,99",
        "?stage=&block=&query=,&head=1e9",
        "?v=2&stage=0&block=0&head=0&query=0,1",
    ],
)
def test_a_link_to_nowhere_opens_on_what_there_is(page: Page, url: str, bench: Bench, query: str) -> None:
    root = opened(page, url, query)
    last = str(bench.model.config.depth[-1])
    for name, value in {"stage": "3", "block": last, "head": "mean", "view": "attention", "query": "5,5"}.items():
        expect(root).to_have_attribute(f"data-{name}", value)


def test_the_address_follows_the_choices(page: Page, url: str) -> None:
    opened(page, url, "")
    expect(page).to_have_url(re.compile(r"view=class_evidence&target=\d+&method=class_evidence$"))
    page.locator(".others summary").click()
    page.locator("[name=view]").select_option("attention")
    page.locator("[name=stage]").select_option("2")
    expect(page).to_have_url(re.compile(r"example=photo-0&model=bundled&stage=2&block=\d+&head=mean&view=attention$"))
    page.locator("[name=view]").select_option("class_evidence")
    page.locator("[name=method]").select_option("libragrad")
    expect(page).to_have_url(re.compile(r"view=class_evidence&target=\d+&method=libragrad$"))
    page.locator("[name=view]").select_option("attention_received")
    expect(page).to_have_url(re.compile("view=attention_received$"))
    page.evaluate("document.querySelector('#explorer').explorer.setUrl({ lang: 'ja', example: null })")
    expect(page).to_have_url(re.compile("lang=ja"))
    assert "example=" not in page.url


def test_a_link_can_be_copied_for_an_example_and_not_for_somebodys_photo(
    new_page: Callable[..., Page], url: str
) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    opened(page, url)
    choose(page, stage=2, query="1,2")
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator(".message")).to_have_text("Link copied.")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    assert "example=photo-0" in link
    show(page, "100")
    expect(page).not_to_have_url(re.compile("example="))
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator(".message")).to_contain_text("Your own photo stays here")
    assert page.evaluate("navigator.clipboard.readText()") == link


def saved(page: Page) -> Image.Image:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save picture").click()
    assert re.fullmatch(r"cvt-[\w-]+\.png", download.value.suggested_filename)
    return Image.open(io.BytesIO(download.value.path().read_bytes())).convert("RGB")


def test_a_saved_picture_has_every_pixel_of_the_photo(page: Page, url: str, bench: Bench) -> None:
    opened(page, url)
    choose(page, stage=2, block=0, head=0, query="8,8")
    picture = saved(page)
    factor = picture.width // 480  # a small photo is enlarged by a whole number, so that its words can be read
    assert picture.width == 480 * factor >= 960
    assert picture.height > 360 * factor
    seen, keys = bench.trace("0"), bench.trace("0").stages[1].geometry.keys
    for row, column in [(1, 1), (4, 6), (7, 2)]:
        y, x = ((p + 0.5) * factor for p in seen.crop.to_photo(*keys.centre(row, column)))
        photo = seen.photo[int(y / factor), int(x / factor)].astype(float)
        mixed = 0.4 * photo + 0.6 * map_pixels(page)[row, column]
        assert np.abs(np.array(picture.getpixel((int(x), int(y)))) - mixed).max() < 12, (row, column)


def test_a_saved_picture_says_what_it_shows(page: Page, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are read from the canvas that is saved, as it is made; none may reach beyond it."""
    page.add_init_script("""(() => {
        window.said = [];
        const write = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
            const width = this.measureText(text).width;
            const left = x - { start: 0, left: 0, center: width / 2, right: width }[this.textAlign];
            const inside = left >= 0 && left + width <= this.canvas.width && y <= this.canvas.height;
            window.said.push({ text, inside });
            return write.call(this, text, x, y);
        };
    })()""")
    opened(page, url, "?v=2&stage=2&block=1&head=2&view=attention&query=4,5&compare=10,2")
    with page.expect_download() as download:
        page.locator("[name=save]").click()
    expected = "cvt-photo-0-bundled-attention-stage-2-block-1-head-2-4-5-10-2.png"
    assert download.value.suggested_filename == expected
    said = page.evaluate("window.said")
    assert all(line["inside"] for line in said), said
    told = " ".join(line["text"] for line in said)
    for fact in ("Attention from this token", "bundled", "Stage 2 of 3", "Block 1 of", "Head 2 of", "4, 5 | 10, 2"):
        assert fact in told, fact
    assert "share of attention; the same scale for every token" in told
    monkeypatch.setattr("ui.components.explorer.credit_line", lambda example: {"en": "Photo: Somebody, CC0"})
    show(page, "31")
    expect(page).to_have_url(re.compile("example=photo-31"))
    saved(page)
    assert {"text": "Photo: Somebody, CC0", "inside": True} in page.evaluate("window.said")


def test_large_photos_are_saved_at_full_size_and_several_panels_in_one(
    page: Page, url: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.browser import explorer_app

    monkeypatch.setattr(explorer_app, "photo", lambda number, size, make=explorer_app.photo: make(number, (2400, 1800)))
    opened(page, url)
    show(page, "20")
    expect(page).to_have_url(re.compile("example=photo-20"))
    assert page.evaluate("document.querySelector('.photo').width") <= 1280
    assert saved(page).width == 2400
    choose(page, head="all")
    top, left, bottom, right = bench.trace("20").crop.box
    picture = saved(page)
    columns = round(picture.width / (right - left))
    assert picture.width == pytest.approx(columns * (right - left), abs=1)  # each head on what the model sees
    assert picture.height > (bottom - top) * bench.model.config.num_heads[-1] / columns


def test_names_are_text_and_nothing_else(page: Page, serve: Callable[..., str], bench: Bench) -> None:
    hostile = Bench(bench.model, bench.processor, label=HOSTILE, model_name=HOSTILE.format("model"))
    root = opened(
        page, serve(build(hostile), **PARTS), "?lang=<img%20src=x%20onerror=hacked=1>&view=<script>hacked=1</script>"
    )
    choose(page, view="class_evidence", target=3)
    expect(page.locator(".facts dd").nth(2)).to_have_text(HOSTILE.format(3))
    expect(page.locator(".explanation .said")).to_contain_text("<img src=x")
    expect(root).to_have_attribute("data-state", "ready")
    saved(page)
    assert page.evaluate("window.hacked") is None
    assert page.locator("#explorer img, #explorer script").count() == 0


@pytest.mark.parametrize(
    ("locale", "query", "language"), [("ja-JP", "", "ja"), ("en-US", "?lang=ja", "ja"), ("ja-JP", "?lang=en", "en")]
)
def test_two_languages(new_page: Callable[..., Page], url: str, locale: str, query: str, language: str) -> None:
    page = new_page(locale=locale)
    root = opened(page, url, query)
    texts = Language.of(language).texts["explorer"]
    expect(root).to_have_attribute("lang", language)
    expect(page.locator("[name=view] option").first).to_have_text(texts["view.attention"])
    expect(page.get_by_role("button", name=texts["save"])).to_be_visible()
    choose(page, view="attention_cls", stage=1)
    expect(page.locator(".notice button")).to_have_text(texts["notice.show received"])
    other = "en" if language == "ja" else "ja"
    words = root.inner_text()
    assert not re.search(r"\{\w+\}", words)
    assert Language.of(other).text("explorer", "save") not in words


@pytest.mark.parametrize("size", [(360, 740), (768, 1000), (1280, 1000), (1920, 1080)])
def test_nothing_jumps_and_nothing_sticks_out(new_page: Callable[..., Page], url: str, size: tuple[int, int]) -> None:
    """On a narrow screen several heads, or a photo of another shape, may move what stands below the map, down or up."""
    narrow = size[0] < 1000
    page = new_page(viewport={"width": size[0], "height": size[1]})
    opened(page, url, "?lang=ja")

    def places() -> dict[str, Any]:
        names = [".frame", ".facts", ".legend", ".tools"]
        return {name: page.locator(name).evaluate("(n) => [n.offsetTop, n.offsetWidth]") for name in names}

    def assert_still(of: str, moves_below: bool) -> None:
        """Nothing has moved; or only what stands below the map, and no width with it."""
        now = places()
        if moves_below:
            assert now[".frame"] == before[".frame"], of
            assert {name: width for name, (_, width) in now.items()} == widths, of
        else:
            assert now == before, of

    before = places()
    widths = {name: width for name, (_, width) in before.items()}
    for view in ("attention", "attention_cls", "attention_received", "feature", "similarity", "rollout"):
        for stage in (1, 3):
            choose(page, view=view, stage=stage, head="all" if stage == 3 else "mean")
            assert_still(f"{view}, stage {stage}", moves_below=narrow and stage == 3)
    choose(page, view="attention", head="mean", query="1,1", compare="5,5")
    show(page, "3")
    expect(page).to_have_url(re.compile("example=photo-3"))
    assert_still("another photo", moves_below=narrow)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_resizing_keeps_cells_in_their_places(new_page: Callable[..., Page], url: str) -> None:
    page = new_page(viewport={"width": 1280, "height": 1000})
    opened(page, url)
    share = """() => {
        const [m, p] = ['.map', '.picture'].map((n) => document.querySelector(n).getBoundingClientRect());
        return [(m.x - p.x) / p.width, (m.y - p.y) / p.height, m.width / p.width]; }"""
    wide, pixels = page.evaluate(share), map_pixels(page)
    page.set_viewport_size({"width": 400, "height": 800})
    expect(page.locator(".frame")).to_be_visible()
    assert page.evaluate(share) == pytest.approx(wide, abs=0.01)
    assert (map_pixels(page) == pixels).all()


def test_words_can_be_read_in_both_themes(new_page: Callable[..., Page], url: str) -> None:
    """Contrast of at least 4.5 to 1 for the quietest words."""
    luminance = """(css) => {
        const c = new OffscreenCanvas(1, 1).getContext('2d');
        c.fillStyle = css;
        c.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...c.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
            .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; }"""
    for theme in ("light", "dark"):
        page = new_page(color_scheme=theme)
        opened(page, url, f"?__theme={theme}")
        ink = page.evaluate(luminance, page.locator(".explanation .said").evaluate("(n) => getComputedStyle(n).color"))
        paper = page.evaluate(
            luminance, page.evaluate("getComputedStyle(document.querySelector('gradio-app')).backgroundColor")
        )
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 4.5, theme


def test_controls_have_names_and_the_picture_says_what_it_shows(page: Page, url: str) -> None:
    root = opened(page, url)
    for control in root.locator("select, input, button").all():
        if control.is_visible():
            name = control.evaluate("(n) => (n.labels?.[0]?.innerText ?? n.innerText).trim()")
            assert name, control.evaluate("(n) => n.outerHTML")
    expect(page.get_by_role("img", name="Token in row 5, column 5")).to_be_visible()
    expect(page.get_by_role("img", name="share of attention")).to_be_visible()


def test_opacity_scale_and_receptive_field(page: Page, url: str) -> None:
    opened(page, url)
    page.locator("[name=opacity]").fill("0.25")
    assert page.locator(".map").evaluate("(n) => getComputedStyle(n).opacity") == "0.25"
    shared = map_pixels(page)
    page.locator("[name=scale]").select_option("stretched")
    expect(page.locator(".scale-name .said")).to_contain_text("stretched")
    assert (map_pixels(page) != shared).any()
    page.locator("[name=field]").check()
    field, token = (page.locator(f".marks rect.{name}:not(.halo)") for name in ("field:not(.wide)", "token"))
    expect(field).to_be_visible()
    ratio = float(field.get_attribute("width")) / float(token.get_attribute("width"))
    assert ratio == pytest.approx(31 / 16, abs=0.01)
    page.locator("[name=field]").uncheck()
    expect(field).to_be_hidden()
