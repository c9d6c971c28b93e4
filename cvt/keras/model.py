"""The two Keras models, under the names Hugging Face documents for TensorFlow; on any Keras 3 backend.

transformers 5 has dropped its TensorFlow models; these take their place, and train as the PyTorch models do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import keras
from keras import ops

from cvt.config import CvtConfig
from cvt.keras.inputs import check_pixels, gather
from cvt.keras.layers import Cvt, normal
from cvt.keras.loading import load_model
from cvt.keras.losses import ClassificationLoss
from cvt.keras.outputs import TFBaseModelOutputWithCLSToken, TFImageClassifierOutputWithNoAttention
from cvt.keras.saving import save_model

__all__ = ["TFCvtForImageClassification", "TFCvtModel", "TFCvtPreTrainedModel"]


class TFCvtPreTrainedModel(keras.Model):
    """What both models share: the network ``cvt``, their arguments, loading and saving.

    Inputs are ``[batch, num_channels, height, width]``, of any size whose smallest grid is not empty, and so are maps;
    arguments come by position, by name, or in one dictionary, list or tuple (``model([pixels, labels])``).

    Args:
        config: the architecture.
        kwargs: what every Keras model takes: ``name``, ``trainable``, ``dtype``.

    Raises:
        ConfigError: the configuration is not valid.
    """

    arguments: ClassVar[tuple[str, ...]]
    config_class = CvtConfig
    base_model_prefix = "cvt"
    main_input_name = "pixel_values"

    def __init__(self, config: CvtConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        config.validate()
        self.config = config
        self.cvt = Cvt(config, dtype=self.dtype_policy, name="cvt")

    def __call__(self, pixel_values: Any = None, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """The arguments of :meth:`call`, and ``training``; see there."""
        given = gather(self.arguments, pixel_values, args, kwargs)
        pixel_values = given.pop("pixel_values", None)
        check_pixels(self.config, pixel_values)
        return super().__call__(pixel_values, training=training, **given)

    def build(self, input_shape: Any = None) -> None:
        """Make every weight; their shapes depend on the configuration alone."""
        self.cvt.build()
        self.built = True

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs: Any) -> Self:
        """Load a published, saved or bundled model; see :func:`cvt.keras.loading.load_model`."""
        return load_model(cls, pretrained_model_name_or_path, **kwargs)

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:
        """Write ``config.json`` and the weights; see :func:`cvt.keras.saving.save_model`."""
        save_model(self, save_directory, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """What :meth:`from_config` makes this model of, without its weights."""
        return {**super().get_config(), "config": self.config.to_dict()}

    @classmethod
    def from_config(cls, config: dict[str, Any] | CvtConfig, custom_objects: Any = None) -> Self:
        """A fresh model, of a :class:`~cvt.CvtConfig` or of what :meth:`get_config` returned."""
        if isinstance(config, CvtConfig):
            return cls(config)
        fields = dict(config)
        return cls(CvtConfig.from_dict(fields.pop("config")), **fields)

    def _arguments(self, pixel_values: Any, named: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a call, checked, with the configuration's defaults."""
        given = gather(self.arguments, pixel_values, (), named)
        check_pixels(self.config, given.get("pixel_values"))
        for name in ("output_hidden_states", "return_dict"):
            given.setdefault(name, getattr(self.config, name))
        given["pixel_values"] = ops.cast(given["pixel_values"], self.compute_dtype)
        return given


