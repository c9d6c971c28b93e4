"""Close-ups as their tests drive and read them, and the networks whose numbers they have to show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from playwright.sync_api import Page, expect
from torch import Tensor

from cvt.config import CvtConfig
from cvt.geometry import StageGeometry, stage_geometry
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.probe import record
from tests.browser.page_helpers import PATIENCE
from tests.cvt.networks import randomise
from ui.examples import opening_example
from ui.session.models import LoadedModel, load, offered_models

__all__ = ["NEAR", "Network", "close_all", "number", "numbers", "open_closeup", "saved_cvt_13"]

NEAR = 1e-4
"""How far a number on the page may be from the network's own."""


def open_closeup(page: Page, kind: str, **wish: Any) -> None:
    """Open a close-up as a script would, and wait until it is there."""
    page.evaluate("wish => document.querySelector('#closeup').closeup.open(wish)", {"kind": kind, **wish})
    expect(page.locator(f"#closeup[data-closeup={kind}]")).to_have_attribute("data-state", "ready", timeout=PATIENCE)


def close_all(page: Page) -> None:
    """As it was before anything was opened, and the pointer on nothing."""
    page.mouse.move(0, 0)
    page.evaluate("document.querySelector('#closeup').closeup.close()")


def number(page: Page, name: str) -> float:
    """A number on the page, in full; what is written is that, rounded."""
    node = page.locator(f"#closeup [data-name='{name}']").first
    value = float(str(node.get_attribute("data-value")))
    written = node.inner_text().replace("−", "-").replace("\u202f", "").rstrip(" %")
    if not node.get_attribute("data-unit"):
        digits = len(written.partition(".")[2])
        assert abs(float(written) - value) <= 0.5 * 10**-digits + 1e-9, (name, written, value)
    return value


def numbers(page: Page, selector: str) -> list[float]:
    """All numbers of a grid, in full."""
    nodes = page.locator(f"#closeup {selector}")
    return [float(value) for value in nodes.evaluate_all("nodes => nodes.map(node => node.dataset.value)")]


def saved_cvt_13(folder: Path) -> None:
    """Save a CvT-13 of random weights, as a person's own would be; its last stage has three blocks instead of ten."""
    with torch.random.fork_rng():
        torch.manual_seed(13)
        model = CvtForImageClassification(CvtConfig(num_labels=1000, hidden_act="quick_gelu", depth=[1, 2, 3]))
        randomise(model)
    model.save_pretrained(folder)
    CvtImageProcessor().save_pretrained(folder)


@dataclass(frozen=True)
class Network:
    """A network, and all that passes its probes for the first example; paths begin with ``stages``."""

    loaded: LoadedModel
    heard: dict[str, Tensor]
    pixels: Tensor
    logits: Tensor

    @classmethod
    def of(cls, choice: str, photo: Image.Image | None = None) -> Network:
        """The network of a choice as the page's own option ``--model`` has it."""
        loaded = load(offered_models(choice)[0], torch.device("cpu"))
        photo = photo or opening_example(loaded.model.config.id2label.values()).open()
        pixels = loaded.processor.prepare(photo).pixel_values
        with torch.inference_mode(), record(loaded.model, "*") as heard:
            logits = loaded.model(pixels).logits[0]
        return cls(
            loaded, {name.removeprefix("cvt.encoder."): tensor for name, tensor in heard.items()}, pixels, logits
        )

    def stage(self, stage: int) -> Any:
        """A stage, from 1, as a module."""
        return self.loaded.model.cvt.encoder.stages[stage - 1]

    def geometry(self, stage: int) -> StageGeometry:
        """The grids of a stage, from 1."""
        return stage_geometry(self.loaded.model.config, *self.pixels.shape[-2:])[stage - 1]

    def token(self, stage: int, query: str) -> int:
        """A token's number among those of its stage, from 1; ``query`` as the page has it."""
        if query == "cls":
            return 0
        row, column = (int(part) - 1 for part in query.split(","))
        return int(self.loaded.model.config.cls_token[stage - 1]) + row * self.geometry(stage).tokens.columns + column

    def entering(self, stage: int, block: int) -> Tensor:
        """The tokens that enter a block, from 0, of a stage, from 1: ``[tokens, channels]``."""
        if block:
            return self.heard[f"stages.{stage - 1}.layers.{block - 1}.output"][0]
        tokens = self.heard[f"stages.{stage - 1}.embedding.output"][0].flatten(1).T
        cls = self.stage(stage).cls_token
        return tokens if cls is None else torch.cat([cls.detach()[0], tokens])

    def below(self, stage: int) -> Tensor:
        """The map that a stage, from 1, embeds, ``[1, channels, rows, columns]``."""
        return self.pixels if stage == 1 else self.heard[f"stages.{stage - 2}.output"]
