"""The model card: a text with holes, filled with what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from string import Template
from typing import Any

__all__ = ["model_card"]

WORST = 10


def model_card(name: str, training: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """The text of a checkpoint's ``README.md``.

    Args:
        name: of the checkpoint.
        training: the contents of ``training.json`` (:func:`training.export.export`).
        evaluation: the contents of ``evaluation.json`` (:class:`training.evaluate.Evaluation`).
    """
    recipe, held_out = training["recipe"], training["held_out"]
    accuracy = evaluation["class_accuracy"]
    worst = "\n".join(f"| {label} | {share:.1%} |" for label, share in list(accuracy.items())[:WORST])
    start = f"fine-tuned from `{training['fine_tuned_from']}`" if training["fine_tuned_from"] else "from random weights"
    grown = groupby(recipe["phases"], key=itemgetter("resolution"))
    resolutions = ", then ".join(f"{sum(p['epochs'] for p in same)} at {side} px" for side, same in grown)
    calibration = (
        f"The temperature was fitted to {held_out['images']:,} training images that were held out of training."
        if training["temperature_fitted"]
        else "The temperature is 1: too few images were held out of training to fit one."
    )
    minutes = training["hours"] * 60
    template = Template((Path(__file__).parent / "model_card.md").read_text(encoding="utf-8"))
    return template.substitute(
        name=name,
        license=f"license: {recipe['license']}\n" if recipe["license"] else "",
        about_data=recipe["about_data"],
        recipe=recipe["name"],
        start=start,
        epochs=f"{training['epochs']} epochs ({resolutions})",
        duration=f"{minutes / 60:.1f} hours" if minutes > 90 else f"{minutes:.0f} minutes",
        hardware=training["hardware"],
        torch=training["torch"],
        parameters=f"{training['parameters'] / 1e6:.2f}",
        dataset=evaluation["dataset"],
        split=evaluation["split"],
        images=f"{evaluation['images']:,}",
        resolution=evaluation["resolution"],
        top1=f"{evaluation['top1']:.1%}",
        top5=f"{evaluation['top5']:.1%}",
        ece_before=f"{evaluation['ece_before']:.1%}",
        ece_after=f"{evaluation['ece_after']:.1%}",
        temperature=f"{evaluation['temperature']:g}",
        calibration=calibration,
        enlarged=_enlarged(evaluation.get("enlarged")),
        classes=len(accuracy),
        worst=worst,
    )


def _enlarged(measured: Mapping[str, float] | None) -> str:
    if measured is None:
        return "not measured"
    return (
        f"top-1 {measured['top1']:.1%} at {measured['side']} px, {measured['top1_as_they_are']:.1%} as they are "
        f"({measured['images']:,} of the images)"
    )
