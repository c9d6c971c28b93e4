"""Close-ups on the page: every number that is shown is the network's own, and hands, keys and links move them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect

from tests.browser.closeup_page import NEAR, Network, number, numbers, open_closeup, saved_cvt_13
from tests.browser.page_helpers import PATIENCE, ready
from ui.launch import launch_options
from ui.page import build


@pytest.fixture(scope="session")
def closeup_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the page is started with: the bundled model, and a CvT-13 of random weights."""
    folder = tmp_path_factory.mktemp("cvt-13")
    saved_cvt_13(folder)
    return {"bundled": "bundled", "cvt-13": str(folder)}


@pytest.fixture(scope="session", params=["bundled", "cvt-13"])
def shown(
    request: pytest.FixtureRequest, closeup_models: dict[str, str], serve: Callable[..., str]
) -> tuple[str, Network]:
    """The address of a page, and the network it shows."""
    choice = closeup_models[request.param]
    if request.param == "bundled":
        return str(request.getfixturevalue("address")), Network.of(choice)
    return serve(build(choice, "cpu"), **launch_options()), Network.of(choice)


@pytest.fixture
def network(shown: tuple[str, Network], page: Page) -> Network:
    """The network that is on the page."""
    page.goto(shown[0])
    ready(page)
    return shown[1]


PLACES = [(1, (14, 18), 10), (1, (1, 1), 1), (2, (5, 18), 70), (3, (9, 9), 190)]
"""Stage, token and channel, from 1: inside, in corners, at an edge."""


@pytest.mark.parametrize(("stage", "token", "channel"), PLACES)
def test_the_embedding_ends_in_the_networks_number(
    page: Page, network: Network, stage: int, token: tuple[int, int], channel: int
) -> None:
    open_closeup(page, "embedding", stage=stage, query=f"{token[0]},{token[1]}", channel=min(channel, 48 * 4))
    channel = int(page.locator("#closeup").get_attribute("data-channel") or 0)
    row, column = (place - 1 for place in token)
    embedding = network.stage(stage).embedding
    with torch.inference_mode():
        before = embedding.projection(network.below(stage))[0, :, row, column]
        mean, deviation = before.mean(), (before.var(correction=0) + embedding.norm.eps).sqrt()
    after = network.heard[f"stages.{stage - 1}.embedding.output"][0, channel - 1, row, column]
    assert number(page, "result") == pytest.approx(float(after), abs=NEAR)
    assert number(page, "sum") == pytest.approx(float(before[channel - 1]), abs=NEAR)
    assert number(page, "mean") == pytest.approx(float(mean), abs=NEAR)
    assert number(page, "deviation") == pytest.approx(float(deviation), abs=NEAR)
    bars = numbers(page, ".bars rect[data-bar]")
    token_now = network.heard[f"stages.{stage - 1}.embedding.output"][0, :, row, column]
    assert bars == pytest.approx(token_now.tolist(), abs=NEAR)


def window_of(network: Network, stage: int, token: tuple[int, int]) -> torch.Tensor:
    """What a token's window sees, ``[channels, kernel, kernel]``, with its border of zeros."""
    convolution = network.stage(stage).embedding.projection
    size, step, border = convolution.kernel_size[0], convolution.stride[0], convolution.padding[0]
    padded = torch.nn.functional.pad(network.below(stage), [border] * 4)[0]
    row, column = (step * (place - 1) for place in token)
    return padded[:, row : row + size, column : column + size]


@pytest.mark.parametrize(("stage", "token"), [(1, (14, 18)), (1, (1, 36)), (3, (1, 9))])
def test_every_product_is_a_number_of_the_window_times_its_weight(
    page: Page, network: Network, stage: int, token: tuple[int, int]
) -> None:
    open_closeup(page, "embedding", stage=stage, query=list(token), channel=7)
    window = window_of(network, stage, token)
    weight = network.stage(stage).embedding.projection.weight[6].detach()
    products = (window * weight).flatten(1)
    lines = page.locator("#closeup .line")
    for index in range(lines.count()):
        channel = int(lines.nth(index).get_attribute("data-input") or 0) - 1
        line = f".line[data-input='{channel + 1}']"
        assert numbers(page, f"{line} [data-name=weights] span") == pytest.approx(weight[channel].flatten().tolist())
        found = numbers(page, f"{line} [data-name=products] span")
        assert found == pytest.approx(products[channel].tolist(), abs=NEAR)
        assert number(page, f"sum {channel + 1}") == pytest.approx(float(products[channel].sum()), abs=NEAR)
    if stage > 1:  # the strongest first, and all others in one number
        order = products.sum(dim=1).abs().argsort(descending=True)[: lines.count()]
        shown = [
            int(channel or 0) - 1 for channel in lines.evaluate_all("nodes => nodes.map(node => node.dataset.input)")
        ]
        assert shown == order.tolist()
        rest = products.sum() - products.sum(dim=1)[order].sum()
        assert number(page, "rest") == pytest.approx(float(rest), abs=NEAR)


