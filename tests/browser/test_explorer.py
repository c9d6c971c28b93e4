"""The explorer in a real Chromium, on the bundled checkpoint: exact, quiet on the network, and steady."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.probe import record
from tests.browser.explorer_app import PARTS, Bench, Gate, build, photo
from tests.browser.page_helpers import MODEL

READY = re.compile("ready")


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(CvtForImageClassification.from_pretrained(MODEL), CvtImageProcessor.from_pretrained(MODEL))


@pytest.fixture(scope="module")
def url(bench: Bench, serve: Callable[..., str]) -> str:
    return serve(build(bench), **PARTS)


def opened(page: Page, url: str, query: str = "?view=attention") -> Any:
    """The explorer's root, with everything fetched."""
    page.goto(url + query)
    root = page.locator("#explorer")
    expect(root).to_have_attribute("data-state", "ready")
    expect(root).to_have_attribute("data-preloaded", "true")
    return root


def show(page: Page, number: str) -> None:
    """Ask the server for another photo, as somebody at the keyboard would."""
    page.locator("#name textarea").focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.type(number)
    page.keyboard.press("Enter")


def choose(page: Page, **wanted: Any) -> None:
    page.evaluate("(wanted) => document.querySelector('#explorer').explorer.open(wanted)", wanted)


def map_pixels(page: Page, index: int = 0) -> np.ndarray:
    """The colours of a panel's cells, [rows, columns, 3], the repeated border left out."""
    pixels = (
        page.locator(".map")
        .nth(index)
        .evaluate("(c) => [c.height, c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")
    )
    return np.array(pixels[2:], dtype=np.uint8).reshape(pixels[0], pixels[1], 4)[1:-1, 1:-1, :3]


def centre_of(page: Page, bench: Bench, stage: int, row: int, column: int, number: str = "0") -> tuple[float, float]:
    """Where a token's centre lies on the screen, by the library's own geometry."""
    seen = bench.trace(number)
    y, x = seen.crop.to_photo(*seen.stages[stage - 1].geometry.tokens.centre(row, column))
    box = page.locator(".picture").first.bounding_box()
    height, width = seen.crop.photo
    return box["x"] + (x + 0.5) / width * box["width"], box["y"] + (y + 0.5) / height * box["height"]


def network_attention(bench: Bench, number: str) -> dict[str, torch.Tensor]:
    pixels = torch.from_numpy(np.array(bench.trace(number).pixel_values))[None]
    with torch.no_grad(), record(bench.model, "*.attention.weights") as heard:
        bench.model(pixels)
    return dict(heard)


