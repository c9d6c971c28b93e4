"""What can be done to a photo before the network sees it: moved, mirrored, cut and shuffled, at another size.

Photos are what the model sees, ``[height, width, 3]`` uint8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from cvt.config import CvtConfig
from cvt.geometry import CropGeometry, Grid, smallest_input

__all__ = [
    "MOST_SHIFT",
    "PIECES",
    "SHAPES",
    "WAYS",
    "Flip",
    "PhotoChange",
    "Shift",
    "Shuffle",
    "Size",
    "Way",
    "cells_before",
    "changed_picture",
    "longest_sides",
]

Way = Literal["right", "left", "down", "up"]
Shape = Literal["square", "photo", "wide", "tall"]

WAYS: dict[Way, tuple[int, int]] = {"right": (0, 1), "left": (0, -1), "down": (1, 0), "up": (-1, 0)}
"""Directions as (down, right)."""

SHAPES: tuple[Shape, ...] = ("square", "photo", "wide", "tall")

MOST_SHIFT = 32
"""Pixels of the model's input that a photo is moved by at most."""

PIECES = (2, 4, 8, 16)
"""Into how many rows and columns a photo can be cut before its pieces are shuffled."""

LEAST_SIDE, MOST_SIDE = 32, 512
"""Between which the longest side, in pixels, is chosen; what attention costs grows with its fourth power."""


@dataclass(frozen=True)
class Shift:
    """The photo moves by so many pixels; the strip that opens is the photo mirrored at its edge."""

    way: Way = "right"
    by: int = 0

    def picture(self, pixels: np.ndarray) -> np.ndarray:
        """``[height, width, …]``, moved."""
        return self._moved(pixels, "reflect")

    def origins(self, rows: np.ndarray) -> np.ndarray:
        """Where each pixel was, of an array that says where each is; NaN for what has come in."""
        return self._moved(rows, "constant", constant_values=np.nan)

    def _moved(self, array: np.ndarray, mode: Any, **options: Any) -> np.ndarray:
        height, width = array.shape[:2]
        down, right = WAYS[self.way]
        margin = [(self.by, self.by), (self.by, self.by), *[(0, 0)] * (array.ndim - 2)]
        top, left = self.by * (1 - down), self.by * (1 - right)
        return np.pad(array, margin, mode, **options)[top : top + height, left : left + width]


@dataclass(frozen=True)
class Flip:
    """The photo mirrored: left and right exchanged, or top and bottom."""

    over: Literal["vertical", "horizontal"] = "vertical"

    def picture(self, pixels: np.ndarray) -> np.ndarray:
        """``[height, width, …]``, mirrored at a vertical axis or a horizontal one."""
        return np.flip(pixels, 1 if self.over == "vertical" else 0)

    origins = picture


@dataclass(frozen=True)
class Shuffle:
    """The photo cut into ``pieces`` × ``pieces`` equal pieces that change places; what is left over stays."""

    pieces: int = 4
    seed: int = 1

    def picture(self, pixels: np.ndarray) -> np.ndarray:
        """``[height, width, …]``, shuffled; the same seed gives the same order."""
        high, wide = (length // self.pieces for length in pixels.shape[:2])
        order = np.random.default_rng(self.seed).permutation(self.pieces**2)
        shuffled = pixels.copy()
        for to, origin in enumerate(order):
            (row, column), (from_row, from_column) = divmod(to, self.pieces), divmod(int(origin), self.pieces)
            shuffled[row * high : (row + 1) * high, column * wide : (column + 1) * wide] = pixels[
                from_row * high : (from_row + 1) * high, from_column * wide : (from_column + 1) * wide
            ]
        return shuffled

    origins = picture


@dataclass(frozen=True)
class Size:
    """The photo at another size: "square", as the model sees it; "photo", all of it; "wide" and "tall", the square
    squeezed to half its height or width. ``longest`` is the longer side, in pixels."""

    longest: int
    shape: Shape = "square"

    def sides(self, photo: tuple[int, int], least: int) -> tuple[int, int]:
        """(height, width) in pixels, each ``least`` or more, of a photo of (height, width)."""
        height, width = {"square": (1, 1), "wide": (1, 2), "tall": (2, 1), "photo": photo}[self.shape]
        longest = max(height, width)
        return max(least, round(self.longest * height / longest)), max(least, round(self.longest * width / longest))


PhotoChange = Shift | Flip | Shuffle | Size


def longest_sides(config: CvtConfig, resolution: int) -> tuple[int, int]:
    """The smallest and the largest ``longest`` of a :class:`Size` for a model."""
    return max(LEAST_SIDE, smallest_input(config)), min(2 * resolution, max(resolution, MOST_SIDE))


def changed_picture(
    change: PhotoChange, pixels: np.ndarray, photo: Image.Image, crop: CropGeometry, config: CvtConfig
) -> np.ndarray:
    """What the model sees after a change of the photo.

    Args:
        pixels: what it saw before.
        photo: the upright photo, from which another size is cut.
        crop: the way from the photo, or a smaller copy of it, to those pixels.
        config: of the model, which needs so many pixels at least.
    """
    if not isinstance(change, Size):
        return np.ascontiguousarray(change.picture(pixels))
    height, width = change.sides((photo.height, photo.width), smallest_input(config))
    if change.shape == "photo":
        return np.asarray(photo.resize((width, height), Image.Resampling.BICUBIC))
    if (height, width) == pixels.shape[:2]:
        return pixels
    scale = photo.width / crop.photo[1]
    top, left, bottom, right = (scale * edge for edge in crop.box)
    box = (max(left, 0), max(top, 0), min(right, photo.width), min(bottom, photo.height))
    return np.asarray(photo.resize((width, height), Image.Resampling.BICUBIC, box))


def cells_before(
    change: PhotoChange | None, before: Grid, after: Grid, size: tuple[int, ...], size_after: tuple[int, ...]
) -> np.ndarray | None:
    """For each token, row by row, the one whose centre lay nearest to the same pixels before; −1 where nothing did.

    Args:
        change: of the photo; None where it stayed as it was.
        before, after: the grids of tokens.
        size, size_after: (height, width) of what the model sees.

    Returns:
        ``[tokens]`` indices; None where the photo is not the same part of itself.
    """
    places = np.indices(size_after, dtype=np.float64)
    if isinstance(change, Size):
        if change.shape == "photo":
            return None
        places = (places + 0.5) * (np.array(size, np.float64) / size_after)[:, None, None] - 0.5
    elif change is not None:
        places = np.stack([change.origins(axis) for axis in places])
    centres = [np.rint(after.offset + np.arange(count) * after.stride).astype(int) for count in after.shape]
    rows, columns = (line.clip(0, side - 1) for line, side in zip(centres, size_after, strict=True))
    cells = np.rint((places[:, rows[:, None], columns] - before.offset) / before.stride)
    limits = np.array(before.shape)[:, None, None]
    is_there = ((cells >= 0) & (cells < limits)).all(axis=0)
    row, column = np.where(is_there, cells, 0).astype(int)
    return np.where(is_there, row * before.columns + column, -1).ravel()
