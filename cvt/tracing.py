"""One forward pass, kept: everything a view of the network needs, as numpy arrays, with no model inside.

With a target come backward passes over the same forward pass, one for each rule of :mod:`cvt.balanced`: AttnLRP, by
which the best map is read; LibraGrad, which adds up; and plain gradients, as the classic methods are defined by.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cvt.balanced import RULES, BalancedGradients, Rule
from cvt.config import CvtConfig, class_index
from cvt.errors import CheckpointError, ConfigError, ImageError
from cvt.geometry import CropGeometry, StageGeometry, stage_geometry
from cvt.heard import PIXELS, Heard, entering, evidence_probe, frozen, stage_path, to_array
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

    What comes with a target, here and in stages and blocks, comes with the rule that it is read by: see ``rules`` of
    :func:`trace`.

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
    rules: Collection[Rule] = RULES,
) -> Trace:
    """Run the network once on a photo and keep what its explanations need.

    Args:
        model: a classifier; used in evaluation mode and left as it was.
        processor: its preprocessing.
        image: any PIL image; orientation from EXIF is applied.
        target: a class, by index or name, whose evidence is wanted. "winner" is the most probable class; one that is
            called so goes by its index.
        resolution: side of the model's input in pixels, instead of the processor's own.
        against: another class, to ask why the target and not that one; by default the target is held against the mean
            of all classes. The plain gradients are those of the target's logit alone, whatever it is held against.
        rules: whose gradients to keep of a target, each for a backward pass: "attnlrp" for the best map, "libragrad"
            for what adds up, "plain" for the classic methods. :attr:`visualize.methods.MethodEntry.rule` is a method's.

    Raises:
        ImageError: the image cannot be read, or is too small at this resolution.
        ConfigError: the target is not one of the model's classes, or is held against itself or against a class with no
            target given; or there is no such rule.
    """
    return traces(model, processor, [image], [target], resolution, against, rules=rules)[0]


def traces(
    model: CvtForImageClassification,
    processor: CvtImageProcessor,
    images: Sequence[Image.Image],
    targets: Targets = None,
    resolution: int | None = None,
    against: int | str | None = None,
    *,
    rules: Collection[Rule] = RULES,
) -> list[Trace]:
    """:func:`trace` of several photos in one forward pass; targets, one a photo, may be None.

    Raises:
        ImageError: as for :func:`trace`; or the photos' pixels differ in shape, which only happens unresized.
        ConfigError: as for :func:`trace`.
    """
    wanted = any(target is not None for target in targets or ())
    return forward_pass(model, processor, images, resolution, differentiable=wanted).traces(
        targets, against, rules=rules
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
    wanted = [f"{stage_path(stage)}.output" for stage in range(config.num_stages)]
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

    def traces(
        self, targets: Targets = None, against: int | str | None = None, *, rules: Collection[Rule] = RULES
    ) -> list[Trace]:
        """A trace of each photo; costs no forward pass, and with targets one backward pass for each rule.

        Args:
            targets, against, rules: as for :func:`cvt.tracing.traces`.

        Raises:
            ConfigError: as for :func:`cvt.tracing.traces`.
        """
        if unknown := [rule for rule in rules if rule not in RULES]:
            raise ConfigError(f"rules={unknown!r} are unknown: allowed are {', '.join(map(repr, RULES))}")
        config, logits = self.config, self.logits.detach()
        probabilities = (logits.float() / config.temperature).softmax(dim=1)
        likely = probabilities.argmax(dim=1).tolist()
        targets = targets or [None] * len(self.photos)
        indices = [_target(config, target, winner) for target, winner in zip(targets, likely, strict=True)]
        rival = None if against is None else class_index(config, against)
        if rival is not None and (rival in indices or None in indices):
            raise ConfigError(f"against={against!r} needs a target, and another one than itself; targets: {targets!r}")
        gradients = self._gradients(
            {row: index for row, index in enumerate(indices) if index is not None}, rival, rules
        )
        heard = [Heard(self.heard, {} if index is None else gradients, row) for row, index in enumerate(indices)]
        geometry = stage_geometry(config, *self.heard[PIXELS].shape[-2:])
        return [
            Trace(
                photo=frozen(np.asarray(self.photos[row])),
                pixel_values=to_array(self.prepared[row].pixel_values[0]),
                crop=self.prepared[row].crop,
                config=config,
                logits=to_array(logits[row]),
                probabilities=to_array(probabilities[row]),
                stages=tuple(_stage(config, stage, geometry[stage], heard[row]) for stage in range(config.num_stages)),
                target=index,
                against=rival,
                explained=None if index is None else float(_explained(logits[row], index, rival)),
                pixel_gradient=heard[row].gradient("libragrad", PIXELS),
                pixel_relevance=heard[row].brought("attnlrp", PIXELS),
            )
            for row, index in enumerate(indices)
        ]

    def _gradients(
        self, targets: dict[int, int], against: int | None, rules: Collection[Rule]
    ) -> dict[Rule, dict[str, Tensor]]:
        """By rule, and by probe, the gradients of what is explained; ``targets`` are classes by row."""
        if not targets:
            return {}
        config, logits = self.config, self.logits
        layers = [(stage, layer) for stage in range(config.num_stages) for layer in range(config.depth[stage])]
        places = [PIXELS, *(entering(*place) for place in layers)]
        classics = [evidence_probe(config, stage) for stage in range(config.num_stages)]
        classics += [name for name in self.heard if name.endswith(".attention.context")]
        with torch.inference_mode(False), torch.enable_grad():  # whatever is around
            # No photo sees another's logit, so that the gradient of a sum is each photo's own.
            explained = torch.stack([_explained(logits[row], index, against) for row, index in targets.items()]).sum()
            total = torch.stack([logits[row, index] for row, index in targets.items()]).sum()
            found: dict[Rule, dict[str, Tensor]] = {}
            for rule in rules:
                number, names = (total, classics) if rule == "plain" else (explained, places)
                self.gradients.rule = rule
                gradients = torch.autograd.grad(number, [self.heard[name] for name in names], retain_graph=True)
                found[rule] = dict(zip(names, gradients, strict=True))
        return found


def _explained(logits: Tensor, target: int, against: int | None) -> Tensor:
    """What is taken apart, from one photo's logits: see :class:`Trace`."""
    return logits[target] - (logits.mean() if against is None else logits[against])


