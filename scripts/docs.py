"""The reference of the two libraries, written from their docstrings by pdoc; opened unless a folder is named."""

from __future__ import annotations

import pkgutil
import sys
import warnings
import webbrowser
from importlib import import_module
from pathlib import Path

import pdoc
from jinja2 import pass_context
from jinja2.runtime import Context
from pdoc import render, render_helpers

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

PACKAGES = ("cvt", "visualize")


@pass_context
def to_markdown(context: Context, docstring: str) -> str:
    """pdoc's conversion, which takes a reference's ``~`` (leave the module's name out) for a part of the name."""
    return render_helpers.to_markdown_with_context(context, docstring.replace("`~", "`"))


def modules() -> list[str]:
    """The packages and their modules, with each public name in place for pdoc to find."""
    found = []
    for name in PACKAGES:
        package = import_module(name)
        for public in package.__all__:
            getattr(package, public)  # a package may load its names as they are asked for
        inside = [module.name for module in pkgutil.iter_modules(package.__path__)]
        # Of a module whose name is public too, as cvt.trace, pdoc knows already.
        found += [
            name,
            *(f"{name}.{member}" for member in inside if member[0] != "_" and member not in package.__all__),
        ]
    return found


def main(arguments: list[str]) -> None:
    """Write the pages."""
    warnings.filterwarnings("ignore", "Error parsing type annotation")  # it stands as written: tqdm[Any] has no value
    folder = Path(arguments[0]) if arguments else ROOT / "build" / "docs"
    render.configure(docformat="google", template_directory=ROOT / "docs" / "reference")
    render.env.filters["to_markdown"] = to_markdown
    pdoc.pdoc(*modules(), output_directory=folder)
    print(folder / "index.html")
    if not arguments:
        webbrowser.open((folder / "index.html").as_uri())


if __name__ == "__main__":
    main(sys.argv[1:])
