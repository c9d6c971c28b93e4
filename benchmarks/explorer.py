"""What the explorer costs: work per move of the pointer, bytes, and the time to a first picture.

    python -m benchmarks.explorer

Runs CvT-13 with random weights (speed does not depend on them) at 224 and 384 pixels in headless Chromium, and prints
Markdown tables. Work is the processor time of the page's main thread for one move of the pointer: scripts, style,
layout and painting, as the browser's own trace counts them; the median over moves from token to token.
"""

from __future__ import annotations

import argparse
import bisect
import json
import os
import re
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read by Gradio when it is imported

import gradio as gr
import numpy as np
import torch
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.chromium import find_chromium
from cvt.config import CvtConfig
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.tracing import trace
from ui.components.explorer import Explorer, ExplorerData, explorer_value, with_evidence
from ui.launch import launch_options

VIEWS = ("attention", "attention_cls", "attention_received", "feature", "similarity", "rollout", "class_evidence")
WORK = ("EventDispatch", "FireAnimationFrame", "UpdateLayoutTree", "Layout", "PrePaint", "Paint", "Layerize", "Commit")
LIMITS = {224: 4.0, 384: 12.0}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def photo(seed: int, size: tuple[int, int] = (1600, 1200)) -> Image.Image:
    """A photo of smooth blobs."""
    small = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


class Source:
    """Values for the explorer at one resolution."""

    def __init__(self, resolution: int) -> None:
        torch.manual_seed(0)
        self.model = CvtForImageClassification(CvtConfig(num_labels=1000)).eval()
        self.processor = CvtImageProcessor()
        self.resolution = resolution
        self.seconds: list[float] = []

    def value(self, seed: int, maps: bool = False) -> ExplorerData:
        seen = trace(self.model, self.processor, photo(seed), target=0 if maps else None, resolution=self.resolution)
        start = time.perf_counter()
        value = explorer_value(seen, model_name="cvt-13", example=f"photo-{seed}")
        self.seconds.append(time.perf_counter() - start)
        return with_evidence(value, seen) if maps else value


def page_of(source: Source) -> gr.Blocks:
    """An explorer, and a box: a number and Enter show that photo."""
    with gr.Blocks(analytics_enabled=False) as demo:
        explorer = Explorer(source.value(0, maps=True))
        seed = gr.Textbox("0", elem_id="seed")
        seed.submit(lambda number: source.value(int(number)), seed, explorer, show_progress="hidden")
    return demo


@contextmanager
def opened(demo: gr.Blocks) -> Iterator[Page]:
    """The page in a fresh Chromium."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    _, url, _ = demo.launch(
        server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True, **launch_options()
    )
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1280, "height": 1000}, locale="en-GB")
            page.set_default_timeout(120_000)
            page.goto(str(url))
            page.wait_for_selector("#explorer[data-preloaded=true]")
            yield page
            browser.close()
    finally:
        demo.close(verbose=False)


def work_per_move(page: Page, moves: int) -> float:
    """Median milliseconds that the main thread computes from one move of the pointer to its picture.

    Processor time from the browser's own trace, so that a busy machine does not count against the page.
    """
    box = page.locator(".picture").first.bounding_box()
    browser = page.context.browser
    assert box is not None and browser is not None
    browser.start_tracing(page=page, categories=["devtools.timeline"])
    for step in range(moves):
        across, down = 0.2 + 0.6 * ((step * 0.37) % 1), 0.1 + 0.8 * ((step * 0.61) % 1)
        page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    events = json.loads(browser.stop_tracing())["traceEvents"]
    return statistics.median(_costs([event for event in events if event.get("name") in WORK and "tdur" in event]))


def _costs(events: list[dict[str, Any]]) -> list[float]:
    """Milliseconds between one move of the pointer and the next, nested events counted once."""
    moved = [
        event for event in events if event["name"] == "EventDispatch" and event["args"]["data"]["type"] == "pointermove"
    ]
    thread = (moved[0]["pid"], moved[0]["tid"])
    starts = [event["ts"] for event in moved]
    costs = [0.0] * len(starts)
    counted_until = 0
    for event in sorted(
        (event for event in events if (event["pid"], event["tid"]) == thread), key=lambda event: event["ts"]
    ):
        move = bisect.bisect_right(starts, event["ts"]) - 1
        if move >= 0 and event["ts"] >= counted_until:
            costs[move] += event["tdur"] / 1000
            counted_until = event["ts"] + event["dur"]
    return costs


def frame_rate(page: Page) -> float:
    """Frames per second while the pointer sweeps over the picture, by the page's own clock."""
    sweep = """async () => {
        const picture = document.querySelector('.picture'), box = picture.getBoundingClientRect();
        const times = [];
        await new Promise((done) => {
            const frame = (now) => {
                times.push(now);
                const angle = times.length / 9;
                picture.dispatchEvent(new PointerEvent('pointermove', { bubbles: true,
                    clientX: box.x + box.width * (0.5 + 0.3 * Math.cos(angle)),
                    clientY: box.y + box.height * (0.5 + 0.4 * Math.sin(angle)) }));
                if (times.length < 120) requestAnimationFrame(frame); else done();
            };
            requestAnimationFrame(frame);
        });
        const gaps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
        return 1000 / gaps[Math.floor(gaps.length / 2)];
    }"""
    return float(page.evaluate(sweep))


