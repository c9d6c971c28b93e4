"""What the Python libraries give for questions that the browser's modules are asked as well.

``python -m tests.web.library`` writes the answers to ``library.json`` beside this file, which the tests in Node read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from cvt.geometry import CropGeometry, Grid
from ui.serving import assets
from visualize.heatmap import Heatmap, Kind
from visualize.palette import Limits, colours, limits

__all__ = ["FILE", "answers"]

FILE = Path(__file__).with_name("library.json")

CROP = CropGeometry(photo=(300, 400), resized=(256, 341), top=16, left=58, height=224, width=224)
GRID = Grid(rows=14, columns=14, stride=16, offset=1, receptive_field=31)
POINTS = [(0.0, 0.0), (1.0, 209.0), (223.0, 100.5), (-30.0, 260.0)]
CELL = (2, 3)


def answers() -> dict[str, Any]:
    """All of them, as plain JSON types."""
    return {"theme": json.loads(assets.theme()), "halves": _halves(), "geometry": _geometry()} | _colours()


def _halves() -> dict[str, Any]:
    bits = [0, 1, 0x3FF, 0x400, 0x3C00, 0xBC00, 0x7BFF, 0x3555, *range(0, 0x7C00, 997)]
    return {"bits": bits, "values": np.array(bits, dtype=np.uint16).view(np.float16).astype(float).tolist()}


def _geometry() -> dict[str, Any]:
    centre = CROP.to_photo(*GRID.centre(*CELL))
    return {
        "crop": {name: getattr(CROP, name) for name in ("photo", "resized", "top", "left", "height", "width")},
        "grid": {name: getattr(GRID, name) for name in ("rows", "columns", "stride", "offset", "receptive_field")},
        "points": [
            {"at": at, "photo": CROP.to_photo(*at), "model": CROP.to_model(*at), "nearest": _nearest(*at)}
            for at in POINTS
        ],
        "cell": {
            "at": CELL,
            "centre": [place + 0.5 for place in centre],
            "size": [GRID.receptive_field * scale for scale in CROP.scale],
        },
        "box": CROP.box,
    }


def _nearest(y: float, x: float) -> tuple[int, ...]:
    """The cell whose centre is nearest, by looking at all of them."""
    distances = {
        (row, column): np.hypot(*np.subtract(GRID.centre(row, column), (y, x)))
        for row in range(GRID.rows)
        for column in range(GRID.columns)
    }
    return min(distances, key=distances.__getitem__)


def _colours() -> dict[str, Any]:
    values = np.random.default_rng(0).uniform(-0.2, 1.3, (3, 4)).astype(np.float32)
    cases: list[tuple[Kind, list[float], float | None]] = [
        ("distribution", [0.1, 0.2], 0.02),
        ("distribution", [0.1, 0.2], 0.1),
        ("diverging", [-1.0, 3.0], None),
        ("sequential", [1.0, 5.0], None),
        ("sequential", [-2.0, 5.0], None),
        ("sequential", [-3.0, 1.0], None),
        ("sequential", [-3.0, -1.0], None),
        ("diverging", [0.0, 0.0], None),
        ("diverging", [*([-1.0] * 995), *([7.0] * 5)], None),
        ("diverging", [*([-1.0] * 994), *([7.0] * 6)], None),
        ("diverging", [*([0.0] * 399), 4.0], None),
    ]
    return {
        "painted": {
            **{"rows": 3, "columns": 4, "low": 0, "high": 1, "palette": "viridis"},
            "values": values.ravel().tolist(),
            "colours": colours(values, "sequential", Limits(0, 1), "viridis").tolist(),
        },
        "scales": [_scale(*case) for case in cases],
    }


def _scale(kind: Kind, values: list[float], baseline: float | None) -> dict[str, Any]:
    grid = Grid(rows=1, columns=len(values), stride=1, offset=0, receptive_field=1)
    scale = limits(Heatmap(np.array([values], dtype=np.float32), grid, kind, "case", baseline=baseline))
    return {"kind": kind, "values": values, "baseline": baseline, "low": scale.low, "high": scale.high}


def main() -> None:
    """Write the file anew."""
    FILE.write_text(json.dumps(answers()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
