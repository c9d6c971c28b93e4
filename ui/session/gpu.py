"""Where the network runs: on a GPU that is lent for one call (ZeroGPU, on Spaces), or where the models are.

Where GPUs are lent, models stay on the CPU, and a call goes to a process of its own that has a GPU for as long as it
takes; what it is given and what it answers are pickled on the way. Elsewhere nothing of this happens.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from importlib.util import find_spec
from typing import Any, TypeVar

import torch
from PIL import Image
from torch import Tensor

from cvt import tracing
from cvt.balanced import RULES, Rule
from cvt.device import choose_device
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.tracing import Trace

__all__ = ["IS_LENT", "home", "logits", "trace", "traces"]

IS_LENT = "SPACES_ZERO_GPU" in os.environ and find_spec("spaces") is not None

SECONDS = 15
"""Longest time for which a GPU is lent; the largest model needs two."""

Function = TypeVar("Function", bound=Callable[..., Any])


def home(name: str) -> torch.device:
    """Where models stay between calls.

    Raises:
        ConfigError: there is no device of that name here.
    """
    return torch.device("cpu") if IS_LENT and name == "auto" else choose_device(name)


def lent(function: Function) -> Function:
    """A function, or a generator, that runs on a lent GPU where GPUs are lent."""
    if not IS_LENT:
        return function
    import spaces

    on_gpu: Function = spaces.GPU(duration=SECONDS)(function)
    return on_gpu


def placed(model: CvtForImageClassification) -> CvtForImageClassification:
    """The model where this call computes, in float32 wherever that is: fewer digits would show in the maps."""
    return model.to(choose_device(), torch.float32) if IS_LENT else model


@lent
def trace(
    model: CvtForImageClassification,
    processor: CvtImageProcessor,
    image: Image.Image,
    target: int | str | None = None,
    against: int | None = None,
    rules: Collection[Rule] = RULES,
) -> Trace:
    """As :func:`cvt.tracing.trace`."""
    return tracing.trace(placed(model), processor, image, target=target, against=against, rules=rules)


@lent
def traces(model: CvtForImageClassification, processor: CvtImageProcessor, image: Image.Image) -> Iterator[Trace]:
    """A photo's trace, and the one for the most probable class, of the same forward pass."""
    passed = tracing.forward_pass(placed(model), processor, [image])
    for target in (None, "winner"):
        yield passed.traces([target])[0]


@lent
def logits(model: CvtForImageClassification, pixel_values: Tensor) -> Tensor:
    """The logits ``[N, classes]`` of photos ``[N, 3, height, width]``."""
    model = placed(model)
    with torch.inference_mode():
        return model(pixel_values.to(model.device, model.dtype), return_dict=True).logits.float().cpu()
