"""The Convolutional vision Transformer, leaf to root.

Paper: "CvT: Introducing Convolutions to Vision Transformers", Wu et al. 2021, arXiv 2103.15808.
Original code: github.com/microsoft/CvT (MIT). Interface: Hugging Face's CvT documentation. This is our own
implementation; where the two references disagree it follows the one the released weights were trained with.

Shapes in comments: B batch, C channels, H × W token grid, N = H·W tokens (one more with CLS), K keys, D = C / heads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cvt.config import CvtConfig
from cvt.errors import ImageError
from cvt.geometry import stage_geometry
from cvt.gradient_checkpointing import checkpointed
from cvt.initialisation import initialise
from cvt.outputs import BaseModelOutputWithCLSToken, ImageClassifierOutput
from cvt.pretrained_model import CvtPreTrainedModel
from cvt.probe import Probe, record

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

__all__ = ["ACTIVATIONS", "Attention", "CvtForImageClassification", "CvtModel", "DepthwiseProjection", "Layer", "Stage"]


def quick_gelu(x: Tensor) -> Tensor:
    """x·σ(1.702x), the cheap GELU of the released weights (Hendrycks & Gimpel 2016, section 2)."""
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"gelu": F.gelu, "quick_gelu": quick_gelu}


def to_map(tokens: Tensor, height: int, width: int) -> Tensor:
    """Tokens ``[B, H·W, C]`` as a map ``[B, C, H, W]``."""
    return tokens.transpose(1, 2).unflatten(2, (height, width))


def to_tokens(feature_map: Tensor) -> Tensor:
    """A map ``[B, C, H, W]`` as tokens ``[B, H·W, C]``."""
    return feature_map.flatten(2).transpose(1, 2)


class DropPath(nn.Module):
    """Stochastic depth (Huang et al. 2016): in training, drops a sample's whole branch and rescales the others."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = x.new_empty(x.shape[0], *(1,) * (x.ndim - 1)).bernoulli_(1 - self.rate)
        return x * keep / (1 - self.rate)


class ConvTokenEmbedding(nn.Module):
    """Convolutional token embedding (section 3.1): overlapping patches of the map below become the stage's tokens."""

    def __init__(self, config: CvtConfig, stage: int) -> None:
        super().__init__()
        channels = config.embed_dim[stage - 1] if stage else config.num_channels
        self.projection = nn.Conv2d(
            channels,
            config.embed_dim[stage],
            kernel_size=config.patch_sizes[stage],
            stride=config.patch_stride[stage],
            padding=config.patch_padding[stage],
        )
        self.norm = nn.LayerNorm(config.embed_dim[stage], eps=config.norm_eps)
        self.dropout = nn.Dropout(config.drop_rate[stage])
        self.output = Probe()

    def forward(self, feature_map: Tensor) -> Tensor:
        x = self.projection(feature_map)  # [B, C, H, W]
        height, width = x.shape[-2:]
        return self.output(self.dropout(to_map(self.norm(to_tokens(x)), height, width)))


