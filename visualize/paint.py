"""Maps on the photo they came from: every cell's colour at the cell's true centre, through the crop; their scales."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image, ImageDraw

from cvt.errors import ConfigError
from visualize.fonts import pillow_font
from visualize.heatmap import Heatmap, sample
from visualize.palette import (
    Limits,
    Palette,
    colours,
    default_palette,
    lookup_table,
    palette_index,
    to_bytes,
)
from visualize.palette import limits as _limits
from visualize.scale import scale_ticks, scale_title

if TYPE_CHECKING:
    from cvt.geometry import CropGeometry, Grid
    from cvt.tracing import Trace

__all__ = ["Canvas", "Mode", "framed", "overlay", "prepare", "scale_bar"]

Mode = Literal["smooth", "cells"]

PAPER, INK = (255, 255, 255), (34, 34, 34)

ALONE = 384
"""Longest side, in pixels, of a map without its photo, unless it has more cells."""


@dataclass(frozen=True)
class Canvas:
    """A photo at the size it will be shown, ready to be painted on by any number of maps.

    Attributes:
        photo: the whole photo, RGB.
        dimmed: the same, at half brightness wherever the model saw nothing.
        inside: (left, top, right, bottom) of the pixels whose centres the model saw.
        y, x: model coordinates of the rows and columns inside.
        crop: the way from the photo to the model's input.
    """

    photo: Image.Image
    dimmed: Image.Image
    inside: tuple[int, int, int, int]
    y: np.ndarray
    x: np.ndarray
    crop: CropGeometry

    def paint(
        self,
        heatmap: Heatmap,
        *,
        opacity: float = 0.6,
        scale: Limits | None = None,
        stretch: bool = False,
        naive: bool = False,
        mode: Mode = "smooth",
        palette: Palette | None = None,
    ) -> Image.Image:
        """One map on the photo; arguments as for :func:`overlay`, ``scale`` being its ``limits``."""
        if not 0 <= opacity <= 1:
            raise ConfigError(f"opacity {opacity!r} must be between 0 and 1")
        if mode not in ("smooth", "cells"):
            raise ConfigError(f"mode {mode!r} must be 'smooth' or 'cells'")
        picture = self.dimmed.copy()
        left, top, right, bottom = self.inside
        if left < right and top < bottom:
            y, x = _as_if_tiled(heatmap.grid, self) if naive else (self.y, self.x)
            coloured = _coloured(heatmap, y, x, scale or _limits(heatmap, stretch=stretch), mode, palette)
            picture.paste(Image.blend(self.photo.crop(self.inside), coloured, opacity), (left, top))
        return picture


def prepare(trace: Trace, size: int | None = None) -> Canvas:
    """Make a trace's photo ready for painting; worth keeping when several maps are drawn on one photo.

    Args:
        trace: whose photo and crop.
        size: longest side of the pictures to come, in pixels; the photo's own by default.

    Raises:
        ConfigError: the size is not a positive whole number.
    """
    photo = Image.fromarray(trace.photo)
    if size is not None:
        photo = photo.resize(_fitted(photo.size, size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    height, width = trace.photo.shape[:2]
    top, left, bottom, right = trace.crop.box
    first_row, last_row, rows = _seen(photo.height, height, top, bottom)
    first_column, last_column, columns = _seen(photo.width, width, left, right)
    y, x = trace.crop.to_model(rows, columns)  # type: ignore[arg-type]  # a point's coordinates, or arrays of them
    inside = (first_column, first_row, last_column, last_row)
    dimmed = photo.point([value // 2 for value in range(256)] * 3)
    dimmed.paste(photo.crop(inside), inside[:2])
    return Canvas(photo, dimmed, inside, np.asarray(y), np.asarray(x), trace.crop)


def overlay(
    trace: Trace,
    heatmap: Heatmap,
    *,
    opacity: float = 0.6,
    limits: Limits | None = None,
    stretch: bool = False,
    naive: bool = False,
    size: int | None = None,
    mode: Mode = "smooth",
    palette: Palette | None = None,
) -> Image.Image:
    """A map on the original photo, each cell's colour at the cell's true centre.

    The rest of the photo, which the model did not see, is dimmed and gets no colour. Between centres colours follow
    the values interpolated linearly; beyond the outermost centres the nearest value holds.

    Args:
        trace: whose photo; the map must come from the same trace.
        heatmap: the map.
        opacity: share of the map's colour in each pixel, 0 to 1; the rest is the photo's.
        limits: the scale; by default the map's own (:func:`visualize.palette.limits`).
        stretch: with no ``limits``, from the map's smallest to its largest value.
        naive: draw as if the cells tiled the model's input edge to edge, as is often done, to see by how much that
            is wrong.
        size: longest side of the picture in pixels; the photo's own by default.
        mode: "smooth" interpolates; "cells" gives each pixel the colour of the cell whose centre is nearest.
        palette: instead of the default for the map's kind.

    Returns:
        An RGB picture of the photo's shape.

    Raises:
        ConfigError: an argument is out of range, or the map holds a value that is not finite.
    """
    canvas = prepare(trace, size)
    return canvas.paint(
        heatmap, opacity=opacity, scale=limits, stretch=stretch, naive=naive, mode=mode, palette=palette
    )


def scale_bar(
    heatmap: Heatmap,
    limits: Limits | None = None,
    *,
    stretch: bool = False,
    width: int = 512,
    palette: Palette | None = None,
    language: str = "en",
) -> Image.Image:
    """A map's scale as a picture: its name and unit, the palette, the numbers at its ends, and the baseline.

    ``limits``, ``stretch`` and ``palette`` as for :func:`overlay`; ``width`` in pixels.

    Raises:
        ConfigError: an argument is out of range, or the map holds a value that is not finite.
    """
    scale = limits or _limits(heatmap, stretch=stretch)
    ticks = {} if heatmap.kind == "colour" else scale_ticks(heatmap, scale, language)
    baseline = ticks.pop(scale.baseline, None) if scale.baseline else None
    size = min(max(width // 32, 10), 18)
    line, pad = round(1.4 * size), size // 2
    rows = 2 + (baseline is not None) + (heatmap.kind != "colour")
    picture = Image.new("RGB", (width, rows * line + pad), PAPER)
    draw = ImageDraw.Draw(picture)
    y = pad // 2
    _write(draw, scale_title(heatmap, scale, language), size, width, pad, y)
    bar = y + line + (line if baseline is not None else 0)
    if heatmap.kind == "colour":
        return picture.crop((0, 0, width, bar))
    colours = Image.fromarray(lookup_table(palette or default_palette(heatmap.kind))[None])
    picture.paste(colours.resize((width - 2 * pad, size), Image.Resampling.BILINEAR), (pad, bar))
    reach = (width - 2 * pad - 1) / (scale.high - scale.low)
    for value, text in ticks.items():
        _write(draw, text, size, width, pad + reach * (value - scale.low), bar + size + 2, centred=True)
    if baseline is not None and scale.baseline is not None:
        x = pad + reach * (scale.baseline - scale.low)
        _write(draw, baseline, size, width, x, bar - line, centred=True)
        draw.line([(x, bar - line // 4), (x, bar + size + line // 4)], fill=INK, width=max(2, size // 7))
    return picture


def framed(trace: Trace, heatmap: Heatmap, *, language: str = "en", **options: Any) -> Image.Image:
    """:func:`overlay`, which takes the ``options``, with the scale below it."""
    picture = overlay(trace, heatmap, **options)
    shared = {name: options[name] for name in ("limits", "stretch", "palette") if name in options}
    return _stacked([picture, scale_bar(heatmap, width=picture.width, language=language, **shared)])


def _png(heatmap: Heatmap) -> bytes:
    """A map without its photo: every cell a square, the scale below."""
    scale = _limits(heatmap)
    cells = Image.fromarray(colours(heatmap.values, heatmap.kind, scale))
    squares = cells.resize([side * max(1, ALONE // max(cells.size)) for side in cells.size], Image.Resampling.NEAREST)
    picture = _stacked([squares, scale_bar(heatmap, scale, width=max(squares.width, ALONE // 2))])
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


Heatmap._repr_png_ = _png


def _write(
    draw: ImageDraw.ImageDraw, text: str, size: int, width: int, x: float, y: float, *, centred: bool = False
) -> None:
    """Text that stays within ``width``: moved to the left as far as need be, then made smaller."""
    font = pillow_font(text, size)
    length = font.getlength(text)
    while length > width - 4 and size > 6:
        size -= 1
        font = pillow_font(text, size)
        length = font.getlength(text)
    start = x - length / 2 if centred else x
    draw.text((max(2, min(start, width - 2 - length)), y), text, fill=INK, font=font)


def _stacked(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures one below the other on white."""
    sheet = Image.new(
        "RGB", (max(picture.width for picture in pictures), sum(picture.height for picture in pictures)), PAPER
    )
    y = 0
    for picture in pictures:
        sheet.paste(picture, (0, y))
        y += picture.height
    return sheet