def test_a_pixel_that_is_pointed_at_is_followed_from_its_byte(page: Page, network: Network) -> None:
    open_closeup(page, "embedding", stage=1, query="14,18", channel=10)
    page.locator(".line[data-input='2'] [data-name=pixels] span").nth(9).hover()
    expect(page.locator("#closeup")).to_have_attribute("data-look", str(49 + 9 + 1))
    expect(page.locator("#closeup .cells .looked")).to_have_count(3)
    value = float(window_of(network, 1, (14, 18))[1, 1, 2])
    weight = float(network.stage(1).embedding.projection.weight[9, 1, 1, 2].detach())
    byte = round((value * 0.224 + 0.456) * 255)
    assert number(page, "byte") == byte
    assert number(page, "input") == pytest.approx(value, abs=NEAR)
    assert number(page, "weight") == pytest.approx(weight, abs=NEAR)
    assert number(page, "product") == pytest.approx(value * weight, abs=NEAR)


def test_the_largest_products_come_first_when_they_are_to(page: Page, network: Network) -> None:
    open_closeup(page, "embedding", stage=1, query="14,18", channel=10)
    page.get_by_role("button", name="Largest products first").click()
    listed = numbers(page, ".summands [data-cell]")
    weight = network.stage(1).embedding.projection.weight[9].detach()
    products = (window_of(network, 1, (14, 18)) * weight).flatten()
    order = products.abs().argsort(descending=True)
    assert [abs(product) for product in listed] == pytest.approx(
        products[order[: len(listed)]].abs().tolist(), abs=NEAR
    )
    assert number(page, "others") == pytest.approx(float(products[order[len(listed) :]].sum()), abs=NEAR)
    page.keyboard.press("Space")  # the button has kept the focus
    expect(page.locator("#closeup .line")).to_have_count(3)


def test_the_window_slides_by_keys_and_by_hand(opened: Page) -> None:
    page = opened
    open_closeup(page, "embedding", stage=1, query="14,18", channel=10)
    root, picture = page.locator("#closeup"), page.locator("#closeup .seen")
    before = number(page, "result")
    picture.focus()
    page.keyboard.press("ArrowRight")
    expect(root).to_have_attribute("data-query", "14,19")
    page.keyboard.press("Shift+ArrowDown")
    expect(root).to_have_attribute("data-query", "18,19")
    assert number(page, "result") != before
    box = picture.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    expect(root).to_have_attribute("data-query", "19,19")
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.01 * box["height"], steps=4)
    expect(root).to_have_attribute("data-query", "1,8")
    page.mouse.up()
    expect(page.locator("#closeup figcaption strong")).to_contain_text("14 of its 49 places lie outside")


def test_numbers_of_a_grid_are_walked_with_arrow_keys(opened: Page) -> None:
    open_closeup(opened, "embedding", stage=1, query="14,18", channel=10)
    heard = (
        """() => { window.looks = []; document.addEventListener("closeup:look", (e) => looks.push(e.detail.cell)); }"""
    )
    opened.evaluate(heard)
    opened.locator(".line[data-input='1'] [data-name=pixels]").focus()
    start = int(opened.locator("#closeup").get_attribute("data-look") or 0)
    opened.keyboard.press("ArrowDown")
    down = start + 7 if start + 7 <= 49 else start
    expect(opened.locator("#closeup")).to_have_attribute("data-look", str(down))
    opened.keyboard.press("ArrowLeft")
    expect(opened.locator("#closeup")).to_have_attribute("data-look", str(down - 1))
    assert opened.evaluate("looks.at(-1)") == down - 1


