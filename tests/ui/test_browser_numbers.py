"""The browser's modules are tested in Node against what the Python libraries give; here, that it is still so."""

from __future__ import annotations

import json

import pytest

from tests.web.library import FILE, answers


def flat(value: object, at: str = "") -> dict[str, object]:
    """Every number and text of nested JSON by its place."""
    if isinstance(value, dict):
        return {k: v for name, inner in value.items() for k, v in flat(inner, f"{at}.{name}").items()}
    if isinstance(value, list | tuple):
        return {k: v for index, inner in enumerate(value) for k, v in flat(inner, f"{at}[{index}]").items()}
    return {at: value}


def test_the_answers_that_node_reads_are_the_libraries() -> None:
    written, now = flat(json.loads(FILE.read_text(encoding="utf-8"))), flat(answers())
    assert written.keys() == now.keys()
    for at, value in now.items():
        expected = pytest.approx(value, abs=1e-6) if isinstance(value, float) else value
        assert written[at] == expected, f"{at}: run python -m tests.web.library"
