"""The README's pictures: serves the page on a free port, opens it in Chromium, and looks."""

from __future__ import annotations

import argparse
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
sys.path.insert(0, str(Path(__file__).parent.parent))

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from benchmarks.chromium import find_chromium
from ui.launch import launch_options
from ui.page import build


@dataclass(frozen=True)
class Shot:
    """One picture: what the address asks for, how large the window is, and which part of the page is wanted."""

    name: str
    query: str = ""
    part: str | None = None
    width: int = 1280
    height: int = 1000
    scheme: str = "light"
    view: str | None = None


SHOTS = [
    Shot("page", height=800),
    Shot("page-dark", scheme="dark", height=800),
    Shot("stages", part="#stages"),
    Shot("attention", "?stage=3&view=attention&query=4,4&v=2", "#explorer"),
    Shot("heads", "?stage=3&view=attention_cls&head=all", "#explorer", view="attention_cls"),
    Shot("evidence", "?stage=3&view=class_evidence", "#explorer", view="class_evidence"),
    Shot("phone", width=390, height=844),
]


def take(browser: Browser, address: str, shot: Shot) -> Image.Image:
    """Open the page and wait until all of it is drawn."""
    window: Any = {"width": shot.width, "height": shot.height}
    context = browser.new_context(viewport=window, color_scheme=shot.scheme, device_scale_factor=2, locale="en-GB")  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(address + shot.query)
    page.wait_for_selector("#stages > [data-stage='3'] img")
    view = f"[data-view={shot.view}]" if shot.view else ""
    page.wait_for_selector(f"#explorer[data-state=ready]{view}")
    page.wait_for_selector("#explorer .notice", state="hidden")
    page.evaluate("Promise.all([...document.images].map((image) => image.decode().catch(() => {})))")
    page.mouse.move(0, 0)
    page.wait_for_function("document.getAnimations().every((one) => one.playState !== 'running')")
    picture = page.locator(shot.part).screenshot() if shot.part else page.screenshot()
    context.close()
    return Image.open(io.BytesIO(picture)).convert("RGB")


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/images"))
    parser.add_argument("--model", default="bundled")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    demo = build(options.model)
    address = str(demo.launch(server_name="127.0.0.1", quiet=True, prevent_thread_lock=True, **launch_options())[1])
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
        for shot in SHOTS:
            path = options.folder / f"{shot.name}.webp"
            take(browser, address, shot).save(path, quality=84, method=6)
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
        browser.close()
    demo.close(verbose=False)


if __name__ == "__main__":
    main()