class DepthwiseProjection(nn.Sequential):
    """Depthwise convolution and batch norm: the spatial half of the convolutional projection (section 3.2)."""

    def __init__(self, width: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(width, width, kernel, stride, padding, groups=width, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return super().forward(x)
        # In evaluation the norm is a factor and a summand per channel, folded into the convolution: faster, and right.
        # PyTorch's own gradient of it is wrong on the CPU for a batch of 1 where the gradient above it is a slice of a
        # larger tensor, as the tokens' is beside CLS's.
        norm, convolution = self.norm, self.convolution
        factor = norm.weight * (norm.get_buffer("running_var") + norm.eps).rsqrt()
        bias = norm.bias - norm.get_buffer("running_mean") * factor
        weight = convolution.weight * factor[:, None, None, None]
        return F.conv2d(x, weight, bias, convolution.stride, convolution.padding, groups=convolution.groups)


def spatial_projections(config: CvtConfig, stage: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """The spatial half of the query, key and value projections of one layer, by ``qkv_projection_method``."""
    width, kernel = config.embed_dim[stage], config.kernel_qkv[stage]
    stride, padding = config.stride_kv[stage], config.padding_kv[stage]
    match config.qkv_projection_method[stage]:
        case "dw_bn":
            query = DepthwiseProjection(width, kernel, config.stride_q[stage], config.padding_q[stage])
            key = DepthwiseProjection(width, kernel, stride, padding)
            value = DepthwiseProjection(width, kernel, stride, padding)
            return query, key, value
        case "avg":
            pools = [nn.AvgPool2d(kernel, stride, padding, ceil_mode=True) for _ in range(2)]
            return nn.Identity(), pools[0], pools[1]
        case _:
            return nn.Identity(), nn.Identity(), nn.Identity()


class Attention(nn.Module):
    """Multi-head attention between a stage's tokens and their squeezed keys, by convolutional projection."""

    def __init__(self, config: CvtConfig, stage: int) -> None:
        super().__init__()
        width, bias = config.embed_dim[stage], config.qkv_bias[stage]
        self.num_heads = config.num_heads[stage]
        self.scale = width**-0.5  # of the whole width, not of one head: as in the published code
        self.drop_rate = config.attention_drop_rate[stage]
        self.query_convolution, self.key_convolution, self.value_convolution = spatial_projections(config, stage)
        self.query_linear = nn.Linear(width, width, bias=bias)
        self.key_linear = nn.Linear(width, width, bias=bias)
        self.value_linear = nn.Linear(width, width, bias=bias)
        self.output_linear = nn.Linear(width, width)
        self.output_dropout = nn.Dropout(config.drop_rate[stage])
        self.input, self.query, self.key, self.value = Probe(), Probe(), Probe(), Probe()
        self.weights, self.context = Probe(), Probe()

    def forward(self, x: Tensor, height: int, width: int) -> Tensor:
        tokens = x.shape[1]
        cls, spatial = x.split([tokens - height * width, height * width], dim=1)  # CLS skips the convolutions
        feature_map = self.input(to_map(spatial, height, width))  # [B, C, H, W]
        q = self.query(self._project(feature_map, cls, self.query_convolution, self.query_linear))  # [B, heads, N, D]
        k = self.key(self._project(feature_map, cls, self.key_convolution, self.key_linear))  # [B, heads, K, D]
        v = self.value(self._project(feature_map, cls, self.value_convolution, self.value_linear))
        context = self.context(self._attend(q, k, v))  # [B, heads, N, D]
        return self.output_dropout(self.output_linear(context.transpose(1, 2).flatten(2)))

    def _project(self, feature_map: Tensor, cls: Tensor, convolution: nn.Module, linear: nn.Linear) -> Tensor:
        projected = linear(torch.cat([cls, to_tokens(convolution(feature_map))], dim=1))
        return projected.unflatten(2, (self.num_heads, -1)).transpose(1, 2)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        drop_rate = self.drop_rate if self.training else 0.0
        if not self.weights.has_listener:
            return F.scaled_dot_product_attention(q, k, v, dropout_p=drop_rate, scale=self.scale)
        weights = self.weights((q @ k.transpose(-2, -1) * self.scale).softmax(dim=-1))  # [B, heads, N, K]
        return F.dropout(weights, drop_rate) @ v


class MLP(nn.Module):
    """The two linears of a layer."""

    def __init__(self, config: CvtConfig, stage: int) -> None:
        super().__init__()
        width = config.embed_dim[stage]
        hidden = int(width * config.mlp_ratio[stage])
        self.expand = nn.Linear(width, hidden)
        self.activation = ACTIVATIONS[config.hidden_act]
        self.contract = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(config.drop_rate[stage])

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.contract(self.dropout(self.activation(self.expand(x)))))


class Layer(nn.Module):
    """Convolutional transformer block: attention and MLP, each normalised before and added onto its input."""

    def __init__(self, config: CvtConfig, stage: int, drop_path_rate: float) -> None:
        super().__init__()
        width = config.embed_dim[stage]
        self.attention_norm = nn.LayerNorm(width, eps=config.norm_eps)
        self.attention = Attention(config, stage)
        self.mlp_norm = nn.LayerNorm(width, eps=config.norm_eps)
        self.mlp = MLP(config, stage)
        self.drop_path = DropPath(drop_path_rate)
        self.output = Probe()

    def forward(self, x: Tensor, height: int, width: int) -> Tensor:
        x = x + self.drop_path(self.attention(self.attention_norm(x), height, width))
        x = x + self.drop_path(self.mlp(self.mlp_norm(x)))
        return self.output(x)


class Stage(nn.Module):
    """One level of the hierarchy: an embedding to a coarser grid, then layers over its tokens."""

    def __init__(self, config: CvtConfig, stage: int) -> None:
        super().__init__()
        depth, width = config.depth[stage], config.embed_dim[stage]
        # Stochastic depth grows linearly over the layers of a stage, as in the published training code.
        rates = torch.linspace(0, config.drop_path_rate[stage], depth, device="cpu").tolist()
        self.embedding = ConvTokenEmbedding(config, stage)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width)) if config.cls_token[stage] else None
        self.layers = nn.ModuleList(Layer(config, stage, rate) for rate in rates)
        self.output = Probe()
        self.is_gradient_checkpointing = False

    def forward(self, feature_map: Tensor) -> tuple[Tensor, Tensor | None]:
        """A map ``[B, C', H', W']`` of the stage below to this stage's map ``[B, C, H, W]`` and CLS ``[B, 1, C]``."""
        feature_map = self.embedding(feature_map)
        height, width = feature_map.shape[-2:]
        x = to_tokens(feature_map)
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1)
        recompute = self.is_gradient_checkpointing and self.training and torch.is_grad_enabled()
        for layer in self.layers:
            x = checkpointed(layer, x, height, width) if recompute else layer(x, height, width)
        cls, spatial = x.split([x.shape[1] - height * width, height * width], dim=1)
        return self.output(to_map(spatial, height, width)), cls if self.cls_token is not None else None