def test_rows_are_the_networks_softmax(page: Page, url: str, bench: Bench) -> None:
    opened(page, url)
    config = bench.model.config
    for name, weights in network_attention(bench, "0").items():
        stage, block = (int(part) for part in re.findall(r"\d+", name))
        _, heads, queries, _ = weights.shape
        cls, side = int(config.cls_token[stage]), int((queries - int(config.cls_token[stage])) ** 0.5)
        for query in [0, side * side // 2 + 1, side * side - 1]:
            for head in [*range(heads), "mean"]:
                row = page.evaluate(
                    "async (a) => [...await document.querySelector('#explorer').explorer.attentionRow(...a)]",
                    [stage + 1, block, head, f"{query // side},{query % side}"],
                )
                true = weights[0, :, cls + query].mean(0) if head == "mean" else weights[0, head, cls + query]
                assert np.abs(np.array(row) - true.numpy()).max() < 2e-3, (name, head, query)
        if cls:
            row = page.evaluate(
                "async (a) => [...await document.querySelector('#explorer').explorer.attentionRow(...a)]",
                [stage + 1, block, 0, "cls"],
            )
            assert np.abs(np.array(row) - weights[0, 0, 0].numpy()).max() < 2e-3


def test_a_row_that_does_not_exist_says_so(page: Page, url: str) -> None:
    opened(page, url)
    for wrong in ([1, 0, 0, "cls"], [4, 0, 0, "0,0"], [1, 99, 0, "0,0"], [1, 0, 99, "0,0"], [1, 0, 0, "99,0"]):
        with pytest.raises(Exception, match="no attention for stage"):
            page.evaluate("(a) => document.querySelector('#explorer').explorer.attentionRow(...a)", wrong)


def test_what_is_drawn_is_the_row_in_inferno(page: Page, url: str, bench: Bench) -> None:
    from visualize.attention import attention_map
    from visualize.palette import Limits, colours

    root = opened(page, url)
    choose(page, stage=2, block=0, head=1, query="3,4")
    expect(root).to_have_attribute("data-query", "4,5")
    true = attention_map(bench.trace("0"), 1, 0, (3, 4), 1)
    painted = colours(true.values, "distribution", Limits(0, 5 * true.baseline))
    assert np.abs(map_pixels(page).astype(int) - painted.astype(int)).max() <= 8  # half precision moves an index or two


def test_attention_received_and_similarity_are_the_librarys(page: Page, url: str, bench: Bench) -> None:
    from visualize.attention import attention_received
    from visualize.feature_maps import similarity_map
    from visualize.palette import Limits, colours

    root, seen = opened(page, url), bench.trace("0")
    choose(page, view="attention_received", stage=1, block=0, head="mean")
    expect(root).to_have_attribute("data-state", "ready")
    true = attention_received(seen, 0, 0)
    painted = colours(true.values, "distribution", Limits(0, 5 * true.baseline))
    assert np.abs(map_pixels(page).astype(int) - painted.astype(int)).max() <= 8
    choose(page, view="similarity", stage=2, query="5,9")
    alike = similarity_map(seen, 1, (5, 9)).values
    painted = colours(alike, "diverging", Limits(-1, 1))
    assert np.abs(map_pixels(page).astype(int) - painted.astype(int)).max() <= 8  # features come in 64 levels


def test_pointing_finds_the_token_by_its_true_centre(page: Page, url: str, bench: Bench) -> None:
    root = opened(page, url)
    for stage, row, column in [(3, 0, 0), (3, 5, 2), (2, 15, 15), (1, 7, 30)]:
        choose(page, stage=stage)
        page.mouse.move(*centre_of(page, bench, stage, row, column))
        expect(root).to_have_attribute("data-query", f"{row + 1},{column + 1}")
        expect(page.locator(".facts dd").first).to_have_text(f"{row + 1}, {column + 1}")
    for place in [(-0.45, -0.45), (0.45, 0.45)]:  # still nearest to the same centre
        stride, offset = bench.trace("0").stages[2].geometry.tokens.stride, place
        x, y = centre_of(page, bench, 1, 7, 30)
        scale = page.locator(".picture").bounding_box()["width"] / 480 * bench.trace("0").crop.scale[1]
        assert stride > 0
        page.mouse.move(x + offset[1] * 4 * scale, y + offset[0] * 4 * scale)
        expect(root).to_have_attribute("data-query", "8,31")


def test_cells_lie_where_the_keys_are(page: Page, url: str, bench: Bench) -> None:
    opened(page, url)
    seen = bench.trace("0")
    for stage in (1, 2, 3):
        choose(page, stage=stage)
        keys = seen.stages[stage - 1].geometry.keys
        canvas, picture = (page.locator(name).first.bounding_box() for name in (".map", ".picture"))
        cell = canvas["width"] / (keys.columns + 2)
        left = canvas["x"] + 1.5 * cell - picture["x"]  # centre of the first key, whose border cell comes before it
        _, x = seen.crop.to_photo(*keys.centre(0, 0))
        assert left == pytest.approx((x + 0.5) / seen.crop.photo[1] * picture["width"], abs=0.6)


def test_nothing_is_asked_of_the_server_once_loaded(page: Page, url: str, bench: Bench) -> None:
    root = opened(page, url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.startswith("http") else None)
    for stage, block in [(1, 0), (2, -1), (3, -1), (3, 0)]:
        for view in ("attention", "attention_cls", "attention_received", "feature", "similarity", "rollout"):
            for head in ("mean", "all", 0):
                choose(page, stage=stage, block=block, view=view, head=head)
                expect(root).to_have_attribute("data-state", "ready")
                expect(root).to_have_attribute("data-view", view)
        page.mouse.move(*centre_of(page, bench, stage, 1, 1))
        page.mouse.click(*centre_of(page, bench, stage, 2, 2))
        page.keyboard.press("Escape")
    assert asked == []


def test_a_new_class_asks_the_server_once(page: Page, url: str, bench: Bench) -> None:
    from visualize.class_evidence import class_evidence

    root = opened(page, url)
    bench.asked.clear()
    choose(page, view="class_evidence", target=6)
    expect(page.locator(".facts dd").nth(2)).to_have_text(bench.model.config.id2label[6])
    choose(page, target=2, stage=2)
    expect(page.locator(".facts dd").nth(2)).to_have_text(bench.model.config.id2label[2])
    expect(page.locator(".notice")).to_be_hidden()
    choose(page, target=6)
    choose(page, method="hires_cam")
    expect(root).to_have_attribute("data-state", "ready")
    assert bench.asked == [6, 2]
    true = class_evidence(bench.trace("0", target=6), 1, "hires_cam").values
    choose(page, query="0,0")
    shown = page.locator(".facts dd.sub").nth(4).text_content().replace("−", "-")
    assert [float(part) for part in shown.split(" to ")] == pytest.approx([true.min(), true.max()], rel=0.01, abs=5e-6)


def test_stages_without_cls_say_so_and_offer_what_there_is(page: Page, url: str) -> None:
    root = opened(page, url)
    choose(page, view="attention_cls", stage=1)
    notice = page.locator(".notice")
    expect(notice).to_contain_text("no CLS token in stage 1 yet")
    expect(notice).to_contain_text("stage 3")
    expect(page.locator(".map")).to_be_hidden()
    notice.get_by_role("button").click()
    expect(root).to_have_attribute("data-view", "attention_received")
    expect(notice).to_be_hidden()
    choose(page, view="attention_cls", stage=3)
    expect(root).to_have_attribute("data-query", "cls")
    expect(page.locator(".map")).to_be_visible()


def test_pins_hold_and_two_compare(page: Page, url: str, bench: Bench) -> None:
    root = opened(page, url)
    page.mouse.click(*centre_of(page, bench, 3, 1, 1))
    page.mouse.move(*centre_of(page, bench, 3, 6, 6))
    expect(root).to_have_attribute("data-query", "2,2")  # the pointer has moved on, the pin has not
    expect(page.locator(".facts dd.sub").first).to_contain_text("to 7, 7")  # what the place pointed at gets
    page.mouse.click(*centre_of(page, bench, 3, 6, 6))
    expect(page.locator(".panel")).to_have_count(2)
    expect(page.locator(".caption").nth(0)).to_contain_text("2, 2")
    expect(page.locator(".caption").nth(1)).to_contain_text("7, 7")
    assert (map_pixels(page, 0) != map_pixels(page, 1)).any()
    page.locator(".frame").focus()
    page.keyboard.press("Escape")
    expect(page.locator(".panel")).to_have_count(1)
    expect(root).to_have_attribute("data-query", "2,2")
    page.keyboard.press("Escape")
    page.mouse.move(*centre_of(page, bench, 3, 4, 2))
    expect(root).to_have_attribute("data-query", "5,3")


def test_the_keyboard_alone_is_enough(page: Page, url: str, bench: Bench) -> None:
    root = opened(page, url)
    page.locator("[name=present]").focus()
    page.keyboard.press("Tab")
    expect(page.locator(".frame")).to_be_focused()
    for key, place in [("ArrowRight", "5,6"), ("ArrowDown", "6,6"), ("Shift+ArrowLeft", "6,2"), ("Home", "6,1"),
                       ("ArrowLeft", "6,1"), ("End", "6,8"), ("ArrowUp", "5,8")]:  # fmt: skip
        page.keyboard.press(key)
        expect(root).to_have_attribute("data-query", place)
    depth, heads = bench.model.config.depth[-1], bench.model.config.num_heads[-1]
    said = f"Token in row 5, column 8. Stage 3, block {depth}, mean of {heads} heads"
    expect(page.locator(".sentence")).to_contain_text(said)
    page.keyboard.press("Enter")
    expect(page.locator(".sentence")).to_contain_text("Pinned.")
    page.keyboard.press("Escape")
    expect(page.locator(".sentence")).not_to_contain_text("Pinned.")


def touched(page: Page, points: list[tuple[float, float]], hold: float = 0) -> None:
    """A finger goes down, stays for so many milliseconds, moves from point to point and is lifted."""
    session = page.context.new_cdp_session(page)
    for kind, point in zip(["touchStart"] + ["touchMove"] * (len(points) - 1), points, strict=True):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": point[0], "y": point[1]}]})
        if kind == "touchStart":
            page.wait_for_timeout(hold)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


@pytest.fixture
def phone(new_page: Callable[..., Page], url: str) -> Page:
    page = new_page(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 600})
    opened(page, url)
    page.locator(".frame").scroll_into_view_if_needed()
    return page


