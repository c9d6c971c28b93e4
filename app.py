"""CvT Explorer: ``python app.py`` serves the page; ``demo`` is its Blocks object."""

from __future__ import annotations

import argparse
import os
import signal

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read by Gradio when it is imported

from ui.page import build, launch_options
from visualize.threads import calm_numpy


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line, with the environment as its defaults."""
    parser = argparse.ArgumentParser(description="See a Convolutional vision Transformer look at your photo.")
    parser.add_argument(
        "--model",
        default=os.environ.get("CVT_MODEL", "auto"),
        help="auto (CvT-13 if downloaded before, else the bundled model), bundled, a Hugging Face Hub id, or a folder",
    )
    parser.add_argument("--host", default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("GRADIO_SERVER_PORT", "7860")))
    parser.add_argument("--share", action="store_true", help="a public link through Gradio's servers")
    parser.add_argument("--device", default="auto", help="auto (a GPU where there is one), cpu, cuda or mps")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl+C: what serves is closed, and its folder goes

options = read_options(None if __name__ == "__main__" else [])
calm_numpy()
demo = build(options.model, options.device)

if __name__ == "__main__":
    demo.launch(server_name=options.host, server_port=options.port, share=options.share, **launch_options())
