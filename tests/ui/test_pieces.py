"""The numbers that close-ups compute with, against the network itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cvt.errors import ConfigError
from cvt.image_processor import CvtImageProcessor
from cvt.probe import record
from cvt.tracing import Trace
from tests.cvt.networks import randomise, small_classifier
from ui.components.closeup import closeup_value, requested_pieces
from ui.components.explorer import explorer_value
from ui.session.look import trace_photo
from ui.session.models import LoadedModel, ModelEntry
from ui.session.pieces import normalisation, piece_names, pieces


def some_photo() -> Image.Image:
    values = np.random.default_rng(3).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    return Image.fromarray(values)


def small(**fields: Any) -> LoadedModel:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = small_classifier(**fields)
        randomise(model)
    return LoadedModel(ModelEntry("small", "small", "Small", 64), model, CvtImageProcessor(size=64))


@pytest.fixture(scope="module")
def network() -> LoadedModel:
    return small()


@pytest.fixture(scope="module")
def seen(network: LoadedModel) -> Trace:
    return trace_photo(network, some_photo())


def heard(network: LoadedModel, seen: Trace) -> dict[str, torch.Tensor]:
    with torch.inference_mode(), record(network.model, "*") as found:
        network.model(torch.from_numpy(seen.pixel_values.copy())[None])
    return {name.removeprefix("cvt.encoder."): value for name, value in found.items()}


@pytest.mark.parametrize("overrides", [{}, {"do_normalize": False}, {"do_rescale": False}])
def test_bytes_become_what_the_network_gets(network: LoadedModel, overrides: dict[str, bool]) -> None:
    processor = CvtImageProcessor(size=64, **overrides)  # type: ignore[arg-type]
    other = LoadedModel(network.entry, network.model, processor)
    trace = trace_photo(other, some_photo())
    found = pieces(other, trace, ["pixels"])["pixels"]["pixels"]  # type: ignore[call-overload]
    factor, mean, deviation = normalisation(processor)
    assert found.dtype == np.uint8
    values = (found * factor - np.array(mean)) / np.array(deviation)
    np.testing.assert_allclose(values.transpose(2, 0, 1), trace.pixel_values, atol=1e-4)


def test_every_piece_that_has_a_name_is_there(network: LoadedModel, seen: Trace) -> None:
    names = piece_names(network.model.config)
    found = pieces(network, seen, names)
    assert list(found) == names
    assert len(names) == 4 + 3 * 3 + 3 * sum(network.model.config.depth)


def test_tokens_that_enter_a_block_are_the_networks(network: LoadedModel, seen: Trace) -> None:
    probes = heard(network, seen)
    first = probes["stages.2.embedding.output"][0].flatten(1).T
    found = pieces(network, seen, ["stages.2.layers.0.input", "stages.2.layers.1.input", "stages.1.output"])
    cls = network.model.cvt.encoder.stages[2].cls_token[0]
    tokens: Any = found["stages.2.layers.0.input"]
    np.testing.assert_allclose(tokens["tokens"], torch.cat([cls, first]).detach(), atol=1e-5)
    tokens = found["stages.2.layers.1.input"]
    np.testing.assert_allclose(tokens["tokens"], probes["stages.2.layers.0.output"][0], atol=1e-5)
    feature_map: Any = found["stages.1.output"]
    np.testing.assert_allclose(feature_map["map"], seen.stages[1].feature_map, atol=1e-5)


def test_what_blocks_add_ends_in_what_leaves_them(network: LoadedModel, seen: Trace) -> None:
    probes = heard(network, seen)
    gathered: Any = pieces(network, seen, ["gathered"])["gathered"]
    total = gathered["start"] + gathered["attention"].sum(axis=0) + gathered["mlp"].sum(axis=0)
    np.testing.assert_allclose(total, probes["stages.2.layers.1.output"][0, 0], atol=1e-5)
    weights = probes["stages.2.layers.1.attention.weights"][0, :, 0].mean(dim=0)
    np.testing.assert_allclose(gathered["gaze"][1], weights, atol=1e-6)
    added: Any = pieces(network, seen, ["stages.2.added"])["stages.2.added"]
    np.testing.assert_allclose(added["added"][1, 0, 0], np.linalg.norm(gathered["attention"][1]), rtol=1e-5)


def test_without_cls_the_classifier_reads_all_tokens() -> None:
    network = small(cls_token=(False, False, False))
    trace = trace_photo(network, some_photo())
    gathered: Any = pieces(network, trace, ["gathered"])["gathered"]
    assert list(gathered) == ["tokens"]
    rows, columns = trace.stages[2].geometry.tokens.shape
    assert gathered["tokens"].shape == (rows * columns, 16)


def test_weights_have_the_names_they_have_in_the_network(network: LoadedModel, seen: Trace) -> None:
    layer: Any = pieces(network, seen, ["stages.1.layers.0.attention"])["stages.1.layers.0.attention"]
    state = network.model.cvt.encoder.stages[1].layers[0].state_dict()
    assert layer.keys() < state.keys()
    assert {"attention_norm.weight", "attention.key_convolution.norm.running_var"} < layer.keys()
    for name, value in layer.items():
        np.testing.assert_array_equal(value, state[name])


@pytest.mark.parametrize("name", ["stages.9.output", "../pixels", "stages.2.layers.2.mlp", "", "stages.0"])
def test_what_is_no_piece_is_refused(network: LoadedModel, seen: Trace, name: str) -> None:
    with pytest.raises(ConfigError, match="is no piece of this network"):
        pieces(network, seen, ["pixels", name])


@pytest.mark.parametrize("data", [None, [], {}, {"names": "pixels"}, {"names": [1]}, {"names": ["a"] * 17}])
def test_only_a_short_list_of_names_is_a_question(data: Any) -> None:
    with pytest.raises(ConfigError, match="at most 16 names"):
        requested_pieces(SimpleNamespace(_data=data))  # type: ignore[arg-type]
    assert requested_pieces(SimpleNamespace(_data={"names": ["pixels"]})) == ["pixels"]  # type: ignore[arg-type]


def test_a_file_holds_what_its_description_says(network: LoadedModel, seen: Trace) -> None:
    found = pieces(network, seen, ["stages.0.embedding", "pixels"])
    explorer = explorer_value(seen, model_name="small")
    value = closeup_value(explorer, network.model.config, network.processor, found)
    assert value.key == explorer.key
    weights, photo = value.pieces
    numbers = np.frombuffer(Path(weights.file.path).read_bytes(), "<f4")
    assert [tensor.name for tensor in weights.tensors] == list(found["stages.0.embedding"])
    assert sum(int(np.prod(tensor.shape)) for tensor in weights.tensors) == len(numbers)
    kernel = network.model.cvt.encoder.stages[0].embedding.projection.weight
    np.testing.assert_array_equal(numbers[: kernel.numel()], kernel.detach().flatten())
    assert (photo.type, photo.tensors[0].shape) == ("uint8", [64, 64, 3])


def test_the_value_tells_the_shape_of_the_network(network: LoadedModel, seen: Trace) -> None:
    value = closeup_value(explorer_value(seen, model_name="small"), network.model.config, network.processor)
    assert value.pieces == []
    last = value.stages[2]
    assert (last.inputs, last.channels, last.blocks, last.hidden, last.has_cls) == (12, 16, 2, 32, True)
    assert (last.input.rows, last.tokens.rows, last.keys.rows) == (8, 4, 2)
    assert (last.embedding.kernel, last.key.stride, last.query.stride) == (3, 2, 1)
    assert network.model.cvt.encoder.stages[0].layers[0].attention.key_convolution.norm.eps == value.batch_eps
