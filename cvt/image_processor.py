"""Preprocessing: photos to the pixels a CvT takes, and where those pixels lie on the photo.

The arithmetic is that of the ConvNeXt image processor, which the published CvT checkpoints name, on Pillow's 8-bit
resampling: below 384 pixels the shortest edge is resized to ``int(size / crop_pct)`` and the centre cropped; from 384
the photo is warped to the square.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from PIL import Image

from cvt.errors import ConfigError, ImageError, shown
from cvt.files import json_text, read_json, write_json
from cvt.geometry import CropGeometry
from cvt.hub import HubOptions
from cvt.image_inputs import ChannelOrder, Picture, Pixels, as_list, read_pixels
from cvt.locations import resolve_file
from cvt.photo import open_photo, upright_rgb
from cvt.publishing import Publishable
from cvt.tensors import is_tensor, tensor

if TYPE_CHECKING:
    from jaxtyping import Float32
    from torch import Tensor

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "MOST_SIDE",
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

MOST_SIDE = 4096
"""Pixels of the largest side of a model's input; at 4096 the first stage of a CvT-13 has a million tokens."""

_MAX_RESIZED = 2**25
"""Pixels above which a resized photo is made only where it is looked at: a 1 × 5000 photo would be 327 million."""

_RESCALED_TWICE = (
    "It looks like you are trying to rescale already rescaled images. If the input images have pixel values between 0 "
    "and 1, set `do_rescale=False` to avoid rescaling them again."
)
_TYPES = (
    "ConvNextFeatureExtractor",
    "ConvNextImageProcessor",
    "ConvNextImageProcessorFast",
    "ConvNextImageProcessorPil",
)


@dataclass(frozen=True)
class PreparedImage:
    """One photo, ready for the network.

    Attributes:
        pixel_values: ``[1, 3, height, width]`` float32.
        crop: where those pixels lie on the upright photo.
    """

    pixel_values: Float32[Tensor, "1 3 height width"]
    crop: CropGeometry


class PixelBatch(dict[str, Any]):
    """What the processor returns: a dictionary with ``pixel_values``, also readable as an attribute."""

    @property
    def data(self) -> dict[str, Any]:
        """The same as a plain dictionary."""
        return dict(self)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no {name!r}; it has {', '.join(self)}") from None

    def to(self, *args: Any, **kwargs: Any) -> PixelBatch:
        """A batch with every tensor moved or cast as by :meth:`torch.Tensor.to`."""
        moved = {k: v.to(*args, **kwargs) if is_tensor(v) else v for k, v in self.items()}
        return PixelBatch(moved)


