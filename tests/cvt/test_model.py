"""The network by itself: hand-worked attention, shapes, options, training behaviour and initialisation."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cvt.errors import ImageError
from cvt.model import Attention, CvtForImageClassification, CvtModel, DropPath, Layer, quick_gelu
from cvt.probe import record
from tests.cvt.networks import small_classifier, small_config, small_model, uniform_config


def attention_by_hand(method: str, query: float, key: float, value: float) -> Attention:
    """Attention of width 1 (so its scale is 1) with weights that are plain numbers, and an output of 10 x + 1."""
    attention = Attention(uniform_config(1, embed_dim=1, num_heads=1, qkv_projection_method=method), stage=0).eval()
    state = dict(attention.named_parameters())
    with torch.no_grad():
        for name, parameter in state.items():
            parameter.fill_(1.0 if "convolution" in name and name.endswith("weight") else 0.0)
        for buffer in (b for name, b in attention.named_buffers() if name.endswith("running_var")):
            buffer.fill_(1 - 1e-5)  # with the epsilon: exactly 1
        for name, number in (("query", query), ("key", key), ("value", value), ("output", 10.0)):
            state[f"{name}_linear.weight"].fill_(number)
        state["output_linear.bias"].fill_(1.0)
    return attention


def run(attention: Attention, tokens: list[float]) -> tuple[Tensor, Tensor]:
    """Output and attention weights for the tokens of a 2 × 2 map, CLS in front if there are five."""
    with torch.no_grad(), record(attention, "weights") as heard:
        output = attention(torch.tensor(tokens, dtype=torch.float32).reshape(1, -1, 1), 2, 2)
    return output.flatten(), heard["weights"][0, 0]


def test_linear_attention_by_hand() -> None:
    """q = (1, 0, 0, 0), k = (ln 2, 0, 0, 0): the first token weighs itself twice as much as each other, v = q."""
    ln2 = math.log(2)
    output, weights = run(attention_by_hand("linear", query=1 / ln2, key=1.0, value=1 / ln2), [ln2, 0, 0, 0])
    expected = torch.full((4, 4), 0.25)
    expected[0] = torch.tensor([0.4, 0.2, 0.2, 0.2])
    torch.testing.assert_close(weights, expected)
    torch.testing.assert_close(output, torch.tensor([5.0, 3.5, 3.5, 3.5]))


def test_convolutional_attention_by_hand() -> None:
    """Kernel 3, stride 2 and padding 1 leave a 2 × 2 map one key, the sum of all four tokens."""
    output, weights = run(attention_by_hand("dw_bn", query=1.0, key=1.0, value=1.0), [1, 2, 3, 4])
    torch.testing.assert_close(weights, torch.ones(4, 1))
    torch.testing.assert_close(output, torch.full((4,), 101.0))


def test_cls_skips_the_convolutions_but_not_the_linears() -> None:
    """With q = 0 the two keys, CLS and the sum of the tokens, weigh the same: (2 · 6 + 2 · 10) / 2 = 16."""
    output, weights = run(attention_by_hand("dw_bn", query=0.0, key=1.0, value=2.0), [6, 1, 2, 3, 4])
    torch.testing.assert_close(weights, torch.full((5, 2), 0.5))
    torch.testing.assert_close(output, torch.full((5,), 161.0))


def test_queries_are_convolved_with_stride_one() -> None:
    """Each query of a 2 × 2 map sees all four tokens through its 3 × 3 kernel; CLS stays itself."""
    attention = attention_by_hand("dw_bn", query=1.0, key=1.0, value=1.0)
    with torch.no_grad(), record(attention, "query", "key") as heard:
        attention(torch.tensor([6.0, 1, 2, 3, 4]).reshape(1, -1, 1), 2, 2)
    torch.testing.assert_close(heard["query"].flatten(), torch.tensor([6.0, 10, 10, 10, 10]))
    torch.testing.assert_close(heard["key"].flatten(), torch.tensor([6.0, 10]))


def test_average_attention_by_hand() -> None:
    """Ceiling mode gives a 2 × 2 map four keys: windows that padding (but not what lies beyond it) is counted in."""
    output, weights = run(attention_by_hand("avg", query=0.0, key=1.0, value=1.0), [1, 2, 3, 4])
    torch.testing.assert_close(weights, torch.full((4, 4), 0.25))
    mean = ((1 + 2 + 3 + 4) / 9 + (2 + 4) / 6 + (3 + 4) / 6 + 4 / 4) / 4
    torch.testing.assert_close(output, torch.full((4,), 10 * mean + 1))


def test_heads_split_the_width_and_the_scale_is_of_the_whole_width() -> None:
    attention = small_model().encoder.stages[2].layers[0].attention  # type: ignore[union-attr]
    with torch.no_grad(), record(attention) as heard:
        attention(torch.randn(2, 7, 16), 2, 3)
    query, key, value = (heard[name] for name in ("query", "key", "value"))
    assert query.shape == (2, 2, 7, 8)
    weights = (query @ key.transpose(-2, -1) / 16**0.5).softmax(dim=-1)
    torch.testing.assert_close(heard["weights"], weights)
    torch.testing.assert_close(heard["context"], weights @ value)


def test_a_layer_adds_attention_and_mlp_of_normalised_tokens() -> None:
    layer = small_model().encoder.stages[1].layers[0]  # type: ignore[union-attr]
    assert isinstance(layer, Layer)
    x = torch.randn(2, 6, 12)
    with torch.no_grad():
        middle = x + layer.attention(layer.attention_norm(x), 2, 3)
        torch.testing.assert_close(layer(x, 2, 3), middle + layer.mlp(layer.mlp_norm(middle)))


def test_activations() -> None:
    x = torch.tensor([-1.0, 0.0, 2.0])
    torch.testing.assert_close(quick_gelu(x), x / (1 + torch.exp(-1.702 * x)))
    plain, quick = (small_classifier(hidden_act=name) for name in ("gelu", "quick_gelu"))
    quick.load_state_dict(plain.state_dict())
    pixels = torch.randn(1, 3, 32, 32)
    assert (plain(pixels).logits - quick(pixels).logits).abs().max() > 1e-4


METHODS = ["dw_bn", "avg", "linear"]
CLS = [(False, False, True), (True, True, True), (True, False, False), (False, False, False)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("cls_token", CLS, ids=str)
def test_every_projection_with_cls_anywhere_or_nowhere_at_any_size(method: str, cls_token: tuple[bool, ...]) -> None:
    model = small_classifier(qkv_projection_method=[method] * 3, cls_token=cls_token)
    for height, width in ((32, 48), (37, 61), (16, 16)):
        pixels = torch.randn(2, 3, height, width, requires_grad=True)
        output = model(pixels, output_hidden_states=True, output_attentions=True)
        assert output.logits.shape == (2, 5)
        assert len(output.attentions) == 5
        single = model(pixels[:1]).logits
        assert single.shape == (1, 5), "a batch of one keeps its axis"
        torch.testing.assert_close(single, output.logits[:1], atol=1e-5, rtol=1e-5)
        (gradient,) = torch.autograd.grad(output.logits[0].sum(), pixels)
        assert gradient[0].abs().sum() > 0
        assert gradient[1].abs().sum() == 0, "pictures of a batch do not mix"
        for attention, stage in zip(output.attentions, (0, 1, 1, 2, 2), strict=True):
            rows, columns = output.hidden_states[stage].shape[-2:]
            assert attention.shape[1:3] == (model.config.num_heads[stage], rows * columns + cls_token[stage])


@pytest.mark.parametrize("method", METHODS)
def test_every_parameter_learns(method: str) -> None:
    """Without CLS in the last stage, whose last block would otherwise compute tokens nobody reads."""
    model = small_classifier(qkv_projection_method=[method] * 3, cls_token=(True, True, False)).train()
    model(torch.randn(3, 3, 32, 32), labels=torch.tensor([0, 1, 2])).loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        if "key" not in name:  # a shift of every key changes no attention
            assert parameter.grad.abs().sum() > 0, name


def test_outputs_of_the_stages_alone() -> None:
    model = small_model()
    output = model(torch.randn(2, 3, 32, 48), output_hidden_states=True, output_attentions=True)
    shapes = [tuple(feature_map.shape) for feature_map in output.hidden_states]
    assert shapes == [(2, 8, 8, 12), (2, 12, 4, 6), (2, 16, 2, 3)]
    assert output.last_hidden_state is output.hidden_states[-1]
    assert output.cls_token_value.shape == (2, 1, 16)
    shapes = [tuple(attention.shape) for attention in output.attentions]
    assert shapes == [(2, 1, 96, 24), *[(2, 3, 24, 6)] * 2, *[(2, 2, 7, 3)] * 2]
    assert small_model(cls_token=(True, True, False))(torch.randn(1, 3, 32, 32)).cls_token_value is None


def test_options_of_the_forward_pass_and_their_defaults() -> None:
    pixels = torch.randn(1, 3, 32, 32)
    model = small_model()
    assert model(pixels).keys() == ["last_hidden_state", "cls_token_value"]
    assert model(pixels, output_attentions=True).keys()[-1] == "attentions"
    as_tuple = model(pixels, output_hidden_states=True, return_dict=False)
    assert isinstance(as_tuple, tuple) and len(as_tuple) == 3
    torch.testing.assert_close(as_tuple[0], model(pixels)[0])
    classifier = small_classifier(output_hidden_states=True, output_attentions=True, return_dict=False)
    logits, hidden_states, attentions = classifier(pixels)
    assert (logits.shape, len(hidden_states), len(attentions)) == ((1, 5), 3, 5)
    assert classifier(pixels, output_hidden_states=False, output_attentions=False, return_dict=True).keys() == [
        "logits"
    ]
    loss, logits, *_ = classifier(pixels, labels=torch.tensor([1]))
    assert loss.ndim == 0 and logits.shape == (1, 5)


def test_the_classifier_reads_cls_or_the_mean_of_the_tokens() -> None:
    pixels = torch.randn(2, 3, 32, 48)
    with torch.no_grad():
        model = small_classifier()
        cls = model.cvt(pixels).cls_token_value
        torch.testing.assert_close(model(pixels).logits, model.classifier(model.layernorm(cls[:, 0])))
        model = small_classifier(cls_token=(True, False, False))
        tokens = model.cvt(pixels).last_hidden_state.flatten(2).transpose(1, 2)
        torch.testing.assert_close(model(pixels).logits, model.classifier(model.layernorm(tokens).mean(dim=1)))


def test_losses() -> None:
    pixels = torch.randn(2, 3, 32, 32)
    model = small_classifier()
    logits = model(pixels).logits
    indices, several = torch.tensor([3, 0]), torch.tensor([[0.0, 1, 1, 0, 0], [1, 0, 0, 0, 0.5]])
    cross_entropy = -logits.log_softmax(dim=-1)[[0, 1], indices].mean()
    torch.testing.assert_close(model(pixels, labels=indices).loss, cross_entropy)
    torch.testing.assert_close(model(pixels, labels=indices.int()).loss, cross_entropy)
    share = logits.sigmoid()
    binary = -(several * share.log() + (1 - several) * (1 - share).log()).mean()
    torch.testing.assert_close(model(pixels, labels=several).loss, binary)
    model = small_classifier(num_labels=1)
    values = torch.tensor([0.3, -1.0])
    squared = (model(pixels).logits[:, 0] - values).square().mean()
    torch.testing.assert_close(model(pixels, labels=values).loss, squared)
    torch.testing.assert_close(model(pixels, labels=values[:, None]).loss, squared)


def test_the_problem_type_decides_the_loss() -> None:
    pixels, several = torch.randn(2, 3, 32, 32), torch.tensor([[0, 1, 1, 0, 0], [1, 0, 0, 0, 1]])
    model = small_classifier(problem_type="multi_label_classification")
    expected = nn.functional.binary_cross_entropy_with_logits(model(pixels).logits, several.float())
    torch.testing.assert_close(model(pixels, labels=several).loss, expected)
    model = small_classifier(problem_type="regression")
    expected = (model(pixels).logits - several).square().mean()
    torch.testing.assert_close(model(pixels, labels=several.float()).loss, expected)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (torch.zeros(3, 32, 32), r"shape \[3, 32, 32\]; expected \[batch, 3, height, width\]"),
        (torch.zeros(1, 4, 32, 32), r"shape \[1, 4, 32, 32\]"),
        (None, "shape None"),
        (torch.zeros(1, 3, 2, 32), "image is 32 × 2 pixels; this model needs at least 3 each way"),
    ],
    ids=["no batch", "four channels", "nothing", "too small"],
)
def test_pixels_that_do_not_fit(pixels: Any, message: str) -> None:
    for model in (small_model(), small_classifier()):
        with pytest.raises(ImageError, match=message):
            model(pixels)


def test_the_smallest_picture() -> None:
    assert small_classifier()(torch.zeros(1, 3, 3, 3)).logits.shape == (1, 5)
    model = CvtModel(uniform_config(2, padding_kv=0)).eval()
    assert model(torch.zeros(1, 3, 9, 9)).last_hidden_state.shape[-2:] == (3, 3)
    with pytest.raises(ImageError, match="at least 9 each way"):  # stage 2 would have 2 × 2 tokens and no key
        model(torch.zeros(1, 3, 8, 9))


def test_other_channels_and_precisions() -> None:
    model = small_classifier(num_channels=1).double()
    assert model.dtype == torch.float64
    assert model.device == torch.device("cpu")
    assert model(torch.zeros(1, 1, 32, 32, dtype=torch.float64)).logits.dtype == torch.float64
    assert small_classifier().bfloat16()(torch.zeros(1, 3, 32, 32).bfloat16()).logits.dtype == torch.bfloat16


def test_drop_path_drops_whole_samples_and_keeps_the_mean() -> None:
    drop_path = DropPath(0.3).train()
    out = drop_path(torch.ones(20_000, 2, 3))
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.7])
    assert (out.amax(dim=(1, 2)) == out.amin(dim=(1, 2))).all()
    assert (out[:, 0, 0] == 0).float().mean().item() == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 20_000) ** 0.5)
    assert out.mean().item() == pytest.approx(1, abs=0.03)
    x = torch.randn(4, 2, 3)
    assert drop_path.eval()(x) is x
    assert DropPath(0.0).train()(x) is x


def test_drop_path_rises_over_each_stage() -> None:
    model = CvtModel(small_config(depth=(1, 3, 5), drop_path_rate=(0.2, 0.2, 0.4)))
    rates = [[layer.drop_path.rate for layer in stage.layers] for stage in model.encoder.stages]  # type: ignore[union-attr]
    assert rates[0] == [0]
    assert rates[1] == pytest.approx([0, 0.1, 0.2])
    assert rates[2] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_a_dropped_branch_leaves_its_input() -> None:
    """Both branches go through drop path, and the residual around them does not."""

    class Dropped(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros_like(x)

    layer = small_model().encoder.stages[2].layers[1]  # type: ignore[union-attr]
    layer.drop_path = Dropped()
    x = torch.randn(2, 7, 16)
    torch.testing.assert_close(layer(x, 2, 3), x, atol=0, rtol=0)


@pytest.mark.parametrize("name", ["drop_rate", "attention_drop_rate", "drop_path_rate"])
def test_dropout_acts_in_training_alone(name: str) -> None:
    model, pixels = small_classifier(**{name: (0.5, 0.5, 0.5)}), torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(model(pixels).logits, model(pixels).logits, atol=0, rtol=0)
    for module in model.train().modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()  # so that dropout alone can make a difference
    assert (model(pixels).logits - model(pixels).logits).abs().max() > 1e-3


@pytest.mark.parametrize("listened_to", [False, True])
def test_attention_dropout_keeps_the_mean_fused_or_not(listened_to: bool) -> None:
    attention = Attention(uniform_config(1, attention_drop_rate=0.5, qkv_projection_method="linear"), stage=0).train()
    q, k, v = (torch.randn(1, 2, tokens, 4).repeat(4000, 1, 1, 1) for tokens in (3, 6, 6))
    expected = (q[0] @ k[0].transpose(-2, -1) * attention.scale).softmax(dim=-1) @ v[0]
    patterns = ["weights"] if listened_to else ["input"]
    with torch.no_grad(), record(attention, *patterns) as heard:
        context = attention._attend(q, k, v)
    assert context.std(dim=0).min() > 0.01
    torch.testing.assert_close(context.mean(dim=0), expected, atol=0.08, rtol=0)
    if listened_to:
        torch.testing.assert_close(heard["weights"].sum(dim=-1), torch.ones(4000, 2, 3))


def test_initialisation() -> None:
    model = CvtForImageClassification(small_config(embed_dim=(64, 96, 128), cls_token=(True, False, True)))
    for module in model.modules():
        if isinstance(module, nn.Linear):
            assert module.bias is None or not module.bias.any()
            assert module.weight.abs().max() <= 2, "truncated"
            assert abs(module.weight.mean().item()) < 5 * 0.02 / module.weight.numel() ** 0.5
            if module.weight.numel() > 4000:
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.06)
        elif isinstance(module, nn.LayerNorm | nn.BatchNorm2d):
            assert (module.weight == 1).all() and not module.bias.any()
        elif isinstance(module, nn.Conv2d):
            bound = (module.weight[0].numel()) ** -0.5
            assert 0.8 * bound < module.weight.abs().max() <= bound, "PyTorch's own"
    for stage in (0, 2):
        cls_token = model.cvt.encoder.stages[stage].cls_token
        assert isinstance(cls_token, Tensor)
        assert cls_token.shape == (1, 1, (64, 96, 128)[stage]), "as wide as its own stage"
        assert cls_token.std().item() == pytest.approx(0.02, rel=0.35)
    assert model.cvt.encoder.stages[1].cls_token is None
    wider = CvtModel(small_config(embed_dim=(64, 96, 128), initializer_range=0.1))
    assert wider.encoder.stages[2].layers[0].mlp.expand.weight.std().item() == pytest.approx(0.1, rel=0.06)  # type: ignore[union-attr]


def test_layer_norms_use_the_epsilon_in_use() -> None:
    for config, epsilon in ((small_config(), 1e-5), (small_config(layer_norm_eps=1e-3), 1e-3)):
        model = CvtForImageClassification(config)
        assert {module.eps for module in model.modules() if isinstance(module, nn.LayerNorm)} == {epsilon}
        assert {module.eps for module in model.modules() if isinstance(module, nn.BatchNorm2d)} == {1e-5}


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("method", ["dw_bn", "avg", "linear"])
def test_the_gradient_of_one_photo_is_the_slope(method: str, frozen: bool) -> None:
    """In double precision along a random direction, against a central difference; also with frozen weights."""
    model = small_classifier(qkv_projection_method=(method,) * 3).double().requires_grad_(not frozen)
    pixels, direction = torch.randn(2, 1, 3, 32, 48, dtype=torch.double)
    pixels.requires_grad_()
    (gradient,) = torch.autograd.grad(model(pixels).logits[0, 1], pixels)
    step = 1e-6 * direction
    with torch.no_grad():
        rise = model(pixels + step).logits[0, 1] - model(pixels - step).logits[0, 1]
    assert (gradient * direction).sum().item() == pytest.approx(rise.item() / 2e-6, rel=1e-5, abs=1e-8)
