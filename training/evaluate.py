"""Measure a checkpoint on labelled images.

    python -m training.evaluate bundled --data IMAGENETTE

prints top-1, top-5, the calibration error before and after the checkpoint's temperature, and the worst classes, for
each data set that is named; all of the model's classes are allowed everywhere. With ``--write`` the numbers go into
``evaluation.json`` and the model card ``README.md`` beside the weights.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from cvt.device import choose_device
from cvt.errors import CvtError
from cvt.files import read_json
from cvt.image_processor import CvtImageProcessor
from cvt.locations import model_name, resolve_file
from cvt.model import CvtForImageClassification

from .calibration import expected_calibration_error
from .data import DataError, find_images, short_name
from .model_card import model_card

__all__ = ["Evaluation", "collect_logits", "evaluate", "main", "match_classes"]

MOST_ENLARGED = 500


@dataclass(frozen=True)
class Evaluation:
    """What was measured; shares are from 0 to 1.

    Attributes:
        dataset, split: the images; "all" of a folder that is not split may include those the model was trained on.
        images: how many.
        resolution: side of the model's input, in pixels.
        top1, top5: share of images whose class is the first, or among the first five, of the model's predictions.
        ece_before, ece_after: expected calibration error without and with the temperature.
        temperature: the checkpoint's.
        class_accuracy: top-1 of each class, the worst first.
        enlarged: what :func:`compare_enlarged` measured, if that was asked for.
    """

    dataset: str
    split: str
    images: int
    resolution: int
    top1: float
    top5: float
    ece_before: float
    ece_after: float
    temperature: float
    class_accuracy: dict[str, float]
    enlarged: dict[str, float] | None = None

    def __str__(self) -> str:
        lines = [
            f"{self.dataset}, {self.split}: {self.images} images at {self.resolution} px",
            f"top-1  {self.top1:.2%}",
            f"top-5  {self.top5:.2%}",
            f"expected calibration error  {self.ece_before:.2%}; "
            f"with temperature {self.temperature:g}  {self.ece_after:.2%}",
            "worst classes: " + ", ".join(f"{n} {a:.1%}" for n, a in list(self.class_accuracy.items())[:10]),
        ]
        if self.enlarged:
            large = self.enlarged
            lines.append(
                f"{large['images']:.0f} images as JPEG photos of {large['side']:.0f} px: top-1 {large['top1']:.2%}, "
                f"as they are {large['top1_as_they_are']:.2%}"
            )
        return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="bundled, a Hub id, a folder, or a weights file")
    parser.add_argument(
        "--data", nargs="+", required=True, help="one or more of Parquet shards, class folders and Hub dataset ids"
    )
    parser.add_argument("--split", default="validation", choices=["train", "validation"])
    parser.add_argument("--resolution", type=int, help="side of the model's input, instead of the checkpoint's")
    parser.add_argument("--crop-pct", type=float, help="the part of the shorter side that is seen, likewise")
    parser.add_argument("--limit", type=int, help="only so many images, spread evenly over the split")
    parser.add_argument("--enlarge", type=int, metavar="SIDE", help="also measure on JPEGs blown up to SIDE pixels")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--write", action="store_true", help="write evaluation.json and README.md beside the weights")
    options = parser.parse_args(arguments)
    try:
        model = CvtForImageClassification.from_pretrained(options.checkpoint).to(choose_device(options.device))
        overrides = {"size": options.resolution, "crop_pct": options.crop_pct}
        processor = CvtImageProcessor.from_pretrained(
            options.checkpoint, **{name: value for name, value in overrides.items() if value is not None}
        )
        evaluations = []
        for data in options.data:
            evaluation = evaluate(model, processor, data, options.split, options.limit)
            if options.enlarge:
                enlarged = compare_enlarged(model, processor, data, options.split, options.limit, options.enlarge)
                evaluation = replace(evaluation, enlarged=enlarged)
            print(evaluation)
            evaluations.append(evaluation)
        if options.write:
            write(evaluations, resolve_file(options.checkpoint, "config.json").parent)
    except CvtError as error:
        sys.exit(f"error: {error}")


def evaluate(
    model: CvtForImageClassification,
    processor: CvtImageProcessor,
    data: str | Path,
    split: str = "validation",
    limit: int | None = None,
    enlarge: int | None = None,
) -> Evaluation:
    """Measure a model on a split of a data set, through its own image processor.

    Args:
        limit: take only so many images, spread evenly.
        enlarge: blow every image up to a JPEG of this side first, as a stand-in for a photo from a camera.

    Raises:
        DataError: the data cannot be read, or has a class that the model does not know.
    """
    source = find_images(data, split)
    classes = match_classes(source.classes, model.config.id2label)
    chosen = range(len(source)) if limit is None else torch.linspace(0, len(source) - 1, limit).long().tolist()
    wanted = set(chosen)
    pairs = ((image, label) for index, (image, label) in enumerate(source) if index in wanted)
    if enlarge:
        pairs = ((as_large_photo(image, enlarge), label) for image, label in pairs)
    logits, labels = collect_logits(model, processor, pairs, total=len(wanted))
    labels = torch.tensor(classes)[labels]
    correct = logits.topk(min(5, logits.shape[1])).indices == labels[:, None]
    present = {name: labels == index for name, index in zip(source.classes, classes, strict=True)}
    accuracy = {name: float(correct[chosen, 0].float().mean()) for name, chosen in present.items() if chosen.any()}
    temperature = model.config.temperature
    return Evaluation(
        dataset=Path(source.name).name,
        split=source.split,
        images=len(labels),
        resolution=processor.resolution,
        top1=float(correct[:, 0].float().mean()),
        top5=float(correct.any(dim=1).float().mean()),
        ece_before=expected_calibration_error(logits.softmax(1), labels),
        ece_after=expected_calibration_error((logits / temperature).softmax(1), labels),
        temperature=temperature,
        class_accuracy=dict(sorted(accuracy.items(), key=lambda item: item[1])),
    )


def compare_enlarged(
    model: CvtForImageClassification,
    processor: CvtImageProcessor,
    data: str | Path,
    split: str,
    limit: int | None,
    side: int,
) -> dict[str, float]:
    """Top-1 on at most 500 images, as they are and blown up to JPEG photos of ``side`` pixels first.

    People drop photos of many megapixels; this shows whether the processor's reduction costs accuracy.
    """
    limit = min(limit or MOST_ENLARGED, MOST_ENLARGED, len(find_images(data, split)))
    large = evaluate(model, processor, data, split, limit, side)
    same = evaluate(model, processor, data, split, limit)
    return {"side": side, "images": limit, "top1": large.top1, "top1_as_they_are": same.top1}


@torch.inference_mode()
def collect_logits(
    model: CvtForImageClassification,
    processor: CvtImageProcessor,
    pairs: Iterable[tuple[Image.Image, int]],
    total: int | None = None,
    batch_size: int = 64,
) -> tuple[Tensor, Tensor]:
    """Logits ``[N, classes]`` and labels ``[N]`` of labelled photos, with a progress bar."""
    logits: list[Tensor] = []
    labels: list[int] = []
    with tqdm(total=total, unit=" images", disable=None) as bar:
        remaining = iter(pairs)
        while batch := list(islice(remaining, batch_size)):
            pixels = processor([image for image, _ in batch], return_tensors="pt")["pixel_values"]
            logits.append(model(pixels.to(model.device), return_dict=True).logits.float().cpu())
            labels.extend(label for _, label in batch)
            bar.update(len(batch))
    return torch.cat(logits), torch.tensor(labels)


def match_classes(classes: Sequence[str], id2label: Mapping[int, str]) -> list[int]:
    """The model's index of each class of a data set: by name, or by a first synonym that is nobody else's.

    Raises:
        DataError: a class is not among the model's.
    """
    exact = {name: index for index, name in id2label.items()}
    short: dict[str, list[int]] = {}
    for index, name in id2label.items():
        short.setdefault(short_name(name).lower(), []).append(index)
    found = []
    for name in classes:
        indices = [exact[name]] if name in exact else short.get(short_name(name).lower(), [])
        if len(indices) != 1:
            known = ", ".join(list(id2label.values())[:10])
            raise DataError(
                f"the model has {'no' if not indices else 'no single'} class {name!r}; its first are {known}"
            )
        found += indices
    return found


def as_large_photo(image: Image.Image, side: int, quality: int = 85) -> Image.Image:
    """The image with its shorter side blown up to ``side`` pixels, through JPEG."""
    scale = side / min(image.size)
    large = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    large.save(file, "JPEG", quality=quality)
    return Image.open(file)


def write(evaluations: Sequence[Evaluation], folder: Path) -> None:
    """Write ``evaluation.json`` and, where the folder says how it was trained, the model card ``README.md``.

    The file holds the first evaluation's fields, and the others under ``further``. The card also says what
    ``doubt.json`` holds (:mod:`training.unknown`), where there is one.
    """
    first, *further = [{n: v for n, v in asdict(evaluation).items() if v is not None} for evaluation in evaluations]
    fields = first | ({"further": further} if further else {})
    (folder / "evaluation.json").write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    training = folder / "training.json"
    if training.is_file():
        doubt = folder / "doubt.json"
        short_run = read_json(doubt) if doubt.is_file() else None
        card = model_card(model_name(folder), read_json(training), [first, *further], short_run)
        (folder / "README.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
