"""The same network with one thing changed, to see what that thing was good for.

    without = ablated(model, SilenceHead(stage=2, block=9, head=5))
    without(pixel_values).logits

An ablation is a network of its own: it shares every tensor with the original but those it changes, so it costs next to
no memory, and whoever uses the original meanwhile notices nothing. It was not retrained: what it gets wrong says how
much the rest had come to lean on what is gone, not how well a network could learn without it.

Stages, blocks and heads count from 0.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cvt.config import CvtConfig
from cvt.errors import ConfigError
from cvt.model import ACTIVATIONS, Attention, CvtForImageClassification, DepthwiseProjection, Layer, Stage

__all__ = [
    "Change",
    "ChangeActivation",
    "ChangeDepthwise",
    "ChangeKeyStride",
    "ChangePadding",
    "SilenceBlock",
    "SilenceCls",
    "SilenceHead",
    "ablated",
]


class Change(Protocol):
    """Something to change in a network."""

    def make(self, model: CvtForImageClassification) -> None:
        """Change a network that shares its tensors with another: replace them, never write into them.

        Raises:
            ConfigError: this network has nothing of the kind.
        """


def ablated(model: CvtForImageClassification, *changes: Change) -> CvtForImageClassification:
    """A copy of a network, in evaluation mode, that shares the tensors which the changes leave alone.

    Raises:
        ConfigError: a change names something that this network does not have.
    """
    tensors = chain(model.parameters(), model.buffers())
    copied = copy.deepcopy(model, {id(tensor): tensor for tensor in tensors}).eval()
    for change in changes:
        change.make(copied)
    return copied


@dataclass(frozen=True)
class ChangeDepthwise:
    """Every depthwise convolution of the projections becomes the identity, or the mean of its window."""

    to: Literal["identity", "mean"]

    def make(self, model: CvtForImageClassification) -> None:
        if self.to not in ("identity", "mean"):
            raise ConfigError(f"to={self.to!r} must be identity or mean")
        found = [module for module in model.modules() if isinstance(module, DepthwiseProjection)]
        if not found:
            raise ConfigError("this network projects without a depthwise convolution")
        for projection in found:
            kernel = projection.convolution.weight
            if self.to == "mean":
                changed = torch.full_like(kernel, 1 / kernel[0].numel())
            else:
                changed = torch.zeros_like(kernel)
                changed[..., kernel.shape[2] // 2, kernel.shape[3] // 2] = 1
            projection.convolution.weight = _fixed(changed)


@dataclass(frozen=True)
class ChangeKeyStride:
    """Keys and values are taken with another step: 1 keeps all of them."""

    to: int = 1

    def make(self, model: CvtForImageClassification) -> None:
        if isinstance(self.to, bool) or not isinstance(self.to, int) or self.to < 1:
            raise ConfigError(f"to={self.to!r} must be a step of at least 1")
        if all(method == "linear" for method in model.config.qkv_projection_method):
            raise ConfigError("this network does not squeeze its keys")
        for attention in _attentions(model):
            for squeeze in (attention.key_convolution, attention.value_convolution):
                if isinstance(squeeze, DepthwiseProjection):
                    squeeze.convolution.stride = (self.to, self.to)
                elif isinstance(squeeze, nn.AvgPool2d):
                    squeeze.stride = self.to
        _configure(model, stride_kv=[self.to] * model.config.num_stages)


@dataclass(frozen=True)
class ChangeActivation:
    """The MLPs' activation: "gelu", "quick_gelu", or "relu", which no configuration has a word for: it says the old."""

    to: str

    def make(self, model: CvtForImageClassification) -> None:
        activations = {**ACTIVATIONS, "relu": F.relu}
        if self.to not in activations:
            raise ConfigError(f"to={self.to!r} must be one of {', '.join(activations)}")
        for layer in _layers(model):
            layer.mlp.activation = activations[self.to]
        if self.to in ACTIVATIONS:
            _configure(model, hidden_act=self.to)


