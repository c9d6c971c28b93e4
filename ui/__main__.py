"""The command ``cvt-explorer``: serves the page, or says in a sentence what it lacks."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """Serve the page until somebody ends it."""
    if find_spec("gradio") is None:
        sys.exit('error: the page needs Gradio, which the libraries do without: pip install "cvt-explorer[app]"')
    from .launch import main as serve  # what it imports is there now

    serve()


if __name__ == "__main__":
    main()
