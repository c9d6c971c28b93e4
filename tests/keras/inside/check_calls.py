"""What a call takes and gives: every way of passing arguments, tuples, trees, clear errors."""

from __future__ import annotations

import copy
import pickle
from collections import UserDict
from typing import Any

import keras
import numpy as np
import pytest

from cvt import ConfigError, CvtConfig, CvtImageProcessor, ImageError, TFCvtForImageClassification, TFCvtModel
from cvt.geometry import smallest_input, stage_geometry
from cvt.keras import TFBaseModelOutputWithCLSToken, TFImageClassifierOutputWithNoAttention
from tests.keras.inside.support import BACKEND, array, compiled, photos, small, tiny

PIXELS, LABELS = photos(), np.array([1, 3])


@pytest.fixture(scope="module")
def model() -> TFCvtForImageClassification:
    return TFCvtForImageClassification(small())


class BatchFeature(UserDict):
    """As transformers' processors return it: no dict."""


def test_arguments_come_in_many_ways(model: TFCvtForImageClassification) -> None:
    expected = array(model(PIXELS, LABELS).loss)
    assert expected.shape == (2,)
    both = {"pixel_values": PIXELS, "labels": LABELS}
    for loss in (
        model(pixel_values=PIXELS, labels=LABELS).loss,
        model(**both).loss,
        model(both).loss,
        model(BatchFeature(both)).loss,
        model([PIXELS, LABELS]).loss,
        model((PIXELS, LABELS)).loss,
        model({"pixel_values": PIXELS}, labels=LABELS).loss,
        model(PIXELS, labels=[1, 3]).loss,
        model(keras.ops.convert_to_tensor(PIXELS), keras.ops.convert_to_tensor(LABELS)).loss,
        model.call(PIXELS, LABELS).loss,
        model.call(both).loss,
    ):
        np.testing.assert_allclose(array(loss), expected, rtol=0, atol=1e-6)


def test_the_processor_needs_no_torch(model: TFCvtForImageClassification) -> None:
    batch = CvtImageProcessor(size=32)(np.zeros((40, 50, 3), np.uint8), return_tensors="np")
    assert tuple(model(**batch).logits.shape) == tuple(model(batch).logits.shape) == (1, 5)


def test_outputs_read_as_documented(model: TFCvtForImageClassification) -> None:
    output = model(PIXELS, labels=LABELS, output_hidden_states=True)
    assert isinstance(output, TFImageClassifierOutputWithNoAttention)
    assert list(output) == ["loss", "logits", "hidden_states"]
    assert output[0] is output.loss is output["loss"]
    assert output[1:] == output.to_tuple()[1:]
    assert [tuple(state.shape) for state in output.hidden_states] == [(2, 4, 8, 8), (2, 6, 4, 4), (2, 8, 2, 2)]
    bare = model(PIXELS)
    assert list(bare) == ["logits"]
    assert bare.loss is None
    assert bare.hidden_states is None
    with pytest.raises(AttributeError, match="has no field 'attentions'"):
        bare.attentions  # noqa: B018
    with pytest.raises(KeyError):
        bare["loss"]
    tuples = model(PIXELS, labels=LABELS, output_hidden_states=True, return_dict=False)
    assert isinstance(tuples, tuple)
    assert len(tuples) == 3
    np.testing.assert_allclose(array(tuples[1]), array(output.logits), rtol=0, atol=1e-6)
    assert len(model(PIXELS, return_dict=False)) == 1


def test_outputs_of_the_model_without_a_head() -> None:
    model = TFCvtModel(small())
    output = model(PIXELS)
    assert isinstance(output, TFBaseModelOutputWithCLSToken)
    assert tuple(output.last_hidden_state.shape) == (2, 8, 2, 2)
    assert tuple(output.cls_token_value.shape) == (2, 1, 8)
    assert len(model(PIXELS, return_dict=False)) == 2
    without = TFCvtModel(small(cls_token=[False] * 3))(PIXELS)
    assert list(without) == ["last_hidden_state"]


def test_the_configuration_holds_the_defaults() -> None:
    output = TFCvtModel(small(output_hidden_states=True, return_dict=False))(PIXELS)
    assert isinstance(output, tuple)
    assert len(output) == 3


def test_outputs_are_trees_that_copy(model: TFCvtForImageClassification) -> None:
    output = model(PIXELS, labels=LABELS)
    doubled = keras.tree.map_structure(lambda tensor: tensor * 2, output)
    assert type(doubled) is type(output)
    np.testing.assert_allclose(array(doubled.logits), 2 * array(output.logits))
    arrays = keras.tree.map_structure(array, output)
    for other in (copy.deepcopy(arrays), copy.copy(arrays), pickle.loads(pickle.dumps(arrays))):
        assert type(other) is type(output)
        np.testing.assert_array_equal(other.logits, arrays.logits)
    with pytest.raises(TypeError, match="has no surprise"):
        TFImageClassifierOutputWithNoAttention(surprise=1)


