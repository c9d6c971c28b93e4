"""Train or fine-tune a CvT classifier.

    python -m training.train --recipe imagenette --data IMAGENETTE
    python -m training.train --data my-photos --from bundled:imagenette

Several GPUs: ``torchrun --nproc-per-node 4 -m training.train --recipe …``. A run that was killed goes on with
``--resume``. The result is ``OUT/model``, a folder that ``python app.py --model OUT/model`` opens.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from cvt.config import CvtConfig
from cvt.errors import ConfigError, CvtError
from cvt.image_processor import CvtImageProcessor
from cvt.initialisation import initialise
from cvt.model import CvtForImageClassification

from .data import DataError, ImageSet, hold_out, join, load_images
from .export import export
from .loop import Training
from .plot import plot_log
from .recipe import Recipe, load_recipe
from .run import RunFolder, Workers
from .teacher import read_soft_labels

__all__ = ["build_model", "load_training_images", "main", "train"]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", help="a file of training/recipes; with --from, finetune unless another is named")
    parser.add_argument(
        "--data", nargs="+", help="Parquet shards, class folders or Hub dataset ids, instead of the recipe's"
    )
    parser.add_argument("--out", type=Path, help="the run's folder; runs/RECIPE by default")
    parser.add_argument("--resume", action="store_true", help="go on with the run in OUT")
    parser.add_argument("--from", dest="start", metavar="REF", help="fine-tune: bundled, a Hub id, or a folder")
    parser.add_argument("--soft-labels", type=Path, metavar="FILE", help="a teacher's, from training.teacher")
    parser.add_argument("--epochs", type=int, help="stretch or shorten the recipe to so many epochs")
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps; auto takes the fastest there is")
    options = parser.parse_args(arguments)
    try:
        recipe = load_recipe(options.recipe or ("finetune" if options.start else "")).with_data(options.data)
        if options.epochs is not None:
            recipe = recipe.with_epochs(options.epochs)
        out = options.out or Path("runs") / recipe.name
        with Workers.start(options.device) as workers:
            model = train(
                recipe, out, workers, start=options.start, resume=options.resume, soft_labels=options.soft_labels
            )
        if workers.is_first:
            print(f"saved {model}; look at it with: python app.py --model {model}")
    except CvtError as error:
        sys.exit(f"error: {error}")


def train(
    recipe: Recipe,
    out: Path,
    workers: Workers,
    *,
    start: str | None = None,
    resume: bool = False,
    soft_labels: Path | None = None,
) -> Path:
    """Run a recipe to its end and save the model.

    Args:
        out: the run's folder: ``state.pt``, ``log.csv``, ``log.png`` and, in the end, ``model/``.
        start: a checkpoint to fine-tune instead of random weights.
        resume: go on from ``out/state.pt`` where there is one.
        soft_labels: a teacher's file, where the recipe has a phase that is taught.

    Returns:
        The folder of the finished model.

    Raises:
        CvtError: data or checkpoint cannot be read, or ``out`` holds another run.
    """
    folder = RunFolder(out)
    state = folder.load()
    if state and not resume:
        raise ConfigError(f"{out} holds a run already: say --resume to go on with it, or name another --out")
    if start is not None:
        resolution = CvtImageProcessor.from_pretrained(start).resolution
        phases = tuple(replace(phase, resolution=resolution) for phase in recipe.phases)
        recipe = replace(recipe, phases=phases, test_resolution=None, stored_size=round(resolution * 1.25))
    data, held_out = hold_out(load_training_images(recipe, soft_labels), recipe.held_out)
    if len(data.classes) < 2:
        raise DataError(f"{recipe.data[0]} has only the class {data.classes[0]!r}; a classifier needs at least two")
    torch.manual_seed(recipe.seed)
    training = Training(recipe, build_model(recipe, data.classes, start), data, held_out, folder, workers)
    if state:
        training.load_state_dict(state)
    training.run()
    if workers.is_first:
        export(training.state_dict(), held_out, out / "model", start=start)
        plot_log(out / "log.csv", out / "log.png")
    return out / "model"


def load_training_images(recipe: Recipe, soft_labels: Path | None) -> ImageSet:
    """All training images of a recipe, with the teacher's answers where it has a phase that is taught.

    Raises:
        CvtError: the images or the soft labels cannot be read, or there are none where the recipe needs them.
    """
    images = join([load_images(source, "train", recipe.stored_size) for source in recipe.data])
    if not any(phase.taught for phase in recipe.phases):
        return images
    if soft_labels is None:
        raise ConfigError(
            f"the recipe {recipe.name} learns from a teacher: let python -m training.teacher make its soft labels, "
            "and say --soft-labels FILE"
        )
    return replace(images, soft_labels=read_soft_labels(soft_labels, images.labels, images.classes))


def build_model(recipe: Recipe, classes: tuple[str, ...], start: str | None = None) -> CvtForImageClassification:
    """A fresh model of the recipe's architecture; or ``start``, with a fresh head unless it knows these classes."""
    id2label = dict(enumerate(classes))
    if start is None:
        return CvtForImageClassification(CvtConfig(**recipe.architecture, hidden_act="gelu", id2label=id2label))
    model = CvtForImageClassification.from_pretrained(
        start, ignore_mismatched_sizes=True, id2label=id2label, temperature=1.0
    )
    if _classes(start) != id2label:
        initialise(model.classifier, model.config.initializer_range)
    return model


def _classes(ref: str) -> dict[int, str] | None:
    """A checkpoint's own class names, where it has a configuration that tells them."""
    path = Path(ref)
    return None if path.is_file() and path.suffix != ".json" else CvtConfig.from_pretrained(ref).id2label


if __name__ == "__main__":
    main()