def test_a_link_opens_it_and_closing_takes_it_out_of_the_address(page: Page, address: str) -> None:
    page.goto(f"{address}?open=embedding&stage=2&query=3,4&channel=5")
    root = page.locator("#closeup[data-closeup=embedding]")
    expect(root).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    expect(root).to_have_attribute("data-query", "3,4")
    page.wait_for_function("location.search.includes('open_channel=5')")
    page.reload()
    expect(root).to_have_attribute("data-channel", "5", timeout=PATIENCE)
    page.get_by_role("button", name="Close the close-up").click()
    expect(page.locator("#closeup")).to_be_hidden()
    assert page.locator("#closeup").get_attribute("data-closeup") is None
    assert "open" not in page.evaluate("[...new URLSearchParams(location.search).keys()].join().replace('opened', '')")


def test_the_ribbon_and_the_bars_open_numbers(opened: Page) -> None:
    opened.locator("#stages [data-open=embedding]").nth(1).click()
    root = opened.locator("#closeup[data-closeup=embedding]")
    expect(root).to_have_attribute("data-stage", "2", timeout=PATIENCE)
    expect(root).to_have_attribute("data-state", "ready")
    bars = opened.locator("#closeup .bars")
    box = bars.bounding_box()
    assert box
    bars.click(position={"x": 41.5 / 96 * box["width"], "y": box["height"] / 2})
    expect(root).to_have_attribute("data-channel", "42")


def test_another_photo_is_followed(opened: Page) -> None:
    open_closeup(opened, "embedding", stage=2, query="5,5", channel=3)
    before = number(opened, "result")
    opened.locator("[data-example=coffee]").click()
    opened.wait_for_function(
        "before => document.querySelector('#closeup [data-name=result]')?.dataset.value !== before",
        arg=str(before),
        timeout=PATIENCE,
    )
    expect(opened.locator("#closeup")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    expect(opened.locator("#closeup")).to_have_attribute("data-query", "5,5")


def test_no_numbers_travel_before_something_is_opened(new_page: Callable[..., Any], address: str) -> None:
    page = new_page()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "piece.bin" in request.url else None)
    page.goto(address)
    ready(page)
    assert fetched == []
    open_closeup(page, "embedding", stage=1)
    assert len(fetched) == 2  # the pixels and the weights
    open_closeup(page, "embedding", stage=1, query="3,3", channel=4)
    assert len(fetched) == 2


def test_what_did_not_arrive_is_asked_for_again(opened: Page) -> None:
    lost: list[str] = []

    def lose(route: Any) -> None:
        lost.append(route.request.url)
        route.abort() if len(lost) <= 2 else route.continue_()

    opened.route("**/piece.bin", lose)
    opened.evaluate("void document.querySelector('#closeup').closeup.open({ kind: 'embedding' })")
    retry = opened.get_by_role("button", name="Try again")
    expect(opened.locator("#closeup")).to_contain_text("The numbers could not be fetched", timeout=PATIENCE)
    retry.click()
    expect(opened.locator("#closeup")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    assert len(lost) >= 4


def test_keys_alone_open_it_and_close_it(opened: Page) -> None:
    opener = opened.locator("#stages [data-open=answer]")
    opener.focus()
    opened.keyboard.press("Enter")
    expect(opened.locator("#closeup h2")).to_be_focused(timeout=PATIENCE)
    expect(opened.locator("#closeup")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    opened.keyboard.press("Escape")
    expect(opened.locator("#closeup")).to_be_hidden()
    expect(opener).to_be_focused()


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("kind", ["embedding", "projection", "attention", "block", "answer"])
def test_nothing_is_cut_on_a_phone(new_page: Callable[..., Any], address: str, kind: str, language: str) -> None:
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.goto(f"{address}?lang={language}&open={kind}")
    expect(page.locator(f"#closeup[data-closeup={kind}]")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    nodes = page.locator("#closeup :not(.scrolling *)")
    beyond = nodes.evaluate_all("all => all.filter(n => n.getBoundingClientRect().right > innerWidth + 1).length")
    assert beyond == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    words = page.locator("#closeup").inner_text()
    assert not any(part in words for part in ("{", "caption.", "step.", "column.", "undefined", "NaN"))
    if kind != "answer":  # a tap moves it
        page.locator("#closeup .seen").tap(position={"x": 60, "y": 80})
        expect(page.locator("#closeup")).not_to_have_attribute("data-query", "19,19")