@keras.saving.register_keras_serializable(package="cvt")
class TFCvtModel(TFCvtPreTrainedModel):
    """The stages, without a classification head. Arguments, inputs and errors: :class:`TFCvtPreTrainedModel`."""

    arguments = ("pixel_values", "output_hidden_states", "return_dict")

    def __init__(self, config: CvtConfig, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.build()

    def call(
        self,
        pixel_values: Any = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        training: bool = False,
    ) -> TFBaseModelOutputWithCLSToken | tuple[Any, ...]:
        """Run the stages.

        Args:
            pixel_values: normalised images, ``[batch, num_channels, height, width]``.
            output_hidden_states: also return each stage's map.
            return_dict: return a plain tuple of what is set if False. Both default to the configuration's.
            training: with dropout, stochastic depth and the batch's own statistics.

        Raises:
            ImageError: ``pixel_values`` is missing, has the wrong axes or channels, or is too small.
            TypeError: an argument that there is not.
        """
        given = self._arguments(
            pixel_values, {"output_hidden_states": output_hidden_states, "return_dict": return_dict}
        )
        maps, cls = self.cvt(given["pixel_values"], training=training)
        output = TFBaseModelOutputWithCLSToken(
            last_hidden_state=maps[-1],
            cls_token_value=cls,
            hidden_states=tuple(maps) if given["output_hidden_states"] else None,
        )
        return output if given["return_dict"] else output.to_tuple()


@keras.saving.register_keras_serializable(package="cvt")
class TFCvtForImageClassification(TFCvtPreTrainedModel):
    """A CvT (``cvt``) and a linear classifier over CLS or, without CLS, over the mean of the last stage's tokens.

    ``compile`` without a loss takes that of the documentation (:class:`~cvt.keras.ClassificationLoss`); a loss and
    metrics of one's own see the logits. ``fit`` takes ``(images, labels)``, and dictionaries with ``labels`` in them.
    """

    arguments = ("pixel_values", "labels", "output_hidden_states", "return_dict")

    def __init__(self, config: CvtConfig, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.num_labels = config.num_labels
        self.layernorm = keras.layers.LayerNormalization(
            epsilon=config.norm_eps, dtype=self.dtype_policy, name="layernorm"
        )
        self.classifier = keras.layers.Dense(
            config.num_labels, kernel_initializer=normal(config), dtype=self.dtype_policy, name="classifier"
        )
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Make every weight; their shapes depend on the configuration alone."""
        width = self.config.embed_dim[-1]
        self.layernorm.build((None, None, width))
        self.classifier.build((None, width))
        super().build()

    def call(
        self,
        pixel_values: Any = None,
        labels: Any = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        training: bool = False,
    ) -> TFImageClassifierOutputWithNoAttention | tuple[Any, ...]:
        """Classify.

        Args:
            pixel_values: as in :meth:`TFCvtModel.call`.
            labels: class indices ``[batch]``; values ``[batch]`` for one label, or ``[batch, num_labels]``. The loss,
                one number per example, is squared error for one label, cross entropy for indices, and binary cross
                entropy over the logits otherwise, unless ``config.problem_type`` says which.
            output_hidden_states, return_dict, training: as in :meth:`TFCvtModel.call`.

        Raises:
            ImageError, TypeError: as in :meth:`TFCvtModel.call`.
        """
        given = self._arguments(
            pixel_values,
            {"labels": labels, "output_hidden_states": output_hidden_states, "return_dict": return_dict},
        )
        maps, cls = self.cvt(given["pixel_values"], training=training)
        tokens = cls
        if tokens is None:
            batch, channels, height, width = ops.shape(maps[-1])
            tokens = ops.transpose(ops.reshape(maps[-1], (batch, channels, height * width)), (0, 2, 1))
        logits = self.classifier(ops.mean(self.layernorm(tokens), axis=1))
        labels = given.get("labels")
        output = TFImageClassifierOutputWithNoAttention(
            loss=None if labels is None else ClassificationLoss(self.config.problem_type).call(labels, logits),
            logits=logits,
            hidden_states=tuple(maps) if given["output_hidden_states"] else None,
        )
        return output if given["return_dict"] else output.to_tuple()

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, **kwargs: Any) -> None:
        """As every Keras model's, with the loss of the documentation where none is given."""
        super().compile(optimizer, ClassificationLoss(self.config.problem_type) if loss is None else loss, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as the saved model was; Keras does it by itself only where :meth:`compile` is its own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The compiled loss of the logits; labels may come beside the images or in their dictionary."""
        y, logits = self._supervision(x, y, y_pred)
        return super().compute_loss(x, y, logits, sample_weight, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """The compiled metrics of the logits."""
        y, logits = self._supervision(x, y, y_pred)
        return super().compute_metrics(x, y, logits, sample_weight)

    def _supervision(self, x: Any, y: Any, y_pred: Any) -> tuple[Any, Any]:
        """Labels and logits, wherever they are."""
        if y is None:
            y = gather(self.arguments, x, (), {}).get("labels")
        elif isinstance(y, dict):
            y = y.get("labels")
        if y is None:
            raise ValueError("no labels to learn from: pass (images, labels), or dictionaries that hold 'labels'")
        if isinstance(y_pred, dict):
            return y, y_pred["logits"]
        return y, next(value for value in y_pred if len(value.shape) == 2)