def test_a_tap_walks_and_a_second_one_lets_go(phone: Page, bench: Bench) -> None:
    for row, column in [(1, 2), (4, 4)]:
        phone.touchscreen.tap(*centre_of(phone, bench, 3, row, column))
        expect(phone).to_have_url(re.compile(f"query={row + 1},{column + 1}"))
    expect(phone.locator(".panel")).to_have_count(1)
    phone.touchscreen.tap(*centre_of(phone, bench, 3, 4, 4))
    expect(phone).not_to_have_url(re.compile("query="))


def test_a_held_finger_walks_and_compares(phone: Page, bench: Bench) -> None:
    phone.touchscreen.tap(*centre_of(phone, bench, 3, 1, 2))
    expect(phone).to_have_url(re.compile("query=2,3"))
    scrolled = phone.evaluate("scrollY")
    touched(phone, [centre_of(phone, bench, 3, *place) for place in [(2, 2), (3, 4), (5, 6)]], hold=600)
    expect(phone).to_have_url(re.compile("query=2,3&compare=6,7"))
    expect(phone.locator(".panel")).to_have_count(2)
    assert phone.evaluate("scrollY") == scrolled


def test_a_swipe_on_the_map_scrolls_the_page(phone: Page) -> None:
    box = phone.locator(".picture").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = phone.evaluate("scrollY")
    touched(phone, [(x, y - 15 * step) for step in range(12)])
    phone.wait_for_function(f"scrollY > {before + 60}")
    assert "query=" not in phone.url