class CvtImageProcessor(Publishable):
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
        /,
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
        self.image_mean = _per_channel("image_mean", image_mean)
        self.image_std = _per_channel("image_std", image_std)
        self.extra = dict(extra)
        self._validate()

    @property
    def resolution(self) -> int:
        """Side of the model's input, in pixels."""
        return self.size["shortest_edge"]

    def __call__(
        self,
        images: Picture | Sequence[Picture],
        return_tensors: Literal["pt", "np", "tf"] | None = None,
        input_data_format: ChannelOrder | None = None,
        **overrides: Any,
    ) -> PixelBatch:
        """Preprocess one image or several.

        Args:
            images: a Pillow image, a path, an address (http, https or data:image), an array or tensor (``[height,
                width]``, ``[height, width, channels]`` or ``[channels, height, width]`` with 1, 3 or 4 channels), a
                list of these, or an array or tensor with a batch axis in front. Arrays hold bytes, or whole numbers
                from 0 to 255, or fractions from 0 to 1: these are divided by 255 once more, as in transformers, with a
                warning, unless ``do_rescale=False``. Where nothing is resized, floats may be of any size.
            return_tensors: "pt" for one tensor of PyTorch, "tf" of TensorFlow, "np" for one array, None for a list of
                arrays.
            input_data_format: where an array's channels are, if its shape leaves that open.
            overrides: fields of the processor, for this call alone.

        Returns:
            A dictionary with ``pixel_values``, ``[batch, 3, height, width]`` float32.

        Raises:
            ImageError: an image cannot be read, or the images differ in size and are not to be resized.
            ConfigError: an override that is no field, or a value that is not allowed.
        """
        if overrides:
            _require_fields(overrides)
            changed = CvtImageProcessor.from_dict({**self.to_dict(), **overrides})
            return changed(images, return_tensors, input_data_format)
        if return_tensors not in (None, "pt", "np", "tf"):
            raise ConfigError(f"return_tensors={return_tensors!r} must be 'pt', 'np', 'tf' or None")
        read = [read_pixels(image, not self.do_resize, input_data_format) for image in as_list(images)]
        if self.do_rescale and any(pixels.in_unit for pixels in read):
            warnings.warn(_RESCALED_TWICE, stacklevel=2)
        arrays = [self._values(pixels) for pixels in read]
        if return_tensors is None:
            return PixelBatch(pixel_values=arrays)
        if len({array.shape for array in arrays}) > 1:
            sizes = ", ".join(f"{array.shape[2]} × {array.shape[1]}" for array in arrays)
            raise ImageError(f"images of different sizes ({sizes}) make no batch; resize them with do_resize=True")
        return PixelBatch(pixel_values=tensor(np.stack(arrays), return_tensors))

    preprocess = __call__

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
        return PreparedImage(tensor(pixels[None], "pt"), crop)

    def _values(self, pixels: Pixels) -> np.ndarray:
        """The values ``[3, height, width]`` float32 of what was read."""
        if pixels.numbers is not None:
            return self._scaled(pixels.numbers, pixels.numbers.shape[1:])
        return self._pixels(pixels.photo, self.resolution, 255 if pixels.in_unit else 1)[0]

    def _pixels(self, photo: Image.Image, side: int, divisor: int = 1) -> tuple[np.ndarray, CropGeometry]:
        """The values of an upright RGB photo whose bytes stand for themselves divided by ``divisor``."""
        crop = self._crop(photo.height, photo.width, side)
        seen = np.asarray(_resize_and_crop(photo, crop, self.resample)).transpose(2, 0, 1)
        every_byte = np.broadcast_to(np.arange(256) / divisor, (3, 256))
        tables = self._scaled(every_byte, (256,))
        return np.stack([np.take(table, channel) for table, channel in zip(tables, seen, strict=True)]), crop

    def _scaled(self, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Values ``[3, *shape]``, rescaled and normalised, as float32."""
        values = (values * self.rescale_factor if self.do_rescale else values).astype(np.float32)
        if self.do_normalize:
            axes = (3, *(1 for _ in shape))
            mean, std = (np.array(v, np.float32).reshape(axes) for v in (self.image_mean, self.image_std))
            values = (values - mean) / std
        return values

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
                raise ConfigError(f"{name}={shown(getattr(self, name))} must be true or false")
        for name in ("crop_pct", "rescale_factor"):
            value = getattr(self, name)
            if not _is_number(value) or value <= 0:
                raise ConfigError(f"{name}={shown(value)} must be a number above 0")
        if not 0.1 <= self.crop_pct <= 10:
            raise ConfigError(f"crop_pct={shown(self.crop_pct)} must be from 0.1 to 10: side / crop_pct is resized to")
        if isinstance(self.resample, bool) or self.resample not in tuple(Image.Resampling):
            allowed = ", ".join(f"{f.value} ({f.name.lower()})" for f in Image.Resampling)
            raise ConfigError(f"resample={shown(self.resample)} must be one of {allowed}")
        if 0 in self.image_std:
            raise ConfigError(
                f"image_std={shown(self.image_std)} must be three numbers, one a channel (no 0 in image_std)"
            )
        with np.errstate(all="ignore"):
            extremes = self._scaled(np.broadcast_to([0.0, 255.0], (3, 2)), (2,))
        if not np.isfinite(extremes).all():
            names = ("rescale_factor", "image_mean", "image_std")
            told = ", ".join(f"{name}={shown(getattr(self, name))}" for name in names)
            raise ConfigError(f"{told} must keep the values of a photo, 0 to 255, within what float32 holds")

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
                raise ConfigError(
                    f"{name}={shown(kind)} is another kind of preprocessing; this package reads {_TYPES[1]!r}"
                )
        return cls(**merged)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options_and_overrides: Any) -> Self:
        """The processor of a Hub id, of a folder, or of "bundled".

        Args:
            pretrained_model_name_or_path: where it is.
            options_and_overrides: ``revision``, ``subfolder``, ``cache_dir``, ``force_download``, ``local_files_only``
                and ``token``, as for a model; any others are fields that win over the file's.

        Raises:
            CheckpointError: nothing is found, or it cannot be read.
            ConfigError: what is found is not preprocessing this package knows, or an override is no field.
        """
        options = HubOptions.take(options_and_overrides)
        _require_fields(options_and_overrides)
        path = resolve_file(pretrained_model_name_or_path, "preprocessor_config.json", options)
        return cls.from_dict(read_json(path), **options_and_overrides)

    def save_pretrained(self, save_directory: str | Path) -> None:
        """Write ``preprocessor_config.json`` into a folder, which is made if missing.

        Raises:
            CheckpointError: the folder cannot be written.
        """
        write_json(Path(save_directory) / "preprocessor_config.json", self.to_dict())

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


def _require_fields(overrides: Mapping[str, Any]) -> None:
    unknown = overrides.keys() - _FIELDS
    if unknown:
        raise ConfigError(f"{', '.join(sorted(unknown))}: not a field of CvtImageProcessor, nor an option of the Hub")


_FIELDS = frozenset(inspect.signature(CvtImageProcessor).parameters) - {"extra"}


def _side(size: Any) -> int:
    side = size.get("shortest_edge") if isinstance(size, Mapping) else size
    if not isinstance(side, int) or isinstance(side, bool) or not 1 <= side <= MOST_SIDE:
        raise ConfigError(
            f"size={shown(size)} must be a whole number of pixels from 1 to {MOST_SIDE}, or {{'shortest_edge': pixels}}"
        )
    return side


def _per_channel(name: str, values: Any) -> list[float]:
    if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray) or len(values) != 3:
        raise ConfigError(f"{name}={shown(values)} must be three numbers, one a channel")
    if not all(_is_number(value) for value in values):
        raise ConfigError(f"{name}={shown(values)} must be three numbers, one a channel")
    return list(values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300