def _target(config: CvtConfig, target: int | str | None, winner: int) -> int | None:
    """The index of a photo's target, of which ``winner`` is the most probable class's."""
    if target == "winner":
        return winner
    return None if target is None else class_index(config, target)


def _stage(config: CvtConfig, stage: int, geometry: StageGeometry, heard: Heard) -> StageTrace:
    evidence = evidence_probe(config, stage)
    return StageTrace(
        geometry=geometry,
        feature_map=heard.value(f"{stage_path(stage)}.output"),
        blocks=tuple(_block(config, stage, layer, heard) for layer in range(config.depth[stage])),
        has_cls=config.cls_token[stage],
        scale=config.embed_dim[stage] ** -0.5,
        evidence_map=heard.value(evidence) if "plain" in heard.gradients else None,
        evidence_gradient=heard.gradient("plain", evidence),
    )


def _block(config: CvtConfig, stage: int, layer: int, heard: Heard) -> BlockTrace:
    name, place = f"{stage_path(stage)}.layers.{layer}.attention.", entering(stage, layer)
    cls = 0 if layer else int(config.cls_token[stage])  # it joins what the embedding gives, a map
    return BlockTrace(
        query=heard.value(name + "query"),
        key=heard.value(name + "key"),
        value=heard.value(name + "value") if "plain" in heard.gradients else None,
        context_gradient=heard.gradient("plain", name + "context"),
        evidence=heard.brought("libragrad", place, cls),
        relevance=heard.brought("attnlrp", place, cls),
    )
