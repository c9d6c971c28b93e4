"""To whom the server answers, and what it lets a browser do with the page.

On the loopback it answers to its own names alone: a page elsewhere on the web could otherwise point a name of its own
at 127.0.0.1 (DNS rebinding), or call from its own origin, and use somebody's server from within. In public everybody
may call: people use Spaces from their own pages.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Headers", "policy"]

_OWN = ("localhost", "127.0.0.1", "[::1]")
_SHARED = ".gradio.live"
_SPACES = "https://huggingface.co https://*.hf.space"


def policy(nonce: str = "", frame_ancestors: Sequence[str] = ()) -> str:
    """The content security policy of a document whose scripts carry a nonce; without one, of what is no document.

    Gradio makes functions of texts ("unsafe-eval") and styles in place; scripts in place run with the nonce alone.
    """
    framed_by = " ".join(("'self'", *([_SPACES] if on_space() else []), *frame_ancestors))
    scripts = f"'self' 'unsafe-eval' 'nonce-{nonce}'" if nonce else "'none'"
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors {framed_by}",
        )
    )


def on_space() -> bool:
    """Whether this process runs as a Space of Hugging Face."""
    return os.environ.get("SYSTEM") == "spaces"


class Headers:
    """ASGI middleware that answers to known names and adds what browsers are to heed.

    Args:
        app: what answers.
        loopback: whether the server listens on this machine alone.
        share: whether it is reached through Gradio's servers too.
        allow_hosts: further names under which it is known; those of a proxy in front of it too.
        frame_ancestors: origins whose pages may frame the page.
    """

    def __init__(
        self,
        app: ASGIApp,
        loopback: bool = True,
        share: bool = False,
        allow_hosts: Sequence[str] = (),
        frame_ancestors: Sequence[str] = (),
    ) -> None:
        self.app = app
        self.loopback, self.share = loopback, share
        self.names = (*_OWN, *(name.lower() for name in allow_hosts))
        self.common = (
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"strict-origin-when-cross-origin"),
        )
        self.policy = policy(frame_ancestors=frame_ancestors).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        asked_as, origin = (headers.get(name, b"").decode("latin1") for name in (b"host", b"origin"))
        if self.loopback and not self._is_own(asked_as):
            await _refuse("this server does not answer to that name", scope, receive, send)
            return
        if self.loopback and origin and not self._is_own(origin.partition("://")[2]):
            await _refuse("this server answers no calls from pages of other origins", scope, receive, send)
            return
        forwarded = headers.get(b"x-forwarded-host", b"").decode("latin1").partition(",")[0].strip()
        if forwarded and not (self._is_own(forwarded) or (on_space() and _name(forwarded).endswith(".hf.space"))):
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"x-forwarded-host"]}

        async def forward(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                wanted = (*self.common, (b"content-security-policy", self.policy))
                added = [pair for pair in wanted if pair[0] not in present]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self.app(scope, receive, forward)

    def _is_own(self, host: str) -> bool:
        name = _name(host)
        return name in self.names or (self.share and name.endswith(_SHARED))


def _name(host: str) -> str:
    """A host's name without its port."""
    return re.sub(r":\d+$", "", host).lower().rstrip(".")


async def _refuse(reason: str, scope: Scope, receive: Receive, send: Send) -> None:
    sentence = f"{reason}; start it with --allow-host NAME to let it\n"
    await PlainTextResponse(sentence, 403)(scope, receive, send)
