"""A trace holds the network's own numbers, with nothing of the network in it, and leaves the network as it was."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cvt.balanced import RULES, BalancedGradients, Rule
from cvt.config import CvtConfig, class_index
from cvt.errors import ConfigError, ImageError
from cvt.geometry import stage_geometry
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.probe import record
from cvt.tracing import Trace, forward_pass, trace, traces
from tests.cvt.frozen import Frozen
from tests.cvt.networks import small_classifier

STAGES = "cvt.encoder.stages."
NAMES = {0: "cat", 1: "dog", 2: "bird", 3: "fish", 4: "house"}
MODELS: dict[str, dict[str, Any]] = {
    "released": {},
    "CLS everywhere": {"cls_token": (True, True, True)},
    "no CLS": {"cls_token": (False, False, False)},
    "average pooling": {"qkv_projection_method": ("avg", "avg", "avg")},
    "linear": {"qkv_projection_method": ("linear", "linear", "linear"), "cls_token": (True, False, False)},
}


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def model(request: pytest.FixtureRequest) -> CvtForImageClassification:
    return small_classifier(id2label=NAMES, temperature=1.7, **request.param)


@pytest.fixture
def released() -> CvtForImageClassification:
    return small_classifier(id2label=NAMES, temperature=1.7)


@pytest.fixture
def processor() -> CvtImageProcessor:
    return CvtImageProcessor(size=64)


@pytest.fixture
def photo() -> Image.Image:
    """Smooth colours and some noise, 90 × 70."""
    noise = np.random.default_rng(0).integers(0, 60, (70, 90, 3))
    rows, columns = np.mgrid[:70, :90]
    return Image.fromarray((noise + np.stack([2 * rows, 2 * columns, rows + columns], axis=-1)).astype(np.uint8))


def arrays(value: object, name: str = "trace") -> Iterator[tuple[str, np.ndarray]]:
    """Every array in a tree of dataclasses and tuples, with the way to it."""
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from arrays(item, f"{name}[{index}]")
    elif is_dataclass(value):
        for field in fields(value):
            yield from arrays(getattr(value, field.name), f"{name}.{field.name}")


def assert_equal(first: Trace, second: Trace) -> None:
    assert [name for name, _ in arrays(first)] == [name for name, _ in arrays(second)]
    for (name, left), (_, right) in zip(arrays(first), arrays(second), strict=True):
        np.testing.assert_array_equal(left, right, err_msg=name)
    assert (first.crop, first.config, first.target) == (second.crop, second.config, second.target)


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("target", [None, 3])
def test_the_numbers_are_the_networks_own(
    model: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image, target: int | None
) -> None:
    seen = trace(model, processor, photo, target=target)
    with torch.no_grad():
        pixels = processor(photo, return_tensors="pt").pixel_values
        output = model(pixels, output_hidden_states=True, output_attentions=True)
    np.testing.assert_array_equal(seen.pixel_values, pixels[0].numpy())
    np.testing.assert_allclose(seen.logits, output.logits[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(seen.probabilities, softmax(output.logits[0].numpy() / 1.7), atol=1e-5)
    assert seen.probabilities.sum() == pytest.approx(1, abs=1e-6)
    attentions = iter(output.attentions)
    for stage, feature_map, geometry in zip(
        seen.stages, output.hidden_states, stage_geometry(model.config, 64, 64), strict=True
    ):
        np.testing.assert_allclose(stage.feature_map, feature_map[0].numpy(), atol=1e-5)
        assert stage.geometry == geometry
        for block in stage.blocks:
            weights = softmax(block.query @ block.key.swapaxes(1, 2) * stage.scale)
            np.testing.assert_allclose(weights, next(attentions)[0].numpy(), atol=1e-5)
            cls = int(stage.has_cls)
            assert block.query.shape[1] == geometry.tokens.rows * geometry.tokens.columns + cls
            assert block.key.shape[1] == geometry.keys.rows * geometry.keys.columns + cls


def test_without_a_target_nothing_is_kept_for_class_evidence(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    seen = trace(released, processor, photo)
    assert seen.target is seen.explained is seen.pixel_gradient is None
    for stage in seen.stages:
        assert stage.evidence_map is None and stage.evidence_gradient is None
        assert all(block.value is block.context_gradient is block.evidence is None for block in stage.blocks)


def test_gradients_are_those_of_explicit_attention(
    model: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    """d logit / d attention[q, k] = context_gradient[q] · value[k], in every block and head."""
    seen = trace(model, processor, photo, target=2)
    with record(model, "*.attention.weights", "*.attention.value") as heard:
        logit = model(processor(photo, return_tensors="pt").pixel_values).logits[0, 2]
    for s, stage in enumerate(seen.stages):
        for b, block in enumerate(stage.blocks):
            name = f"{STAGES}{s}.layers.{b}.attention."
            (expected,) = torch.autograd.grad(logit, heard[name + "weights"], retain_graph=True)
            assert block.context_gradient is not None and block.value is not None
            np.testing.assert_allclose(block.value, heard[name + "value"][0].detach().numpy(), atol=1e-5)
            gradient = block.context_gradient @ block.value.swapaxes(1, 2)
            np.testing.assert_allclose(gradient, expected[0].numpy(), atol=1e-5 * max(1, abs(gradient).max()))
            assert abs(gradient).max() > 0


def test_evidence_maps_and_their_gradients(
    model: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    seen = trace(model, processor, photo, target=2)
    with record(model) as heard:
        logit = model(processor(photo, return_tensors="pt").pixel_values).logits[0, 2]
    for s, stage in enumerate(seen.stages):
        reads_cls_alone = s == 2 and stage.has_cls
        name = f"{STAGES}2.layers.1.attention.input" if reads_cls_alone else f"{STAGES}{s}.output"
        (expected,) = torch.autograd.grad(logit, heard[name], retain_graph=True)
        assert stage.evidence_map is not None and stage.evidence_gradient is not None
        np.testing.assert_allclose(stage.evidence_map, heard[name][0].detach().numpy(), atol=1e-5)
        np.testing.assert_allclose(stage.evidence_gradient, expected[0].numpy(), atol=1e-5)
        assert stage.evidence_map.shape == stage.evidence_gradient.shape == stage.feature_map.shape
        assert abs(stage.evidence_gradient).max() > 1e-6, "the map has a say in the logit"


def test_gradients_are_slopes(
    model: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    """Without autograd: push what a probe hears a little in a random direction, and see the logit rise or fall."""
    seen = trace(model.double(), processor, photo, target=2)
    pixels = processor(photo, return_tensors="pt").pixel_values.double()
    pushed = {}
    for s, stage in enumerate(seen.stages):
        evidence = f"{STAGES}2.layers.1.attention.input" if s == 2 and stage.has_cls else f"{STAGES}{s}.output"
        pushed[evidence] = stage.evidence_gradient
        for b, block in enumerate(stage.blocks):
            pushed[f"{STAGES}{s}.layers.{b}.attention.context"] = block.context_gradient
    for name, gradient in pushed.items():
        assert gradient is not None
        direction = torch.randn(1, *gradient.shape, dtype=torch.float64)
        ends = []
        for step in (1e-6, -1e-6):
            hook = model.get_submodule(name).register_forward_hook(lambda *a, d=step * direction: a[2] + d)
            with torch.no_grad():
                ends.append(model(pixels).logits[0, 2].item())
            hook.remove()
        slope = float((gradient * direction[0].numpy()).sum())
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-6), name


@pytest.mark.parametrize("against", [None, "bird"])
def test_evidence_and_biases_add_up_everywhere(
    model: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image, against: str | None
) -> None:
    """The biases' share is what the network with its attention, deviations and gates held gives without the rest."""
    seen = trace(model, processor, photo, target="fish", against=against)
    logits = seen.logits
    assert seen.explained == pytest.approx(logits[3] - (logits[2] if against else logits.mean()), rel=1e-4)
    assert seen.pixel_gradient is not None
    brought = {"pixels": float((seen.pixel_values * seen.pixel_gradient).sum())}
    for s, stage in enumerate(seen.stages):
        for b, block in enumerate(stage.blocks):
            assert block.evidence is not None and block.evidence.shape == block.query.shape[1:2]
            assert b or not stage.has_cls or block.evidence[0] == 0, "CLS is learned"
            brought[f"{STAGES}{s}.layers.{b - 1}.output" if b else f"{STAGES}{s}.embedding.output"] = (
                block.evidence.sum()
            )
    pixels = processor(photo, return_tensors="pt").pixel_values
    for name, evidence in brought.items():
        with torch.no_grad(), Frozen() as held:
            model(pixels)
            held.again()
            if name == "pixels":
                rest = model(torch.zeros_like(pixels)).logits[0]
            else:
                hook = model.get_submodule(name).register_forward_hook(lambda *a: torch.zeros_like(a[2]))
                rest = model(pixels).logits[0]
                hook.remove()
        biases = float(rest[3] - (rest[2] if against else rest.mean()))
        tolerance = 1e-3 * max(abs(seen.explained), abs(biases))
        assert evidence + biases == pytest.approx(seen.explained, abs=tolerance), name


