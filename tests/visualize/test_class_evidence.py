"""Class evidence: by hand, against Captum, and against autograd with whole matrices."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from cvt.balanced import BalancedGradients
from cvt.errors import ConfigError
from cvt.model import CvtForImageClassification
from cvt.probe import record
from cvt.tracing import Trace
from visualize.class_evidence import Method, class_evidence, pixel_evidence
from visualize.rollout import embedding_footprint, key_footprint

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from captum.attr import InputXGradient, LayerGradCam, LayerGradientXActivation


def test_grad_cam_by_hand(by_hand: Callable[..., Trace]) -> None:
    """Mean gradients 1 and −2 weigh the channels: 3 − 2 · 4 = −5 and so on."""
    trace = by_hand(features=[[[3, 0], [1, 0]], [[4, -2], [0, 0]]], gradient=[[[4, 0], [0, 0]], [[-2, -2], [-3, -1]]])
    signed, positive = (class_evidence(trace, 0, "grad_cam", positive=positive) for positive in (False, True))
    np.testing.assert_allclose(signed.values, [[-5, 4], [1, 0]], atol=1e-6)
    np.testing.assert_allclose(positive.values, [[0, 4], [1, 0]], atol=1e-6)
    assert (signed.kind, positive.kind, signed.details["class"]) == ("diverging", "sequential", "LABEL_1")


def test_hires_cam_by_hand(by_hand: Callable[..., Trace]) -> None:
    """Each place by its own gradients: 3 · 4 + 4 · −2 = 4 and so on."""
    trace = by_hand(features=[[[3, 0], [1, 0]], [[4, -2], [0, 1]]], gradient=[[[4, 0], [0, 0]], [[-2, -2], [-3, -1]]])
    signed, positive = (class_evidence(trace, 0, "hires_cam", positive=positive) for positive in (False, True))
    np.testing.assert_allclose(signed.values, [[4, 4], [0, -1]], atol=1e-6)
    np.testing.assert_allclose(positive.values, [[4, 4], [0, 0]], atol=1e-6)
    assert (signed.name, signed.kind, positive.kind) == ("HiResCAM", "diverging", "sequential")


def test_libragrad_is_what_enters_a_stage(by_hand: Callable[..., Trace]) -> None:
    """CLS stands first and is left out; later blocks do not count."""
    attention = np.full((1, 5, 5), 0.2)
    trace = by_hand(attention, attention, evidence=[[9, 1, -2, 3, 4], [7] * 5], cls=True)
    got = class_evidence(trace, 0)
    np.testing.assert_array_equal(got.values, [[1, -2], [3, 4]])
    assert (got.kind, got.total, got.details) == ("diverging", 10.0, {"class": "LABEL_1", "stage": 1})
    only_for = class_evidence(trace, 0, positive=True)
    np.testing.assert_array_equal(only_for.values, [[1, 0], [3, 4]])
    assert only_for.total is None, "half of it adds up to nothing"


def test_attnlrp_is_what_is_relevant_of_what_enters_a_stage(by_hand: Callable[..., Trace]) -> None:
    """The same tokens as LibraGrad's, by the other rule; nothing says that they add up."""
    attention = np.full((1, 5, 5), 0.2)
    trace = by_hand(attention, attention, evidence=[[0] * 5] * 2, relevance=[[9, 1, -2, 3, 4], [7] * 5], cls=True)
    got = class_evidence(trace, 0, "attnlrp")
    np.testing.assert_array_equal(got.values, [[1, -2], [3, 4]])
    assert (got.kind, got.total, got.name) == ("diverging", None, "AttnLRP")