@dataclass(frozen=True)
class ChangePadding:
    """Beyond the edge every convolution sees the image reflected, where it saw zeros.

    Zeros at the edge are all that tells a CvT where a token lies (Islam et al. 2020, arXiv 2001.08248). Reflection
    needs a map that is larger than the padding; PyTorch raises a ``RuntimeError`` where it is not.
    """

    def make(self, model: CvtForImageClassification) -> None:
        for stage in _stages(model):
            stage.embedding.projection = cast("nn.Conv2d", _reflected(stage.embedding.projection))
        for attention in _attentions(model):
            for name in ("query_convolution", "key_convolution", "value_convolution"):
                spatial = getattr(attention, name)
                if isinstance(spatial, DepthwiseProjection):
                    reflected = nn.Sequential(_margin(spatial.convolution), spatial)
                    spatial.convolution.padding = (0, 0)
                    setattr(attention, name, reflected)


@dataclass(frozen=True)
class SilenceHead:
    """What one head gathers is left out."""

    stage: int
    block: int
    head: int

    def make(self, model: CvtForImageClassification) -> None:
        attention = _layer(model, self.stage, self.block).attention
        if not 0 <= self.head < attention.num_heads:
            raise ConfigError(f"head={self.head} must be from 0 to {attention.num_heads - 1} in stage {self.stage}")
        weight = attention.output_linear.weight.detach().clone()
        weight.unflatten(1, (attention.num_heads, -1))[:, self.head] = 0
        attention.output_linear.weight = _fixed(weight)


@dataclass(frozen=True)
class SilenceBlock:
    """One block adds nothing: its tokens leave it as they came."""

    stage: int
    block: int

    def make(self, model: CvtForImageClassification) -> None:
        layer = _layer(model, self.stage, self.block)
        for linear in (layer.attention.output_linear, layer.mlp.contract):
            linear.weight = _fixed(torch.zeros_like(linear.weight))
            linear.bias = _fixed(torch.zeros_like(linear.bias))


@dataclass(frozen=True)
class SilenceCls:
    """CLS no longer looks at itself: all of its attention goes to the other tokens."""

    def make(self, model: CvtForImageClassification) -> None:
        changed = [layer for stage in _stages(model) if stage.cls_token is not None for layer in _layers_of(stage)]
        if not changed:
            raise ConfigError("this network has no CLS token")
        for layer in changed:
            attention = _AttentionPastCls.__new__(_AttentionPastCls)
            attention.__dict__.update(layer.attention.__dict__)
            layer.attention = attention


class _AttentionPastCls(Attention):
    """Attention in which CLS, the first token, does not see itself."""

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        hidden = torch.zeros(q.shape[2], k.shape[2], dtype=q.dtype, device=q.device)
        hidden[0, 0] = -torch.inf
        if not self.weights.has_listener:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=hidden, scale=self.scale)
        return self.weights((q @ k.transpose(-2, -1) * self.scale + hidden).softmax(dim=-1)) @ v


def _fixed(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)


def _configure(model: CvtForImageClassification, **fields: object) -> None:
    """Tell both networks what they are now; whoever asks for grids or names reads it there."""
    model.config = model.cvt.config = CvtConfig.from_dict(model.config.to_dict() | fields)


def _margin(convolution: nn.Conv2d) -> nn.ReflectionPad2d:
    height, width = cast("tuple[int, int]", convolution.padding)
    return nn.ReflectionPad2d((width, width, height, height))


def _reflected(convolution: nn.Conv2d) -> nn.Sequential:
    margin = _margin(convolution)
    convolution.padding = (0, 0)
    return nn.Sequential(margin, convolution)


def _stages(model: CvtForImageClassification) -> Iterator[Stage]:
    return (cast("Stage", stage) for stage in model.cvt.encoder.stages)


def _layers_of(stage: Stage) -> Iterator[Layer]:
    return (cast("Layer", layer) for layer in stage.layers)


def _layers(model: CvtForImageClassification) -> Iterator[Layer]:
    return chain.from_iterable(map(_layers_of, _stages(model)))


def _attentions(model: CvtForImageClassification) -> Iterator[Attention]:
    return (layer.attention for layer in _layers(model))


def _layer(model: CvtForImageClassification, stage: int, block: int) -> Layer:
    depth = model.config.depth
    if not 0 <= stage < len(depth):
        raise ConfigError(f"stage={stage} must be from 0 to {len(depth) - 1}")
    if not 0 <= block < depth[stage]:
        raise ConfigError(f"block={block} must be from 0 to {depth[stage] - 1} in stage {stage}")
    return list(_layers_of(list(_stages(model))[stage]))[block]
