"""Preprocessing: photos to the pixels a CvT takes, and where those pixels lie on the photo.

The arithmetic is that of the ConvNeXt image processor, which the published CvT checkpoints name, on Pillow's 8-bit
resampling: below 384 pixels the shortest edge is resized to ``int(size / crop_pct)`` and the centre cropped; from 384
the photo is warped to the square.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cvt.errors import ConfigError, ImageError
from cvt.files import json_text, read_json, write_json
from cvt.geometry import CropGeometry
from cvt.locations import resolve_file
from cvt.photo import open_photo, upright_rgb

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "CvtImageProcessor",
    "PixelBatch",
    "PreparedImage",
    "open_photo",
    "upright_rgb",
]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
WARP_FROM = 384
"""Resolution from which the photo is warped to the square instead of cropped."""

_MAX_RESIZED = 2**25
"""Pixels above which a resized photo is made only where it is looked at: a 1 × 5000 photo would be 327 million."""

_TYPES = (
    "ConvNextFeatureExtractor",
    "ConvNextImageProcessor",
    "ConvNextImageProcessorFast",
    "ConvNextImageProcessorPil",
)

Picture = Image.Image | np.ndarray | Tensor


@dataclass(frozen=True)
class PreparedImage:
    """One photo, ready for the network.

    Attributes:
        pixel_values: ``[1, 3, height, width]`` float32.
        crop: where those pixels lie on the upright photo.
    """

    pixel_values: Tensor
    crop: CropGeometry


class PixelBatch(dict[str, Any]):
    """What the processor returns: a dictionary with ``pixel_values``, also readable as an attribute."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no {name!r}; it has {', '.join(self)}") from None

    def to(self, *args: Any, **kwargs: Any) -> PixelBatch:
        """A batch with every tensor moved or cast as by :meth:`torch.Tensor.to`."""
        moved = {k: v.to(*args, **kwargs) if isinstance(v, Tensor) else v for k, v in self.items()}
        return PixelBatch(moved)


