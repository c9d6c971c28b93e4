"""From a run to a model folder: averaged weights in float16, a fitted temperature, and how it was trained.

    python -m training.export runs/imagenette OUT

also works while the run is still going on.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from cvt.config import CvtConfig
from cvt.doubt import DOUBT_SCORES
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification

from .calibration import doubt_threshold, expected_calibration_error, fit_temperature
from .data import ImageSet, hold_out, join, load_images
from .evaluate import collect_logits
from .run import RunFolder

__all__ = ["export", "main"]

FEWEST_FOR_TEMPERATURE = 50
"""Held-out images below which a temperature would be noise; it stays 1."""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="the folder that training.train wrote")
    parser.add_argument("out", type=Path, help="the model's folder")
    parser.add_argument("--data", nargs="+", help="the training images, where they have moved since")
    options = parser.parse_args()
    state = RunFolder(options.run).load()
    if state is None:
        parser.error(f"{options.run} holds no state.pt")
    recipe = state["recipe"]
    sources = options.data or recipe["data"]
    _, held_out = hold_out(
        join([load_images(source, "train", recipe["stored_size"]) for source in sources]), recipe["held_out"]
    )
    export(state, held_out, options.out)


def export(state: dict[str, Any], held_out: ImageSet, folder: Path, *, start: str | None = None) -> None:
    """Write ``model.safetensors``, ``config.json``, ``preprocessor_config.json`` and ``training.json``.

    Args:
        state: of a :class:`training.loop.Training`.
        held_out: training images the run did not train on; temperature and doubt's threshold are fitted to them, the
            temperature so that each data set among them counts the same.
        folder: the model's folder.
        start: the checkpoint that was fine-tuned, if any.
    """
    recipe, rows = state["recipe"], state["progress"]["rows"]
    resolution = recipe["test_resolution"] or recipe["phases"][-1]["resolution"]
    processor = CvtImageProcessor(size=resolution, crop_pct=recipe["crop_pct"], resample=recipe["resample"])
    model = CvtForImageClassification(CvtConfig.from_dict(state["config"])).eval()
    model.load_state_dict(state["average"]["model"])
    model.half().float()  # what a reader of the float16 file gets
    facts: dict[str, Any] = {"images": len(held_out)}
    if len(held_out):
        photos = (Image.fromarray(image.permute(1, 2, 0).numpy()) for image in held_out.images)
        pairs = zip(photos, held_out.labels.tolist(), strict=True)
        logits, _ = collect_logits(model, processor, pairs, total=len(held_out))
        if len(held_out) >= FEWEST_FOR_TEMPERATURE:
            model.config.temperature = fit_temperature(logits, held_out.labels, held_out.weights)
        right = logits.argmax(1) == held_out.labels
        facts["top1"] = float(right.float().mean())
        if recipe["doubt"] and right.any():
            scores = DOUBT_SCORES[recipe["doubt"]](logits.double().numpy() / model.config.temperature)
            threshold = doubt_threshold(scores[right.numpy()])
            model.config.extra |= {"doubt_score": recipe["doubt"], "doubt_threshold": threshold}
            doubted = torch.from_numpy(scores > threshold)
            facts["doubt"] = {"score": recipe["doubt"], "threshold": threshold}
            facts["doubt"] |= {
                name: float(doubted[chosen].float().mean()) if chosen.any() else 0.0
                for name, chosen in (("right", right), ("wrong", ~right))
            }
        for name, temperature in (("ece_before", 1.0), ("ece_after", model.config.temperature)):
            facts[name] = expected_calibration_error((logits / temperature).softmax(1), held_out.labels)
    model.half().save_pretrained(folder)
    processor.save_pretrained(folder)
    about = {
        "recipe": recipe | {"data": [_name(source) for source in recipe["data"]]},
        "fine_tuned_from": start,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "epochs": len(rows),
        "hours": sum(row["seconds"] for row in rows) / 3600,
        "hardware": state["hardware"],
        "torch": torch.__version__,
        "python": platform.python_version(),
        "temperature_fitted": len(held_out) >= FEWEST_FOR_TEMPERATURE,
        "held_out": facts,
    }
    (folder / "training.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def _name(source: str) -> str:
    """A folder's name without the way to it, which is nobody else's; a Hub id as it is."""
    return Path(source).name if Path(source).exists() else source


if __name__ == "__main__":
    main()
