"""Starting the page: options from the command line, and what the server is told."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware

from cvt.errors import CvtError
from cvt.threads import calm_numpy

from .assistants import Assistants
from .components.photo import MAX_BYTES
from .examples import FOLDER
from .page import build
from .serving import assets, health
from .serving.document import DocumentHead
from .serving.ending import end
from .serving.gate import Gate
from .serving.headers import Headers
from .serving.logs import LEVELS, log_to_stderr
from .serving.paths import HiddenFolder
from .serving.watching import WatchedBlocks, WatchSessions, sweeping
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
        "--mcp",
        action="store_true",
        default=os.environ.get("GRADIO_MCP_SERVER", "").lower() in ("1", "true"),
        help="offer classify and explain as tools for assistants, at /mcp (needs the package mcp)",
    )
    parser.add_argument(
        "--log-level", default="warning", choices=LEVELS, help="how much is logged (default: %(default)s)"
    )
    return parser.parse_args(arguments)


def heed_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl+C does: what is under way is finished, and its folder goes."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def make_demo(options: argparse.Namespace) -> WatchedBlocks:
    """The page that the options ask for; ends the process with a sentence where there can be none."""
    calm_numpy()
    log_to_stderr(options.log_level)
    try:
        return build(options.model, options.device)
    except CvtError as error:
        sys.exit(f"error: {error}")


def serve(demo: WatchedBlocks, options: argparse.Namespace) -> None:
    """Serve the page until somebody ends it; ends the process with a sentence where that cannot be."""
    try:
        assistants = Assistants(demo.models, demo.start) if options.mcp else None
    except CvtError as error:
        sys.exit(f"error: {error}")
    more = launch_options(options.host, options.share, options.allow_host, options.frame_ancestors, assistants)
    where: dict[str, Any] = {"server_name": options.host, "server_port": options.port, "share": options.share}
    try:
        demo.launch(prevent_thread_lock=True, **where, **more)
        while demo.is_running:
            time.sleep(0.1)
    except KeyboardInterrupt:
        end(demo)


def launch_options(
    host: str = "127.0.0.1",
    share: bool = False,
    allow_hosts: Sequence[str] = (),
    frame_ancestors: Sequence[str] = (),
    assistants: Assistants | None = None,
) -> dict[str, Any]:
    """What ``launch`` needs to know beside where to serve.

    Args:
        host: the address it listens on.
        share, allow_hosts, frame_ancestors: as for :class:`~ui.serving.headers.Headers`.
        assistants: tools to serve beside the page.
    """

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        async with sweeping(app), assistants.running() if assistants else nullcontext():
            yield

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
                Middleware(HiddenFolder),
                Middleware(DocumentHead, frame_ancestors=frame_ancestors),
                Middleware(WatchSessions),
            ],
            "routes": [*assets.routes(), *health.routes(), *(assistants.routes() if assistants else [])],
            "lifespan": lifespan,
        },
        "state_session_capacity": 64,
        "footer_links": ["api"],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "mcp_server": False,  # Gradio's own would fetch whatever address it is told
    }
