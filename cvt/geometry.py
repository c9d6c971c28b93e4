"""Where the cells of a map lie: token grids, key grids, receptive fields, and the way from the photo to the model.

Coordinates are pixel centres at whole numbers: pixel 0 spans −½ to ½. "Model pixels" are those of the tensor the
network takes; "photo pixels" those of the upright original. Everything is derived by composing, layer by layer,
``centre = i · stride + (kernel − 1) / 2 − padding``, so that it holds for any configuration and input size.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np

from cvt.config import CvtConfig
from cvt.errors import ImageError

__all__ = ["CropGeometry", "Grid", "StageGeometry", "smallest_input", "stage_geometry", "token_footprint"]


@dataclass(frozen=True)
class Grid:
    """The cells of one map, in model pixels.

    Attributes:
        rows, columns: size of the map.
        stride: distance between neighbouring cell centres.
        offset: centre of cell 0, the same for rows and columns; cell ``i`` is centred at ``offset + i · stride``.
        receptive_field: width of the square window of pixels that a cell sees through convolutions alone, centred on
            the cell's centre.
    """

    rows: int
    columns: int
    stride: float
    offset: float
    receptive_field: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows, self.columns

    def centre(self, row: float, column: float) -> tuple[float, float]:
        """Centre (y, x) of a cell in model pixels."""
        return self.offset + row * self.stride, self.offset + column * self.stride

    def then(self, rows: int, columns: int, kernel: int, stride: int, padding: int) -> Grid:
        """The grid of a convolution's or pooling's output, ``rows`` × ``columns``, over this grid."""
        return Grid(
            rows=rows,
            columns=columns,
            stride=self.stride * stride,
            offset=self.offset + ((kernel - 1) / 2 - padding) * self.stride,
            receptive_field=self.receptive_field + int((kernel - 1) * self.stride),
        )


@dataclass(frozen=True)
class StageGeometry:
    """The grids of one stage.

    Attributes:
        tokens: the stage's tokens; ``receptive_field`` is that of the embedding convolutions so far.
        queries: the same cells, seen through the query projection's convolution as well.
        keys: the keys and values.
    """

    tokens: Grid
    queries: Grid
    keys: Grid


def stage_geometry(config: CvtConfig, height: int, width: int) -> tuple[StageGeometry, ...]:
    """Geometry of every stage for an input of ``height`` × ``width`` model pixels.

    Raises:
        ImageError: the input is too small: a stage would have no tokens or no keys.
    """
    stages = _compose(config, height, width)
    if not all(_has_cells(stage) for stage in stages):
        smallest = smallest_input(config)
        raise ImageError(f"the image is {width} × {height} pixels; this model needs at least {smallest} each way")
    return stages


def smallest_input(config: CvtConfig) -> int:
    """Side of the smallest square input, in model pixels, that leaves every stage a token and a key."""
    return next(side for side in count(1) if all(_has_cells(stage) for stage in _compose(config, side, side)))


def _compose(config: CvtConfig, height: int, width: int) -> tuple[StageGeometry, ...]:
    grid = Grid(height, width, stride=1, offset=0, receptive_field=1)
    stages = []
    for stage in range(config.num_stages):
        kernel, stride = config.patch_sizes[stage], config.patch_stride[stage]
        padding = config.patch_padding[stage]
        rows, columns = (convolved_size(n, kernel, stride, padding) for n in grid.shape)
        grid = grid.then(rows, columns, kernel, stride, padding)
        stages.append(StageGeometry(grid, _query_grid(config, stage, grid), _key_grid(config, stage, grid)))
    return tuple(stages)


def _has_cells(stage: StageGeometry) -> bool:
    return min(*stage.tokens.shape, *stage.keys.shape) > 0


def _query_grid(config: CvtConfig, stage: int, tokens: Grid) -> Grid:
    if config.qkv_projection_method[stage] != "dw_bn":
        return tokens
    return tokens.then(*tokens.shape, config.kernel_qkv[stage], config.stride_q[stage], config.padding_q[stage])


def _key_grid(config: CvtConfig, stage: int, tokens: Grid) -> Grid:
    method = config.qkv_projection_method[stage]
    if method == "linear":
        return tokens
    kernel, stride, padding = config.kernel_qkv[stage], config.stride_kv[stage], config.padding_kv[stage]
    rows, columns = (convolved_size(n, kernel, stride, padding, ceil=method == "avg") for n in tokens.shape)
    return tokens.then(rows, columns, kernel, stride, padding)


def convolved_size(size: int, kernel: int, stride: int, padding: int, ceil: bool = False) -> int:
    """Length of a convolution's output; with ``ceil`` that of PyTorch's pooling with ``ceil_mode=True``."""
    span = size + 2 * padding - kernel
    if not ceil:
        return span // stride + 1
    length = -(-span // stride) + 1
    return length - 1 if (length - 1) * stride >= size + padding else length  # no window may start in the padding


def token_footprint(size: int, cells: int, kernel: int, stride: int, padding: int) -> np.ndarray:
    """How a one-dimensional convolution's outputs spread over its inputs, ``[cells, size]``; rows sum to 1.

    Row ``i`` is uniform over the inputs that output ``i`` sees; padding is left out.
    """
    first = np.arange(cells)[:, None] * stride - padding
    position = np.arange(size)[None, :]
    inside = (position >= first) & (position < first + kernel)
    return (inside / inside.sum(axis=1, keepdims=True)).astype(np.float64)


@dataclass(frozen=True)
class CropGeometry:
    """How a photo became the model's input: resized, then cropped.

    Attributes:
        photo: (height, width) of the upright original, in photo pixels.
        resized: (height, width) after resizing.
        top, left: first row and column of the resized photo that the model sees; negative where the crop pads.
        height, width: size of the model's input.
    """

    photo: tuple[int, int]
    resized: tuple[int, int]
    top: int
    left: int
    height: int
    width: int

    @property
    def scale(self) -> tuple[float, float]:
        """Photo pixels per model pixel, (vertical, horizontal)."""
        return self.photo[0] / self.resized[0], self.photo[1] / self.resized[1]

    def to_photo(self, y: float, x: float) -> tuple[float, float]:
        """A point in model pixels, in photo pixels. Accepts arrays."""
        scale_y, scale_x = self.scale
        return (y + self.top + 0.5) * scale_y - 0.5, (x + self.left + 0.5) * scale_x - 0.5

    def to_model(self, y: float, x: float) -> tuple[float, float]:
        """A point in photo pixels, in model pixels. Accepts arrays."""
        scale_y, scale_x = self.scale
        return (y + 0.5) / scale_y - 0.5 - self.top, (x + 0.5) / scale_x - 0.5 - self.left

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(top, left, bottom, right) edges of what the model sees, in photo pixels from the photo's top-left corner."""
        scale_y, scale_x = self.scale
        return (
            self.top * scale_y,
            self.left * scale_x,
            (self.top + self.height) * scale_y,
            (self.left + self.width) * scale_x,
        )
