"""The page says where photos go, and that differs on a Space."""

from __future__ import annotations

import pytest

from ui.page import privacy
from visualize.language import LANGUAGES, phrase


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "value"), [("SPACE_ID", "somebody/explorer"), ("SYSTEM", "spaces")])
def test_on_a_space_photos_are_sent_to_its_server(
    monkeypatch: pytest.MonkeyPatch, language: str, name: str, value: str
) -> None:
    for variable in ("SPACE_ID", "SYSTEM"):
        monkeypatch.delenv(variable, raising=False)
    at_home = phrase(language, "page", privacy())
    assert "Hugging Face" not in at_home
    monkeypatch.setenv(name, value)
    assert "Hugging Face" in phrase(language, "page", privacy())
