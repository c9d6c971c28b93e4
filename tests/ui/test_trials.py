"""What a laboratory shows, against the libraries themselves; and whoever else is there notices nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cvt.ablation import ChangeActivation, ChangeDepthwise, ChangePadding, SilenceHead, ablated
from cvt.config import CvtConfig
from cvt.errors import ConfigError
from cvt.geometry import Grid, stage_geometry
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.probe import record
from cvt.tracing import Trace, trace
from tests.cvt.networks import randomise, uniform_config
from tests.ui.test_pieces import small, some_photo
from ui.components.laboratory import laboratory_value, requested_trial, trial_data
from ui.examples import examples
from ui.handlers import Asked, Handlers, Updates
from ui.serving.desk import Desk
from ui.session.laboratory import Outcome, Trial, distance, try_out
from ui.session.look import trace_photo
from ui.session.models import LoadedModel, ModelCache, offered_models
from ui.session.photo_changes import Flip, Shift, Shuffle, Size, cells_before, longest_sides
from ui.session.turn import OvertakenError, Turn
from visualize.class_evidence import class_evidence
from visualize.feature_maps import feature_map

TRIALS: list[Trial] = [
    Shift("right", 4),
    Shift("up", 3),
    Flip("vertical"),
    Shuffle(2, 3),
    Size(48),
    ChangePadding(),
    ChangeDepthwise("mean"),
    ChangeActivation("relu"),
    SilenceHead(2, 1, 0),
]


@pytest.fixture(scope="module")
def network() -> LoadedModel:
    return small()


@pytest.fixture(scope="module")
def seen(network: LoadedModel) -> Trace:
    return trace_photo(network, some_photo(), "winner")


def outcomes(network: LoadedModel, seen: Trace, trial: Trial, **options: Any) -> list[Outcome]:
    return list(try_out(network, Desk(1), seen, some_photo(), trial, **options))


@pytest.mark.parametrize("trial", TRIALS, ids=repr)
def test_what_is_shown_is_what_the_library_says(network: LoadedModel, seen: Trace, trial: Trial) -> None:
    """Both sides of every trial: logits, evidence, features and the distance, from the changed picture or network."""
    first, *_, last = outcomes(network, seen, trial, with_curve=False)
    before, after = last.traces
    assert not first.maps
    np.testing.assert_array_equal(first.traces[1].logits, after.logits)
    np.testing.assert_array_equal(before.logits, seen.logits)
    is_of_photo = isinstance(trial, Shift | Flip | Shuffle | Size)
    model = network.model if is_of_photo else ablated(network.model, trial)
    as_it_is = CvtImageProcessor.from_dict(network.processor.to_dict() | {"do_resize": False})
    if not is_of_photo:
        np.testing.assert_array_equal(after.pixel_values, seen.pixel_values)
    alone = trace(model, as_it_is, Image.fromarray(after.photo), target=seen.target, rules=("libragrad",))
    np.testing.assert_allclose(after.logits, alone.logits, atol=1e-5)
    start, end = (logits - logits.mean() for logits in (seen.logits, alone.logits))
    assert last.change == pytest.approx(np.linalg.norm(end - start) / np.linalg.norm(start), rel=1e-4)
    for stage, maps in enumerate(last.maps):
        for found, source in zip(zip(maps.evidence, maps.features, strict=True), (seen, alone), strict=True):
            np.testing.assert_allclose(found[0].values, class_evidence(source, stage).values, atol=1e-5)
            np.testing.assert_allclose(found[1].values, feature_map(source, stage).values, atol=1e-4)


def test_the_curve_is_that_of_the_shifts_one_by_one(network: LoadedModel, seen: Trace) -> None:
    steps = [outcome.curves for outcome in outcomes(network, seen, ChangePadding())]
    assert [len(curves) for curves in steps] == [0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]
    zeros, reflection = steps[-1]
    assert (zeros.name, reflection.name) == ("zeros", "reflection")
    assert (len(zeros.changes), len(reflection.changes)) == (33, 33)
    assert zeros.changes[0] == reflection.changes[0] == 0
    for by in (1, 8, 31):
        (_, moved) = outcomes(network, seen, Shift("right", by), with_curve=False)
        assert zeros.changes[by] == pytest.approx(moved.change, abs=1e-5)


def test_a_whole_step_moves_the_tokens_with_the_photo(network: LoadedModel, seen: Trace) -> None:
    """The first embedding says the same of the same pixels; moved by less it does not."""

    def embedded(by: int) -> np.ndarray:
        picture = Shift("right", by).picture(seen.pixel_values.transpose(1, 2, 0)).transpose(2, 0, 1)
        with torch.inference_mode(), record(network.model, "stages.0.embedding.output") as heard:
            network.model(torch.from_numpy(picture.copy())[None])
        return heard["cvt.encoder.stages.0.embedding.output"][0].numpy()

    still, whole, part = embedded(0), embedded(4), embedded(2)
    np.testing.assert_allclose(whole[:, :, 3:-1], still[:, :, 2:-2], atol=1e-5)
    assert np.abs(part[:, :, 3:-1] - still[:, :, 2:-2]).max() > 0.1
    (_, found) = outcomes(network, seen, Shift("right", 0), with_curve=False)
    assert [maps.alike for maps in found.maps] == pytest.approx([1, 1, 1], abs=1e-5)


def test_pictures_are_moved_as_is_said() -> None:
    pixels = np.arange(6 * 8 * 3).reshape(6, 8, 3)
    np.testing.assert_array_equal(Shift("right", 2).picture(pixels)[:, 2:], pixels[:, :-2])
    np.testing.assert_array_equal(Shift("right", 2).picture(pixels)[:, :2], pixels[:, 2:0:-1])
    np.testing.assert_array_equal(Shift("up", 1).picture(pixels)[:-1], pixels[1:])
    np.testing.assert_array_equal(Flip("vertical").picture(pixels)[:, 0], pixels[:, -1])
    np.testing.assert_array_equal(Flip("horizontal").picture(pixels)[0], pixels[-1])
    shuffled = Shuffle(2, 5).picture(pixels)
    assert not np.array_equal(shuffled, pixels)
    np.testing.assert_array_equal(np.sort(shuffled.ravel()), pixels.ravel())
    np.testing.assert_array_equal(shuffled, Shuffle(2, 5).picture(pixels))
    assert Size(100, "wide").sides((70, 90), 16) == (50, 100)
    assert Size(90, "photo").sides((70, 90), 16) == (70, 90)
    assert Size(32, "tall").sides((70, 90), 30) == (32, 30)


def test_every_token_knows_where_it_was() -> None:
    grid = Grid(2, 3, stride=4, offset=1, receptive_field=7)
    size = (8, 12)
    assert cells_before(None, grid, grid, size, size).tolist() == [0, 1, 2, 3, 4, 5]  # type: ignore[union-attr]
    moved = cells_before(Shift("right", 4), grid, grid, size, size)
    assert moved.tolist() == [-1, 0, 1, -1, 3, 4]  # type: ignore[union-attr]
    mirrored = cells_before(Flip("vertical"), grid, grid, size, size)
    assert mirrored.tolist() == [2, 1, 0, 5, 4, 3]  # type: ignore[union-attr]
    fine = Grid(4, 6, stride=4, offset=1, receptive_field=7)
    larger = cells_before(Size(24), grid, fine, size, (16, 24))
    assert larger.reshape(4, 6)[:2].tolist() == [[0, 0, 1, 1, 2, 2]] * 2  # type: ignore[union-attr]
    assert cells_before(Size(24, "photo"), grid, fine, size, (16, 24)) is None


def test_logits_that_all_move_alike_have_not_moved() -> None:
    logits = np.array([1, 2, 6], np.float32)
    assert distance(logits, logits + 5) == pytest.approx(0)
    assert distance(logits, 2 * logits) == pytest.approx(1)


def test_a_network_offers_what_it_has(network: LoadedModel) -> None:
    everything = ["convolution", "keys", "head", "block", "cls", "activation"]
    assert laboratory_value("a", network.model.config, 64).changes["break"] == everything
    plain = small(
        cls_token=(False, False, False), qkv_projection_method=("linear",) * 3, stride_kv=(1, 1, 1)
    ).model.config
    value = laboratory_value("a", plain, 64)
    assert value.changes["break"] == ["head", "block", "activation"]
    assert value.activations == ["quick_gelu", "relu"]
    assert [room.step for room in value.stages] == [
        round(stage.tokens.stride) for stage in stage_geometry(plain, 64, 64)
    ]
    assert longest_sides(plain, 64) == (32, 128)
    assert longest_sides(plain, 384) == (32, 512)
    assert longest_sides(plain, 600) == (32, 600)


@pytest.mark.parametrize(
    "config",
    [
        uniform_config(2, embed_dim=12),
        uniform_config(3, qkv_projection_method="avg", cls_token=[False, False, True]),
        uniform_config(1, qkv_projection_method="linear", cls_token=True),
    ],
    ids=["two stages, no CLS", "avg", "one stage, linear"],
)
def test_whatever_a_network_offers_can_be_tried(network: LoadedModel, config: CvtConfig) -> None:
    model = CvtForImageClassification(config).eval()
    randomise(model)
    loaded = LoadedModel(network.entry, model, network.processor)
    seen = trace_photo(loaded, some_photo(), "winner")
    every = {"way": "down", "by": 3, "longest": 40, "shape": "tall", "over": "horizontal", "pieces": 4, "seed": 2}
    every |= {"number": 1, "to": "mean", "stage": 1, "block": 1, "head": 1}
    for change in chain(*laboratory_value("a", config, 64).changes.values()):
        data = every | {"change": change} | ({"to": "relu"} if change == "activation" else {})
        wish = requested_trial(SimpleNamespace(_data=data), config, 64)  # type: ignore[arg-type]
        (_, found) = outcomes(loaded, seen, wish.trial, with_curve=False)
        assert len(found.maps) == config.num_stages
        assert found.change > 1e-4 or change in ("cls", "head"), change


def test_a_border_that_is_wider_than_a_map_is_told() -> None:
    network = small()
    seen = trace_photo(LoadedModel(network.entry, network.model, CvtImageProcessor(size=16)), some_photo(), "winner")
    with pytest.raises(ConfigError, match="larger than the border"):
        outcomes(network, seen, ChangePadding())


def test_what_the_browser_gets_is_the_outcome(network: LoadedModel, seen: Trace) -> None:
    (_, found) = outcomes(network, seen, Flip(), with_curve=False)
    told = trial_data(7, found)
    winner, probability = seen.top(1)[0]
    after = found.traces[1]
    assert (told.number, told.done, told.change) == (7, False, found.change)
    assert (told.before.classes[0].index, told.before.winner.probability) == (winner, probability)
    assert told.after.winner.probability == after.probabilities[winner]
    assert [entry.index for entry in told.after.classes] == [index for index, _ in after.top(3)]
    assert [maps.alike for maps in told.maps] == [maps.alike for maps in found.maps]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "number=None must be a whole number from 1"),
        ({"number": 1}, "change=None must be one of shift, size,"),
        ({"number": 1, "change": "head", "stage": 3, "block": 3}, "block=3 must be a whole number from 1 to 2"),
        ({"number": True, "change": "keys"}, "number=True must be"),
    ],
)
def test_what_cannot_be_tried_is_told(network: LoadedModel, data: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        requested_trial(SimpleNamespace(_data=data), network.model.config, 64)  # type: ignore[arg-type]


def test_what_is_asked_for_counts_from_one(network: LoadedModel) -> None:
    data = {"number": 3, "change": "head", "stage": 3, "block": 2, "head": 1, "curve": True}
    wish = requested_trial(SimpleNamespace(_data=data), network.model.config, 64)  # type: ignore[arg-type]
    assert (wish.number, wish.trial, wish.with_curve) == (3, SilenceHead(2, 1, 0), True)


def test_a_newer_wish_ends_an_older_one(model_folder: Path) -> None:
    """Another trial, or another photo; and an answer is never about another photo than its numbers."""
    models = ModelCache(offered_models(str(model_folder)))
    name, turn, trials = next(iter(models.entries)), Turn(), Turn()
    handlers = Handlers(models, name, None)  # type: ignore[arg-type]
    asked = Asked(object(), next(iter(examples())), name, None, turn.next(), turn)  # type: ignore[arg-type]

    def begin(number: int) -> Iterator[Updates]:
        event = SimpleNamespace(_data={"number": number, "change": "shift", "way": "up", "by": 2, "curve": True})
        return handlers.trial(asked, trials, event)  # type: ignore[arg-type]

    first = begin(5)
    value = next(first)["laboratory"]
    assert (value.trial.number, value.trial.done) == (5, False)
    second = begin(6)
    assert next(second)["laboratory"].key == value.key
    for older in (first, begin(5)):
        with pytest.raises(OvertakenError):
            next(older)
    turn.next()
    with pytest.raises(OvertakenError):
        next(second)
