"""The layers hold: imports point one way, each package's public names are one sorted list, and the tree is clean."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# What each layer must never import, at any depth of the file, type-checking blocks aside.
FORBIDDEN = {
    "cvt": {"visualize", "ui", "app", "training", "benchmarks", "gradio", "matplotlib", "transformers"},
    "visualize": {"ui", "app", "training", "benchmarks", "gradio", "torch", "transformers"},
    "ui": {"app", "training", "benchmarks", "transformers"},
    "training": {"ui", "app", "visualize", "benchmarks", "gradio", "transformers"},
}
GRADIO_ALLOWED = {"app.py", "ui"}
VISUALIZE_MAY_USE_OF_CVT = {"cvt.trace", "cvt.geometry", "cvt.errors"}


def python_files(layer: str) -> list[Path]:
    return sorted((ROOT / layer).rglob("*.py"))


class WithoutTypeChecking(ast.NodeTransformer):
    """Leaves out what only a type checker runs."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        checking = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return None if checking else self.generic_visit(node)


def imported(path: Path) -> set[str]:
    """Full names of the modules a file imports; a name imported from a package counts as ``package.name`` too."""
    tree = WithoutTypeChecking().visit(ast.parse(path.read_text(encoding="utf-8")))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_imports_point_one_way(layer: str) -> None:
    for path in python_files(layer):
        packages = {name.partition(".")[0] for name in imported(path)}
        wrong = packages & FORBIDDEN[layer]
        assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(sorted(wrong))}"


def test_visualize_uses_only_the_trace_and_its_geometry() -> None:
    for path in python_files("visualize"):
        if path.name == "__main__.py":  # the command loads a model to make traces with
            continue
        for name in imported(path):
            if name.partition(".")[0] == "cvt":
                module = ".".join(name.split(".")[:2])
                assert module in VISUALIZE_MAY_USE_OF_CVT, f"{path.relative_to(ROOT)} imports {name}"


def test_only_the_page_imports_gradio() -> None:
    for path in ROOT.rglob("*.py"):
        top = path.relative_to(ROOT).parts[0]
        if top.startswith(".") or top in GRADIO_ALLOWED | {"tests", "benchmarks"}:
            continue
        assert "gradio" not in {name.partition(".")[0] for name in imported(path)}, path


@pytest.mark.parametrize("package", ["cvt", "visualize"])
def test_public_names_are_sorted_and_exist(package: str) -> None:
    module = __import__(package)
    assert list(module.__all__) == sorted(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name), name


def test_public_api_of_cvt() -> None:
    import cvt

    assert cvt.__all__ == [
        "CheckpointError",
        "ConfigError",
        "CvtConfig",
        "CvtError",
        "CvtForImageClassification",
        "CvtImageProcessor",
        "CvtModel",
        "ImageError",
        "Trace",
        "record",
        "trace",
    ]


@pytest.mark.parametrize("layer", [*FORBIDDEN, "benchmarks"])
def test_files_stay_readable(layer: str) -> None:
    for path in python_files(layer):
        lines = path.read_text(encoding="utf-8").count("\n")
        assert lines <= 450, f"{path.relative_to(ROOT)} has {lines} lines: split it"
