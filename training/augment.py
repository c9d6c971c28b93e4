"""Augmentation of whole batches as tensors: cheap enough for a CPU that also trains.

All randomness comes from an explicit ``torch.Generator`` on the CPU, so that a step can be repeated exactly. Images are
RGB floats in [0, 1] unless a docstring says otherwise.
"""

from __future__ import annotations

import io
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Generator, Tensor

__all__ = ["augment_colour", "blur", "crop_and_flip", "erase", "mix", "one_hot", "recompress", "warp"]

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def recompress(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """Put a random share of the images through JPEG, at qualities from 30 to 90.

    Data sets that were stored differently bear different traces, and a network that tells them apart by these learns
    what no photo has.

    Args:
        images: uint8 ``[N, 3, H, W]``, on any device; the work is the processor's.
    """
    chosen = torch.rand(len(images), generator=generator) < probability if probability else torch.zeros(0)
    if not chosen.any():
        return images
    qualities = torch.randint(30, 91, (len(images),), generator=generator)
    result = images.clone()
    for index in chosen.nonzero().flatten().tolist():
        file = io.BytesIO()
        Image.fromarray(images[index].permute(1, 2, 0).cpu().numpy()).save(file, "JPEG", quality=int(qualities[index]))
        with Image.open(file) as image:
            result[index] = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    return result


def crop_and_flip(
    images: Tensor, size: int, scale: tuple[float, float], generator: Generator, ratio: float = 4 / 3
) -> Tensor:
    """A random crop of each image, resized to ``size``, and mirrored half of the time (Szegedy et al. 2014).

    Args:
        images: uint8 ``[N, 3, H, W]``.
        size: side of the result, in pixels.
        scale: smallest and largest share of the image's area that a crop covers.
        ratio: the crop's aspect ratio lies between 1 / ratio and ratio, log-uniformly.

    Returns:
        uint8 ``[N, 3, size, size]``.
    """
    count, _, height, width = images.shape
    area = _uniform(count, scale[0], scale[1], generator) * height * width
    aspect = _uniform(count, -math.log(ratio), math.log(ratio), generator).exp()
    heights = (area / aspect).sqrt().round().clamp(1, height).long()
    widths = (area * aspect).sqrt().round().clamp(1, width).long()
    tops = (torch.rand(count, generator=generator) * (height - heights + 1)).long()
    lefts = (torch.rand(count, generator=generator) * (width - widths + 1)).long()
    flips = torch.rand(count, generator=generator) < 0.5
    if images.is_cuda:
        return _crop_on_grid(images, size, tops, lefts, heights, widths, flips)
    result = images.new_empty(count, 3, size, size)
    for index in range(count):
        top, left = int(tops[index]), int(lefts[index])
        crop = images[index : index + 1, :, top : top + int(heights[index]), left : left + int(widths[index])]
        if flips[index]:
            crop = crop.flip(-1)
        result[index] = F.interpolate(crop, (size, size), mode="bilinear", antialias=True, align_corners=False)[0]
    return result


def _crop_on_grid(
    images: Tensor, size: int, tops: Tensor, lefts: Tensor, heights: Tensor, widths: Tensor, flips: Tensor
) -> Tensor:
    """The crops of :func:`crop_and_flip` in a few large operations, as a GPU likes them; not antialiased."""
    height, width = images.shape[-2:]
    zero = torch.zeros(len(images))
    rows = [torch.where(flips, -1, 1) * widths / width, zero, (2 * lefts + widths) / width - 1]
    rows += [zero, heights / height, (2 * tops + heights) / height - 1]
    matrix = torch.stack(rows, dim=1).view(-1, 2, 3).to(images.device)
    grid = F.affine_grid(matrix, [len(images), 3, size, size], align_corners=False)
    crops = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return crops.round().to(torch.uint8)


def blur(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """Blur a random share of the images by a Gaussian of σ 0.3 to 1 px."""
    chosen = torch.rand(len(images), generator=generator) < probability if probability else torch.zeros(0)
    count = int(chosen.sum())
    if not count:
        return images
    sigma = _uniform(count, 0.3, 1.0, generator).view(-1, 1)
    kernel = torch.exp(-(torch.arange(-3.0, 4.0) ** 2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(3, dim=0).to(images)
    chosen = chosen.to(images.device)
    planes = F.pad(images[chosen], (3, 3, 3, 3), mode="reflect").flatten(0, 1)[None]
    planes = F.conv2d(planes, kernel.view(-1, 1, 7, 1), groups=3 * count)
    planes = F.conv2d(planes, kernel.view(-1, 1, 1, 7), groups=3 * count)
    result = images.clone()
    result[chosen] = planes.view(count, 3, *images.shape[2:])
    return result


def warp(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """Rotate (up to 20°), shear (0.2) and shift (10 %) a random share of the images, RandAugment's geometric half."""
    chosen = torch.rand(len(images), generator=generator) < probability
    count = int(chosen.sum())
    if not count:
        return images
    angle = _uniform(count, -math.pi / 9, math.pi / 9, generator)
    shear = _uniform(count, -0.2, 0.2, generator)
    shift = _uniform(2 * count, -0.2, 0.2, generator).view(2, count)
    rows = [angle.cos(), shear - angle.sin(), shift[0], angle.sin(), angle.cos(), shift[1]]
    matrix = torch.stack(rows, dim=1).view(count, 2, 3)
    chosen = chosen.to(images.device)
    grid = F.affine_grid(matrix.to(images), [count, *images.shape[1:]], align_corners=False)
    result = images.clone()
    result[chosen] = F.grid_sample(images[chosen], grid, padding_mode="reflection", align_corners=False)
    return result


def augment_colour(images: Tensor, strength: float, generator: Generator) -> Tensor:
    """Brightness, contrast, saturation and tint of each image by random factors; now and then grey or solarised.

    Args:
        strength: half-width of the factors' range around 1; 0 changes nothing.
    """
    if strength == 0:
        return images
    count = len(images)

    def factor(low: float, high: float) -> Tensor:
        return _uniform(count, low, high, generator).view(-1, 1, 1, 1).to(images)

    def chosen(probability: float) -> Tensor:
        return (torch.rand(count, generator=generator) < probability).view(-1, 1, 1, 1).to(images.device)

    low, high = 1 - strength, 1 + strength
    tint = 1 + 0.3 * strength * (2 * torch.rand(count, 3, 1, 1, generator=generator) - 1)
    images = images * factor(low, high) * tint.to(images)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + (images - mean) * factor(low, high)
    grey = (images * images.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    saturation = torch.where(chosen(0.1), torch.zeros_like(mean), factor(low, high))
    images = (grey + (images - grey) * saturation).clamp(0, 1)
    solarised = chosen(0.1 * strength)
    if solarised.any():
        images = torch.where(solarised & (images > factor(0.5, 1)), 1 - images, images)
    return images


def erase(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """Replace one rectangle (2 to 25 % of the area) of a random share of the images by noise (Zhong et al. 2017).

    Args:
        images: normalised, so that standard normal noise looks like image; changed in place.
    """
    count, channels, height, width = images.shape
    chosen = torch.rand(count, generator=generator) < probability
    area = _uniform(count, 0.02, 0.25, generator) * height * width
    aspect = _uniform(count, -math.log(3), math.log(3), generator).exp()
    corner = torch.rand(2, count, generator=generator)
    for index in chosen.nonzero().flatten().tolist():
        high = min(height, int((area[index] / aspect[index]).sqrt()))
        wide = min(width, int((area[index] * aspect[index]).sqrt()))
        top, left = int(corner[0, index] * (height - high + 1)), int(corner[1, index] * (width - wide + 1))
        noise = torch.randn(channels, high, wide, generator=generator)
        images[index, :, top : top + high, left : left + wide] = noise.to(images)
    return images


def one_hot(labels: Tensor, num_classes: int, smoothing: float) -> Tensor:
    """Target distributions ``[N, num_classes]`` that leave ``smoothing`` spread over all classes."""
    targets = F.one_hot(labels, num_classes).float()
    return targets * (1 - smoothing) + smoothing / num_classes


def mix(images: Tensor, targets: Tensor, probability: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """With ``probability``, blend the batch with itself in reverse: MixUp or CutMix, evenly (2017, 2019).

    MixUp draws its share from Beta(0.2, 0.2) (Zhang et al. 2017), CutMix from Beta(1, 1) (Yun et al. 2019).

    Returns:
        Images and targets, blended in the same shares.
    """
    if float(torch.rand((), generator=generator)) >= probability:
        return images, targets
    if float(torch.rand((), generator=generator)) < 0.5:
        share = _beta(0.2, generator)
        return images.lerp(images.flip(0), 1 - share), targets.lerp(targets.flip(0), 1 - share)
    height, width = images.shape[-2:]
    side = math.sqrt(1 - float(torch.rand((), generator=generator)))
    centre = torch.rand(2, generator=generator)
    top, bottom = _span(float(centre[0]), side, height)
    left, right = _span(float(centre[1]), side, width)
    images = images.clone()
    images[:, :, top:bottom, left:right] = images.flip(0)[:, :, top:bottom, left:right]
    other = (bottom - top) * (right - left) / (height * width)
    return images, targets.lerp(targets.flip(0), other)


def _span(centre: float, side: float, length: int) -> tuple[int, int]:
    """Pixels of an interval with relative ``centre`` and ``side``, clipped to the image."""
    half = side * length / 2
    return max(0, round(centre * length - half)), min(length, round(centre * length + half))


def _uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def _beta(alpha: float, generator: Generator) -> float:
    """A draw from Beta(alpha, alpha), by Jöhnk's method, which needs nothing but uniform numbers."""
    while True:
        x, y = (torch.rand(2, dtype=torch.float64, generator=generator) ** (1 / alpha)).tolist()
        if 0 < x + y <= 1:
            return float(x / (x + y))
