"""Classes are called what the reader calls them; programs know them by their English names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from gradio_client import Client, handle_file
from playwright.sync_api import expect

from cvt.model import CvtForImageClassification
from tests.browser.page_helpers import FIRST_EXAMPLE, MODEL, PATIENCE, first_class, ready
from ui.examples import examples
from visualize.language import Language

JAPANESE = Language.of("ja").texts["classes"]


def test_every_class_of_the_bundled_model_has_a_japanese_name() -> None:
    labels = CvtForImageClassification.from_pretrained(MODEL).config.id2label.values()
    assert set(labels) <= JAPANESE.keys()
    assert len(set(JAPANESE.values())) == len(JAPANESE) == 210


def test_the_page_calls_classes_by_their_japanese_names(page: Any, address: str, top_class: Callable[..., str]) -> None:
    page.goto(f"{address}?lang=ja")
    ready(page)
    winner = JAPANESE[top_class(examples()[FIRST_EXAMPLE].open())]
    expect(first_class(page)).to_have_text(winner)
    expect(page.locator("#stages .answer strong")).to_have_text(winner)
    expect(page.locator(".explanation .said")).to_contain_text(f"「{winner}」")
    expect(page.locator("[name=target] option:checked")).to_have_text(re.compile(f"^{winner}（"))
    page.locator("[data-example=taj-mahal]").click()
    expect(first_class(page)).to_have_text(JAPANESE[top_class(examples()["taj-mahal"].open())], timeout=PATIENCE)
    page.locator("#prediction .confidence-set").nth(1).click()  # what is pressed is still known by its English name
    second = page.locator("#prediction .text").nth(1).inner_text()
    expect(page.locator(".explanation .said")).to_contain_text(f"「{second}」", timeout=PATIENCE)
    page.locator("#about > .label-wrap").click()
    page.locator(".about-model .find").fill("tench")  # found by either name
    expect(page.locator(".about-model li:visible")).to_have_text(JAPANESE["tench"])


def test_programs_hear_the_english_names(address: str, top_class: Callable[..., str]) -> None:
    client = Client(address, verbose=False, headers={"accept-language": "ja"})
    told = client.predict(handle_file(examples()["taj-mahal"].path), api_name="/classify")
    assert told["label"] == top_class(examples()["taj-mahal"].open())
