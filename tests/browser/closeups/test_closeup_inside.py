"""Close-ups of projection, attention, block and answer: every number is the network's own, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect

from cvt.costs import stage_costs
from cvt.image_processor import CvtImageProcessor
from tests.browser.closeup_page import NEAR, Network, number, numbers, open_closeup, saved_cvt_13
from tests.browser.page_helpers import MODEL
from tests.cvt.networks import small_classifier
from ui.launch import launch_options
from ui.page import build

OTHER_KINDS: dict[str, dict[str, Any]] = {
    "avg": {"qkv_projection_method": ("avg", "avg", "avg"), "cls_token": (False, False, False)},
    "linear": {"qkv_projection_method": ("linear", "dw_bn", "linear"), "qkv_bias": (False, False, False)},
}
"""Networks of other kinds than the released ones."""


@pytest.fixture(scope="module", params=[MODEL, "cvt-13", *OTHER_KINDS])
def shown(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., str]
) -> tuple[str, Network]:
    """The address of a page, and the network it shows."""
    if request.param == MODEL:
        return str(request.getfixturevalue("address")), Network.of(MODEL)
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "cvt-13":
        saved_cvt_13(folder)
    else:
        save_small(folder, OTHER_KINDS[request.param])
    return serve(build(str(folder), "cpu"), **launch_options()), Network.of(str(folder))


def save_small(folder: Path, fields: dict[str, Any]) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        small_classifier(**fields).save_pretrained(folder)
    CvtImageProcessor(size=68).save_pretrained(
        folder
    )  # grids of 17, 9 and 5: odd, so that poolings reach over the edge


def state(page: Page, name: str) -> int:
    """What the root says of its place, from 0."""
    return int(page.locator("#closeup").get_attribute(f"data-{name}") or 0) - 1


def key_of(network: Network, stage: int, row: int, column: int) -> int:
    """The key nearest to a token, all from 0 but the stage; without CLS."""
    grids = network.geometry(stage)
    if grids.keys.shape == grids.tokens.shape:
        return row * grids.keys.columns + column
    rows, columns = grids.keys.shape
    nearest = [min(round(at / 2 + 1e-9), size - 1) for at, size in ((row, rows), (column, columns))]
    return nearest[0] * columns + nearest[1]


@pytest.mark.parametrize(
    ("stage", "block", "token", "channel"), [(1, 1, (4, 5), 7), (2, 2, (1, 9), 12), (3, 2, (5, 5), 3)]
)
def test_queries_keys_and_values_are_the_networks(
    page: Page, network: Network, stage: int, block: int, token: tuple[int, int], channel: int
) -> None:
    open_closeup(page, "projection", stage=stage, block=block, query=list(token), channel=channel)
    stage, block, channel = state(page, "stage"), state(page, "block"), state(page, "channel")
    row, column = (place - 1 for place in token)
    cls = int(network.loaded.model.config.cls_token[stage])
    grids = network.geometry(stage + 1)
    token_index = cls + row * grids.tokens.columns + column
    key_index = cls + key_of(network, stage + 1, row, column)
    for which, index in (("query", token_index), ("key", key_index), ("value", key_index)):
        heard = network.heard[f"stages.{stage}.layers.{block}.attention.{which}"][0]
        expected = heard.transpose(0, 1).flatten(1)[index, channel]
        assert number(page, which) == pytest.approx(float(expected), abs=NEAR), which
        if network.loaded.model.config.qkv_projection_method[stage] != "dw_bn":
            continue
        layer = network.stage(stage + 1).layers[block].attention
        convolution = getattr(layer, f"{which}_convolution")
        seen = network.heard[f"stages.{stage}.layers.{block}.attention.input"]
        with torch.inference_mode():
            apart = convolution.convolution(seen)
            after = convolution.norm(apart)
        at = (0, channel, (index - cls) // after.shape[3], (index - cls) % after.shape[3])
        assert number(page, f"{which} sum") == pytest.approx(float(apart[at]), abs=NEAR)
        assert number(page, f"{which} normalised") == pytest.approx(float(after[at]), abs=NEAR)
        assert number(page, f"{which} folded") == pytest.approx(float(after[at]), abs=NEAR)


def test_what_squeezing_saves_is_counted(page: Page, network: Network) -> None:
    open_closeup(page, "projection", stage=1)
    config = network.loaded.model.config
    costs = stage_costs(config, *network.pixels.shape[-2:])
    for stage, cost in enumerate(costs):
        row = f"tbody tr:nth-child({stage + 1}) "
        (tokens,), (keys,) = (numbers(page, f"{row}[data-saving={name}]") for name in ("tokens", "keys"))
        heard = network.heard[f"stages.{stage}.layers.0.attention.key"]
        assert keys == heard.shape[2]
        assert tokens == network.heard[f"stages.{stage}.layers.0.attention.query"].shape[2]
        linear = 2 * keys * config.embed_dim[stage] ** 2
        assert numbers(page, f"{row}[data-saving=squeezed]") == [linear + cost.attention / config.depth[stage]]
        full = 2 * tokens * config.embed_dim[stage] ** 2
        assert numbers(page, f"{row}[data-saving=full]") == [full + cost.unsqueezed / config.depth[stage]]
        weights = network.heard[f"stages.{stage}.layers.0.attention.weights"]
        assert numbers(page, f"{row}[data-saving=memory]") == [4 * weights.numel()]


@pytest.mark.parametrize(("stage", "block", "query", "head"), [(1, 1, "3,4", 1), (2, 2, "8,2", 2), (3, 2, "cls", 2)])
def test_attention_is_the_networks_from_products_to_what_is_fetched(
    page: Page, network: Network, stage: int, block: int, query: str, head: int
) -> None:
    open_closeup(page, "attention", stage=stage, block=block, query=query, head=head)
    stage, block, head, channel = (state(page, name) for name in ("stage", "block", "head", "channel"))
    path = f"stages.{stage}.layers.{block}.attention"
    token = network.token(stage + 1, str(page.locator("#closeup").get_attribute("data-query")))
    q, keys = network.heard[f"{path}.query"][0, head, token], network.heard[f"{path}.key"][0, head]
    weights = network.heard[f"{path}.weights"][0, head, token]
    shares = numbers(page, ".keys [data-cell]")
    assert shares == pytest.approx(weights.tolist(), abs=NEAR)
    assert sum(shares) == pytest.approx(1, abs=1e-6)
    best = int(page.locator("#closeup").get_attribute("data-look") or 0) - 1
    assert weights[best] == weights.max()
    assert number(page, "pair sum") == pytest.approx(float(q @ keys[best]), abs=10 * NEAR)
    scale = network.loaded.model.config.embed_dim[stage] ** -0.5
    assert number(page, "score") == pytest.approx(float(q @ keys[best]) * scale, abs=NEAR)
    assert number(page, "share") == pytest.approx(float(weights[best]), abs=NEAR)
    assert numbers(page, "[data-name='pair keys'] span") == pytest.approx(keys[best].tolist(), abs=NEAR)
    total = numbers(page, "tr.total td[data-value]")
    assert total[1:] == pytest.approx([1, 1], abs=1e-6)
    sharper = (keys @ q * len(q) ** -0.5).softmax(dim=0)
    first = numbers(page, "tbody tr:first-child td:last-child")
    assert first == pytest.approx([float(sharper[weights.argmax()])], abs=NEAR)
    context = network.heard[f"{path}.context"][0, head, token, channel - head * len(q)]
    assert number(page, "result") == pytest.approx(float(context), abs=NEAR)


def test_pointing_at_a_key_opens_it(page: Page, network: Network) -> None:
    open_closeup(page, "attention", stage=3, block=1, query="2,2", head=1)
    cls = int(network.loaded.model.config.cls_token[2])
    page.locator("#closeup .keys > .cells [data-cell]").nth(3).hover()
    expect(page.locator("#closeup")).to_have_attribute("data-look", str(3 + cls + 1))
    path = "stages.2.layers.0.attention"
    weights = network.heard[f"{path}.weights"][0, 0, network.token(3, "2,2")]
    assert number(page, "share") == pytest.approx(float(weights[3 + cls]), abs=NEAR)


@pytest.mark.parametrize(("stage", "block", "query"), [(1, 1, "3,4"), (3, 2, "2,3"), (3, 1, "cls")])
def test_a_block_leads_to_the_networks_token(page: Page, network: Network, stage: int, block: int, query: str) -> None:
    open_closeup(page, "block", stage=stage, block=block, query=query, channel=6)
    stage, block, channel = state(page, "stage"), state(page, "block"), state(page, "channel")
    token = network.token(stage + 1, str(page.locator("#closeup").get_attribute("data-query")))
    after = network.heard[f"stages.{stage}.layers.{block}.output"][0, token]
    assert number(page, "result") == pytest.approx(float(after[channel]), abs=NEAR)
    assert numbers(page, ".bars rect[data-bar]") == pytest.approx(after.tolist(), abs=NEAR)
    layer = network.stage(stage + 1).layers[block]
    context = network.heard[f"stages.{stage}.layers.{block}.attention.context"]
    with torch.inference_mode():
        attention = layer.attention.output_linear(context.transpose(1, 2).flatten(2))[0, token]
        middle = network.entering(stage + 1, block)[token] + attention
        hidden = layer.mlp.expand(layer.mlp_norm(middle))
        mlp = layer.mlp.contract(layer.mlp.activation(hidden))
    assert number(page, "attention") == pytest.approx(float(attention[channel]), abs=NEAR)
    assert number(page, "mlp") == pytest.approx(float(mlp[channel]), abs=NEAR)
    lengths = page.locator("#closeup [data-length]").evaluate_all("nodes => nodes.map(n => Number(n.dataset.length))")
    assert lengths[3] == pytest.approx(float(attention.norm()), abs=10 * NEAR)
    assert lengths[7] == pytest.approx(float(mlp.norm()), abs=10 * NEAR)
    assert numbers(page, f".added li:nth-child({block + 1}) b") == pytest.approx(
        [lengths[3], lengths[7]], abs=10 * NEAR
    )
    unit = int(layer.mlp.activation(hidden).abs().argmax())
    assert number(page, "hidden") == pytest.approx(float(hidden[unit]), abs=NEAR)
    assert number(page, "active") == pytest.approx(float(layer.mlp.activation(hidden)[unit]), abs=NEAR)


def test_the_last_block_ends_in_the_number_that_the_explorer_shows(page: Page, network: Network) -> None:
    blocks = network.loaded.model.config.depth[1]
    open_closeup(page, "block", stage=2, block=blocks, query="3,4", channel=5)
    expected = network.heard["stages.1.output"][0, 4, 2, 3]
    assert number(page, "result") == pytest.approx(float(expected), abs=NEAR)
    expect(page.locator("#closeup")).to_contain_text("channel 5 of stage 2’s feature map")


def test_the_answer_is_the_networks(page: Page, network: Network) -> None:
    order = network.logits.argsort(descending=True)
    first, third = int(order[0]), int(order[2])
    open_closeup(page, "answer", target=first, against=third)
    config = network.loaded.model.config
    probabilities = (network.logits / config.temperature).softmax(dim=0)
    for which, index in (("target", first), ("against", third)):
        assert number(page, f"{which} logit") == pytest.approx(float(network.logits[index]), abs=NEAR)
        assert number(page, f"{which} probability") == pytest.approx(float(probabilities[index]), abs=NEAR)
    with torch.inference_mode():
        model = network.loaded.model
        output = network.heard[f"stages.2.layers.{config.depth[2] - 1}.output"]
        read = model.layernorm(output[:, :1] if config.cls_token[2] else output).mean(dim=1)[0]
        products = read * model.classifier.weight[first]
    listed = numbers(page, "[data-class=target] .summands [data-value]")[:10]
    assert listed[:5] == pytest.approx(products.sort(descending=True).values[:5].tolist(), abs=NEAR)
    assert listed[5:] == pytest.approx(products.sort(descending=True).values[-5:].tolist(), abs=NEAR)
    if config.cls_token[2]:
        states = page.locator("#closeup [data-state]")
        assert states.count() == config.depth[2] + 1
        last = numbers(page, f"[data-state='{config.depth[2]}'] td[data-value]")
        assert last[-2] == pytest.approx(float(network.logits[first]), abs=NEAR)
        weights = network.heard[f"stages.2.layers.{config.depth[2] - 1}.attention.weights"]
        assert last[1] == pytest.approx(float(weights[0, :, 0, 0].mean()), abs=NEAR)
