"""The layers of the Keras network, leaf to root: what :mod:`cvt.model` is in PyTorch, on any Keras 3 backend.

Names and structure are those of the PyTorch network, so that one table of names serves both
(:mod:`cvt.checkpoint_keys`). Maps are channels last inside, which is what TensorFlow and JAX compute fast on a CPU.

Shapes in comments: B batch, C channels, H × W token grid, N = H·W tokens (one more with CLS), K keys, D = C / heads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from cvt.config import CvtConfig

__all__ = ["Cvt", "normal"]

NORM_EPS, NORM_MOMENTUM = 1e-5, 0.9
"""Of batch norm: PyTorch's epsilon, and what Keras calls momentum of PyTorch's 0.1."""


def quick_gelu(x: Any) -> Any:
    """x·σ(1.702x), the cheap GELU of the released weights (Hendrycks & Gimpel 2016, section 2)."""
    return x * ops.sigmoid(1.702 * x)


def gelu(x: Any) -> Any:
    """The exact GELU."""
    return ops.gelu(x, approximate=False)


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"gelu": gelu, "quick_gelu": quick_gelu}


def normal(config: CvtConfig) -> keras.initializers.Initializer:
    """How linears and CLS begin: the published truncated normal, whose cut at ±2 no draw of this width reaches."""
    return keras.initializers.RandomNormal(stddev=config.initializer_range)


def uniform(fan_in: int) -> keras.initializers.Initializer:
    """How convolutions begin: as PyTorch's own, and the published models'."""
    limit = fan_in**-0.5
    return keras.initializers.RandomUniform(-limit, limit)


def to_map(tokens: Any, height: Any, width: Any) -> Any:
    """Tokens ``[B, H·W, C]`` as a map ``[B, H, W, C]``."""
    return ops.reshape(tokens, (-1, height, width, tokens.shape[-1]))


def to_tokens(feature_map: Any) -> Any:
    """A map ``[B, H, W, C]`` as tokens ``[B, H·W, C]``."""
    _, height, width, channels = ops.shape(feature_map)
    return ops.reshape(feature_map, (-1, height * width, channels))


def pad(feature_map: Any, before: int, after: int | None = None) -> Any:
    """A map with zeros around it: ``before`` above and to the left, ``after`` (else as many) below and to the right."""
    sides = (before, before if after is None else after)
    return ops.pad(feature_map, ((0, 0), sides, sides, (0, 0))) if any(sides) else feature_map


class ConvTokenEmbedding(keras.layers.Layer):
    """Convolutional token embedding (section 3.1): overlapping patches of the map below become the stage's tokens."""

    def __init__(self, config: CvtConfig, stage: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = config.embed_dim[stage - 1] if stage else config.num_channels
        self.width = config.embed_dim[stage]
        self.padding = config.patch_padding[stage]
        initializer = uniform(config.patch_sizes[stage] ** 2 * self.channels)
        self.projection = keras.layers.Conv2D(
            self.width,
            config.patch_sizes[stage],
            config.patch_stride[stage],
            data_format="channels_last",
            kernel_initializer=initializer,
            bias_initializer=initializer,
            name="projection",
        )
        self.norm = keras.layers.LayerNormalization(epsilon=config.norm_eps, name="norm")
        self.dropout = keras.layers.Dropout(config.drop_rate[stage])

    def build(self, input_shape: Any = None) -> None:
        self.projection.build((None, None, None, self.channels))
        self.norm.build((None, None, None, self.width))
        self.built = True

    def call(self, feature_map: Any, training: bool = False) -> Any:
        x = self.projection(pad(feature_map, self.padding))  # [B, H, W, C]
        return self.dropout(self.norm(x), training=training)


class BatchNormalization(keras.layers.BatchNormalization):
    """Batch norm that remembers the unbiased variance, as PyTorch's does; Keras's own remembers the biased one."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not (training and self.trainable):
            return super().call(inputs, training=False, mask=mask)
        kept = self.moving_variance * self.momentum
        outputs = super().call(inputs, training=True, mask=mask)
        added = self.moving_variance - kept
        batch, height, width, _ = ops.shape(inputs)
        others = ops.maximum(ops.cast(batch * height * width - 1, added.dtype), 1)
        self.moving_variance.assign_add(added / others)  # n / (n − 1) = 1 + 1 / (n − 1)
        return outputs


class DepthwiseProjection(keras.layers.Layer):
    """Depthwise convolution and batch norm: the spatial half of the convolutional projection (section 3.2)."""

    def __init__(self, width: int, kernel: int, stride: int, padding: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.stride, self.padding = width, stride, padding
        self.convolution = keras.layers.DepthwiseConv2D(
            kernel,
            stride,
            use_bias=False,
            data_format="channels_last",
            depthwise_initializer=uniform(kernel**2),
            name="convolution",
        )
        self.norm = BatchNormalization(epsilon=NORM_EPS, momentum=NORM_MOMENTUM, name="norm")

    def build(self, input_shape: Any = None) -> None:
        self.convolution.build((None, None, None, self.width))
        self.norm.build((None, None, None, self.width))
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        x = pad(x, self.padding)
        if training and self.norm.trainable:
            return self.norm(self.convolution(x), training=True)
        # In evaluation the norm is a factor and a summand per channel, folded into the convolution: faster.
        norm = self.norm
        factor = ops.cast(norm.gamma * ops.rsqrt(norm.moving_variance + norm.epsilon), x.dtype)
        bias = ops.cast(norm.beta, x.dtype) - ops.cast(norm.moving_mean, x.dtype) * factor
        kernel = ops.cast(self.convolution.kernel, x.dtype) * factor[:, None]
        return ops.depthwise_conv(x, kernel, self.stride, data_format="channels_last") + bias


class AveragePooling(keras.layers.Layer):
    """PyTorch's average pooling with ``ceil_mode``: padding counts, what lies beyond it does not."""

    def __init__(self, kernel: int, stride: int, padding: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel, self.stride, self.padding = kernel, stride, padding

    def call(self, x: Any) -> Any:
        _, height, width, _ = ops.shape(x)
        rows, columns = ((side + self.padding - 1) // self.stride + 1 for side in (height, width))
        counted = pad(ops.ones_like(x[:1, :, :, :1]), self.padding)
        counted = ops.ones_like(counted)
        share = self._pool(pad(counted, 0, self.stride - 1))
        mean = self._pool(pad(x, self.padding, self.padding + self.stride - 1)) / share
        return mean[:, :rows, :columns]  # no window starts in the padding

    def _pool(self, x: Any) -> Any:
        return ops.average_pool(x, self.kernel, self.stride, data_format="channels_last")


def spatial_projection(config: CvtConfig, stage: int, name: str) -> keras.layers.Layer:
    """The spatial half of one layer's projection of its "query", "key" or "value", by ``qkv_projection_method``."""
    query, kernel = name == "query", config.kernel_qkv[stage]
    stride, padding = (config.stride_q, config.padding_q) if query else (config.stride_kv, config.padding_kv)
    name = f"{name}_convolution"
    match config.qkv_projection_method[stage]:
        case "dw_bn":
            return DepthwiseProjection(config.embed_dim[stage], kernel, stride[stage], padding[stage], name=name)
        case "avg" if not query:
            return AveragePooling(kernel, stride[stage], padding[stage], name=name)
        case _:
            return keras.layers.Identity(name=name)


class Attention(keras.layers.Layer):
    """Multi-head attention between a stage's tokens and their squeezed keys, by convolutional projection."""

    def __init__(self, config: CvtConfig, stage: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.num_heads = config.embed_dim[stage], config.num_heads[stage]
        self.has_cls = config.cls_token[stage]
        self.scale = self.width**-0.5  # of the whole width, not of one head: as in the published code

        def linear(name: str, bias: bool) -> keras.layers.Dense:
            return keras.layers.Dense(self.width, use_bias=bias, kernel_initializer=normal(config), name=name)

        self.query_convolution = spatial_projection(config, stage, "query")
        self.key_convolution = spatial_projection(config, stage, "key")
        self.value_convolution = spatial_projection(config, stage, "value")
        self.query_linear = linear("query_linear", config.qkv_bias[stage])
        self.key_linear = linear("key_linear", config.qkv_bias[stage])
        self.value_linear = linear("value_linear", config.qkv_bias[stage])
        self.output_linear = linear("output_linear", True)
        self.weights_dropout = keras.layers.Dropout(config.attention_drop_rate[stage])
        self.output_dropout = keras.layers.Dropout(config.drop_rate[stage])

    def build(self, input_shape: Any = None) -> None:
        for convolution in (self.query_convolution, self.key_convolution, self.value_convolution):
            convolution.build((None, None, None, self.width))
        for linear in (self.query_linear, self.key_linear, self.value_linear, self.output_linear):
            linear.build((None, None, self.width))
        self.built = True

    def call(self, x: Any, height: Any = None, width: Any = None, training: bool = False) -> Any:
        cls, feature_map = x[:, : self.has_cls], to_map(x[:, self.has_cls :], height, width)

        def project(convolution: keras.layers.Layer, linear: keras.layers.Layer) -> Any:
            tokens = to_tokens(convolution(feature_map, **_training(convolution, training)))
            return self._split(linear(ops.concatenate([cls, tokens], axis=1) if self.has_cls else tokens))

        query = project(self.query_convolution, self.query_linear)  # [B, heads, N, D]
        key = project(self.key_convolution, self.key_linear)  # [B, heads, K, D]
        value = project(self.value_convolution, self.value_linear)
        weights = ops.softmax(ops.matmul(query * self.scale, ops.swapaxes(key, 2, 3)))  # [B, heads, N, K]
        context = ops.matmul(self.weights_dropout(weights, training=training), value)
        joined = ops.reshape(ops.transpose(context, (0, 2, 1, 3)), (-1, ops.shape(x)[1], self.width))
        return self.output_dropout(self.output_linear(joined), training=training)

    def _split(self, tokens: Any) -> Any:
        """``[B, N, C]`` to ``[B, heads, N, D]``."""
        shape = (-1, ops.shape(tokens)[1], self.num_heads, self.width // self.num_heads)
        return ops.transpose(ops.reshape(tokens, shape), (0, 2, 1, 3))


def _training(layer: keras.layers.Layer, training: bool) -> dict[str, bool]:
    return {"training": training} if isinstance(layer, DepthwiseProjection) else {}


class MLP(keras.layers.Layer):
    """The two linears of a layer."""

    def __init__(self, config: CvtConfig, stage: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = config.embed_dim[stage]
        self.hidden = int(self.width * config.mlp_ratio[stage])
        self.activation = ACTIVATIONS[config.hidden_act]
        self.expand = keras.layers.Dense(self.hidden, kernel_initializer=normal(config), name="expand")
        self.contract = keras.layers.Dense(self.width, kernel_initializer=normal(config), name="contract")
        self.dropout = keras.layers.Dropout(config.drop_rate[stage])

    def build(self, input_shape: Any = None) -> None:
        self.expand.build((None, None, self.width))
        self.contract.build((None, None, self.hidden))
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        x = self.dropout(self.activation(self.expand(x)), training=training)
        return self.dropout(self.contract(x), training=training)


class Layer(keras.layers.Layer):
    """Convolutional transformer block (section 3): attention and MLP, each normalised before and added to its input."""

    def __init__(self, config: CvtConfig, stage: int, drop_path_rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = config.embed_dim[stage]
        self.attention_norm = keras.layers.LayerNormalization(epsilon=config.norm_eps, name="attention_norm")
        self.attention = Attention(config, stage, name="attention")
        self.mlp_norm = keras.layers.LayerNormalization(epsilon=config.norm_eps, name="mlp_norm")
        self.mlp = MLP(config, stage, name="mlp")
        # Stochastic depth (Huang et al. 2016): in training, drops a sample's whole branch and rescales the others.
        self.drop_path = keras.layers.Dropout(drop_path_rate, noise_shape=(None, 1, 1))

    def build(self, input_shape: Any = None) -> None:
        self.attention_norm.build((None, None, self.width))
        self.attention.build()
        self.mlp_norm.build((None, None, self.width))
        self.mlp.build()
        self.built = True

    def call(self, x: Any, height: Any = None, width: Any = None, training: bool = False) -> Any:
        branch = self.attention(self.attention_norm(x), height=height, width=width, training=training)
        x = x + self.drop_path(branch, training=training)
        return x + self.drop_path(self.mlp(self.mlp_norm(x), training=training), training=training)


class Stage(keras.layers.Layer):
    """One level of the hierarchy: an embedding to a coarser grid, then layers over its tokens."""

    def __init__(self, config: CvtConfig, stage: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config, self.stage = config, stage
        depth, rate = config.depth[stage], config.drop_path_rate[stage]
        self.embedding = ConvTokenEmbedding(config, stage, name="embedding")
        # Stochastic depth grows linearly over the layers of a stage, as in the published training code.
        self.layers = [
            Layer(config, stage, rate * index / max(depth - 1, 1), name=f"layers_{index}") for index in range(depth)
        ]
        self.cls_token = None

    def build(self, input_shape: Any = None) -> None:
        self.embedding.build()
        if self.config.cls_token[self.stage]:
            shape = (1, 1, self.config.embed_dim[self.stage])
            self.cls_token = self.add_weight(shape=shape, initializer=normal(self.config), name="cls_token")
        for layer in self.layers:
            layer.build()
        self.built = True

    def call(self, feature_map: Any, training: bool = False) -> tuple[Any, Any]:
        """A map ``[B, H', W', C']`` of the stage below to this stage's map ``[B, H, W, C]`` and CLS ``[B, 1, C]``."""
        feature_map = self.embedding(feature_map, training=training)
        batch, height, width, channels = ops.shape(feature_map)
        x, has_cls = to_tokens(feature_map), self.cls_token is not None
        if has_cls:
            cls = ops.broadcast_to(ops.cast(self.cls_token, x.dtype), (batch, 1, channels))
            x = ops.concatenate([cls, x], axis=1)
        for layer in self.layers:
            x = layer(x, height=height, width=width, training=training)
        return to_map(x[:, has_cls:], height, width), x[:, :1] if has_cls else None


class Encoder(keras.layers.Layer):
    """The stages, one upon the other."""

    def __init__(self, config: CvtConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stages = [Stage(config, stage, name=f"stages_{stage}") for stage in range(config.num_stages)]

    def build(self, input_shape: Any = None) -> None:
        for stage in self.stages:
            stage.build()
        self.built = True

    def call(self, pixels: Any, training: bool = False) -> tuple[list[Any], Any]:
        """The map of every stage, ``[B, H, W, C]``, and the last one's CLS ``[B, 1, C]`` or None."""
        x, cls, maps = pixels, None, []
        for stage in self.stages:
            x, cls = stage(x, training=training)  # a CLS token of an earlier stage ends with it
            maps.append(x)
        return maps, cls


class Cvt(keras.layers.Layer):
    """The network without a head, from and to channels-first maps."""

    def __init__(self, config: CvtConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encoder = Encoder(config, name="encoder")

    def build(self, input_shape: Any = None) -> None:
        self.encoder.build()
        self.built = True

    def call(self, pixel_values: Any, training: bool = False) -> tuple[list[Any], Any]:
        """Pixels ``[B, C, H, W]`` to the map of every stage, ``[B, C, H, W]``, and the last one's CLS ``[B, 1, C]``."""
        maps, cls = self.encoder(ops.transpose(pixel_values, (0, 2, 3, 1)), training=training)
        return [ops.transpose(x, (0, 3, 1, 2)) for x in maps], cls