class CvtImageProcessor:
    """Turns photos into the pixels a CvT takes. The defaults are those of the checkpoints published at 224 pixels.

    Args:
        do_resize: resize and crop; otherwise the photo's own pixels are taken.
        size: side of the model's input, in pixels, or ``{"shortest_edge": side}``.
        crop_pct: below 384, the part of the resized photo's shortest edge that the model sees; None means 0.875.
        resample: Pillow's number of the resampling filter; 3 is bicubic.
        do_rescale, rescale_factor: multiply the values 0 to 255 by the factor.
        do_normalize, image_mean, image_std: subtract the mean and divide by the standard deviation of each channel.
        extra: any other field of a ``preprocessor_config.json``; kept and written back.

    Raises:
        ConfigError: a value that is not allowed.
    """

    def __init__(
        self,
        *,
        do_resize: bool = True,
        size: int | Mapping[str, int] = 224,
        crop_pct: float | None = None,
        resample: int = 3,
        do_rescale: bool = True,
        rescale_factor: float = 1 / 255,
        do_normalize: bool = True,
        image_mean: Sequence[float] = IMAGENET_MEAN,
        image_std: Sequence[float] = IMAGENET_STD,
        **extra: Any,
    ) -> None:
        self.do_resize = do_resize
        self.size = {"shortest_edge": _side(size)}
        self.crop_pct = 224 / 256 if crop_pct is None else crop_pct
        self.resample = resample
        self.do_rescale = do_rescale
        self.rescale_factor = rescale_factor
        self.do_normalize = do_normalize
        self.image_mean = list(image_mean)
        self.image_std = list(image_std)
        self.extra = dict(extra)
        self._validate()

    @property
    def resolution(self) -> int:
        """Side of the model's input, in pixels."""
        return self.size["shortest_edge"]

    def __call__(
        self,
        images: Picture | Sequence[Picture],
        return_tensors: Literal["pt", "np"] | None = None,
        **overrides: Any,
    ) -> PixelBatch:
        """Preprocess one image or several.

        Args:
            images: a Pillow image, an array or tensor of whole numbers from 0 to 255 (``[height, width]``,
                ``[height, width, channels]`` or ``[channels, height, width]`` with 1, 3 or 4 channels), a list of
                these, or an array or tensor with a batch axis in front.
            return_tensors: "pt" for one tensor, "np" for one array, None for a list of arrays.
            overrides: fields of the processor, for this call alone.

        Returns:
            A dictionary with ``pixel_values``, ``[batch, 3, height, width]`` float32.

        Raises:
            ImageError: an image cannot be read, or the images differ in size and are not to be resized.
        """
        if overrides:
            return CvtImageProcessor.from_dict({**self.to_dict(), **overrides})(images, return_tensors)
        if return_tensors not in (None, "pt", "np"):
            raise ConfigError(f"return_tensors={return_tensors!r} must be 'pt', 'np' or None")
        arrays = [self._pixels(_photo(image), self.resolution)[0] for image in _as_list(images)]
        if return_tensors is None:
            return PixelBatch(pixel_values=arrays)
        if len({array.shape for array in arrays}) > 1:
            sizes = ", ".join(f"{array.shape[2]} × {array.shape[1]}" for array in arrays)
            raise ImageError(f"images of different sizes ({sizes}) make no batch; resize them with do_resize=True")
        batch = np.stack(arrays)
        return PixelBatch(pixel_values=torch.from_numpy(batch) if return_tensors == "pt" else batch)

    def prepare(self, image: Image.Image, resolution: int | None = None) -> PreparedImage:
        """One photo's pixels, and where they lie on it.

        Args:
            image: any Pillow image; turned upright and converted to RGB first (:func:`upright_rgb`).
            resolution: side of the model's input, instead of the processor's own.

        Raises:
            ImageError: the image cannot be read.
            ConfigError: ``resolution`` is not a positive whole number.
        """
        side = self.resolution if resolution is None else _side(resolution)
        pixels, crop = self._pixels(upright_rgb(image), side)
        return PreparedImage(torch.from_numpy(pixels)[None], crop)

    def _pixels(self, photo: Image.Image, side: int) -> tuple[np.ndarray, CropGeometry]:
        """The values ``[3, height, width]`` float32 of an upright RGB photo."""
        crop = self._crop(photo.height, photo.width, side)
        seen = _resize_and_crop(photo, crop, self.resample)
        values: np.ndarray = np.arange(256, dtype=np.float64)[None]  # every value a pixel can have, to be looked up
        if self.do_rescale:
            values *= self.rescale_factor
        values = values.astype(np.float32).repeat(3, axis=0)
        if self.do_normalize:
            mean, std = (np.array(v, np.float32).reshape(3, 1) for v in (self.image_mean, self.image_std))
            values = (values - mean) / std
        channels = np.asarray(seen).transpose(2, 0, 1)
        return np.stack([np.take(table, channel) for table, channel in zip(values, channels, strict=True)]), crop

    def _crop(self, height: int, width: int, side: int) -> CropGeometry:
        photo = (height, width)
        if not self.do_resize:
            return CropGeometry(photo, photo, top=0, left=0, height=height, width=width)
        if side >= WARP_FROM:
            return CropGeometry(photo, (side, side), top=0, left=0, height=side, width=side)
        shortest = int(side / self.crop_pct)
        longest = int(shortest * max(photo) / min(photo))
        resized = (longest, shortest) if width <= height else (shortest, longest)
        top, left = ((length - side) // 2 for length in resized)
        return CropGeometry(photo, resized, top=top, left=left, height=side, width=side)

    def _validate(self) -> None:
        for name in ("do_resize", "do_rescale", "do_normalize"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name}={getattr(self, name)!r} must be true or false")
        for name in ("crop_pct", "rescale_factor"):
            value = getattr(self, name)
            if not _is_number(value) or value <= 0:
                raise ConfigError(f"{name}={value!r} must be a number above 0")
        if self.resample not in set(Image.Resampling):
            allowed = ", ".join(f"{f.value} ({f.name.lower()})" for f in Image.Resampling)
            raise ConfigError(f"resample={self.resample!r} must be one of {allowed}")
        for name in ("image_mean", "image_std"):
            values = getattr(self, name)
            if len(values) != 3 or not all(_is_number(v) for v in values) or (name == "image_std" and 0 in values):
                raise ConfigError(f"{name}={values!r} must be three numbers, one a channel (no 0 in image_std)")

    def to_dict(self) -> dict[str, Any]:
        """The fields of a ``preprocessor_config.json``, in the form transformers reads."""
        fields = {name: value for name, value in vars(self).items() if name != "extra"}
        return {"image_processor_type": "ConvNextImageProcessor", **self.extra, **fields}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], **overrides: Any) -> Self:
        """A processor from a ``preprocessor_config.json`` of the old form or the new; ``overrides`` win.

        Raises:
            ConfigError: the fields describe another kind of preprocessing, or hold a value that is not allowed.
        """
        merged = {**fields, **overrides}
        for name in ("image_processor_type", "feature_extractor_type"):
            kind = merged.pop(name, None)
            if kind is not None and kind not in _TYPES:
                raise ConfigError(f"{name}={kind!r} is another kind of preprocessing; this package reads {_TYPES[1]!r}")
        return cls(**merged)

    @classmethod
    def from_pretrained(cls, ref: str | Path, *, revision: str | None = None, **overrides: Any) -> Self:
        """The processor of ``ref``: a Hub id, a folder, or "bundled". ``overrides`` are fields that win.

        Raises:
            CheckpointError: nothing is found at ``ref``, or it cannot be read.
            ConfigError: what is found is not preprocessing this package knows.
        """
        path = resolve_file(ref, "preprocessor_config.json", revision=revision)
        return cls.from_dict(read_json(path), **overrides)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``preprocessor_config.json`` into ``folder``, which is made if missing."""
        write_json(Path(folder) / "preprocessor_config.json", self.to_dict())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CvtImageProcessor) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"CvtImageProcessor {json_text(self.to_dict())}"


def _resize_and_crop(photo: Image.Image, crop: CropGeometry, resample: int) -> Image.Image:
    """The part of the resized photo that the model sees; black where it reaches beyond."""
    height, width = crop.resized
    left, top = crop.left, crop.top
    if height * width <= _MAX_RESIZED:
        resized = photo.resize((width, height), resample)
    elif width > height:
        scale = photo.width / width
        resized = photo.resize(
            (crop.width, height), resample, (left * scale, 0, (left + crop.width) * scale, photo.height)
        )
        left = 0
    else:
        scale = photo.height / height
        resized = photo.resize(
            (width, crop.height), resample, (0, top * scale, photo.width, (top + crop.height) * scale)
        )
        top = 0
    return resized.crop((left, top, left + crop.width, top + crop.height))


def _as_list(images: Picture | Sequence[Picture]) -> list[Picture]:
    if isinstance(images, list | tuple) or (isinstance(images, np.ndarray | Tensor) and images.ndim == 4):
        if not len(images):
            raise ImageError("no images: expected at least one")
        return list(images)
    return [images]  # type: ignore[list-item]


def _photo(image: Picture) -> Image.Image:
    if isinstance(image, Tensor):
        image = image.detach().cpu().numpy()
    return _from_array(image) if isinstance(image, np.ndarray) else upright_rgb(image)


def _from_array(array: np.ndarray) -> Image.Image:
    shape = array.shape
    if array.ndim == 3 and shape[0] in (1, 3, 4):
        array = array.transpose(1, 2, 0)
    elif array.ndim != 2 and (array.ndim != 3 or shape[2] not in (1, 3, 4)):
        raise ImageError(
            f"an array of shape {list(shape)} is no image; expected [height, width], [height, width, channels] or "
            "[channels, height, width] with 1, 3 or 4 channels"
        )
    if array.size == 0:
        raise ImageError(f"an array of shape {list(shape)} has no pixels")
    if array.dtype != np.uint8:
        low, high = array.min(), array.max()
        if not (low >= 0 and high <= 255) or (array != np.floor(array)).any():
            raise ImageError(
                f"an image array of {array.dtype} holds values from {low:g} to {high:g}; expected whole numbers from "
                "0 to 255 (multiply values from 0 to 1 by 255 and round)"
            )
        array = array.astype(np.uint8)
    return upright_rgb(Image.fromarray(np.ascontiguousarray(array[..., 0] if array.shape[2:] == (1,) else array)))


def _side(size: Any) -> int:
    side = size.get("shortest_edge") if isinstance(size, Mapping) else size
    if not isinstance(side, int) or isinstance(side, bool) or side < 1:
        raise ConfigError(
            f"size={size!r} must be a whole number of pixels of at least 1, or {{'shortest_edge': pixels}}"
        )
    return side


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
