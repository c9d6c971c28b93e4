"""Networks copied, compiled, exported, in other number formats, trained with less memory and in several processes."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from captum.attr import LayerGradCam, LayerGradientXActivation
from torch import Tensor, nn
from torch.export import Dim

from cvt.model import CvtForImageClassification
from cvt.outputs import GatheredOutput, ImageClassifierOutput
from tests.cvt.networks import small_classifier

SIZES = [(1, 64, 48), (3, 96, 80), (2, 45, 71)]
VARIANTS: dict[str, dict[str, Any]] = {
    "released": {},
    "no CLS, average pooling": {"cls_token": (False,) * 3, "qkv_projection_method": ("avg",) * 3},
    "CLS everywhere, quick": {"cls_token": (True,) * 3, "hidden_act": "quick_gelu"},
}


@pytest.fixture(params=VARIANTS.values(), ids=VARIANTS)
def variant(request: pytest.FixtureRequest) -> CvtForImageClassification:
    return small_classifier(**request.param)


@pytest.fixture
def model() -> CvtForImageClassification:
    return small_classifier()


def pixels(batch: int = 2, height: int = 64, width: int = 48) -> Tensor:
    return torch.randn(batch, 3, height, width)


# Copies


def test_copies_say_the_same_and_share_nothing(model: CvtForImageClassification) -> None:
    x, stored = pixels(), io.BytesIO()
    torch.save(model, stored)
    stored.seek(0)
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), torch.load(stored, weights_only=False)]
    expected = model(x).logits
    for twin in copies:
        assert torch.equal(twin(x).logits, expected)
        assert twin.config == model.config and twin.config is not model.config
        with torch.no_grad():
            twin.classifier.bias.add_(1)
        twin.load_state_dict(model.state_dict())
        assert torch.equal(twin(x).logits, expected)
    assert torch.equal(model(x).logits, expected)


# Compiled and exported


def test_one_compiled_graph_serves_every_size(model: CvtForImageClassification) -> None:
    compiled = torch.compile(model, backend="eager", fullgraph=True, dynamic=True)
    for size in SIZES:
        x = pixels(*size)
        torch.testing.assert_close(compiled(x).logits, model(x).logits, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_compiled_network_gives_attentions(model: CvtForImageClassification) -> None:
    x = pixels()
    given = torch.compile(model, backend="eager")(x, output_attentions=True).attentions
    for mine, expected in zip(given, model(x, output_attentions=True).attentions, strict=True):
        torch.testing.assert_close(mine, expected)


def shallow(variant: str) -> CvtForImageClassification:
    """With one layer a stage: to export one takes seconds, and the next holds nothing new."""
    return small_classifier(**VARIANTS[variant], depth=(1, 1, 1))


def exported(model: CvtForImageClassification, **arguments: bool) -> torch.export.ExportedProgram:
    """The network exported for every size, saved and loaded again."""
    any_size = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    shapes = {"pixel_values": any_size, **dict.fromkeys(arguments)}
    stored = io.BytesIO()
    torch.export.save(torch.export.export(model, (pixels(),), arguments, dynamic_shapes=shapes), stored)
    stored.seek(0)
    return torch.export.load(stored)


def test_an_exported_network_gives_all_its_outputs() -> None:
    model = shallow("CLS everywhere, quick")
    arguments = {"output_hidden_states": True, "output_attentions": True}
    run = exported(model, **arguments).module()
    for size in SIZES:
        x = pixels(*size)
        given = run(x, **arguments)
        assert isinstance(given, ImageClassifierOutput)
        torch.testing.assert_close(given.to_tuple(), model(x, **arguments).to_tuple(), atol=1e-5, rtol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("variant", ["released", "no CLS, average pooling"])
def test_onnx_runtime_gives_the_same_for_every_size(variant: str, tmp_path: Path) -> None:
    """By way of torch.export; torch.onnx.export(model, …, dynamo=True) is the same in one call."""
    model = shallow(variant)
    program = torch.onnx.export(exported(model), output_names=["logits"], dynamo=True)
    assert program is not None
    program.save(tmp_path / "cvt.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "cvt.onnx")
    (shape,) = (given.shape for given in session.get_inputs())
    assert shape[1] == 3 and not any(isinstance(side, int) for side in (shape[0], *shape[2:]))
    for size in SIZES:
        x = pixels(*size)
        (logits,) = session.run(["logits"], {"pixel_values": x.numpy()})
        np.testing.assert_allclose(logits, model(x).logits.detach().numpy(), atol=2e-5)


# Number formats and layouts


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_the_bits(variant: CvtForImageClassification, dtype: torch.dtype) -> None:
    x = pixels()
    expected = variant(x).logits
    with torch.autocast("cpu", dtype=dtype):
        mixed = variant(x, labels=torch.tensor([0, 1]))
    whole = variant.to(dtype)(x.to(dtype), output_attentions=True)
    assert whole.logits.dtype == dtype and whole.attentions[0].dtype == dtype
    tolerance = {torch.bfloat16: 0.1, torch.float16: 0.02}[dtype]
    for logits in (mixed.logits, whole.logits):
        torch.testing.assert_close(logits.float(), expected, atol=tolerance, rtol=tolerance)


def test_channels_last(variant: CvtForImageClassification) -> None:
    x = pixels()
    expected = variant(x).logits
    last = variant.to(memory_format=torch.channels_last)
    torch.testing.assert_close(last(x.to(memory_format=torch.channels_last)).logits, expected, atol=1e-5, rtol=1e-5)


# Training


@pytest.mark.parametrize("enable", ["gradient_checkpointing_enable", "activation_checkpointing_enable"])
def test_recomputed_layers_learn_the_same(enable: str) -> None:
    """Gradients, and the statistics of batch norms, are those of a pass whose activations were kept."""
    fields = {"drop_rate": (0.2,) * 3, "drop_path_rate": (0.3,) * 3, "attention_drop_rate": (0.1,) * 3}
    plain = small_classifier(**fields).train()
    saving = copy.deepcopy(plain)
    getattr(saving, enable)()
    assert saving.is_gradient_checkpointing
    x, labels = pixels(4), torch.tensor([0, 1, 2, 3])
    kept = {}
    for network in (plain, saving):
        torch.manual_seed(1)
        tensors: list[Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, into=tensors: into.append(t) or t, lambda t: t):
            loss = network(x, labels=labels).loss
        kept[network] = sum(tensor.numel() for tensor in tensors)
        loss.backward()
    assert kept[saving] < 0.5 * kept[plain]
    for mine, theirs in zip(saving.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)
    for (name, buffer), other in zip(saving.named_buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(buffer, other, msg=name)
    saving.gradient_checkpointing_disable()
    assert not any(getattr(module, "is_gradient_checkpointing", False) for module in saving.modules())


def test_groups_of_parameters_do_not_overlap(model: CvtForImageClassification) -> None:
    groups = [set(map(id, part.parameters())) for part in (model.cvt, model.layernorm, model.classifier)]
    assert sum(map(len, groups)) == len(set.union(*groups)) == len(list(model.parameters()))
    assert model.num_parameters() == sum(parameter.numel() for parameter in model.parameters())
    model.cvt.requires_grad_(False)
    head = {"layernorm.weight", "layernorm.bias", "classifier.weight", "classifier.bias"}
    assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == head
    assert model.num_parameters(only_trainable=True) == 2 * 16 + 16 * 5 + 5


@pytest.mark.filterwarnings("ignore:Grad strides do not match")  # PyTorch's gradients of depthwise convolutions
def test_a_distributed_model_gives_its_outputs(model: CvtForImageClassification, tmp_path: Path) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    try:
        shared = nn.parallel.DistributedDataParallel(model.train(), find_unused_parameters=True)
        output = shared(pixels(), labels=torch.tensor([0, 1]), output_hidden_states=True)
        assert isinstance(output, ImageClassifierOutput) and len(output.hidden_states or ()) == 3
        assert output.loss is not None
        output.loss.backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
    finally:
        torch.distributed.destroy_process_group()


def test_replicas_of_dataparallel_give_what_it_can_gather(model: CvtForImageClassification) -> None:
    """As torch.nn.parallel.gather does with dictionaries, which needs graphics cards to run."""
    replicas = [model._replicate_for_data_parallel() for _ in range(2)]
    for replica in replicas:
        replica.cvt._is_replica = True
    x, labels = pixels(4), torch.tensor([0, 1, 2, 3])
    parts = [
        replica(x[rows], labels=labels[rows], output_hidden_states=True)
        for replica, rows in zip(replicas, (slice(0, 2), slice(2, 4)), strict=True)
    ]
    whole = type(parts[0])((key, [part[key] for part in parts]) for key in parts[0])
    assert isinstance(whole, GatheredOutput)
    torch.testing.assert_close(torch.cat(whole.logits), model(x).logits)
    assert whole.attentions is None and len(whole[0]) == 2 and len(whole[1:]) == 2
    with pytest.raises(AttributeError, match="no 'logit'; it has loss, logits, hidden_states"):
        _ = whole.logit


# Explained


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")
def test_captum_reads_maps_of_stages_and_layers_without_reshaping(model: CvtForImageClassification) -> None:
    """What ``docs/transformers.md`` shows: a stage's output, and what the last layer's projections see, are maps."""
    x = pixels(2, 64, 48)
    stages = model.cvt.encoder.stages
    for place, shape in ((stages[1].output, (8, 6)), (stages[2].layers[-1].attention.input, (4, 3))):  # type: ignore[union-attr]
        cam = LayerGradCam(lambda pixels: model(pixels).logits, place).attribute(x, target=3)
        assert cam.shape == (2, 1, *shape)
        assert cam.abs().max() > 0
    tokens = LayerGradientXActivation(lambda pixels: model(pixels).logits, stages[2].layers[0]).attribute(x, target=3)  # type: ignore[union-attr]
    assert tokens.shape == (2, 1 + 4 * 3, 16)
