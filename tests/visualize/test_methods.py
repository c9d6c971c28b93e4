"""The table of methods keeps its word: every line is worked out, and needs and uses what it says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cvt.errors import ConfigError
from cvt.tracing import Trace
from visualize.language import word
from visualize.methods import METHODS, MethodEntry, map_of, method_named, methods_shown

ENTRIES = pytest.mark.parametrize("entry", METHODS.values(), ids=list(METHODS))
OTHER = {"stage": -2, "block": 0, "head": 1, "query": (1, 2)}


def asked(entry: MethodEntry) -> dict[str, object]:
    return {"query": (0, 0)} if "query" in entry.uses else {}


@ENTRIES
def test_maps_are_what_the_table_says(noise_trace: Callable[..., Trace], entry: MethodEntry) -> None:
    got = map_of(noise_trace("released", target=3), entry.id, **asked(entry))  # type: ignore[arg-type]
    assert (got.name, got.kind) == (entry.name, entry.kind)
    assert ("class" in got.details) == entry.needs_target
    assert word("ja", "name", entry.name) != entry.name or entry.name.isascii()


@ENTRIES
def test_a_target_is_needed_where_the_table_says(noise_trace: Callable[..., Trace], entry: MethodEntry) -> None:
    if entry.needs_target:
        with pytest.raises(ConfigError, match="target"):
            map_of(noise_trace("released"), entry.id, **asked(entry))  # type: ignore[arg-type]
    else:
        map_of(noise_trace("released"), entry.id, **asked(entry))  # type: ignore[arg-type]


@ENTRIES
@pytest.mark.parametrize("choice", OTHER)
def test_a_map_depends_on_what_the_table_says(
    noise_trace: Callable[..., Trace], entry: MethodEntry, choice: str
) -> None:
    trace = noise_trace("released", target=3)
    plain = {"stage": -1, "block": -1, "head": 0, "query": (0, 0)}
    plain_map, changed = (map_of(trace, entry.id, **options) for options in (plain, plain | {choice: OTHER[choice]}))  # type: ignore[arg-type]
    same = plain_map.values.shape == changed.values.shape and np.array_equal(plain_map.values, changed.values)
    assert same != (choice in entry.uses)


@pytest.mark.parametrize(("stage", "cam"), [(0, "hires_cam"), (1, "hires_cam"), (2, "grad_cam")])
def test_each_stage_shows_what_tells_something_there(stage: int, cam: str) -> None:
    shown = [entry.id for entry in methods_shown("evidence", stage, 3)]
    assert shown[0] == "libragrad"
    assert {"grad_cam", "hires_cam"}.intersection(shown) == {cam}


def test_names_are_read_kindly_and_unknown_ones_are_said() -> None:
    assert method_named(" Rollout ") is METHODS["rollout"]
    with pytest.raises(ConfigError, match="'lime' must be one of feature, similarity, attention"):
        method_named("lime")
    with pytest.raises(ConfigError, match="similarity is to one token"):
        METHODS["similarity"].work_out(None, type("", (), {"stage": 0, "query": "cls"})())  # type: ignore[arg-type]