class Encoder(nn.Module):
    """The stages, one upon the other."""

    def __init__(self, config: CvtConfig) -> None:
        super().__init__()
        self.stages = nn.ModuleList(Stage(config, stage) for stage in range(config.num_stages))

    def forward(self, pixel_values: Tensor, output_hidden_states: bool = False) -> BaseModelOutputWithCLSToken:
        """As :meth:`CvtModel.forward`, without attentions."""
        x, cls, maps = pixel_values, None, []
        for stage in self.stages:
            x, cls = stage(x)  # a CLS token of an earlier stage ends with it
            maps.append(x)
        return BaseModelOutputWithCLSToken(x, cls, tuple(maps) if output_hidden_states else None)


class CvtModel(CvtPreTrainedModel):
    """The stages, without a classification head.

    Probes (see :mod:`cvt.probe`), for stage ``s`` and layer ``l``, from 0; CLS comes first among tokens and keys. Here
    their paths begin with ``encoder.``, in a :class:`CvtForImageClassification` with ``cvt.encoder.``:

    - ``stages.{s}.embedding.output``, ``stages.{s}.output``: maps ``[B, C, H, W]``
    - ``stages.{s}.layers.{l}.attention.input``: the normalised map that the projections see, ``[B, C, H, W]``
    - ``stages.{s}.layers.{l}.attention.{query,key,value,context}``: ``[B, heads, tokens or keys, C / heads]``
    - ``stages.{s}.layers.{l}.attention.weights``: ``[B, heads, tokens, keys]``, rows sum to 1
    - ``stages.{s}.layers.{l}.output``: tokens ``[B, tokens, C]``

    Attention runs fused while nobody listens to ``weights``, and through an explicit softmax while somebody does.

    Args:
        config: the architecture.
        add_pooling_layer: accepted as documented, and without effect: a CvT has no pooling layer.

    Raises:
        ConfigError: the configuration is not valid.
    """

    def __init__(self, config: CvtConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.encoder = Encoder(config)
        self.apply(partial(initialise, std=config.initializer_range))

    def forward(
        self,
        pixel_values: Float[Tensor, "batch num_channels height width"],
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> BaseModelOutputWithCLSToken | tuple[Any, ...]:
        """Run the stages.

        Args:
            pixel_values: normalised images, ``[batch, num_channels, height, width]``, of any size whose smallest
                grid is not empty.
            output_hidden_states: also return each stage's map.
            output_attentions: also return each layer's attention weights.
            return_dict: return a plain tuple of what is set if False. Each of the three defaults to the config's.

        Raises:
            ImageError: ``pixel_values`` has the wrong number of axes or channels, or is too small.
        """
        self._check(pixel_values)
        output_hidden_states = self._default(output_hidden_states, "output_hidden_states")
        attentive = self._default(output_attentions, "output_attentions")
        encode = self._encode_attentively if attentive else self.encoder
        if attentive and torch.compiler.is_dynamo_compiling():  # a compiled graph has no recorder to hear the weights
            encode = torch.compiler.disable(encode)
        output = encode(pixel_values, output_hidden_states)
        return self._given(output, return_dict)

    def _encode_attentively(self, pixel_values: Tensor, output_hidden_states: bool) -> BaseModelOutputWithCLSToken:
        with record(self, "layers.*.attention.weights") as heard:
            output: BaseModelOutputWithCLSToken = self.encoder(pixel_values, output_hidden_states)
        output.attentions = tuple(heard.values())
        return output

    def _check(self, pixel_values: Tensor) -> None:
        channels = self.config.num_channels
        if pixel_values is None or pixel_values.ndim != 4 or pixel_values.shape[1] != channels:
            shape = None if pixel_values is None else list(pixel_values.shape)
            raise ImageError(f"pixel_values has shape {shape}; expected [batch, {channels}, height, width]")
        if not torch.compiler.is_compiling():  # which would take the sizes of the first image for those of all
            stage_geometry(self.config, *pixel_values.shape[-2:])  # raises where a stage would be left without tokens


class CvtForImageClassification(CvtPreTrainedModel):
    """A CvT (``cvt``) and a linear classifier over CLS or, without CLS, over the mean of the last stage's tokens."""

    def __init__(self, config: CvtConfig) -> None:
        super().__init__(config)
        self.cvt = CvtModel(config)
        self.layernorm = nn.LayerNorm(config.embed_dim[-1], eps=config.norm_eps)
        self.classifier = nn.Linear(config.embed_dim[-1], config.num_labels)
        initialise(self.classifier, config.initializer_range)

    def forward(
        self,
        pixel_values: Float[Tensor, "batch num_channels height width"],
        labels: Shaped[Tensor, "batch ..."] | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> ImageClassifierOutput | tuple[Any, ...]:
        """Classify.

        Args:
            pixel_values: as in :meth:`CvtModel.forward`.
            labels: class indices ``[batch]``; values ``[batch]`` for one label, or floats ``[batch, num_labels]``.
                The loss is mean squared error for one label, cross entropy for indices, and binary cross entropy
                over the logits otherwise, unless ``config.problem_type`` says which.
            output_hidden_states, output_attentions, return_dict: as in :meth:`CvtModel.forward`.

        Raises:
            ImageError: as in :meth:`CvtModel.forward`.
        """
        features = self.cvt(pixel_values, output_hidden_states, output_attentions, return_dict=True)
        tokens = features.cls_token_value
        if tokens is None:
            tokens = to_tokens(features.last_hidden_state)
        logits = self.classifier(self.layernorm(tokens).mean(dim=1))
        output = ImageClassifierOutput(
            loss=None if labels is None else self._loss(logits, labels),
            logits=logits,
            hidden_states=features.hidden_states,
            attentions=features.attentions,
        )
        return self._given(output, return_dict)

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        problem = self.config.problem_type
        if problem is None:
            if self.config.num_labels == 1:
                problem = "regression"
            elif labels.dtype in (torch.int32, torch.int64):
                problem = "single_label_classification"
            else:
                problem = "multi_label_classification"
        if problem == "regression":
            return F.mse_loss(logits, labels.to(logits.dtype).view_as(logits))
        if problem == "single_label_classification":
            return F.cross_entropy(logits, labels.long().view(-1))
        return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