def print_moves(page: Page, resolution: int, moves: int) -> None:
    print(f"\n## Work per move of the pointer, CvT-13 at {resolution} px (limit {LIMITS[resolution]:.0f} ms)\n")
    print("| view | stage 1 | stage 2 | stage 3 | stage 3, all heads |")
    print("|---|---|---|---|---|")
    work_per_move(page, moves)  # not counted: the browser compiles the script while it runs for the first time
    for view in VIEWS:
        cells = []
        for stage, head in [(1, "mean"), (2, "mean"), (3, "mean"), (3, "all")]:
            wanted = {"view": view, "stage": stage, "head": head, "target": 0}
            page.evaluate("(wanted) => document.querySelector('#explorer').explorer.open(wanted)", wanted)
            page.wait_for_selector("#explorer[data-state=ready]")
            cells.append(f"{work_per_move(page, moves):.2f} ms")
        print(f"| {view} | {' | '.join(cells)} |")
    page.evaluate("document.querySelector('#explorer').explorer.open({ view: 'attention', stage: 1, head: 'mean' })")
    print(f"\nFrames while the pointer sweeps, attention in stage 1: {frame_rate(page):.0f} per second.")


def print_bytes(value: ExplorerData, resolution: int) -> None:
    blocks = [file.size or 0 for stage in value.stages for file in stage.blocks]
    features = sum(stage.features.size or 0 for stage in value.stages)
    maps = [evidence.maps.file.size or 0 for evidence in value.evidence]
    rows = {
        "photo": value.photo.size or 0,
        "before the first picture: photo and one block": (value.photo.size or 0) + blocks[-1],
        "queries and keys, all blocks": sum(blocks),
        "features": features,
        "evidence and rollout for one class": sum(maps),
        "everything but the photo": sum(blocks) + features + sum(maps),
        "value (JSON)": len(value.model_dump_json()),
    }
    print(f"\n## Bytes, CvT-13 at {resolution} px\n\n| part | kB |\n|---|---|")
    for name, size in rows.items():
        print(f"| {name} | {size / 1000:,.0f} |")


def print_first_picture(page: Page, source: Source, photos: int) -> None:
    """From the trace being ready to a picture that answers the pointer: making the value, the way, and the drawing."""
    ready, heap = [], []
    session = page.context.new_cdp_session(page)
    for seed in range(1, photos + 1):
        page.evaluate("""() => { window.came = new Promise((done) => {
            const root = document.querySelector('#explorer');
            let start = 0;
            new MutationObserver(() => {
                if (root.dataset.state === 'loading') start = performance.now();
                if (root.dataset.state === 'ready' && start) done(performance.now() - start);
            }).observe(root, { attributes: true, attributeFilter: ['data-state'] });
        }); }""")
        page.locator("#seed textarea").focus()
        page.keyboard.press("Control+a")
        page.keyboard.type(str(seed))
        page.keyboard.press("Enter")
        ready.append(float(page.evaluate("window.came")))
        assert re.search(rf"photo-{seed}(&|$)", page.url)
        if seed in (photos // 10 or 1, photos):
            page.wait_for_selector("#explorer[data-preloaded=true]")
            session.send("HeapProfiler.collectGarbage")
            usage = session.send("Runtime.getHeapUsage")
            heap.append((seed, (usage["usedSize"] + usage["backingStorageSize"]) / 1e6))
    made = 1000 * statistics.median(source.seconds[1:])
    print("\n## First picture, CvT-13 at 224 px, photos of 1600 × 1200\n\n| step | median |\n|---|---|")
    print(f"| trace to value (files written) | {made:.0f} ms |")
    print(f"| value in the browser to a picture that answers | {statistics.median(ready):.0f} ms |")
    print("\n| photos shown | memory of the page |\n|---|---|")
    for seed, size in heap:
        print(f"| {seed} | {size:.1f} MB |")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the explorer in headless Chromium.")
    parser.add_argument("--moves", type=int, default=40, help="moves of the pointer per view and stage")
    parser.add_argument("--photos", type=int, default=200, help="photos shown one after the other")
    options = parser.parse_args()
    for resolution in LIMITS:
        source = Source(resolution)
        with opened(page_of(source)) as page:
            print_moves(page, resolution, options.moves)
            print_bytes(source.value(0, maps=True), resolution)
            if resolution == 224:
                source.seconds.clear()
                print_first_picture(page, source, options.photos)


if __name__ == "__main__":
    main()
