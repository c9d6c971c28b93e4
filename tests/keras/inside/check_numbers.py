"""The numbers are transformers' and those of our PyTorch model: outputs, losses, gradients, batch statistics."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from cvt import TFCvtForImageClassification, TFCvtModel
from cvt.checkpoint_keys import to_ours
from tests.keras.inside.support import BACKEND, CASES, MADE, array, compiled, named, photos, small, tiny, training_step

LOGITS, MAPS = 2e-5, 2e-4


def test_there_are_cases() -> None:
    assert len(CASES) >= 8


@pytest.mark.parametrize("case", CASES)
def test_outputs(case: str) -> None:
    expected = np.load(CASES[case] / "expected.npz")
    model = TFCvtForImageClassification.from_pretrained(CASES[case])
    call = compiled(lambda pixels, labels: model(pixels, labels=labels, output_hidden_states=True))
    output = call(expected["pixel_values"], expected["labels"])
    assert output.loss.shape == expected["labels"].shape[:1]
    for reference in ("tf", "pt"):
        for name, tolerance in {"logits": LOGITS, "loss": LOGITS}.items():
            if f"{reference}_{name}" in expected:
                mine, theirs = array(output[name]), expected[f"{reference}_{name}"]
                mine = mine if mine.shape == theirs.shape else mine.mean()  # PyTorch's loss is the batch's mean
                np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance)
        for stage, feature_map in enumerate(output.hidden_states):
            theirs = expected.get(f"{reference}_hidden_states_{stage}")
            if theirs is not None:
                np.testing.assert_allclose(array(feature_map), theirs, rtol=0, atol=MAPS)
    assert {f"{reference}_hidden_states_0" for reference in ("tf", "pt")} & set(expected)


def test_the_model_without_a_head() -> None:
    expected = np.load(CASES["small"] / "expected.npz")
    model = TFCvtModel.from_pretrained(CASES["small"])
    output = compiled(lambda pixels: model(pixels, output_hidden_states=True))(expected["pixel_values"])
    np.testing.assert_allclose(array(output.cls_token_value), expected["tf_cls_token_value"], rtol=0, atol=LOGITS)
    np.testing.assert_allclose(array(output.last_hidden_state), expected["tf_hidden_states_2"], rtol=0, atol=MAPS)
    np.testing.assert_array_equal(array(output.last_hidden_state), array(output.hidden_states[-1]))


@pytest.mark.parametrize("case", ["small", "own_strides", "no_cls"])
def test_a_training_step(case: str) -> None:
    """Loss, every gradient and every batch statistic are PyTorch's; its variance is the unbiased one."""
    expected = np.load(CASES[case] / "expected.npz")
    model = TFCvtForImageClassification.from_pretrained(CASES[case])
    loss, gradients = training_step(model, expected["pixel_values"], expected["labels"])
    np.testing.assert_allclose(loss, expected["step_loss"], rtol=0, atol=LOGITS)
    layout = "ours" if CASES[case].parent == MADE else "transformers"
    compared = 0
    for key in expected:
        kind, _, name = key.partition("/")
        if kind in ("gradient", "after"):
            mine = (gradients if kind == "gradient" else named(model))[to_ours(name, layout)]
            np.testing.assert_allclose(
                mine, expected[key], rtol=1e-4, atol=1e-4, err_msg=key
            )  # processors sum alike to that
            compared += 1
    assert compared == len(model.weights)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_stochastic_depth_drops_whole_branches(rate: float) -> None:
    model = TFCvtModel(tiny(depth=2, drop_path_rate=rate))
    layer = model.cvt.encoder.stages[0].layers[1]
    tokens = np.ones((64, 5, 4), np.float32)
    dropped = array(layer.drop_path(tokens, training=True))
    assert set(np.unique(dropped)) == ({0.0, 2.0} if rate else {1.0})
    assert (dropped == dropped[:, :1, :1]).all()
    assert (array(layer.drop_path(tokens, training=False)) == 1).all()
    assert (array(model.cvt.encoder.stages[0].layers[0].drop_path(tokens, training=True)) == 1).all()


def test_dropout_works_in_training_alone() -> None:
    model = TFCvtForImageClassification(tiny(drop_rate=0.3, attention_drop_rate=0.3))
    pixels = photos()
    steady = compiled(lambda x: model(x).logits)
    np.testing.assert_array_equal(array(steady(pixels)), array(steady(pixels)))
    if BACKEND != "jax":  # whose random state lives outside a call
        first, second = (array(model(pixels, training=True).logits) for _ in range(2))
        assert np.abs(first - second).max() > 1e-4


def test_fresh_weights_are_drawn_as_published() -> None:
    config = small(embed_dim=(64, 64, 64), num_heads=(1, 1, 1), mlp_ratio=(4.0, 4.0, 4.0))
    weights = named(TFCvtForImageClassification(config))
    linear = weights["cvt.encoder.stages.1.layers.0.mlp.expand.weight"]
    assert linear.std() == pytest.approx(config.initializer_range, rel=0.05)
    convolution = weights["cvt.encoder.stages.1.embedding.projection.weight"]
    assert np.abs(convolution).max() == pytest.approx((9 * 64) ** -0.5, rel=0.01)
    depthwise = weights["cvt.encoder.stages.1.layers.0.attention.key_convolution.convolution.weight"]
    assert np.abs(depthwise).max() == pytest.approx(1 / 3, rel=0.05)
    assert weights["cvt.encoder.stages.2.cls_token"].std() > 0


def test_half_precision() -> None:
    model = TFCvtForImageClassification(tiny(), dtype="mixed_bfloat16")
    assert model.variable_dtype == "float32"
    assert all(weight.dtype == "float32" for weight in model.weights)
    full = TFCvtForImageClassification(tiny())
    full.set_weights(model.get_weights())
    pixels = photos()
    logits = compiled(lambda x: model(x).logits)(pixels)
    assert keras.backend.standardize_dtype(logits.dtype) == "bfloat16"
    expected = array(compiled(lambda x: full(x).logits)(pixels))
    np.testing.assert_allclose(array(keras.ops.cast(logits, "float32")), expected, rtol=0, atol=0.05)
