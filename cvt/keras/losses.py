"""The loss of the Keras classifier: the one of Hugging Face's documentation, per example."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from cvt.config_fields import ProblemType

__all__ = ["ClassificationLoss"]


@keras.saving.register_keras_serializable(package="cvt")
class ClassificationLoss(keras.losses.Loss):
    """Squared error for one label, cross entropy for class indices, binary cross entropy for a value per label.

    Args:
        problem_type: which of the three, ``"regression"``, ``"single_label_classification"`` or
            ``"multi_label_classification"``; None infers it: one logit is a regression, labels in the logits' shape are
            values, all others are indices.
        reduction, name, dtype: as in every Keras loss.
    """

    def __init__(
        self,
        problem_type: ProblemType | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str = "loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.problem_type = problem_type

    def call(self, labels: Any, logits: Any) -> Any:
        """One loss per example, ``[batch]``; ``labels`` are ``[batch]`` or, of values, ``[batch, num_labels]``."""
        num_labels = logits.shape[-1]
        problem = self.problem_type or _infer(labels, num_labels)
        if problem == "single_label_classification":
            indices = ops.cast(ops.reshape(labels, (-1,)), "int32")
            return keras.losses.sparse_categorical_crossentropy(indices, logits, from_logits=True)
        values = ops.cast(ops.reshape(labels, (-1, num_labels)), logits.dtype)
        if problem == "regression":
            return ops.mean(ops.square(logits - values), axis=-1)
        return keras.losses.binary_crossentropy(values, logits, from_logits=True)

    def get_config(self) -> dict[str, Any]:
        """What :meth:`from_config` takes."""
        return {**super().get_config(), "problem_type": self.problem_type}


def _infer(labels: Any, num_labels: int) -> ProblemType:
    if num_labels == 1:
        return "regression"
    per_label = len(labels.shape) == 2 and labels.shape[1] == num_labels
    return "multi_label_classification" if per_label else "single_label_classification"
