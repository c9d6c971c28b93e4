"""The model card: a text with holes, filled with what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from string import Template
from textwrap import fill
from typing import Any

__all__ = ["model_card"]

WORST = 10
WIDTH = 120
UNFINISHED = "\nThe run is not finished: these are the weights after {done} of its {planned} epochs.\n"


def model_card(
    name: str,
    training: Mapping[str, Any],
    evaluations: Sequence[Mapping[str, Any]],
    short_run: Mapping[str, Any] | None = None,
) -> str:
    """The text of a checkpoint's ``README.md``.

    Args:
        name: of the checkpoint.
        training: the contents of ``training.json`` (:func:`training.export.export`).
        evaluations: fields of :class:`training.evaluate.Evaluation`, of one data set or more.
        short_run: fields of :class:`training.unknown.ShortRun`, by which the score of doubt was chosen.
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
        doubt=_doubt(held_out.get("doubt"), short_run),
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


def _doubt(measured: Mapping[str, Any] | None, short_run: Mapping[str, Any] | None) -> str:
    """A section on when it had better not answer, and how far that can be relied on; empty where it always does."""
    if measured is None:
        return ""
    text = (
        f'Where the score "{measured["score"]}" is above {measured["threshold"]:g}, it had better say that it does not '
        f"know: so it doubts {measured['right']:.1%} of the held-out images that it names rightly, and "
        f"{measured['wrong']:.1%} of those that it names wrongly."
    )
    paragraphs = [
        '## Saying "none of these"',
        fill(text, WIDTH, break_on_hyphens=False),
        *([] if short_run is None else _chosen_by(short_run)),
    ]
    return "\n" + "\n\n".join(paragraphs) + "\n"


def _chosen_by(short_run: Mapping[str, Any]) -> list[str]:
    """How the score of doubt was chosen: a paragraph, and a table with a line for each that was tried."""
    text = (
        f"The score was chosen by a short run, `{short_run['recipe']}` ({short_run['epochs']} epochs, the last at "
        f"{short_run['resolution']} px), which learnt {short_run['known']} of the classes and never saw the other "
        f"{short_run['unknown']}; it names {short_run['accuracy']:.1%} of the held-out images rightly. AUROC is the "
        "probability that of two images one of an unknown class has the higher score; 0.5 is chance. What the run "
        "misnames it should doubt as well, so the second column leaves that out. Doubted are the unknown where a tenth "
        "of the rightly named is too."
    )
    rows = [
        f"| {name} | {told['auroc']:.3f} | {told['auroc_right']:.3f} | {told['caught']:.1%} |"
        for name, told in short_run["scores"].items()
    ]
    heads = ["| score | AUROC | beside the rightly named alone | unknown doubted |", "|---|---|---|---|"]
    return [fill(text, WIDTH, break_on_hyphens=False), "\n".join([*heads, *rows])]


def _enlarged(measured: Mapping[str, float] | None) -> str:
    if measured is None:
        return "not measured"
    return (
        f"top-1 {measured['top1']:.1%} at {measured['side']} px, {measured['top1_as_they_are']:.1%} as they are "
        f"({measured['images']:,} of the images)"
    )
