"""Beside the prediction: the classes, and the way to a model that knows more of them, with and without a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from cvt.config import CvtConfig
from cvt.files import read_json
from cvt.image_processor import CvtImageProcessor
from cvt.locations import resolve_file
from cvt.model import CvtForImageClassification
from tests.browser.page_helpers import MODEL, PATIENCE, ready
from tests.cvt.stand_in_hub import StandInHub
from ui.examples import examples
from ui.launch import launch_options
from ui.page import build


@pytest.fixture
def model_of_thousand(tmp_path: Path) -> Path:
    """What stands in for the published CvT-13: its classes, and a network that answers in a blink."""
    folder = tmp_path / "model"
    names = {index: f"kind {index}" for index in range(1000)}
    config = CvtConfig(embed_dim=[8, 16, 32], num_heads=[1, 2, 4], depth=[1, 1, 2], id2label=names)
    CvtForImageClassification(config).save_pretrained(folder)
    CvtImageProcessor(size=64).save_pretrained(folder)
    return folder


def test_the_list_opens_where_one_can_search_it(opened: Any) -> None:
    classes = CvtConfig.from_pretrained(MODEL).num_labels
    measured = round(100 * read_json(resolve_file(MODEL, "evaluation.json"))["top1"])
    scope = opened.locator("#scope")
    expect(scope).to_contain_text(f"It knows {classes} kinds of things, and named {measured} of 100 photos rightly")
    opened.get_by_role("button", name="See which").click()
    expect(opened.locator("#about .find")).to_be_focused()
    opened.keyboard.type("ench h")
    expect(opened.locator("#about .classes li:visible")).to_have_text(["French horn"])


def test_a_wider_model_comes_while_the_page_goes_on(
    page: Any, serve: Callable[..., str], stand_in: StandInHub, model_of_thousand: Path
) -> None:
    page.goto(serve(build("bundled", "cpu"), **launch_options()))
    ready(page)
    expect(page.locator(f"[data-example={next(iter(examples()))}]")).to_have_attribute("aria-pressed", "true")
    scope = page.locator("#scope")
    offer = scope.get_by_role("button", name="CvT-13 knows 1,000 (80 MB, downloaded once)")
    offer.click()  # there is nothing to be had yet
    expect(scope).to_contain_text("CvT-13 could not be fetched.", timeout=PATIENCE)
    stand_in.add("microsoft/cvt-13", model_of_thousand)
    scope.get_by_role("button", name="Try again").click()
    page.locator("[data-example=coffee]").click()
    expect(page).to_have_url(re.compile("example=coffee"), timeout=PATIENCE)
    ready(page)
    scope.get_by_role("button", name="Look with CvT-13").click(timeout=PATIENCE)
    expect(page).to_have_url(re.compile("model=microsoft"), timeout=PATIENCE)
    ready(page)
    expect(scope.get_by_role("status").first).to_contain_text("none of the 1,000 kinds of things it knows")
    expect(scope.locator(".more")).to_be_hidden()
    expect(page.locator("#prediction")).to_contain_text("kind ")
    assert stand_in.downloads().count("model.safetensors") == 1
