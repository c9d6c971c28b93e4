"""The laboratories in a browser: what is done there by hand, held against the library; and two visitors at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect

from cvt.ablation import SilenceHead, ablated
from cvt.image_processor import CvtImageProcessor
from cvt.tracing import trace
from tests.browser.page_helpers import FIRST_EXAMPLE, MODEL, PATIENCE, first_class, png, ready
from tests.ui.servers import Server
from ui.examples import examples
from ui.session.models import LoadedModel, load, offered_models
from ui.session.photo_changes import Shift
from ui.session.pieces import input_bytes

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

FIRST = examples()[FIRST_EXAMPLE]


@pytest.fixture(scope="module")
def network() -> LoadedModel:
    return load(offered_models(MODEL)[0], torch.device("cpu"))


@pytest.fixture(scope="module")
def seen(network: LoadedModel) -> Any:
    return trace(network.model, network.processor, FIRST.open())


def tried(page: Any, what: str) -> Any:
    """Wait until everything that is known of a trial is on the screen; the laboratory."""
    laboratory = page.locator("#laboratory")
    expect(laboratory).to_have_attribute("data-tried", what, timeout=PATIENCE)
    expect(laboratory).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    return laboratory


def told(laboratory: Any, side: str) -> dict[int, float]:
    """The probabilities on the screen, by class."""
    lines = laboratory.locator(f"[data-side={side}] li").all()
    return {int(line.get_attribute("data-class")): float(line.get_attribute("data-probability")) for line in lines}


def agrees(laboratory: Any, side: str, result: Any) -> None:
    """What is told of a side is what the library says."""
    shown = told(laboratory, side)
    assert len(shown) == 3
    for index, probability in shown.items():
        assert probability == pytest.approx(float(result.probabilities[index]), abs=1e-4)
    assert max(shown, key=lambda index: shown[index]) == result.top(1)[0][0]


def test_the_photo_is_moved_by_hand(opened: Any, network: LoadedModel, seen: Any) -> None:
    expect(opened.locator("#laboratory .shut")).to_be_hidden()  # there is nothing to close
    opened.get_by_role("button", name="Place without positions").click()
    laboratory = tried(opened, "shift right 0")
    expect(opened.get_by_role("heading", name="Laboratory: place without positions")).to_be_visible()
    agrees(laboratory, "before", seen)
    agrees(laboratory, "after", seen)
    laboratory.get_by_role("button", name="stage 3: 16 px").click()
    tried(opened, "shift right 16")
    expect(laboratory.locator(".follows")).to_contain_text("16 px are exactly 1 × 16 px, the step of stage 3")
    laboratory.get_by_role("application").focus()
    opened.keyboard.press("ArrowLeft")
    opened.keyboard.press("Shift+ArrowLeft")
    tried(opened, "shift right 11")
    expect(laboratory.get_by_role("application")).to_be_focused()
    expect(laboratory.get_by_role("slider", name="By")).to_have_value("11")
    pixels = Shift("right", 11).picture(input_bytes(network.processor, seen.pixel_values))
    as_it_is = CvtImageProcessor.from_dict(network.processor.to_dict() | {"do_resize": False})
    moved = trace(network.model, as_it_is, Image.fromarray(np.ascontiguousarray(pixels)))
    agrees(laboratory, "after", moved)
    start, end = (logits - logits.mean() for logits in (seen.logits, moved.logits))
    change = 100 * float(np.linalg.norm(end - start) / np.linalg.norm(start))
    expect(laboratory.locator(".said")).to_contain_text(f"The logits move by {change:.0f} %.")
    points = laboratory.locator("polyline").get_attribute("points").split()
    assert len(points) == 33
    marker = laboratory.locator("circle.here")
    assert points[11] == ",".join(f"{float(marker.get_attribute(name)):.1f}" for name in ("cx", "cy"))
    expect(opened).to_have_url(re.compile("try=place&try_change=shift&try_way=right&try_by=11"))


def test_a_slider_in_motion_ends_where_it_stops(opened: Any, seen: Any) -> None:
    """Each press asks anew; only the last one counts, and closing brings the focus back."""
    opener = opened.get_by_role("button", name="Place without positions")
    opener.click()
    tried(opened, "shift right 0")
    slider = opened.get_by_role("slider", name="By")
    slider.focus()
    for _ in range(9):
        opened.keyboard.press("ArrowRight")
    laboratory = tried(opened, "shift right 9")
    expect(slider).to_be_focused()
    agrees(laboratory, "before", seen)
    opened.keyboard.press("Escape")
    expect(laboratory).not_to_have_attribute("data-laboratory", "place")
    expect(opener).to_be_focused()


def test_a_head_is_silenced_on_a_phone(
    new_page: Callable[..., Any], address: str, network: LoadedModel, seen: Any
) -> None:
    page = new_page(**PHONE)
    page.goto(f"{address}?lang=en")
    ready(page)
    page.get_by_role("button", name="Break it").tap()
    laboratory = tried(page, "break")
    expect(laboratory.locator(".said")).to_contain_text("Nothing is broken yet")
    page.get_by_role("button", name="Silence a head").tap()
    tried(page, "head 3 4 1")
    expect(page.get_by_text("Not retrained for this")).to_be_visible()
    laboratory.get_by_label("Head").select_option("3")
    tried(page, "head 3 4 3")
    as_it_is = CvtImageProcessor.from_dict(network.processor.to_dict() | {"do_resize": False})
    pixels = Image.fromarray(input_bytes(network.processor, seen.pixel_values))
    agrees(laboratory, "after", trace(ablated(network.model, SilenceHead(2, 3, 2)), as_it_is, pixels))
    laboratory.get_by_label("Stage").select_option("1")
    tried(page, "head 1 1 1")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_another_photo_is_tried_at_once_and_numbers_are_its_own(opened: Any) -> None:
    opened.get_by_role("button", name="Place without positions").click()
    opened.locator("#laboratory").get_by_role("button", name="Flip").click()
    laboratory = tried(opened, "flip vertical")
    before = laboratory.locator(".cell img").first.get_attribute("src")
    opened.locator("[data-example=coffee]").click()
    opened.wait_for_function(
        "(src) => { const now = document.querySelector('#laboratory .cell img')?.src; return now && now !== src; }",
        arg=opened.evaluate("(src) => new URL(src, document.baseURI).href", before),
        timeout=PATIENCE,
    )
    tried(opened, "flip vertical")
    name = laboratory.locator("[data-side=before] .winner .name").inner_text()
    assert name == first_class(opened).inner_text().strip()


def test_a_lesson_opens_the_laboratory_and_waits_for_it(new_page: Callable[..., Any], address: str) -> None:
    page = new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{address}?lesson=8&step=1")
    expect(page.locator("#lessons")).to_have_attribute("data-opened", "8.1", timeout=PATIENCE)
    dock = page.locator("#lessons .dock")
    expect(dock.locator(".next")).to_have_text("Skip")
    dock.get_by_label(re.compile("Where its tokens stand")).check()
    dock.get_by_role("button", name="Check").click()
    dock.get_by_role("button", name="See it in the laboratory").click()
    laboratory = tried(page, "convolution identity")
    expect(dock.locator(".next")).to_have_text("Skip")
    laboratory.get_by_role("button", name="mean of the window").click()
    tried(page, "convolution mean")
    expect(dock.locator(".mark")).to_have_text("Done")


def found(said: Any, name: str) -> Iterator[Any]:
    """Every value of that name in what a server said."""
    if isinstance(said, dict):
        if said.get(name) is not None:
            yield said[name]
        said = list(said.values())
    if isinstance(said, list | tuple):
        for value in said:
            yield from found(value, name)


def test_a_broken_network_is_nobody_elses(address: str) -> None:
    """One visitor breaks the network in every way while another asks it: both hear what they hear alone."""
    client = httpx.Client(base_url=address, timeout=60)
    server = Server(address, None, Path(), client)  # type: ignore[arg-type]
    handlers, photo = server.handlers(), {"path": server.upload(png(FIRST.open().resize((64, 64))))}
    here = [photo, {"pictures": [], "chosen": None}, MODEL, None, 0, None]
    there = [photo, {"pictures": [], "chosen": "coffee"}, MODEL, None, 0, None]
    changes = [
        *({"change": "convolution", "to": to} for to in ("identity", "mean")),
        *({"change": name} for name in ("keys", "cls", "border")),
        *({"change": "activation", "to": "relu"}, {"change": "block", "stage": 3, "block": 1}),
    ]

    def break_it() -> list[float]:
        wishes = [{"number": 1, "curve": False, **change} for change in changes]
        said = [server.ask(handlers["trial"], [*here, None], wish) for wish in wishes]
        return [next(found(answer, "trial"))["after"]["winner"]["probability"] for answer in said]

    def look() -> Any:
        return next(found(server.ask(handlers["show"], there), "confidences"))

    alone, broken = look(), break_it()
    assert len({round(share, 6) for share in broken}) > 4
    with ThreadPoolExecutor(2) as visitors:
        breaking = visitors.submit(break_it)
        looks = [visitors.submit(look).result()]
        while not breaking.done():
            looks.append(visitors.submit(look).result())
        assert breaking.result() == pytest.approx(broken, abs=1e-6)
    assert len(looks) > 1
    looks.append(look())
    client.close()
    assert all(answer == alone for answer in looks)
