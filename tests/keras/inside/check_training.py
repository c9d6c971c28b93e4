"""compile, fit, evaluate and predict: losses of one's own and the model's, every kind of data, eager and compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from cvt import TFCvtForImageClassification
from cvt.keras import TFImageClassifierOutputWithNoAttention
from tests.keras.inside.support import BACKEND, array, named, photos, tiny

PIXELS, LABELS = photos(4), np.array([0, 1, 2, 1])


def classifier(**fields: Any) -> TFCvtForImageClassification:
    keras.utils.set_random_seed(0)
    return TFCvtForImageClassification(tiny(**fields))


def step(model: TFCvtForImageClassification, *data: Any, **options: Any) -> dict[str, float]:
    """One epoch; the weights must change, and all numbers be finite."""
    before = model.get_weights()
    history = model.fit(*data, epochs=1, verbose=0, shuffle=False, **options).history
    assert any((weights != trained).any() for weights, trained in zip(before, model.get_weights(), strict=True))
    assert all(np.isfinite(values).all() for values in history.values())
    return {name: values[-1] for name, values in history.items()}


def test_with_a_loss_of_ones_own_and_without() -> None:
    own = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    logs = {}
    for name, loss in {"own": own, "none": None}.items():
        model = classifier()
        model.compile(keras.optimizers.SGD(0.1), loss=loss, metrics=["accuracy"])
        logs[name] = step(model, PIXELS, LABELS, batch_size=2)
        assert set(logs[name]) == {"loss", "accuracy"}
        assert set(model.evaluate(PIXELS, LABELS, verbose=0, return_dict=True)) == {"loss", "accuracy"}
    assert logs["own"] == pytest.approx(logs["none"], abs=1e-5)


def test_labels_in_the_dictionary() -> None:
    model = classifier()
    model.compile(keras.optimizers.SGD(0.1))
    beside = step(model, PIXELS, LABELS, batch_size=4)
    model = classifier()
    model.compile(keras.optimizers.SGD(0.1))
    inside = step(model, {"pixel_values": PIXELS, "labels": LABELS}, batch_size=4)
    assert inside == pytest.approx(beside, abs=1e-5)
    with pytest.raises(ValueError, match="no labels to learn from"):
        model.fit(PIXELS, verbose=0)


def test_datasets_and_a_batch_of_one() -> None:
    if BACKEND == "tensorflow":
        import tensorflow as tf

        dataset = tf.data.Dataset.from_tensor_slices((PIXELS, LABELS)).batch(1)
        features = tf.data.Dataset.from_tensor_slices({"pixel_values": PIXELS, "labels": LABELS}).batch(3)
        pairs = tf.data.Dataset.from_tensor_slices(({"pixel_values": PIXELS}, LABELS)).batch(2)
        for data in (dataset, features, pairs):
            model = classifier()
            model.compile("adam")
            step(model, data)
        return
    model = classifier()
    model.compile("adam")
    step(model, ((PIXELS[i : i + 1], LABELS[i : i + 1]) for i in range(2)))
    step(model, {"pixel_values": PIXELS}, LABELS, batch_size=2)


def test_eager_and_compiled_agree() -> None:
    if BACKEND == "jax":  # which fit always compiles; the other checks ran it so
        return
    logs = []
    ways = [{"run_eagerly": True}, {"jit_compile": False}]
    if BACKEND == "tensorflow":
        ways.append({"jit_compile": True})
    for options in ways:
        model = classifier()
        model.compile(keras.optimizers.SGD(0.1), **options)
        logs.append(step(model, PIXELS, LABELS, batch_size=2)["loss"])
    assert logs == pytest.approx([logs[0]] * len(logs), abs=1e-4)


def test_weights_of_samples_count() -> None:
    model = classifier()
    model.compile("sgd")
    each = array(model(PIXELS, labels=LABELS).loss)
    weighted = model.evaluate(PIXELS, LABELS, sample_weight=np.array([1, 0, 0, 3]), batch_size=4, verbose=0)
    assert weighted == pytest.approx((each[0] + 3 * each[3]) / 4, abs=1e-4)


def test_one_output_learns_values() -> None:
    model = classifier(num_labels=1)
    model.compile("sgd")
    values = np.array([0.5, 1.5, -1.0, 0.0], np.float32)
    expected = ((array(model(PIXELS).logits)[:, 0] - values) ** 2).mean()
    assert model.evaluate(PIXELS, values, verbose=0) == pytest.approx(expected, abs=1e-5)
    step(model, PIXELS, values)


def test_predictions() -> None:
    model = classifier(output_hidden_states=True)
    output = model.predict(PIXELS, batch_size=3, verbose=0)
    assert isinstance(output, TFImageClassifierOutputWithNoAttention)
    assert output.logits.shape == (4, 5)
    assert [state.shape for state in output.hidden_states] == [(4, 4, 4, 4)]
    np.testing.assert_allclose(output.logits, array(model(PIXELS).logits), rtol=0, atol=1e-5)
    alone = model.predict({"pixel_values": PIXELS[:1]}, verbose=0)
    np.testing.assert_allclose(alone.logits, output.logits[:1], rtol=0, atol=1e-5)


def test_learning_lowers_the_loss() -> None:
    model = classifier()
    model.compile(keras.optimizers.Adam(0.03))
    losses = model.fit(PIXELS, LABELS, batch_size=4, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_a_frozen_norm_keeps_its_statistics() -> None:
    model = classifier()
    model.cvt.trainable = False
    model.compile("sgd")
    before = named(model)
    step(model, PIXELS, LABELS)
    changed = {name for name, value in named(model).items() if (value != before[name]).any()}
    assert changed == {"layernorm.weight", "layernorm.bias", "classifier.weight", "classifier.bias"}


def test_keras_files_go_on_where_they_stopped(tmp_path: Path) -> None:
    model = classifier()
    model.compile(keras.optimizers.Adam(0.01), metrics=["accuracy"])
    step(model, PIXELS, LABELS)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again) is TFCvtForImageClassification
    assert again.config == model.config
    for weights, loaded in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, loaded)
    assert again.evaluate(PIXELS, LABELS, verbose=0) == pytest.approx(
        model.evaluate(PIXELS, LABELS, verbose=0), abs=1e-5
    )
    assert step(again, PIXELS, LABELS) == pytest.approx(step(model, PIXELS, LABELS), abs=1e-4)
    model.save_weights(tmp_path / "only.weights.h5")
    fresh = classifier()
    fresh.load_weights(tmp_path / "only.weights.h5")
    np.testing.assert_array_equal(fresh.get_weights()[0], model.get_weights()[0])