def test_outputs_pass_through_compilers() -> None:
    model = TFCvtForImageClassification(tiny())
    if BACKEND == "tensorflow":
        import tensorflow as tf

        for options in ({}, {"jit_compile": True}):
            output = tf.function(lambda x: model(x), **options)(PIXELS)
            assert isinstance(output, TFImageClassifierOutputWithNoAttention)
        unknown = tf.function(
            lambda x: model(x).logits, input_signature=[tf.TensorSpec([None, 3, None, None], tf.float32)]
        )
        for size in ((1, 32, 32), (3, 45, 70)):
            np.testing.assert_allclose(
                array(unknown(photos(*size))), array(model(photos(*size)).logits), rtol=0, atol=1e-5
            )
    elif BACKEND == "jax":
        assert isinstance(compiled(lambda x: model(x))(PIXELS), TFImageClassifierOutputWithNoAttention)
    else:
        assert model(PIXELS).logits.requires_grad


def test_losses_per_example(model: TFCvtForImageClassification) -> None:
    logits = array(model(PIXELS).logits).astype(np.float64)
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(
        array(model(PIXELS, labels=LABELS).loss), -log_probabilities[[0, 1], LABELS], rtol=0, atol=1e-5
    )
    chosen = np.eye(5, dtype=np.float32)[LABELS]
    expected = (np.log1p(np.exp(logits)) - chosen * logits).mean(axis=1)
    np.testing.assert_allclose(array(model(PIXELS, labels=chosen).loss), expected, rtol=0, atol=1e-5)

    regression = TFCvtForImageClassification(small(num_labels=1))
    value = array(regression(PIXELS).logits)[:, 0]
    for labels in (np.array([0.5, -2.0]), np.array([[0.5], [-2.0]])):
        np.testing.assert_allclose(
            array(regression(PIXELS, labels=labels).loss), (value - labels.ravel()) ** 2, rtol=0, atol=1e-5
        )
    several = TFCvtForImageClassification(small(problem_type="regression"))
    assert array(several(PIXELS, labels=chosen).loss).shape == (2,)


def test_any_size_and_no_image_size() -> None:
    model = TFCvtModel(CvtConfig(depth=[1, 1, 1], embed_dim=[4, 8, 8], num_heads=[1, 1, 1]))
    call = compiled(lambda x: model(x).last_hidden_state)
    for size in ((16, 70), (33, 17), (smallest_input(model.config),) * 2):
        grid = stage_geometry(model.config, *size)[-1].tokens
        assert tuple(call(photos(3, *size)).shape) == (3, 8, *grid.shape)


@pytest.mark.parametrize(
    ("arguments", "named", "error", "message"),
    [
        ((), {}, ImageError, "pixel_values is missing"),
        ((None,), {}, ImageError, "pixel_values is missing"),
        ((PIXELS[0],), {}, ImageError, r"shape \[3, 32, 32\]; expected \[batch, 3, height, width\]"),
        ((PIXELS.transpose(0, 2, 3, 1),), {}, ImageError, r"channels come last: transpose it with \(0, 3, 1, 2\)"),
        ((PIXELS[:, :1],), {}, ImageError, r"shape \[2, 1, 32, 32\]"),
        ((PIXELS[:, :, :2, :1],), {}, ImageError, "needs at least"),
        (("photo.jpg",), {}, ImageError, "str, not a tensor"),
        (({"pixel_values": PIXELS, "pixel_mask": PIXELS},), {}, TypeError, "pixel_mask: no argument of this model"),
        ((PIXELS,), {"output_attentions": True}, TypeError, "output_attentions: no argument"),
        ((PIXELS, LABELS), {"labels": LABELS}, TypeError, "labels is given twice"),
        (([PIXELS, LABELS, None, None, None],), {}, TypeError, "5 arguments are too many"),
    ],
)
def test_errors(
    model: TFCvtForImageClassification, arguments: Any, named: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        model(*arguments, **named)


def test_a_torch_tensor_is_refused_elsewhere(model: TFCvtForImageClassification) -> None:
    if BACKEND == "torch":
        return

    class Tensor(np.ndarray):
        """In place of torch's, which is not imported here."""

        __module__ = "torch"

    with pytest.raises(TypeError, match=f"torch.Tensor, but Keras runs on {BACKEND}"):
        model(PIXELS.view(Tensor))


def test_a_configuration_that_cannot_be() -> None:
    config = small()
    config.num_heads[0] = 3
    with pytest.raises(ConfigError, match="must be a multiple"):
        TFCvtModel(config)


def test_structure() -> None:
    model = TFCvtForImageClassification(small())
    assert model.cvt.encoder.stages[2].layers[1].attention.query_linear.kernel.shape == (8, 8)
    assert model.layernorm.gamma.shape == (8,)
    assert model.classifier.kernel.shape == (8, 5)
    model.cvt.trainable = False
    assert {weight.path.split("/")[1] for weight in model.trainable_weights} == {"layernorm", "classifier"}


def test_inside_a_functional_model() -> None:
    """A backbone among other layers, as KerasHub's are used."""
    backbone = TFCvtModel(tiny())
    pixels = keras.Input((3, None, None))
    pooled = keras.layers.GlobalAveragePooling2D(data_format="channels_first")(backbone(pixels).last_hidden_state)
    model = keras.Model(pixels, keras.layers.Dense(2)(pooled))
    expected = array(compiled(lambda x: backbone(x).last_hidden_state)(PIXELS)).mean(axis=(2, 3))
    features = keras.Model(pixels, pooled)
    np.testing.assert_allclose(features.predict(PIXELS, verbose=0), expected, rtol=0, atol=1e-5)
    assert model.predict(photos(1, 40, 48), verbose=0).shape == (1, 2)
