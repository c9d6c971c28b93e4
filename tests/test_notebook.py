"""The notebook's cells run in their order, and what each ends with is something a notebook shows."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visualize import Heatmap

ROOT = Path(__file__).parent.parent
NOTEBOOK = json.loads((ROOT / "docs" / "notebook.ipynb").read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def run(cell: str, names: dict[str, Any]) -> Any:
    """A cell, as a notebook runs it: the value of the expression that it ends with."""
    tree = ast.parse(cell)
    last = tree.body.pop()
    assert isinstance(last, ast.Expr), f"nothing is shown after\n{cell}"
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def test_every_cell_runs_and_shows_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path / "docs")
    names: dict[str, Any] = {}
    answer, *shown = [run(cell, names) for cell in CODE]
    assert answer[0][0] == "church"
    assert sum(isinstance(each, Heatmap) for each in shown) >= 3
    for each in shown:
        picture = Image.open(io.BytesIO(each._repr_png_()))
        assert min(picture.size) > 200
        assert len(picture.convert("RGB").getcolors(picture.width * picture.height) or []) > 50
    assert (names["saved"].maps["class_evidence"].values == names["evidence"].values).all()


def test_no_output_is_stored() -> None:
    assert all(not cell["outputs"] for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code")
