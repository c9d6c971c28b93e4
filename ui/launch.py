"""Starting the page: options from the command line, and what the server is told."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from cvt.errors import CvtError
from cvt.threads import calm_numpy

from .components.photo import MAX_BYTES
from .examples import FOLDER
from .page import build
from .serving import assets, health
from .serving.document import DocumentHead
from .serving.gate import Gate
from .serving.headers import Headers
from .serving.logs import LEVELS, log_to_stderr
from .serving.watching import WatchSessions, sweeping
from .theme import PAGE_STYLE, theme
from .words import translations

__all__ = ["heed_sigterm", "launch_options", "main", "make_demo", "read_options", "serve"]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command ``cvt-explorer``."""
    heed_sigterm()
    options = read_options(arguments)
    serve(make_demo(options), options)


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
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
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name under which the server is known: on the loopback it answers to no other",
    )
    parser.add_argument(
        "--frame-ancestors",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="an origin whose pages may frame this one, such as https://school.example",
    )
    parser.add_argument(
        "--log-level", default="warning", choices=LEVELS, help="how much is logged (default: %(default)s)"
    )
    return parser.parse_args(arguments)


def heed_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl+C does: what serves is closed, and its folder goes."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def make_demo(options: argparse.Namespace) -> gr.Blocks:
    """The page that the options ask for; ends the process with a sentence where there can be none."""
    calm_numpy()
    log_to_stderr(options.log_level)
    try:
        return build(options.model, options.device)
    except CvtError as error:
        sys.exit(f"error: {error}")


def serve(demo: gr.Blocks, options: argparse.Namespace) -> None:
    """Serve the page until somebody ends it."""
    more = launch_options(options.host, options.share, options.allow_host, options.frame_ancestors)
    demo.launch(server_name=options.host, server_port=options.port, share=options.share, **more)


def launch_options(
    host: str = "127.0.0.1",
    share: bool = False,
    allow_hosts: Sequence[str] = (),
    frame_ancestors: Sequence[str] = (),
) -> dict[str, Any]:
    """What ``launch`` needs to know beside where to serve.

    Args:
        host: the address it listens on.
        share, allow_hosts, frame_ancestors: as for :class:`~ui.serving.headers.Headers`.
    """
    loopback = host in ("localhost", "::1") or host.startswith("127.")
    return {
        "theme": theme(),
        "favicon_path": Path(__file__).with_name("favicon.png"),
        "css_paths": PAGE_STYLE,
        "i18n": translations(),
        "max_file_size": MAX_BYTES,
        "allowed_paths": [str(FOLDER)],
        "app_kwargs": {
            "middleware": [
                Middleware(Headers, loopback, share, allow_hosts, frame_ancestors),
                Middleware(Gate),
                Middleware(DocumentHead, frame_ancestors=frame_ancestors),
                Middleware(WatchSessions),
            ],
            "routes": [*assets.routes(), *health.routes()],
            "lifespan": sweeping,
        },
        "state_session_capacity": 64,
        "footer_links": ["api"],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
    }
