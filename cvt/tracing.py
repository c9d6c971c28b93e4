"""One forward pass, kept: everything a view of the network needs, as numpy arrays, with no model inside.

With a target come three backward passes over the same forward pass, by the rules of :mod:`cvt.balanced`: LibraGrad,
which adds up; AttnLRP, which ranks best; and plain gradients, as the classic methods are defined by.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from cvt.balanced import BalancedGradients, Rule
from cvt.config import CvtConfig, class_index
from cvt.errors import CheckpointError, ConfigError, ImageError
from cvt.geometry import CropGeometry, StageGeometry, stage_geometry
from cvt.image_processor import CvtImageProcessor, PreparedImage, upright_rgb
from cvt.model import CvtForImageClassification
from cvt.probe import record

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, UInt8

__all__ = ["BlockTrace", "ForwardPass", "StageTrace", "Trace", "forward_pass", "trace", "traces"]


Targets = Sequence[int | str | None] | None
"""A class for each photo, or none: by index, by name, or "winner"."""


@dataclass(frozen=True)
class BlockTrace:
    """Queries and keys of one block; its attention is ``softmax(query @ key.T * scale)``, row by row where you look.

    Attributes:
        query: ``[heads, queries, channels / heads]``, CLS first where the stage has one.
        key: ``[heads, keys, channels / heads]``, CLS first where the stage has one.
        value: ``[heads, keys, channels / heads]``, with plain gradients only.
        context_gradient: plain gradient of the target's logit with respect to ``attention @ value``,
            ``[heads, queries, channels / heads]``, with a target only. The gradient of one attention weight is then
            ``context_gradient[h, q] · value[h, k]``.
        evidence: what each token that enters the block brings to :attr:`Trace.explained`, ``[queries]``: its features
            times their balanced gradients, by LibraGrad, summed over channels; with a target only. 0 for CLS in the
            first block, where it is learned, and counts with the biases.
        relevance: the same by AttnLRP, which does not add up.
    """

    query: Float32[np.ndarray, "heads queries width"]
    key: Float32[np.ndarray, "heads keys width"]
    value: Float32[np.ndarray, "heads keys width"] | None = None
    context_gradient: Float32[np.ndarray, "heads queries width"] | None = None
    evidence: Float32[np.ndarray, " queries"] | None = None
    relevance: Float32[np.ndarray, " queries"] | None = None


@dataclass(frozen=True)
class StageTrace:
    """One stage.

    Attributes:
        geometry: where tokens and keys lie, in model pixels.
        feature_map: the stage's output without CLS, ``[channels, rows, columns]``.
        blocks: one entry per block.
        has_cls: whether a CLS token stands first among queries and keys.
        scale: factor of the attention logits, ``channels ** -0.5``.
        evidence_map: the map that Grad-CAM and HiResCAM are read from, ``[channels, rows, columns]``, with a target
            only: the stage's output or, where the classifier reads CLS alone, the last block's normalised input (the
            output's own gradient is zero there).
        evidence_gradient: plain gradient of the target's logit with respect to ``evidence_map``, with a target only.
    """

    geometry: StageGeometry
    feature_map: Float32[np.ndarray, "channels rows columns"]
    blocks: tuple[BlockTrace, ...]
    has_cls: bool
    scale: float
    evidence_map: Float32[np.ndarray, "channels rows columns"] | None = None
    evidence_gradient: Float32[np.ndarray, "channels rows columns"] | None = None


@dataclass(frozen=True)
class Trace:
    """What one photo did to the network. All arrays are float32 and read-only unless said otherwise.

    Attributes:
        photo: the upright original, ``[height, width, 3]``, uint8 RGB.
        pixel_values: the model's input, normalised, ``[channels, height, width]``.
        crop: the way from the photo to the model's input.
        config: the model's configuration, class names included.
        logits: ``[num_labels]``.
        probabilities: ``[num_labels]``, softmax of the logits divided by the checkpoint's temperature.
        stages: one entry per stage.
        target: the class whose evidence was kept, or None.
        against: the class that it was held against, or None for the mean of all.
        explained: the number that balanced gradients take apart: the target's logit less that of ``against``, or less
            the mean of all; None without a target.
        pixel_gradient: its balanced gradient, by LibraGrad, with respect to ``pixel_values``, with a target only.
        pixel_relevance: the relevance of each pixel by AttnLRP: its values times that gradient, summed over channels;
            with a target only.
    """

    photo: UInt8[np.ndarray, "photo_height photo_width 3"]
    pixel_values: Float32[np.ndarray, "num_channels height width"]
    crop: CropGeometry
    config: CvtConfig
    logits: Float32[np.ndarray, " num_labels"]
    probabilities: Float32[np.ndarray, " num_labels"]
    stages: tuple[StageTrace, ...]
    target: int | None = None
    against: int | None = None
    explained: float | None = None
    pixel_gradient: Float32[np.ndarray, "num_channels height width"] | None = None
    pixel_relevance: Float32[np.ndarray, "height width"] | None = None

    def label(self, index: int) -> str:
        """Name of a class."""
        return self.config.id2label[index]

    def top(self, count: int = 5) -> list[tuple[int, float]]:
        """The most probable classes as (index, probability), best first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(int(index), float(self.probabilities[index])) for index in order]