@pytest.mark.parametrize("against", [None, "bird"])
def test_relevance_is_input_times_gradient_by_attnlrp(
    model: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image, against: str | None
) -> None:
    """At the pixels, and at what enters every block, where CLS that is learned counts for nothing."""
    seen = trace(model, processor, photo, target="fish", against=against)
    pixels = processor(photo, return_tensors="pt").pixel_values.requires_grad_()
    with record(model, "stages.*.embedding.output", "layers.*.output") as heard, BalancedGradients() as gradients:
        logits = model(pixels).logits[0]
    gradients.rule = "attnlrp"
    explained = logits[3] - (logits[2] if against else logits.mean())
    assert seen.pixel_relevance is not None
    expected = (pixels * torch.autograd.grad(explained, pixels, retain_graph=True)[0]).detach()
    scale = float(expected.abs().max())
    np.testing.assert_allclose(seen.pixel_relevance, expected.sum(dim=1)[0], atol=1e-5 * scale)
    for s, stage in enumerate(seen.stages):
        for b, block in enumerate(stage.blocks):
            entering = heard[f"{STAGES}{s}.layers.{b - 1}.output" if b else f"{STAGES}{s}.embedding.output"]
            brought = (entering * torch.autograd.grad(explained, entering, retain_graph=True)[0]).detach()[0]
            cls = int(stage.has_cls) if not b else 0
            of_tokens = brought.sum(dim=0).flatten() if brought.dim() == 3 else brought.sum(dim=1)
            assert block.relevance is not None and not block.relevance[:cls].any()
            np.testing.assert_allclose(block.relevance[cls:], of_tokens, atol=1e-5 * float(brought.abs().max()))


