"""The model card: a text with holes, filled with what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from string import Template
from typing import Any

__all__ = ["model_card"]

WORST = 10
UNFINISHED = "\nThe run is not finished: these are the weights after {done} of its {planned} epochs.\n"


def model_card(name: str, training: Mapping[str, Any], evaluations: Sequence[Mapping[str, Any]]) -> str:
    """The text of a checkpoint's ``README.md``.

    Args:
        name: of the checkpoint.
        training: the contents of ``training.json`` (:func:`training.export.export`).
        evaluations: fields of :class:`training.evaluate.Evaluation`, of one data set or more.
    """
    recipe, held_out = training["recipe"], training["held_out"]
    accuracy = {label: share for evaluation in evaluations for label, share in evaluation["class_accuracy"].items()}
    hardest = sorted(accuracy.items(), key=itemgetter(1))[:WORST]
    start = f"fine-tuned from `{training['fine_tuned_from']}`" if training["fine_tuned_from"] else "from random weights"
    planned = [phase["resolution"] for phase in recipe["phases"] for _ in range(phase["epochs"])]
    grown = groupby(planned[: training["epochs"]])
    resolutions = ", then ".join(f"{len(list(same))} at {side} px" for side, same in grown)
    unfinished = training["epochs"] < len(planned)
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
        resolution=evaluations[0]["resolution"],
        unfinished=UNFINISHED.format(done=training["epochs"], planned=len(planned)) if unfinished else "",
        accuracy=_accuracy(evaluations),
        calibration=calibration,
        doubt=_doubt(held_out.get("doubt")),
        classes=len(accuracy),
        worst="\n".join(f"| {label} | {share:.1%} |" for label, share in hardest),
    )


def _accuracy(evaluations: Sequence[Mapping[str, Any]]) -> str:
    """A table with a column for each data set."""
    temperature = f"{evaluations[0]['temperature']:g}"
    rows = {
        "measure": [
            f"{measured['dataset']}, {measured['split']} split, {measured['images']:,} images"
            for measured in evaluations
        ],
        "top-1": [f"{measured['top1']:.1%}" for measured in evaluations],
        "top-5": [f"{measured['top5']:.1%}" for measured in evaluations],
        "expected calibration error, raw": [f"{measured['ece_before']:.1%}" for measured in evaluations],
        f"expected calibration error, with temperature {temperature}": [
            f"{measured['ece_after']:.1%}" for measured in evaluations
        ],
        "the same images blown up to large JPEG photos": [
            _enlarged(measured.get("enlarged")) for measured in evaluations
        ],
    }
    lines = ["| " + " | ".join([name, *values]) + " |" for name, values in rows.items()]
    return "\n".join([lines[0], "|---" * (1 + len(evaluations)) + "|", *lines[1:]])


def _doubt(measured: Mapping[str, Any] | None) -> str:
    if measured is None:
        return ""
    return (
        f'Where the score "{measured["score"]}" is above {measured["threshold"]:g}, it had better say that it does not '
        f"know: so it doubts {measured['right']:.1%} of the held-out images that it names rightly, and "
        f"{measured['wrong']:.1%} of those that it names wrongly.\n"
    )


def _enlarged(measured: Mapping[str, float] | None) -> str:
    if measured is None:
        return "not measured"
    return (
        f"top-1 {measured['top1']:.1%} at {measured['side']} px, {measured['top1_as_they_are']:.1%} as they are "
        f"({measured['images']:,} of the images)"
    )