def test_on_a_phone_the_words_say_tap(phone: Page) -> None:
    expect(phone.locator(".explanation .said")).to_contain_text("Tap another token")


def test_a_late_answer_never_overwrites_a_newer_photo(page: Page, url: str, bench: Bench) -> None:
    root = opened(page, url)
    gate = bench.hold["2"] = Gate()
    show(page, "2")
    assert gate.reached.wait(10)
    show(page, "3")
    expect(page).to_have_url(re.compile("example=photo-3"))
    gate.released.set()
    expect(page.locator("#answered textarea")).to_have_value("2")
    expect(root).to_have_attribute("data-state", "ready")
    expect(page).to_have_url(re.compile("example=photo-3"))
    box = page.locator(".picture").bounding_box()
    assert box["height"] > box["width"]  # photo 3 stands upright, photo 2 does not
    show(page, "2")  # asked for again it is not late
    expect(page).to_have_url(re.compile("example=photo-2"))


def test_late_evidence_never_brings_an_old_photo_back(page: Page, url: str, bench: Bench) -> None:
    root = opened(page, url)
    gate = bench.hold["0"] = Gate()
    choose(page, view="class_evidence", target=4)
    expect(page.locator(".notice")).to_contain_text("church")
    assert gate.reached.wait(10)
    choose(page, view="attention")  # so that the new photo asks for no evidence of its own
    show(page, "3")
    expect(page).to_have_url(re.compile("example=photo-3"))
    gate.released.set()
    expect(page.locator("#answered textarea")).to_have_value("0 with evidence")
    expect(root).to_have_attribute("data-state", "ready")
    expect(page).to_have_url(re.compile("example=photo-3"))