def _fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """(width, height) with the longer side at ``longest``."""
    if isinstance(longest, bool) or not isinstance(longest, int) or longest < 1:
        raise ConfigError(f"size {longest!r} must be a whole number of pixels, at least 1")
    factor = longest / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _seen(pixels: int, photo_pixels: int, low: float, high: float) -> tuple[int, int, np.ndarray]:
    """First and one past last of the picture's ``pixels`` with a centre between two edges, and their photo coordinates.

    ``low`` and ``high`` are edges in photo pixels from the photo's own edge.
    """
    centres = (np.arange(pixels) + 0.5) * (photo_pixels / pixels)
    first, last = np.searchsorted(centres, low, "left"), np.searchsorted(centres, high, "right")
    return int(first), int(last), centres[first:last] - 0.5


def _as_if_tiled(grid: Grid, canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """Where one must read the map, in model pixels, for its cells to seem to tile the model's input."""
    row = (canvas.y + 0.5) * (grid.rows / canvas.crop.height) - 0.5
    column = (canvas.x + 0.5) * (grid.columns / canvas.crop.width) - 0.5
    return grid.offset + row * grid.stride, grid.offset + column * grid.stride


def _coloured(
    heatmap: Heatmap, y: np.ndarray, x: np.ndarray, scale: Limits, mode: Mode, palette: Palette | None
) -> Image.Image:
    """The map's colours at rows ``y`` and columns ``x`` of model pixels."""
    in_colour = heatmap.kind == "colour"
    cells = heatmap.values * np.float32(255) if in_colour else palette_index(heatmap.values, scale)
    if mode == "smooth":
        values = to_bytes(sample(cells, heatmap.grid, y, x))
    else:
        grid = heatmap.grid
        rows, columns = (
            _nearest(y, grid.offset, grid.stride, grid.rows),
            _nearest(x, grid.offset, grid.stride, grid.columns),
        )
        values = to_bytes(cells)[rows[:, None], columns]
    if in_colour:
        return Image.fromarray(values)
    indexed = Image.frombytes("P", (len(x), len(y)), values.tobytes())
    indexed.putpalette(lookup_table(palette or default_palette(heatmap.kind)).tobytes())
    return indexed.convert("RGB")  # Pillow's own look-up takes a third of the time of numpy's


def _nearest(where: np.ndarray, offset: float, stride: float, cells: int) -> np.ndarray:
    """Index of the cell whose centre is nearest to each position."""
    return np.clip(np.floor((where - offset) / stride + 0.5).astype(np.intp), 0, cells - 1)