def test_pixel_evidence_by_hand(by_hand: Callable[..., Trace]) -> None:
    """Colours 1, 2 and 3 times gradients 1, 1 and −1: 0; and so on."""
    pixels, gradient = np.zeros((3, 2, 2)), np.zeros((3, 2, 2))
    pixels[:, 0, 0], gradient[:, 0, 0] = (1, 2, 3), (1, 1, -1)
    pixels[:, 1, 0], gradient[:, 1, 0] = (1, 2, 3), (2, 0, 1)
    trace = by_hand(pixels=pixels, pixel_gradient=gradient, pixel_relevance=[[1, -2], [3, 4]])
    got = pixel_evidence(trace)
    np.testing.assert_array_equal(got.values, [[0, 0], [5, 0]])
    assert (got.grid.stride, got.grid.offset, got.total) == (1, 0, 10.0)
    relevance = pixel_evidence(trace, "attnlrp")
    np.testing.assert_array_equal(relevance.values, [[1, -2], [3, 4]])
    assert (relevance.name, relevance.total) == ("pixel relevance", None), "it adds up to nothing in particular"
    with pytest.raises(ConfigError, match="method='legrad' is unknown: allowed are 'libragrad', 'attnlrp'"):
        pixel_evidence(trace, "legrad")  # type: ignore[arg-type]


def test_the_best_map_by_hand(by_hand: Callable[..., Trace]) -> None:
    """Four tokens 48 pixels apart, with a pixel each at their centres, so that a 16th of a neighbour's is blurred in.

    Blurred, the pixels bring 257, 287, −223 and 257 parts; the tokens, in the mean of two blocks, 1, −2, 3 and 0.
    """
    pixels = np.zeros((49, 49), dtype=np.float32)
    pixels[::48, ::48] = [[1, 1], [-1, 1]]
    attention = np.full((1, 4, 4), 0.25)
    fields = {"patch_sizes": [1], "patch_stride": [48]}
    trace = by_hand(
        attention,
        attention,
        relevance=[[0, -4, 3, 0], [2, 0, 3, 0]],
        pixel_relevance=pixels,
        size=(49, 49),
        **fields,
    )
    got = class_evidence(trace).values
    corners = got[::48, ::48]
    assert corners[0, 0] > 0
    np.testing.assert_allclose(corners / corners[0, 0], [[1, 0], [-3 * 223 / 257, 0]], rtol=1e-4)
    turned = class_evidence(replace(trace, pixel_relevance=-pixels)).values[::48, ::48]
    np.testing.assert_allclose(turned / corners[0, 0], [[-1, -2 * 287 / 257], [3 * 223 / 257, 0]], rtol=1e-4)


def test_legrad_by_hand(by_hand: Callable[..., Trace]) -> None:
    """Gradients [[2, −1], [3, 0]] by query and key; by key, what is positive is (5, 0): all of it on the first."""
    trace = by_hand(
        [[[0.5, 0.5], [1, 0]]],
        values=[[[[1.0, 0.0], [0.0, 1.0]]]],
        context_gradients=[[[[2.0, -1.0], [3.0, 0.0]]]],
        size=(1, 2),
    )
    got = class_evidence(trace, 0, "legrad")
    np.testing.assert_allclose(got.values, [[1, 0]])
    assert got.kind == "sequential"


def test_legrad_is_the_gradient_of_whole_matrices(
    noise_trace: Callable[..., Trace], network: Callable[[str], CvtForImageClassification], kind: str
) -> None:
    """Every block's, from autograd: positive, averaged over heads and queries, scaled to 1, spread, averaged."""
    trace, model = noise_trace(kind, target=3), network(kind)
    with record(model, "*.attention.weights") as heard:
        logit = model(torch.from_numpy(trace.pixel_values.copy())[None]).logits[0, 3]
    gradients = dict(zip(heard, torch.autograd.grad(logit, list(heard.values())), strict=True))
    for index, stage in enumerate(trace.stages):
        cls, keys = int(stage.has_cls), stage.geometry.keys
        footprint = key_footprint(trace.config, index, stage.geometry.tokens, keys)
        maps = []
        for name, gradient in gradients.items():
            if f"stages.{index}." in name:
                share = gradient[0].clamp(min=0).mean(dim=(0, 1)).numpy()
                maps.append(footprint.spread((share / share.sum())[cls:].reshape(keys.shape)))
        expected = np.mean(maps, axis=0)
        np.testing.assert_allclose(class_evidence(trace, index, "legrad").values, expected, atol=1e-4 * expected.max())


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")
def test_pixel_evidence_is_captums_with_the_same_rules(
    noise_trace: Callable[..., Trace], network: Callable[[str], CvtForImageClassification], kind: str
) -> None:
    """Captum multiplies input and gradient; the rules are those of the network run inside it."""
    trace, model = noise_trace(kind, target=3), network(kind)

    def explained(pixels: torch.Tensor) -> torch.Tensor:
        with BalancedGradients():
            logits = model(pixels).logits
        return logits[:, 3] - logits.mean(dim=1)

    pixels = torch.from_numpy(trace.pixel_values.copy())[None]
    expected = InputXGradient(explained).attribute(pixels.requires_grad_())[0].sum(dim=0).detach().numpy()
    np.testing.assert_allclose(pixel_evidence(trace).values, expected, atol=1e-4 * np.abs(expected).max())


