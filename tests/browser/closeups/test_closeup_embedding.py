"""Close-ups of the token embedding: every number that is shown is the network's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from playwright.sync_api import Page, expect

from tests.browser.closeup_page import NEAR, Network, number, numbers, open_closeup, saved_cvt_13
from tests.browser.page_helpers import MODEL
from ui.launch import launch_options
from ui.page import build


@pytest.fixture(scope="module", params=[MODEL, "cvt-13"])
def shown(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., str]
) -> tuple[str, Network]:
    """The address of a page, and the network it shows."""
    if request.param == MODEL:
        return str(request.getfixturevalue("address")), Network.of(MODEL)
    folder = tmp_path_factory.mktemp("cvt-13")
    saved_cvt_13(folder)
    return serve(build(str(folder), "cpu"), **launch_options()), Network.of(str(folder))


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
