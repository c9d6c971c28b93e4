"""Which score tells best that a photo shows none of a model's classes?

    python -m training.unknown --recipe imagenet_210_short --data TINY_IMAGENET IMAGENETTE --soft-labels SOFT

trains a short run that never sees a tenth of the classes, then shows it images of these beside held-out images of the
classes it knows; of what a teacher answered, it learns the part that is about these. It prints for every score the
AUROC, and the share of unknown images that are doubted when a tenth of the rightly named ones is doubted too; a score
drawn at random stands beside them. The recipe then names the best (``doubt``), and exporting a run sets the threshold.
``--write MODEL`` keeps the figures as ``doubt.json`` in a model's folder, where its card finds them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cvt.doubt import DOUBT_SCORES
from cvt.errors import ConfigError, CvtError
from cvt.model import CvtForImageClassification

from .calibration import auroc, doubt_threshold
from .data import ImageSet, hold_out
from .loop import Training, predict
from .recipe import Recipe, load_recipe
from .run import RunFolder, Workers
from .train import build_model, load_training_images

__all__ = ["Separation", "ShortRun", "fit_gaussians", "leave_out", "look", "mahalanobis", "main", "measure"]

LEFT_OUT = 10
"""Every tenth class is unknown to the short run."""

FITTED_TO = 20_000
"""Training images that tell where the classes lie in the CLS space; about so many."""


@dataclass(frozen=True)
class Separation:
    """How well a score tells images of unknown classes from held-out images of known ones.

    Attributes:
        auroc: the probability that the unknown image of a pair has the higher score; 0.5 is chance.
        auroc_right: the same with those known images alone that the short run names rightly.
        caught: share of unknown images beyond the threshold that a tenth of the rightly named ones exceed.
    """

    auroc: float
    auroc_right: float
    caught: float


@dataclass(frozen=True)
class ShortRun:
    """What was found out.

    Attributes:
        known, unknown: number of classes that the short run learnt, and that it never saw.
        recipe, epochs, resolution: of the short run, and the side of its last input in pixels.
        accuracy: share of held-out images of known classes that it names rightly.
        scores: by the name of the score; "random" has nothing to do with the images.
    """

    known: int
    unknown: int
    recipe: str
    epochs: int
    resolution: int
    accuracy: float
    scores: dict[str, Separation]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.unknown", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", required=True, help="a file of training/recipes")
    parser.add_argument("--data", nargs="+", help="the training images, instead of the recipe's")
    parser.add_argument("--soft-labels", type=Path, metavar="FILE", help="a teacher's, from training.teacher")
    parser.add_argument("--epochs", type=int, help="stretch or shorten the recipe to so many epochs")
    parser.add_argument("--out", type=Path, help="the short run's folder; runs/RECIPE-doubt by default")
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps; auto takes the fastest there is")
    parser.add_argument("--write", type=Path, metavar="MODEL", help="write doubt.json into this model's folder")
    options = parser.parse_args(arguments)
    try:
        recipe = load_recipe(options.recipe)
        if options.epochs is not None:
            recipe = recipe.with_epochs(options.epochs)
        if options.write and not options.write.is_dir():
            raise ConfigError(f"--write {options.write} must be a model's folder that is there")
        recipe = recipe.with_data(options.data)
        folder = RunFolder(options.out or Path("runs") / f"{recipe.name}-doubt")
        with Workers.start(options.device) as workers:
            measured = measure(recipe, folder, workers, options.soft_labels)
        if workers.is_first:
            print(
                f"{measured.accuracy:.1%} of the held-out images of {measured.known} classes named rightly; "
                f"{measured.unknown} classes never seen"
            )
            for name, told in measured.scores.items():
                print(
                    f"{name}: AUROC {told.auroc:.3f}, against the rightly named {told.auroc_right:.3f}; "
                    f"{told.caught:.1%} of unknown images doubted with 10% of the rightly named"
                )
            if options.write:
                text = json.dumps(asdict(measured), indent=2) + "\n"
                (options.write / "doubt.json").write_text(text, encoding="utf-8")
    except CvtError as error:
        sys.exit(f"error: {error}")


def measure(recipe: Recipe, folder: RunFolder, workers: Workers, soft_labels: Path | None = None) -> ShortRun:
    """Train the recipe without a tenth of the classes; how well each score tells these from the others.

    Args:
        soft_labels: a teacher's file about all classes, where the recipe has a phase that is taught.

    Raises:
        CvtError: the images or the soft labels cannot be read.
    """
    known, unknown = leave_out(load_training_images(recipe, soft_labels))
    train, held_out = hold_out(known, recipe.held_out)
    unknown = hold_out(unknown, min(1.0, recipe.held_out * LEFT_OUT))[1]
    torch.manual_seed(recipe.seed)
    training = Training(recipe, build_model(recipe, known.classes), train, held_out, folder, workers)
    if state := folder.load():
        training.load_state_dict(state)
    training.run()
    model = training.average.model
    assert isinstance(model, CvtForImageClassification)
    few = hold_out(train, min(1.0, FITTED_TO / len(train)))[1]
    (ours, our_logits), (theirs, their_logits), (fitted, _) = (
        look(model, images, recipe.resolution, workers) for images in (held_out.images, unknown.images, few.images)
    )
    scores = {name: (score(our_logits), score(their_logits)) for name, score in DOUBT_SCORES.items()}
    space = fit_gaussians(fitted, few.labels.numpy())
    scores["mahalanobis"] = mahalanobis(ours, *space), mahalanobis(theirs, *space)
    chance = np.random.default_rng(recipe.seed)
    scores["random"] = chance.random(len(ours)), chance.random(len(theirs))
    right = our_logits.argmax(1) == held_out.labels.numpy()
    return ShortRun(
        known=len(known.classes),
        unknown=len(unknown.labels.unique()),
        recipe=recipe.name,
        epochs=recipe.epochs,
        resolution=recipe.resolution,
        accuracy=float(right.mean()),
        scores={
            name: Separation(
                auroc=auroc(known_scores, unknown_scores),
                auroc_right=auroc(known_scores[right], unknown_scores),
                caught=float((unknown_scores > doubt_threshold(known_scores[right])).mean()),
            )
            for name, (known_scores, unknown_scores) in scores.items()
        },
    )


def look(
    model: CvtForImageClassification, images: Tensor, resolution: int, workers: Workers
) -> tuple[np.ndarray, np.ndarray]:
    """What the classifier reads of uint8 images, the normalised CLS ``[N, width]``, and the logits ``[N, classes]``."""
    read: list[Tensor] = []
    hook = model.classifier.register_forward_pre_hook(lambda _, arguments: read.append(arguments[0].cpu()))
    try:
        logits = predict(model, images, resolution, workers.device)
    finally:
        hook.remove()
    return torch.cat(read).double().numpy(), logits.double().numpy()


def fit_gaussians(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The classes' means ``[classes, width]``, and the inverse of the covariance that they share."""
    means = np.stack([features[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
    rest = features - means[labels]
    covariance = rest.T @ rest / len(rest)
    return means, np.linalg.inv(covariance + 1e-3 * np.trace(covariance) / len(covariance) * np.eye(len(covariance)))


def mahalanobis(features: np.ndarray, means: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Squared distance of ``[N, width]`` to the nearest mean, in units of the spread (Lee et al. 2018, equation 2)."""
    pulled, squares = means @ precision, ((means @ precision) * means).sum(axis=1)
    own = ((features @ precision) * features).sum(axis=1)
    return own + (squares - 2 * features @ pulled.T).min(axis=1)


def leave_out(data: ImageSet) -> tuple[ImageSet, ImageSet]:
    """The images of nine tenths of the classes, numbered anew, and those of every tenth class.

    A teacher's answers keep their proportions among the classes that are left, and add up to 1 again.
    """
    unknown = torch.arange(len(data.classes)) % LEFT_OUT == LEFT_OUT - 1
    kept = data.select((~unknown[data.labels]).nonzero().flatten())
    numbers = (~unknown).cumsum(0) - 1
    classes = tuple(name for name, left in zip(data.classes, unknown.tolist(), strict=True) if not left)
    left_out = data.select(unknown[data.labels].nonzero().flatten())
    origins = tuple(origin for origin, left in zip(data.origins, unknown.tolist(), strict=False) if not left)
    soft_labels = kept.soft_labels
    if soft_labels is not None:
        soft_labels = F.normalize(soft_labels[:, ~unknown].float(), p=1, dim=1).half()
    labels = numbers[kept.labels]
    return replace(kept, labels=labels, classes=classes, origins=origins, soft_labels=soft_labels), left_out


if __name__ == "__main__":
    main()