@pytest.mark.parametrize("rule", RULES)
def test_one_rule_alone(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image, rule: Rule
) -> None:
    """Its arrays are the same, and the others' are not there."""
    every, alone = (trace(released, processor, photo, target=3, rules=rules) for rules in (RULES, [rule]))
    of_every, of_one = dict(arrays(every)), dict(arrays(alone))
    belonging = {"attnlrp": "relevance", "libragrad": "pixel_gradient|blocks.*evidence"}
    belonging["plain"] = "value$|evidence_|context"
    left_out = "|".join(pattern for name, pattern in belonging.items() if name != rule)
    assert of_one.keys() == {name for name in of_every if not re.search(left_out, name)}
    for name, array in of_one.items():
        np.testing.assert_array_equal(array, of_every[name])
    assert alone.explained == every.explained


def test_a_rule_that_nobody_knows(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    with pytest.raises(ConfigError, match=r"rules=\['lrp'\] are unknown: allowed are 'attnlrp', 'libragrad', 'plain'"):
        trace(released, processor, photo, target=3, rules=["plain", "lrp"])  # type: ignore[list-item]


def test_another_class_to_be_held_against(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    """The plain gradients stay; the balanced ones of a against b and of b against a are each other's opposites."""
    for_first, for_second = (trace(released, processor, photo, *pair) for pair in ((3, None, 2), (2, None, 3)))
    plain = trace(released, processor, photo, target=3)
    assert (for_first.target, for_first.against, plain.against) == (3, 2, None)
    np.testing.assert_allclose(for_first.pixel_gradient, -for_second.pixel_gradient, atol=1e-6)  # type: ignore[operator]
    np.testing.assert_array_equal(for_first.stages[1].evidence_gradient, plain.stages[1].evidence_gradient)  # type: ignore[arg-type]
    for target in (None, "bird"):
        with pytest.raises(ConfigError, match="against='bird' needs a target, and another one"):
            trace(released, processor, photo, target=target, against="bird")


def test_the_class_by_name_or_number(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    by_number = trace(released, processor, photo, target=3)
    assert_equal(by_number, trace(released, processor, photo, target="fish"))
    assert_equal(by_number, trace(released, processor, photo, target=np.int64(3)))  # type: ignore[arg-type]
    assert by_number.target == 3
    assert by_number.label(3) == "fish"
    other = trace(released, processor, photo, target=0).stages[0].evidence_gradient
    assert not np.array_equal(other, by_number.stages[0].evidence_gradient)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [5, -1, "horse", True, 1.0])
def test_a_class_that_is_not_there(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image, target: Any
) -> None:
    with pytest.raises(ConfigError, match=rf"class {target!r} is not one of this model's 5: .*from 0 to 4.*'cat'"):
        trace(released, processor, photo, target=target)


def test_the_most_probable_classes(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    seen = trace(released, processor, photo)
    top = seen.top(3)
    assert len(top) == 3
    assert top[0] == (int(seen.probabilities.argmax()), pytest.approx(float(seen.probabilities.max())))
    assert [p for _, p in seen.top(99)] == sorted(map(float, seen.probabilities), reverse=True)


@pytest.mark.parametrize("resolution", [32, 96, 384])
def test_another_resolution(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image, resolution: int
) -> None:
    seen = trace(released, processor, photo, resolution=resolution)
    assert seen.pixel_values.shape == (3, resolution, resolution)
    assert seen.stages[0].feature_map.shape == (8, resolution // 4, resolution // 4)
    assert seen.crop == processor.prepare(photo, resolution).crop
    assert processor.resolution == 64


def test_the_photo_is_kept_upright_and_the_image_left_alone(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    before = photo.tobytes()
    seen = trace(released, processor, photo, target=1)
    assert photo.tobytes() == before
    np.testing.assert_array_equal(seen.photo, np.asarray(photo))
    turned = photo.transpose(Image.Transpose.ROTATE_90)
    turned.getexif()[0x0112] = 6
    assert turned.size == (70, 90)
    upright = trace(released, processor, turned, target=1)
    assert_equal(upright, seen)
    clear = photo.convert("RGBA")
    clear.putalpha(0)
    assert (trace(released, processor, clear).photo == 255).all()


def test_every_array_is_float32_and_frozen(
    model: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    seen = trace(model.double(), processor, photo, target=1)
    found = dict(arrays(seen))
    assert len(found) == 6 + 3 * 3 + 5 * 6
    for name, array in found.items():
        assert array.dtype == (np.uint8 if name == "trace.photo" else np.float32), name
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(FrozenInstanceError):
        seen.target = 4  # type: ignore[misc]


def test_it_copies_and_pickles_and_holds_nothing_of_the_model(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    seen = trace(released, processor, photo, target=1)
    assert_equal(copy.deepcopy(seen), seen)
    pickled = pickle.dumps(seen)
    assert_equal(pickle.loads(pickled), seen)
    assert b"torch" not in pickled
    assert len(pickled) < 1.2 * sum(array.nbytes for _, array in arrays(seen)) + 10_000


def test_queries_and_keys_are_far_fewer_than_attention_weights() -> None:
    """1.6 million numbers instead of 4.0 for CvT-13 at 224 px, 4.6 instead of 34 at 384, from the geometry."""
    for resolution, kept, weights in ((224, 1.6e6, 4.0e6), (384, 4.6e6, 34e6)):
        config, count, products = CvtConfig(), 0, 0
        for s, grids in enumerate(stage_geometry(config, resolution, resolution)):
            tokens, keys = (g.rows * g.columns + config.cls_token[s] for g in (grids.tokens, grids.keys))
            count += config.depth[s] * (tokens + keys) * config.embed_dim[s]
            products += config.depth[s] * config.num_heads[s] * tokens * keys
        assert count == pytest.approx(kept, rel=0.05)
        assert products == pytest.approx(weights, rel=0.05)


def state(model: CvtForImageClassification) -> dict[str, Any]:
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = {name: module.training for name, module in model.named_modules()}
    grads = {name: (p.requires_grad, p.grad is None) for name, p in model.named_parameters()}
    return {"tensors": tensors, "modes": modes, "grads": grads}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_as_it_was(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image, training: bool, fails: bool
) -> None:
    released.train(training)
    before = state(released)
    if fails:
        with pytest.raises(ImageError, match="at least 3 each way"):
            trace(released, processor, photo, target=1, resolution=2)
    else:
        trace(released, processor, photo, target=1)
        trace(released, processor, photo)
    after = state(released)
    assert after["modes"] == before["modes"]
    assert after["grads"] == before["grads"]
    assert all(no_gradient for _, no_gradient in after["grads"].values())
    torch.testing.assert_close(after["tensors"], before["tensors"], atol=0, rtol=0)


def test_a_model_in_training_is_traced_as_in_use(processor: CvtImageProcessor, photo: Image.Image) -> None:
    model = small_classifier(drop_rate=(0.5, 0.5, 0.5), drop_path_rate=(0.5, 0.5, 0.5))
    expected = trace(model, processor, photo, target=1)
    assert_equal(trace(model.train(), processor, photo, target=1), expected)


def test_a_class_is_asked_for_without_gradients_around(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    expected = trace(released, processor, photo, target=1)
    for without_gradients in (torch.no_grad(), torch.inference_mode()):
        with without_gradients:
            assert_equal(trace(released, processor, photo, target=1), expected)
            assert not torch.is_grad_enabled()
    for parameter in released.parameters():
        parameter.requires_grad_(False)
    assert_equal(trace(released, processor, photo, target=1), expected)


def test_one_forward_pass_answers_every_question(
    model: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    """What the network says, why, why not something else, and again: each as a run of its own gives it."""
    passed, runs = forward_pass(model, processor, [photo]), 0

    def count(*_: object) -> None:
        nonlocal runs
        runs += 1

    hook = model.register_forward_pre_hook(count)
    two = {"target": "fish", "against": 1, "rules": ("attnlrp", "libragrad")}
    questions: list[dict[str, Any]] = [{}, {"target": 1}, two, {"target": 1}]
    answers = []
    for question in questions:
        rules = question.get("rules", RULES)
        answers.append(passed.traces([question.get("target")], question.get("against"), rules=rules)[0])
        assert answers[-1].target == (None if not question else class_index(model.config, question["target"]))
    assert runs == 0
    hook.remove()
    for question, answer in zip(questions, answers, strict=True):
        alone = trace(model, processor, photo, **question)
        if question:
            assert_equal(answer, alone)
        for (name, left), (_, right) in zip(arrays(answer), arrays(alone), strict=True):
            np.testing.assert_allclose(left, right, atol=1e-5 * max(1, np.abs(right).max()), err_msg=name)


def test_the_winner_is_the_most_probable_class(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    winner = trace(released, processor, photo).top(1)[0][0]
    assert_equal(trace(released, processor, photo, target="winner"), trace(released, processor, photo, target=winner))
    photos = [photo.rotate(angle) for angle in (0, 90, 180, 270)]
    with torch.no_grad():
        released.classifier.weight.mul_(20)
    found = traces(released, CvtImageProcessor(size=64, crop_pct=1), photos, ["winner"] * 4)
    assert [photo_trace.target for photo_trace in found] == [photo_trace.top(1)[0][0] for photo_trace in found]
    with pytest.raises(ConfigError, match="needs a target, and another one"):
        trace(released, processor, photo, target="winner", against=winner)


def test_several_photos_at_once_are_traced_as_one_by_one(
    model: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    """The gradient of a photo's logit does not depend on its company: not even of none."""
    photos, targets = [photo, photo.transpose(Image.Transpose.ROTATE_90), photo.rotate(180)], [2, None, "fish"]
    together = traces(model, processor, photos, targets)
    assert [photo_trace.target for photo_trace in together] == [2, None, 3]
    for photo_trace, image, target in zip(together, photos, targets, strict=True):
        alone = trace(model, processor, image, target=target)
        assert photo_trace.crop == alone.crop
        for (name, left), (other, right) in zip(arrays(photo_trace), arrays(alone), strict=True):
            assert name == other
            np.testing.assert_allclose(left, right, atol=1e-4 * np.abs(right).max(), err_msg=name)


def test_a_batch_needs_photos_of_one_size(released: CvtForImageClassification, photo: Image.Image) -> None:
    as_it_is = CvtImageProcessor(do_resize=False)
    with pytest.raises(ImageError, match=r"\(70, 80\).*\(70, 90\)"):
        traces(released, as_it_is, [photo, photo.crop((0, 0, 80, 70))])
    with pytest.raises(ImageError, match="at least one photo"):
        traces(released, as_it_is, [])


def test_one_forward_pass(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    passes: list[int] = []
    hook = released.register_forward_hook(lambda *_: passes.append(1))
    for target in (None, 1):
        passes.clear()
        trace(released, processor, photo, target=target)
        assert len(passes) == 1
    hook.remove()


def test_visitors_at_once_get_their_own_photo(
    released: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image
) -> None:
    photos = [photo, photo.transpose(Image.Transpose.ROTATE_180), photo.resize((200, 80)), photo.convert("L")]
    targets = [None, 1, 2, None]
    alone = [trace(released, processor, *pair) for pair in zip(photos, targets, strict=True)]
    with ThreadPoolExecutor(4) as pool:
        together = [
            pool.submit(trace, released, processor, *pair) for pair in zip(photos * 3, targets * 3, strict=True)
        ]
        for index, future in enumerate(together):
            assert_equal(future.result(), alone[index % 4])