def test_late_files_of_an_old_photo_are_dropped(page: Page, url: str, bench: Bench) -> None:
    root = opened(page, url)
    held: list[Any] = []
    page.route("**/*.bin", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/*.bin"):
        show(page, "4")
    expect(root).to_have_attribute("data-state", "loading")
    show(page, "5")
    expect(page).to_have_url(re.compile("example=photo-5"))
    held[0].abort()
    expect(root).to_have_attribute("data-state", "ready")
    choose(page, stage=3, block=0, head=0, query="0,0")
    row = page.evaluate(
        "async () => [...await document.querySelector('#explorer').explorer.attentionRow(3, 0, 0, '0,0')]"
    )
    true = network_attention(bench, "5")["cvt.encoder.stages.2.layers.0.attention.weights"][0, 0, 1].numpy()
    assert np.abs(np.array(row) - true).max() < 2e-3


def test_a_file_that_cannot_be_had_is_told_and_can_be_tried_again(page: Page, url: str) -> None:
    page.route("**/*.bin", lambda route: route.abort())
    page.goto(url)
    root = page.locator("#explorer")
    expect(root).to_have_attribute("data-state", "error")
    page.unroute("**/*.bin")
    page.get_by_role("button", name="Try again").click()
    expect(root).to_have_attribute("data-state", "ready")
    expect(page.locator(".map")).to_be_visible()


def test_no_photo_is_an_empty_explorer(page: Page, url: str) -> None:
    root = opened(page, url)
    show(page, "")
    expect(root).to_have_attribute("data-state", "empty")
    expect(page.locator(".panel")).to_have_count(0)
    expect(page.locator(".notice")).to_contain_text("Choose a photo")
    show(page, "1")
    expect(root).to_have_attribute("data-state", "ready")


def test_memory_stays_flat_over_photos(page: Page, url: str) -> None:
    root = opened(page, url)
    session = page.context.new_cdp_session(page)
    sizes = []
    for number in (6, 8, 10, 12):
        show(page, str(number))
        expect(page).to_have_url(re.compile(f"example=photo-{number}(&|$)"))
        expect(root).to_have_attribute("data-preloaded", "true")
        session.send("HeapProfiler.collectGarbage")
        sizes.append(session.send("Runtime.getHeapUsage")["backingStorageSize"])
    assert sizes[-1] < 1.1 * sizes[0]
    expect(page.locator(".panel")).to_have_count(1)


def test_the_first_picture_needs_little(page: Page, url: str) -> None:
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"])
            if re.search(r"\.(bin|jpg)$", request.url) else None)  # fmt: skip
    page.goto(url)
    expect(page.locator("#explorer")).to_have_attribute("data-state", "ready")
    first = page.evaluate(
        "() => performance.getEntriesByType('resource').filter((e) => /\\.(bin|jpg)$/.test(e.name)).length"
    )
    assert first >= 2
    expect(page.locator("#explorer")).to_have_attribute("data-preloaded", "true")
    assert sum(sizes[:2]) < 400_000
    assert sum(sizes) < 3_500_000


def test_photo_of_seed_is_no_other(bench: Bench) -> None:
    assert photo(0).tobytes() != photo(2).tobytes()
    assert isinstance(photo(0), Image.Image)
    assert json.dumps(bench.value("0").model_dump())
