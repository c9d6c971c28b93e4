"""Reading back what :func:`visualize.save_arrays` wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from cvt.errors import ConfigError
from cvt.geometry import Grid
from visualize.heatmap import Heatmap

__all__ = ["SCHEMA", "Saved", "load"]

SCHEMA = "cvt-explorer 2"
"""Of the files; since 2 they hold values too, and say of every map what it is."""


@dataclass(frozen=True)
class Saved:
    """A trace's numbers, read from a file.

    Attributes:
        settings: ``model``, ``config`` and ``target``, as :mod:`visualize.export` says.
        arrays: every array of the file by its name there, but for the maps.
        maps: the maps by their name, each on its grid.
    """

    settings: dict[str, Any]
    arrays: dict[str, np.ndarray]
    maps: dict[str, Heatmap]


def load(path: str | Path) -> Saved:
    """Read an NPZ file of :func:`visualize.save_arrays`; nothing in it is executed.

    Raises:
        ConfigError: it cannot be read, or was not written by ``save_arrays`` of this schema.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        if str(arrays.pop("schema")) != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA!r}")
        settings = json.loads(str(arrays.pop("settings")))
        names = [name.removesuffix(".about") for name in arrays if name.endswith(".about")]
        maps = {
            name.removeprefix("maps."): Heatmap(
                values=arrays.pop(name),
                grid=_grid(arrays.pop(f"{name}.grid")),
                **json.loads(str(arrays.pop(f"{name}.about"))),
            )
            for name in names
        }
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise ConfigError(f"{str(path)!r} cannot be read as arrays of a trace: {error}") from None
    return Saved(settings, arrays, maps)


def _grid(numbers: np.ndarray) -> Grid:
    rows, columns, stride, offset, field = numbers.tolist()
    return Grid(int(rows), int(columns), stride, offset, int(field))