def trace(
    model: CvtForImageClassification,
    processor: CvtImageProcessor,
    image: Image.Image,
    target: int | str | None = None,
    resolution: int | None = None,
    against: int | str | None = None,
    *,
    classic: bool = True,
) -> Trace:
    """Run the network once on a photo and keep what its explanations need.

    Args:
        model: a classifier; used in evaluation mode and left as it was.
        processor: its preprocessing.
        image: any PIL image; orientation from EXIF is applied.
        target: a class, by index or name, whose evidence is wanted; costs three backward passes. "winner" is the most
            probable class; one that is called so goes by its index.
        resolution: side of the model's input in pixels, instead of the processor's own.
        against: another class, to ask why the target and not that one; by default the target is held against the mean
            of all classes. The plain gradients are those of the target's logit alone, whatever it is held against.
        classic: also keep the plain gradients, which the classic methods read; without them a target costs a backward
            pass less, and balanced gradients are all there is.

    Raises:
        ImageError: the image cannot be read, or is too small at this resolution.
        ConfigError: the target is not one of the model's classes, or is held against itself or against a class with no
            target given.
    """
    return traces(model, processor, [image], [target], resolution, against, classic=classic)[0]


def traces(
    model: CvtForImageClassification,
    processor: CvtImageProcessor,
    images: Sequence[Image.Image],
    targets: Targets = None,
    resolution: int | None = None,
    against: int | str | None = None,
    *,
    classic: bool = True,
) -> list[Trace]:
    """:func:`trace` of several photos in one forward pass; targets, one a photo, may be None.

    Raises:
        ImageError: as for :func:`trace`; or the photos' pixels differ in shape, which only happens unresized.
        ConfigError: as for :func:`trace`.
    """
    wanted = any(target is not None for target in targets or ())
    return forward_pass(model, processor, images, resolution, differentiable=wanted).traces(
        targets, against, classic=classic
    )


