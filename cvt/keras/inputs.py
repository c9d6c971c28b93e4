"""What the Keras models accept: arguments by position, by keyword, or in one dictionary, list or tuple."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from cvt.config import CvtConfig
from cvt.errors import ImageError
from cvt.geometry import stage_geometry

__all__ = ["check_pixels", "gather"]


def gather(names: tuple[str, ...], first: Any, rest: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call, by name.

    Args:
        names: the arguments the model has, in order; ``pixel_values`` first.
        first: what was given for ``pixel_values``: it, or a mapping, list or tuple that holds several arguments.
        rest: further arguments by position.
        named: further arguments by name; None counts as not given.

    Raises:
        TypeError: an argument that the model has not, or one given twice.
    """
    if isinstance(first, Mapping):  # BatchFeature is one, and no dict
        given = dict(first)
    elif isinstance(first, list | tuple):
        given = _by_position(names, first)
    else:
        given = {"pixel_values": first}
    for name, value in [*_by_position(names[1:], rest).items(), *named.items()]:
        if value is not None and given.get(name) is not None:
            raise TypeError(f"{name} is given twice")
        given[name] = given.get(name) if value is None else value
    unknown = sorted(str(name) for name in given if name not in names)
    if unknown:
        raise TypeError(f"{', '.join(unknown)}: no argument of this model; it takes {', '.join(names)}")
    return {name: _tensor(name, value) for name, value in given.items() if value is not None}


def _by_position(names: tuple[str, ...], values: Any) -> dict[str, Any]:
    if len(values) > len(names):
        raise TypeError(f"{len(values)} arguments are too many; in order, these are {', '.join(names)}")
    return dict(zip(names, values, strict=False))


def _tensor(name: str, value: Any) -> Any:
    """What Keras may convert on its own, and the rest as it is."""
    backend = keras.backend.backend()
    if backend != "torch" and type(value).__module__.partition(".")[0] == "torch":
        raise TypeError(f"{name} is a torch.Tensor, but Keras runs on {backend}; pass it as an array, {name}.numpy()")
    if name == "labels" and isinstance(value, list | tuple | int):
        return ops.convert_to_tensor(np.asarray(value))
    return value


def check_pixels(config: CvtConfig, pixel_values: Any) -> None:
    """Refuse what is no batch of images for this model; a size that is not known yet is taken.

    Raises:
        ImageError: nothing, the wrong number of axes or channels, channels last, or an image that is too small.
    """
    channels = config.num_channels
    expected = f"expected [batch, {channels}, height, width]"
    if pixel_values is None:
        raise ImageError(f"pixel_values is missing; {expected}")
    shape = getattr(pixel_values, "shape", None)
    if shape is None:
        raise ImageError(f"pixel_values is {type(pixel_values).__name__}, not a tensor or array; {expected}")
    shape = list(shape)
    if len(shape) != 4 or shape[1] not in (channels, None):
        last = len(shape) == 4 and shape[3] == channels
        hint = "; its channels come last: transpose it with (0, 3, 1, 2)" if last else ""
        raise ImageError(f"pixel_values has shape {shape}; {expected}{hint}")
    height, width = shape[2:]
    if isinstance(height, int) and isinstance(width, int):
        stage_geometry(config, height, width)  # raises where a stage would be left without tokens
