"""How far the maps can be trusted on this photo: a table that is worked out when somebody comes to see it."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

from tests.browser.page_helpers import PATIENCE


def figures(page: Any) -> list[float]:
    return [float(text.replace("−", "-")) for text in page.locator(".comparison .figure").all_inner_texts()]


def test_methods_are_compared_in_sight_and_anew_for_another_photo(opened: Any) -> None:
    table = opened.locator(".comparison")
    expect(table).to_have_attribute("data-state", "waiting")
    assert table.locator("tr").count() == 0  # nobody has come to see it
    table.scroll_into_view_if_needed()
    expect(table).to_have_attribute("data-state", "ready", timeout=2 * PATIENCE)
    found = figures(opened)
    assert len(found) >= 8
    assert found == sorted(found, reverse=True)
    assert -1 <= found[-1] < found[0] <= 1
    best = table.locator("tbody th").first.inner_text()
    expect(table.locator(".said")).to_contain_text(best)
    expect(table.locator(".said")).to_contain_text(f"{found[0]:.2f}")
    assert table.locator("tbody tr").first.locator(".line").count() == 2
    table.get_by_role("button", name=re.compile("^Grad-CAM")).click()
    expect(opened.locator("#explorer")).to_have_attribute("data-view", "class_evidence")
    expect(opened.locator("[name=method]")).to_have_value("grad_cam")
    opened.locator("[data-example=taj-mahal]").click()
    opened.locator("#stages").get_by_text("church").wait_for(timeout=PATIENCE)
    expect(table).to_have_attribute("data-state", "waiting", timeout=PATIENCE)
    table.scroll_into_view_if_needed()
    expect(table.locator(".said")).to_contain_text("church")
    expect(table).to_have_attribute("data-state", "ready", timeout=2 * PATIENCE)
    assert figures(opened) != found
