"""One page for all close-ups of a network; a file's ``shown`` says which networks there are."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.closeup_page import Network, close_all
from tests.browser.page_helpers import ready


@pytest.fixture
def network(shown: tuple[str, Network]) -> Network:
    return shown[1]


@pytest.fixture(scope="module")
def opened_once(shown: tuple[str, Network], shared_page: Page) -> Page:
    shared_page.goto(shown[0])
    ready(shared_page)
    return shared_page


@pytest.fixture
def page(opened_once: Page) -> Page:
    """The page of a network, with nothing opened on it."""
    close_all(opened_once)
    return opened_once
