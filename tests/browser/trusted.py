"""What a person does with mouse, keyboard and clipboard, through the DevTools protocol: the browser trusts it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["copy_picture", "drag", "drop"]

COPY = """async (content) => {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  await navigator.clipboard.write([new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) })]);
}"""


def drag(
    page: Any, data: Sequence[Path] | str, to: str | tuple[float, float], *, kinds: Sequence[str] = ("Enter", "Over")
) -> None:
    """Drag files, or a text, to the middle of an element or to a point of the window.

    Args:
        data: the files, or the text.
        to: a selector, which is scrolled into view, or x and y.
        kinds: which of "Enter", "Over", "Cancel" happen, in this order.
    """
    if isinstance(to, str):
        page.locator(to).scroll_into_view_if_needed()
        box = page.locator(to).bounding_box()
        to = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    session = page.context.new_cdp_session(page)
    carried: dict[str, Any] = {"items": [], "dragOperationsMask": 1}
    if isinstance(data, str):
        carried["items"] = [{"mimeType": "text/plain", "data": data}]
    else:
        carried["files"] = [str(path) for path in data]
    for kind in kinds:
        name = "drop" if kind == "Drop" else f"drag{kind}"
        session.send("Input.dispatchDragEvent", {"type": name, "x": to[0], "y": to[1], "data": carried})
    session.detach()


def drop(page: Any, data: Sequence[Path] | str, to: str | tuple[float, float] = "#photo") -> None:
    """Drag as :func:`drag` does, and let go."""
    drag(page, data, to, kinds=("Enter", "Over", "Drop"))


def copy_picture(page: Any, png: bytes) -> None:
    """Put a picture on the clipboard, as "copy image" does; the context needs the permission to write there."""
    page.evaluate(COPY, base64.b64encode(png).decode())