def test_maps_of_every_shape_and_for_and_against(noise_trace: Callable[..., Trace], kind: str) -> None:
    """Rectangles, with and without CLS, every projection: signed, in full resolution, of this class alone."""
    trace, other = noise_trace(kind, 64, 48, target=0), noise_trace(kind, 64, 48, target=1)
    for ask in (class_evidence, pixel_evidence):
        values = ask(trace).values
        assert values.shape == (64, 48) and values.dtype == np.float32
        assert values.min() < 0 < values.max()
        assert np.abs(values - ask(other).values).max() > 1e-2 * np.abs(values).max()
        np.testing.assert_array_equal(ask(trace, positive=True).values, values.clip(min=0))


def test_grad_attention_by_hand(by_hand: Callable[..., Trace]) -> None:
    """One head, two tokens. ∇A = context gradient · value = [[2, −1], [3, 0]]; (∇A ⊙ A)⁺ = [[1, 0], [3, 0]].

    The classifier reads the mean of the tokens: (½, ½) + (½, ½) @ [[1, 0], [3, 0]] = (2.5, 0.5).
    """
    trace = by_hand(
        [[[0.5, 0.5], [1, 0]]],
        values=[[[[1.0, 0.0], [0.0, 1.0]]]],
        context_gradients=[[[[2.0, -1.0], [3.0, 0.0]]]],
        size=(1, 2),
    )
    heatmap = class_evidence(trace, 0, "grad_attention")
    np.testing.assert_allclose(heatmap.values, [[2.5, 0.5]], atol=1e-6)
    assert heatmap.kind == "sequential"


