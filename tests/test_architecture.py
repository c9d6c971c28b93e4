"""The layers hold: imports point one way, each package's public names are one sorted list, and the tree is clean."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
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
VISUALIZE_MAY_USE_OF_CVT = {"cvt.tracing", "cvt.geometry", "cvt.errors"}
WITHOUT_CIRCLES = ["cvt", "visualize", "ui", "training"]


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
        elif isinstance(node, ast.ImportFrom):
            source = source_of(path, node)
            names.add(source)
            names.update(f"{source}.{alias.name}" for alias in node.names)
    return names


def source_of(path: Path, node: ast.ImportFrom) -> str:
    """Full name of what a file imports from; one dot is the file's own package, each more the one above."""
    package = path.relative_to(ROOT).parent.parts
    above = package[: len(package) + 1 - node.level] if node.level else ()
    return ".".join([*above, *([node.module] if node.module else [])])


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_imports_point_one_way(layer: str) -> None:
    for path in python_files(layer):
        packages = {name.partition(".")[0] for name in imported(path)}
        wrong = packages & FORBIDDEN[layer]
        assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(sorted(wrong))}"


def test_visualize_uses_only_the_trace_and_its_geometry() -> None:
    for path in python_files("visualize"):
        if path.name in ("__main__.py", "job.py"):  # the command loads a model to make traces with
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
def test_public_names_exist(package: str) -> None:
    module = import_module(package)
    for name in module.__all__:
        assert hasattr(module, name), name


def test_public_api_of_cvt() -> None:
    import cvt

    assert cvt.__all__ == [
        "AutoConfig",
        "AutoImageProcessor",
        "AutoModel",
        "AutoModelForImageClassification",
        "CheckpointError",
        "ConfigError",
        "CvtConfig",
        "CvtError",
        "CvtForImageClassification",
        "CvtImageProcessor",
        "CvtModel",
        "ImageError",
        "Trace",
        "pipeline",
        "record",
        "trace",
    ]


@pytest.mark.parametrize("layer", [*FORBIDDEN, "benchmarks", "web"])
def test_files_stay_readable(layer: str) -> None:
    for path in [*python_files(layer), *(ROOT / layer).rglob("*.js")]:
        lines = path.read_text(encoding="utf-8").count("\n")
        assert lines <= 400, f"{path.relative_to(ROOT)} has {lines} lines: split it"


def module_name(path: Path) -> str:
    """The name that a file of a package is imported by."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def names_used(path: Path) -> frozenset[tuple[str, str]]:
    """Every ``from module import name`` of a file, as (module, name), at any depth and for types alone too."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    froms = (node for node in nodes if isinstance(node, ast.ImportFrom))
    return frozenset((source_of(path, node), alias.name) for node in froms for alias in node.names)


def imports_within(layer: str) -> dict[str, set[str]]:
    """For every module of a package, the modules of the package that it imports, anywhere and for whatever purpose."""
    paths = {module_name(path): path for path in python_files(layer)}
    graph: dict[str, set[str]] = {}
    for module, path in paths.items():
        names = {name if (name := f"{source}.{used}") in paths else source for source, used in names_used(path)}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
        graph[module] = names & paths.keys() - {module}
    return graph


def circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Chains of imports that come back to where they began, one for every module that closes one."""
    finished: set[str] = set()

    def visit(module: str, chain: list[str]) -> Iterator[list[str]]:
        if module in chain:
            yield [*chain[chain.index(module) :], module]
        elif module not in finished:
            for other in sorted(graph[module]):
                yield from visit(other, [*chain, module])
            finished.add(module)

    for module in sorted(graph):
        yield from visit(module, [])


@pytest.mark.parametrize("layer", WITHOUT_CIRCLES)
def test_no_imports_in_a_circle(layer: str) -> None:
    found = [" -> ".join(chain) for chain in circles(imports_within(layer))]
    assert not found, "\n".join(found)


def test_a_circle_would_be_found() -> None:
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": {"d"}, "d": {"b"}, "e": {"a"}}
    assert list(circles(graph)) == [["b", "c", "d", "b"]]


@cache
def exported(module: str) -> list[str]:
    """A module's ``__all__``, read without importing it: what it needs may not be installed."""
    path = ROOT.joinpath(*module.split("."))
    source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_what_another_module_uses_is_exported(layer: str) -> None:
    """A name that crosses a module's border stands in its ``__all__``; tests may look behind it."""
    for path in (path for folder in [*FORBIDDEN, "benchmarks"] for path in python_files(folder)):
        for module, name in names_used(path):
            is_module = ROOT.joinpath(*module.split("."), f"{name}.py").exists()
            if module.partition(".")[0] != layer or is_module:
                continue
            assert name in exported(module), (
                f"{path.relative_to(ROOT)} takes {name} from {module}, which does not export it"
            )


@pytest.mark.parametrize("module", ["visualize.palette", "visualize", "cvt.config", "cvt.geometry"])
def test_what_needs_no_torch_does_not_import_it(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_looking_at_a_photo_imports_no_compiler() -> None:
    """PyTorch's compiler and its algebra take seconds, and come with a decorator or a gradient handed over."""
    code = (
        "import sys, cvt, PIL.Image; name = 'bundled'; photo = PIL.Image.new('RGB', (80, 60)); "
        "model = cvt.CvtForImageClassification.from_pretrained(name).eval(); "
        "cvt.trace(model, cvt.CvtImageProcessor.from_pretrained(name), photo, target='winner'); "
        "print(sorted({'torch._dynamo', 'sympy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
