"""The architecture that the shapes of a checkpoint's tensors settle, and the preset that supplies the rest.

Shapes give widths, depths, kernels, MLP ratios, biases, CLS tokens and the number of classes. They say nothing of
strides, paddings and heads, nor whether keys without a convolution are pooled.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cvt.config import CvtConfig
from cvt.errors import CheckpointError, shorten
from cvt.presets import PRESETS

__all__ = ["complete_fields", "fields_from_shapes"]

_IDENTIFYING = ("patch_sizes", "embed_dim", "depth", "kernel_qkv", "qkv_projection_method")
Shapes = Mapping[str, Sequence[int]]


def complete_fields(shapes: Shapes) -> dict[str, Any]:
    """The fields of a whole configuration: what the shapes settle, and the rest of the preset that they match.

    Raises:
        CheckpointError: no preset has these widths, depths and kernels, so strides, paddings and heads stay open.
    """
    fields = fields_from_shapes(shapes)
    for preset in PRESETS.values():
        released = CvtConfig(**preset)
        if all(getattr(released, name) == fields[name] for name in _IDENTIFYING):
            return {**preset, **fields}
    told = ", ".join(f"{name}={fields[name]}" for name in _IDENTIFYING)
    raise CheckpointError(
        f"the tensors' shapes tell {told}, which is none of the released {', '.join(PRESETS)}; they cannot tell "
        "strides, paddings and heads, so pass config= (a CvtConfig, or the name of one of these)"
    )


def fields_from_shapes(shapes: Shapes) -> dict[str, Any]:
    """The fields of :class:`~cvt.CvtConfig` that shapes settle; the projection method is None where it is not "dw_bn".

    Raises:
        CheckpointError: a tensor that every CvT has is missing.
    """
    num_stages = _count(shapes, r"cvt\.encoder\.stages\.(\d{1,4})\.")
    if not num_stages:
        raise CheckpointError(f"the checkpoint is no whole CvT: it has no stage, only {shorten(list(shapes))}")
    stages = [_stage_fields(shapes, f"cvt.encoder.stages.{stage}") for stage in range(num_stages)]
    fields: dict[str, Any] = {name: [stage[name] for stage in stages] for name in stages[0]}
    fields["num_channels"] = _shape(shapes, "cvt.encoder.stages.0.embedding.projection.weight", 4)[1]
    if "classifier.weight" in shapes:
        fields["num_labels"] = _shape(shapes, "classifier.weight", 2)[0]
    return fields


def _stage_fields(shapes: Shapes, stage: str) -> dict[str, Any]:
    width, _, kernel, _ = _shape(shapes, f"{stage}.embedding.projection.weight", 4)
    hidden, _ = _shape(shapes, f"{stage}.layers.0.mlp.expand.weight", 2)
    convolution = f"{stage}.layers.0.attention.key_convolution.convolution.weight"
    has_convolution = convolution in shapes
    return {
        "patch_sizes": kernel,
        "embed_dim": width,
        "depth": _count(shapes, re.escape(stage) + r"\.layers\.(\d{1,4})\."),
        "mlp_ratio": _ratio(hidden, width),
        "qkv_bias": f"{stage}.layers.0.attention.query_linear.bias" in shapes,
        "cls_token": f"{stage}.cls_token" in shapes,
        "kernel_qkv": _shape(shapes, convolution, 4)[-1] if has_convolution else 3,
        "qkv_projection_method": "dw_bn" if has_convolution else None,
    }


def _shape(shapes: Shapes, name: str, axes: int) -> Sequence[int]:
    shape = shapes.get(name)
    if shape is None or len(shape) != axes or 0 in shape:
        raise CheckpointError(
            f"the checkpoint is no whole CvT: {name} is {'missing' if shape is None else list(shape)}"
        )
    return shape


def _count(names: Iterable[str], pattern: str) -> int:
    """One more than the highest index that ``pattern`` captures."""
    return max((int(match[1]) + 1 for name in names if (match := re.match(pattern, name))), default=0)


def _ratio(hidden: int, width: int) -> float:
    """The ratio for which ``int(width * ratio)`` is ``hidden``."""
    ratio = hidden / width
    return ratio if int(width * ratio) == hidden else math.nextafter(ratio, math.inf)