def forward_pass(
    model: CvtForImageClassification,
    processor: CvtImageProcessor,
    images: Sequence[Image.Image],
    resolution: int | None = None,
    *,
    differentiable: bool = True,
) -> ForwardPass:
    """Run the network once, to be traced as often as one likes: first what it says, then why, and why not another.

    Args:
        model, processor, images, resolution: as for :func:`traces`.
        differentiable: whether there will be targets.

    Raises:
        ImageError: as for :func:`traces`.
        CheckpointError: the logits are no numbers.
    """
    config = model.config
    photos = [upright_rgb(image) for image in images]
    prepared = [processor.prepare(photo, resolution=resolution) for photo in photos]
    shapes = {tuple(image.pixel_values.shape[-2:]) for image in prepared}
    if len(shapes) != 1:
        raise ImageError(f"photos of sizes {sorted(shapes)} make no batch: expected one size, and at least one photo")
    pixel_values = torch.cat([image.pixel_values for image in prepared]).to(model.device, model.dtype)
    wanted = [f"{_stage_path(stage)}.output" for stage in range(config.num_stages)]
    of_attention = ("query", "key", "value", "context", "input") if differentiable else ("query", "key")
    wanted += [f"layers.*.attention.{name}" for name in of_attention]
    if differentiable:
        wanted += ["stages.*.embedding.output", "layers.*.output"]
    gradients = BalancedGradients(of_parameters=False)
    was_training = model.training
    if was_training:  # walking through the whole model would cost as much as a map
        model.eval()
    try:
        with (
            torch.inference_mode(not differentiable),
            torch.set_grad_enabled(differentiable),
            record(model, *wanted) as heard,
            gradients if differentiable else nullcontext(),
        ):
            pixel_values = pixel_values.clone()  # what was made in inference mode can have no gradient
            pixel_values.requires_grad_(differentiable)
            logits = model(pixel_values, return_dict=True).logits
    finally:
        if was_training:
            model.train()
    if not logits.isfinite().all():
        raise CheckpointError("the network's logits are NaN or infinite: its weights are damaged, or too large")
    heard[PIXELS] = pixel_values
    return ForwardPass(config, tuple(photos), tuple(prepared), logits, heard, gradients)


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """One run of the network over some photos, by :func:`forward_pass`.

    With a differentiable pass all that the network worked out lives as long as this does: keep its traces instead.

    Attributes:
        config: the model's configuration.
        photos: the upright originals.
        prepared: what the processor made of them.
        logits: ``[photos, num_labels]``.
        heard: what passed, by probe, and the input as :data:`PIXELS`.
        gradients: which gradients a backward pass gives.
    """

    config: CvtConfig
    photos: tuple[Image.Image, ...]
    prepared: tuple[PreparedImage, ...]
    logits: Float[Tensor, "photos num_labels"]
    heard: dict[str, Tensor]
    gradients: BalancedGradients

    def traces(self, targets: Targets = None, against: int | str | None = None, *, classic: bool = True) -> list[Trace]:
        """A trace of each photo; costs no forward pass, and with targets two backward passes, or three for classic ones.

        Args:
            targets, against, classic: as for :func:`cvt.tracing.traces`.

        Raises:
            ConfigError: as for :func:`cvt.tracing.traces`.
        """
        config, logits = self.config, self.logits.detach()
        probabilities = (logits.float() / config.temperature).softmax(dim=1)
        likely = probabilities.argmax(dim=1).tolist()
        targets = targets or [None] * len(self.photos)
        indices = [_target(config, target, winner) for target, winner in zip(targets, likely, strict=True)]
        rival = None if against is None else class_index(config, against)
        if rival is not None and (rival in indices or None in indices):
            raise ConfigError(f"against={against!r} needs a target, and another one than itself; targets: {targets!r}")
        heard = self._heard([(row, index) for row, index in enumerate(indices) if index is not None], rival, classic)
        geometry = stage_geometry(config, *self.heard[PIXELS].shape[-2:])
        return [
            Trace(
                photo=_frozen(np.asarray(self.photos[row])),
                pixel_values=_array(self.prepared[row].pixel_values[0]),
                crop=self.prepared[row].crop,
                config=config,
                logits=_array(logits[row]),
                probabilities=_array(probabilities[row]),
                stages=tuple(
                    _stage(config, s, geometry[s], row, heard, has_target=index is not None)
                    for s in range(config.num_stages)
                ),
                target=index,
                against=rival,
                explained=None if index is None else float(_explained(logits[row], index, rival)),
                pixel_gradient=None if index is None else _array(heard.balanced[PIXELS][row]),
                pixel_relevance=None if index is None else _array(_brought(heard, heard.relevant, PIXELS, row)),
            )
            for row, index in enumerate(indices)
        ]

    def _heard(self, targets: list[tuple[int, int]], against: int | None, classic: bool) -> _Heard:
        """What passed and its gradients; ``targets`` are (row, class)."""
        if not targets:
            return _Heard(self.heard, {}, {}, {})
        config, logits = self.config, self.logits
        layers = [(stage, layer) for stage in range(config.num_stages) for layer in range(config.depth[stage])]
        entering = [PIXELS, *(_entering(*place) for place in layers)]
        classics = [_evidence_probe(config, stage) for stage in range(config.num_stages)]
        classics += [name for name in self.heard if name.endswith(".attention.context")]
        with torch.inference_mode(False), torch.enable_grad():  # whatever is around
            # No photo sees another's logit, so that the gradient of a sum is each photo's own.
            explained = torch.stack([_explained(logits[row], index, against) for row, index in targets]).sum()
            total = torch.stack([logits[row, index] for row, index in targets]).sum()
            balanced = self._gradients("libragrad", explained, entering)
            relevant = self._gradients("attnlrp", explained, entering)
            plain = self._gradients("plain", total, classics) if classic else {}
        return _Heard(self.heard, plain, balanced, relevant)

    def _gradients(self, rule: Rule, number: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """By probe the gradients of a number, by a rule."""
        self.gradients.rule = rule
        gradients = torch.autograd.grad(number, [self.heard[name] for name in names], retain_graph=True)
        return dict(zip(names, gradients, strict=True))


PIXELS = "pixels"
"""Name of the input among what is heard."""


@dataclass(frozen=True)
class _Heard:
    """By probe what passed, and its gradients where there are targets: plain, by LibraGrad, and by AttnLRP."""

    values: dict[str, Tensor]
    plain: dict[str, Tensor]
    balanced: dict[str, Tensor]
    relevant: dict[str, Tensor]


def _explained(logits: Tensor, target: int, against: int | None) -> Tensor:
    """What is taken apart, from one photo's logits: see :class:`Trace`."""
    return logits[target] - (logits.mean() if against is None else logits[against])


def _target(config: CvtConfig, target: int | str | None, winner: int) -> int | None:
    """The index of a photo's target, of which ``winner`` is the most probable class's."""
    if target == "winner":
        return winner
    return None if target is None else class_index(config, target)


def _stage_path(stage: int) -> str:
    return f"cvt.encoder.stages.{stage}"


def _evidence_probe(config: CvtConfig, stage: int) -> str:
    """Where class evidence of a stage is read: see :class:`StageTrace`."""
    reads_cls_alone = stage == config.num_stages - 1 and config.cls_token[stage]
    path = _stage_path(stage)
    return f"{path}.layers.{config.depth[stage] - 1}.attention.input" if reads_cls_alone else f"{path}.output"


def _entering(stage: int, layer: int) -> str:
    """The probe that hears what enters a layer: the one before, or the stage's embedding."""
    path = _stage_path(stage)
    return f"{path}.layers.{layer - 1}.output" if layer else f"{path}.embedding.output"


def _stage(
    config: CvtConfig, stage: int, geometry: StageGeometry, row: int, heard: _Heard, *, has_target: bool
) -> StageTrace:
    """One photo's part, ``row`` of the batch."""
    evidence = _evidence_probe(config, stage)
    return StageTrace(
        geometry=geometry,
        feature_map=_array(heard.values[f"{_stage_path(stage)}.output"][row]),
        blocks=tuple(_block(config, stage, layer, row, heard, has_target) for layer in range(config.depth[stage])),
        has_cls=config.cls_token[stage],
        scale=config.embed_dim[stage] ** -0.5,
        evidence_map=_array(heard.values[evidence][row]) if has_target and heard.plain else None,
        evidence_gradient=_array(heard.plain[evidence][row]) if has_target and heard.plain else None,
    )


def _block(config: CvtConfig, stage: int, layer: int, row: int, heard: _Heard, has_target: bool) -> BlockTrace:
    name = f"{_stage_path(stage)}.layers.{layer}.attention."
    query, key = (_array(heard.values[name + what][row]) for what in ("query", "key"))
    if not has_target:
        return BlockTrace(query, key)
    entering = _entering(stage, layer)
    cls = 0 if layer else int(config.cls_token[stage])  # it joins what the embedding gives, a map
    evidence, relevance = (
        _array(F.pad(_brought(heard, gradients, entering, row).flatten(), (cls, 0)))
        for gradients in (heard.balanced, heard.relevant)
    )
    if not heard.plain:
        return BlockTrace(query, key, evidence=evidence, relevance=relevance)
    value, gradient = _array(heard.values[name + "value"][row]), _array(heard.plain[name + "context"][row])
    return BlockTrace(query, key, value, gradient, evidence, relevance)


def _brought(heard: _Heard, gradients: dict[str, Tensor], probe: str, row: int) -> Tensor:
    """What each place of a map ``[channels, rows, columns]``, or each of its tokens ``[tokens, channels]``, brings."""
    brought = heard.values[probe][row].detach() * gradients[probe][row]
    return brought.sum(dim=0 if brought.dim() == 3 else 1)


def _array(tensor: Tensor) -> np.ndarray:
    return _frozen(tensor.detach().float().cpu().numpy())  # strided as it comes: a copy would cost more than it saves


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
