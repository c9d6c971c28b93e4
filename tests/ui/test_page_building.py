"""How the page is built and served; what it does is tested in the browser."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio.data_classes import GradioModel
from gradio.state_holder import SessionState

from cvt.errors import CvtError
from tests.ui.conftest import NAMES
from ui.components.part import Part
from ui.components.photo import MAX_BYTES
from ui.components.undrawn import UNDRAWN
from ui.examples import opening_example
from ui.handlers import Asked, Handlers
from ui.launch import launch_options
from ui.page import MOST_WAITING, build
from ui.serving import assets
from ui.serving.watching import WatchedBlocks
from ui.session.models import ModelCache, offered_models
from ui.session.turn import OvertakenError, Turn

FIRST = opening_example(NAMES)


@pytest.fixture(scope="module")
def demo(model_folder: Path) -> gr.Blocks:
    """The page on the small network."""
    return build(str(model_folder), "cpu")


def component(demo: gr.Blocks, elem_id: str) -> dict[str, Any]:
    return next(c["props"] for c in demo.config["components"] if c["props"].get("elem_id") == elem_id)


def part(demo: gr.Blocks, name: str) -> dict[str, Any]:
    template = f'<div data-part="{name}"></div>'
    return next(c["props"] for c in demo.config["components"] if c["props"].get("html_template") == template)


def test_it_starts_without_asking_the_network(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("somebody asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    build(str(model_folder), "cpu")


def test_a_browser_fetches_nothing_for_what_is_never_drawn(demo: gr.Blocks) -> None:
    """Photo, numbers and the endpoints' components only hold values; one of a type would bring its modules along."""
    components = demo.config["components"]
    assert {"image", "number", "textbox"}.isdisjoint(component["type"] for component in components)
    hidden = [component for component in components if component["type"] == UNDRAWN]
    assert {"image", "number", "textbox"} <= {component["props"]["name"] for component in hidden}


def test_the_first_example_and_its_result_are_part_of_the_page(demo: gr.Blocks) -> None:
    photo = next(
        component["props"]["value"] for component in demo.config["components"] if component["props"]["name"] == "image"
    )
    assert photo["orig_name"] == FIRST.file
    prediction = component(demo, "prediction")["value"]
    assert len(prediction["confidences"]) == 5
    assert [card["numbers"]["stage"] for card in part(demo, "stages")["value"]["cards"]] == [1, 2, 3]
    explorer = part(demo, "explorer")["value"]
    assert explorer["example"] == FIRST.id
    assert [evidence["index"] for evidence in explorer["evidence"]] == [explorer["classes"][0]["index"]]