def module_read(trace: Trace, model: CvtForImageClassification, stage: int) -> torch.nn.Module:
    """The module whose output is a stage's evidence map."""
    last = stage == 2 and trace.stages[2].has_cls
    path = f"cvt.encoder.stages.{stage}"
    last_input = f"{path}.layers.{trace.config.depth[stage] - 1}.attention.input"
    return model.get_submodule(last_input if last else f"{path}.output")


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")
@pytest.mark.parametrize("stage", [0, 1, 2])
def test_hires_cam_is_captums_gradient_times_activation(
    noise_trace: Callable[..., Trace], network: Callable[[str], CvtForImageClassification], kind: str, stage: int
) -> None:
    """In a last stage without CLS both are zero but for rounding: each token is normalised on its own before the mean,
    and normalising undoes a step along the token itself."""
    trace, model = noise_trace(kind, target=3), network(kind)
    captum = LayerGradientXActivation(lambda pixels: model(pixels).logits, module_read(trace, model, stage))
    expected = captum.attribute(torch.from_numpy(trace.pixel_values.copy())[None], target=3)[0].detach()
    got = class_evidence(trace, stage, "hires_cam").values
    np.testing.assert_allclose(got, expected.sum(dim=0).numpy(), atol=1e-5 * float(expected.abs().sum(dim=0).max()))
    assert trace.stages[stage].has_cls or stage < 2 or np.abs(got).max() < 1e-5 * float(expected.abs().max())


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")
@pytest.mark.parametrize("stage", [0, 1, 2])
def test_grad_cam_is_captums(
    noise_trace: Callable[..., Trace], network: Callable[[str], CvtForImageClassification], kind: str, stage: int
) -> None:
    trace, model = noise_trace(kind, target=3), network(kind)
    captum = LayerGradCam(lambda pixels: model(pixels).logits, module_read(trace, model, stage))
    pixels = torch.from_numpy(trace.pixel_values.copy())[None]
    for positive in (False, True):
        expected = captum.attribute(pixels, target=3, relu_attributions=positive)[0, 0].detach().numpy()
        assert np.abs(expected).max() > 0
        got = class_evidence(trace, stage, "grad_cam", positive=positive).values
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_grad_attention_is_that_of_whole_matrices(
    noise_trace: Callable[..., Trace], network: Callable[[str], CvtForImageClassification], kind: str
) -> None:
    """Weights and their gradients from autograd, (I + Ā·P) as whole matrices, the row the classifier reads."""
    target = 4
    trace, model = noise_trace(kind, 40, 56, target), network(kind)
    pixels = torch.from_numpy(trace.pixel_values.copy())[None]
    with record(model, "*.attention.weights") as heard:
        logits = model(pixels).logits
    gradients = dict(zip(heard, torch.autograd.grad(logits[0, target], list(heard.values())), strict=True))
    vector = np.ones(0)
    for index in (2, 1, 0):
        stage = trace.stages[index]
        cls, grid, keys = int(stage.has_cls), stage.geometry.tokens, stage.geometry.keys
        tokens = grid.rows * grid.columns
        if index == 2:
            vector = np.eye(1 + tokens)[0] if cls else np.full(tokens, 1 / tokens)
        else:
            vector = np.concatenate([np.zeros(cls), vector])
        footprint = key_footprint(trace.config, index, grid, keys)
        spread = np.zeros((cls + keys.rows * keys.columns, cls + tokens))
        spread[:cls, :cls] = 1
        spread[cls:, cls:] = np.kron(footprint.rows, footprint.columns)
        for block in reversed(range(len(stage.blocks))):
            name = f"cvt.encoder.stages.{index}.layers.{block}.attention.weights"
            evidence = (gradients[name] * heard[name])[0].clamp(min=0).mean(dim=0).detach().double().numpy()
            vector = vector + vector @ evidence @ spread
        got = class_evidence(trace, index, "grad_attention").values.reshape(-1)
        np.testing.assert_allclose(got, vector[cls:], rtol=1e-3, atol=1e-5 * vector.max())
        vector = vector[cls:] * vector.sum() / vector[cls:].sum()
        if index:
            below = trace.stages[index - 1].geometry.tokens.shape
            embedding = embedding_footprint(trace.config, index, below, grid)
            vector = vector @ np.kron(embedding.rows, embedding.columns)


def test_classes_differ_and_grad_attention_is_never_negative(noise_trace: Callable[..., Trace], kind: str) -> None:
    of_first, of_second = noise_trace(kind, target=0), noise_trace(kind, target=1)
    for stage in range(3):
        for method in get_args(Method):
            first, second = (class_evidence(trace, stage, method).values for trace in (of_first, of_second))  # type: ignore[arg-type]
            assert np.abs(first - second).max() > 1e-3 * np.abs(first).max()
            assert method not in ("grad_attention", "legrad") or first.min() >= 0


def test_errors(noise_trace: Callable[..., Trace]) -> None:
    with pytest.raises(ConfigError, match="no class evidence: make it with trace"):
        class_evidence(noise_trace("released"), 0)
    trace = noise_trace("released", target=0)
    for ask in (class_evidence, pixel_evidence):
        with pytest.raises(ConfigError, match="no class evidence: make it with trace"):
            ask(noise_trace("released"))
    with pytest.raises(
        ConfigError, match="method='lime' is unknown: allowed are 'libragrad', 'attnlrp', 'legrad', 'grad_cam'"
    ):
        class_evidence(trace, 0, "lime")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="stage 7 does not exist"):
        class_evidence(trace, 7)
