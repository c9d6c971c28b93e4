"""Probes and recordings: what is heard, by whom, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cvt.model import Attention, CvtForImageClassification
from cvt.probe import Probe, record
from tests.coroutines import run
from tests.cvt.networks import small_classifier

STAGES = "cvt.encoder.stages."
ATTENTION_PARTS = ("input", "query", "key", "value", "weights", "context")
WEIGHTS = "stages.*.layers.*.attention.weights"


@pytest.fixture(scope="module")
def model() -> CvtForImageClassification:
    torch.manual_seed(0)
    return small_classifier()


@pytest.fixture
def pixels() -> Tensor:
    return torch.randn(2, 3, 32, 48)


def probe_names(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, Probe)]


def listeners(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, Probe) and module.has_listener]


def test_names_come_from_the_module_tree(model: CvtForImageClassification) -> None:
    names = probe_names(model)
    first = [f"{STAGES}0.layers.0.{name}" for name in ("output", *(f"attention.{part}" for part in ATTENTION_PARTS))]
    assert set(first) <= set(names)
    assert len(names) == 3 * 2 + 5 * 7, "two a stage, seven a layer"
    assert all(isinstance(model.get_submodule(name), Probe) for name in names)


def test_everything_is_heard_in_the_order_it_passes(model: CvtForImageClassification, pixels: Tensor) -> None:
    with record(model) as heard:
        model(pixels)
    assert set(heard) == set(probe_names(model))
    stages = [name for name in heard if name.endswith("output") and "layers" not in name]
    assert stages == [f"{STAGES}{s}.{name}" for s in range(3) for name in ("embedding.output", "output")]
    assert heard[f"{STAGES}1.embedding.output"].shape == (2, 12, 4, 6)
    assert heard[f"{STAGES}2.output"].shape == (2, 16, 2, 3)
    attention = f"{STAGES}2.layers.1.attention."
    assert heard[attention + "input"].shape == (2, 16, 2, 3)
    assert heard[attention + "query"].shape == heard[attention + "context"].shape == (2, 2, 1 + 2 * 3, 8)
    assert heard[attention + "key"].shape == heard[attention + "value"].shape == (2, 2, 1 + 1 * 2, 8)
    assert heard[attention + "weights"].shape == (2, 2, 7, 3)
    assert heard[f"{STAGES}2.layers.1.output"].shape == (2, 7, 16)


@pytest.mark.parametrize(
    ("patterns", "count"),
    [
        (("stages.2.output",), 1),
        (("stages.?.output",), 3),
        ((WEIGHTS,), 5),
        (("*.query", "*.key"), 10),
        (("*.query", "stages.0.*.query"), 5),
        (("stages.[01].embedding.output",), 2),
        (("cvt.encoder.stages.1.output", "encoder.stages.2.output", "layers.1.output"), 4),
        (("*tages.1.embedding.output",), 1),
    ],
)
def test_patterns(model: CvtForImageClassification, pixels: Tensor, patterns: tuple[str, ...], count: int) -> None:
    with record(model, *patterns) as heard:
        model(pixels)
    assert len(heard) == count


def test_a_pattern_that_matches_nothing_says_what_there_is(model: CvtForImageClassification) -> None:
    with (
        pytest.raises(ValueError, match=r"no probe matches 'stages\.9\.output'; .* 41 probes: cvt\.encoder\."),
        record(model, "stages.*.output", "stages.9.output"),
    ):
        pass


def test_rows_of_attention_sum_to_one_and_weigh_the_values(model: CvtForImageClassification, pixels: Tensor) -> None:
    with record(model) as heard:
        model(pixels)
    for name in (name.removesuffix("weights") for name in heard if name.endswith(".weights")):
        weights = heard[name + "weights"]
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))
        torch.testing.assert_close(heard[name + "context"], weights @ heard[name + "value"])


@pytest.mark.parametrize("fields", [{}, {"qkv_projection_method": ["avg"] * 3}, {"cls_token": [True] * 3}], ids=str)
def test_fused_and_explicit_attention_agree(fields: dict[str, Any]) -> None:
    """The same numbers to 1e-5 whether somebody listens to the weights or not, in values and in gradients."""
    model, pixels = small_classifier(**fields), torch.randn(2, 3, 40, 56)
    outcomes = []
    for patterns in (["stages.*.output"], ["stages.*.output", WEIGHTS]):
        model.zero_grad()
        with record(model, *patterns) as heard:
            logits = model(pixels).logits
        logits[:, 1].sum().backward()
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        outcomes.append([logits, *(heard[f"{STAGES}{s}.output"] for s in range(3)), *map(torch.clone, gradients)])
    for fused, explicit in zip(*outcomes, strict=True):
        torch.testing.assert_close(fused, explicit, atol=1e-5, rtol=1e-5)


def test_attention_is_fused_while_nobody_listens_to_the_weights(
    model: CvtForImageClassification, pixels: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    fused = nn.functional.scaled_dot_product_attention

    def counted(*args: Any, **kwargs: Any) -> Tensor:
        calls.append(1)
        return fused(*args, **kwargs)

    monkeypatch.setattr(nn.functional, "scaled_dot_product_attention", counted)
    with record(model, "*.query", "*.output"):
        model(pixels)
    assert len(calls) == 5
    with record(model, "stages.1.layers.0.attention.weights"):
        model(pixels)
    assert len(calls) == 5 + 4, "only the layer that is listened to computes its weights"
    model(pixels)
    assert len(calls) == 5 + 4 + 5


def test_ordinary_forward_hooks_on_probes(model: CvtForImageClassification, pixels: Tensor) -> None:
    probe = model.get_submodule(f"{STAGES}2.layers.0.attention.weights")
    seen: list[Tensor] = []
    expected = model(pixels, output_attentions=True)
    hook = probe.register_forward_hook(lambda module, inputs, output: seen.append(output))
    try:
        torch.testing.assert_close(model(pixels).logits, expected.logits)
    finally:
        hook.remove()
    torch.testing.assert_close(seen[0], expected.attentions[3])
    model(pixels)
    assert len(seen) == 1


def test_a_hook_may_replace_what_passes(model: CvtForImageClassification, pixels: Tensor) -> None:
    """An intervention: with uniform attention everywhere, every context is the mean of the values."""
    hooks = [
        module.weights.register_forward_hook(
            lambda module, inputs, output: torch.full_like(output, 1 / output.shape[-1])
        )
        for module in model.modules()
        if isinstance(module, Attention)
    ]
    try:
        with record(model, "*.value", "*.context") as heard:
            model(pixels)
    finally:
        for hook in hooks:
            hook.remove()
    name = f"{STAGES}1.layers.1.attention."
    mean = heard[name + "value"].mean(dim=2, keepdim=True)
    torch.testing.assert_close(heard[name + "context"], mean.expand_as(heard[name + "context"]))


def test_recording_changes_nothing_and_keeps_the_graph(model: CvtForImageClassification, pixels: Tensor) -> None:
    expected = model(pixels).logits
    with record(model, "*.output") as heard:
        logits = model(pixels).logits
    torch.testing.assert_close(logits, expected, atol=0, rtol=0)
    (gradient,) = torch.autograd.grad(logits[0, 0], heard[f"{STAGES}0.output"])
    assert gradient.abs().sum() > 0
    with torch.no_grad(), record(model, "*.output") as heard:
        model(pixels)
    assert not heard[f"{STAGES}0.output"].requires_grad


def test_the_last_pass_is_kept_and_the_recording_ends(model: CvtForImageClassification, pixels: Tensor) -> None:
    with record(model, "stages.0.embedding.output") as heard:
        model(pixels)
        model(pixels[:1])
    model(pixels)
    assert len(heard[f"{STAGES}0.embedding.output"]) == 1


def test_recordings_nest(model: CvtForImageClassification, pixels: Tensor) -> None:
    with record(model, "stages.0.output", "stages.1.output") as outer:
        with record(model, "stages.1.output") as inner:
            model(pixels)
        assert inner[f"{STAGES}1.output"] is outer[f"{STAGES}1.output"]
        model(pixels[:1])
        assert len(inner[f"{STAGES}1.output"]) == 2, "the inner recording has ended"
        assert len(outer[f"{STAGES}1.output"]) == 1
    assert list(inner) == [f"{STAGES}1.output"]
    assert listeners(model) == []


def test_a_recording_hears_its_own_model_alone(model: CvtForImageClassification, pixels: Tensor) -> None:
    with record(model) as heard:
        small_classifier()(pixels)
    assert heard == {}


@pytest.mark.parametrize("place", [f"{STAGES}0.layers.0.attention.weights", f"{STAGES}2.layers.1.mlp", "classifier"])
def test_nothing_is_left_listening_when_a_forward_pass_fails(place: str, pixels: Tensor) -> None:
    class UnpluggedError(Exception):
        pass

    def unplug(module: nn.Module, inputs: Any) -> None:
        raise UnpluggedError

    model = small_classifier()
    hook = model.get_submodule(place).register_forward_pre_hook(unplug)
    with pytest.raises(UnpluggedError), record(model) as heard:
        model(pixels)
    with pytest.raises(UnpluggedError):
        model(pixels, output_attentions=True)
    hook.remove()
    assert listeners(model) == []
    kept = dict(heard)
    model(pixels)
    assert heard == kept, "what the failed pass had heard stays, and nothing is added"


def test_threads_do_not_hear_each_other(model: CvtForImageClassification) -> None:
    """Four threads record at the same moment on one model, each its own picture."""
    together = threading.Barrier(4, timeout=30)

    def listen(index: int) -> tuple[Tensor, Tensor]:
        pixels = torch.full((1, 3, 32, 32), float(index))
        with torch.no_grad(), record(model, "stages.0.embedding.output") as heard:
            together.wait()
            model(pixels)
            together.wait()
            return heard[f"{STAGES}0.embedding.output"], model.cvt.encoder.stages[0].embedding(pixels)  # type: ignore[operator]

    with ThreadPoolExecutor(4) as pool:
        for heard, expected in pool.map(listen, range(4)):
            torch.testing.assert_close(heard, expected)


def test_a_thread_without_a_recording_runs_fused_beside_one_with(model: CvtForImageClassification) -> None:
    probe = model.get_submodule(f"{STAGES}0.layers.0.attention.weights")
    assert isinstance(probe, Probe)
    with record(model, WEIGHTS), ThreadPoolExecutor(1) as pool:
        assert probe.has_listener
        assert not pool.submit(lambda: probe.has_listener).result()
        assert pool.submit(contextvars.copy_context().run, lambda: bool(probe.has_listener)).result()


def test_async_tasks_do_not_hear_each_other(model: CvtForImageClassification, pixels: Tensor) -> None:
    async def listen(index: int) -> int:
        with record(model, "stages.0.embedding.output") as heard:
            await asyncio.sleep(0)
            model(pixels.repeat(index, 1, 1, 1))
            await asyncio.sleep(0)
            return len(heard[f"{STAGES}0.embedding.output"])

    async def all_at_once() -> list[int]:
        return await asyncio.gather(*(listen(index) for index in (1, 2, 3)))

    assert run(all_at_once()) == [2, 4, 6]


@pytest.mark.parametrize("training", [False, True])
def test_a_compiled_network_is_one_graph_and_leaves_the_network_heard(
    model: CvtForImageClassification, pixels: Tensor, training: bool
) -> None:
    """Compilation stops at nothing, recordings open or not; the code generator itself is left out, being slow."""
    model.train(training)
    compiled = torch.compile(model, backend="eager", fullgraph=True, dynamic=False)
    torch.manual_seed(0)
    expected = model(pixels).logits
    torch.manual_seed(0)
    with record(model, "stages.0.embedding.output") as heard:
        torch.testing.assert_close(compiled(pixels).logits, expected)
        assert not heard
        model(pixels)
    assert list(heard) == [f"{STAGES}0.embedding.output"]


def test_the_front_of_a_path_may_be_left_out_of_a_pattern(model: CvtForImageClassification, pixels: Tensor) -> None:
    """One pattern for a classifier, for the CvtModel within, and for a part of that."""
    for network, front in ((model, "cvt.encoder."), (model.cvt, "encoder."), (model.cvt.encoder, "")):
        with record(network, "stages.1.output") as heard:
            model(pixels)
        assert list(heard) == [f"{front}stages.1.output"]