def test_what_the_first_paint_shows_is_never_cleaned_away(demo: WatchedBlocks) -> None:
    kept = demo.first_paint()
    shown = []

    def find(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("meta", {}) == {"_type": "gradio.FileData"}:
                shown.append(value["path"])
            for inner in value.values():
                find(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                find(inner)

    find([c["props"].get("value") for c in demo.config["components"]])
    assert len(shown) >= 17  # the photo, the explorer's files and the pictures of the ribbon
    assert set(shown) <= kept


def test_no_document_carries_the_schema_of_a_part(demo: gr.Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio asks every part for it, three times, for every call of a program and for every visitor."""
    asked: list[type[GradioModel]] = []
    monkeypatch.setattr(GradioModel, "model_json_schema", classmethod(lambda model: asked.append(model)))
    described = SessionState(demo).config_values
    assert not asked
    parts = [block for block in demo.blocks.values() if isinstance(block, Part)]
    assert len(parts) == len(assets.PARTS)
    assert not any(described[part._id]["api_info"] for part in parts)
    private = [fn for fn in demo.fns.values() if any(isinstance(block, Part) for block in (*fn.inputs, *fn.outputs))]
    assert private and all(fn.api_visibility == "private" for fn in private)  # so that nobody misses it


def test_what_takes_long_waits_in_bounded_lines_of_its_own(demo: gr.Blocks) -> None:
    ours = {
        "page": {"show", "evidence", "pieces"},
        "measuring": {"curve", "take"},
        "comparison": {"compare"},
        "calls": {"run_classify", "run_explain"},
    }
    for line, names in ours.items():
        waiting = [fn for fn in demo.fns.values() if fn.concurrency_id == line]
        assert {fn.name for fn in waiting} >= names
        assert all(0 < fn.concurrency_limit < 20 for fn in waiting)  # of the 40 threads some are left for the rest
    assert demo._queue.max_size == MOST_WAITING
    wishes = {fn.name for fn in demo.fns.values() if fn.concurrency_id == "wishes"}
    assert wishes == {"drop", "pick", "renew", "widen", "read_address"}  # in the order in which they were made


def test_only_the_two_endpoints_are_open(demo: gr.Blocks) -> None:
    assert {fn.api_name for fn in demo.fns.values() if fn.api_visibility == "public"} == {"classify", "explain"}


def test_it_is_served_with_care() -> None:
    options = launch_options()
    assert options["max_file_size"] == MAX_BYTES
    assert options["run_history"] is False
    assert options["enable_monitoring"] is False
    assert "show_error" not in options


def test_a_model_that_is_not_there_is_told_at_the_start() -> None:
    with pytest.raises(CvtError, match="nobody"):
        build("nobody/nothing", "cpu")
    with pytest.raises(CvtError, match="device 'abacus'"):
        build("bundled", "abacus")


def test_a_newer_wish_overtakes() -> None:
    turn = Turn()
    first = turn.next()
    turn.check(first)
    second = turn.next()
    turn.check(second)
    with pytest.raises(OvertakenError):
        turn.check(first)


@pytest.mark.parametrize(
    ("query", "asks_for"),
    [
        ({}, set()),
        ({"example": FIRST.id}, set()),
        ({"model": "bundled"}, set()),
        ({"example": "cat"}, {"photo", "examples", "started", "number"}),
        ({"model": "microsoft/cvt-13"}, {"model", "started", "number"}),
        (
            {"example": "cat", "model": "microsoft/cvt-13"},
            {"photo", "examples", "model", "started", "number"},
        ),
        ({"example": "nobody", "model": "microsoft/cvt-13"}, {"model", "started", "number"}),
        ({"example": "cat", "model": "nobody"}, {"photo", "examples", "started", "number"}),
    ],
)
def test_the_address_changes_only_what_it_must(
    query: dict[str, str], asks_for: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(gr, "Warning", told.append)
    models = ModelCache(offered_models("bundled"))
    first = SimpleNamespace(explorer=SimpleNamespace(example=FIRST.id))
    handlers = Handlers(models, "bundled", first)  # type: ignore[arg-type]
    updates = handlers.read_address(Turn(), SimpleNamespace(query_params=query))  # type: ignore[arg-type]
    assert set(updates) == asks_for
    assert len(told) == list(query.values()).count("nobody")


def test_a_photo_costs_one_forward_pass_and_the_prediction_comes_first(model_folder: Path) -> None:
    models = ModelCache(offered_models(str(model_folder)))
    name = next(iter(models.entries))
    handlers, turn = Handlers(models, name, None), Turn()  # type: ignore[arg-type]
    runs = []
    hook = models.get(name).model.register_forward_pre_hook(lambda *_: runs.append(turn))
    asked = Asked(object(), FIRST.id, name, None, turn.next(), turn)  # type: ignore[arg-type]
    updates = list(handlers.show(asked))
    hook.remove()
    assert len(runs) == 1
    assert [set(update) & {"prediction", "explorer", "stages"} for update in updates] == [
        {"prediction"},
        {"explorer"},
        {"stages"},
    ]
    kept = updates[1]["kept"]
    assert kept.trace.target == kept.winner == kept.explorer.evidence[0].index
