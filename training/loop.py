"""The training loop: what one step does, and where a run stands.

All randomness of a step follows from the seed and the step's number, so a run that was killed and resumed ends with the
same weights as one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from tqdm import tqdm

from cvt.errors import CheckpointError
from cvt.image_processor import IMAGENET_MEAN, IMAGENET_STD
from cvt.model import CvtForImageClassification

from . import augment
from .data import ImageSet
from .optimizer import MovingAverage, Schedule, build_optimizers
from .recipe import Phase, Recipe
from .resuming import check_count, check_numbers, check_optimizer, check_progress
from .run import RunFolder, Workers

__all__ = ["Progress", "Training", "epoch_batches", "predict"]


@dataclass
class Progress:
    """Where a run stands; saved with it.

    Attributes:
        epoch, batch: the next batch to train on, both from 0.
        step: optimizer steps taken.
        loss, correct, seen, seconds: sums over the present epoch's batches so far.
        rows: one line of the log per finished epoch.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss: float = 0.0
    correct: float = 0.0
    seen: int = 0
    seconds: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)


def normalise(images: Tensor) -> Tensor:
    """RGB in [0, 1] to the model's input."""
    mean, std = (images.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (images - mean) / std


def make_batch(
    images: Tensor, labels: Tensor, soft_labels: Tensor | None, phase: Phase, generator: Generator, num_classes: int
) -> tuple[Tensor, Tensor]:
    """Augmented, normalised pixels and target distributions of one batch of uint8 images, on the labels' device.

    Args:
        soft_labels: a teacher's probabilities ``[N, num_classes]``, where the phase is taught.
    """
    how = phase.augmentation
    images = augment.recompress(images, how.recompress, generator)
    pixels = augment.crop_and_flip(images, phase.resolution, how.crop_scale, generator)
    pixels = augment.blur(pixels.to(labels.device).float().div_(255), how.blur, generator)
    pixels = augment.augment_colour(augment.warp(pixels, how.warp, generator), how.colour, generator)
    targets = augment.one_hot(labels, num_classes, phase.label_smoothing)
    if soft_labels is not None:
        targets = targets.lerp(soft_labels.to(targets), phase.taught)
    return augment.mix(augment.erase(normalise(pixels), how.erase, generator), targets, how.mix, generator)


def epoch_images(labels: Tensor, per_class: int | None) -> int:
    """How many images an epoch has when it takes at most ``per_class`` of each class."""
    counts = labels.bincount()
    return int((counts if per_class is None else counts.clamp(max=per_class)).sum())


def epoch_batches(labels: Tensor, per_class: int | None, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    """Indices of each batch of an epoch, drawn by the seed and the epoch; an incomplete last batch is left out.

    Args:
        labels: of all images ``[N]``.
        per_class: most images of one class; None takes all.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
    if per_class is not None:
        by_class = order[labels[order].argsort(stable=True)].split(labels.bincount().tolist())
        drawn = torch.zeros(len(labels), dtype=torch.bool)
        drawn[torch.cat([members[:per_class] for members in by_class])] = True
        order = order[drawn[order]]
    return list(order[: len(order) // batch_size * batch_size].split(batch_size))


def describe(row: dict[str, float]) -> str:
    """A finished epoch in one line; the accuracy is of the averaged weights on images held out of training."""
    held_out = f", held-out accuracy {row['held_out_accuracy']:.1%}" if "held_out_accuracy" in row else ""
    return (
        f"epoch {row['epoch']}, {row['resolution']} px: loss {row['loss']:.3f}{held_out}, "
        f"{row['images_per_second']:.0f} images/s"
    )


@torch.inference_mode()
def predict(model: nn.Module, images: Tensor, resolution: int, device: torch.device, batch_size: int = 64) -> Tensor:
    """Logits ``[N, classes]`` of uint8 images, resized where their size is not ``resolution``."""
    logits = []
    for batch in images.split(batch_size):
        if batch.shape[-1] != resolution:
            batch = F.interpolate(batch, (resolution, resolution), mode="bicubic", antialias=True)
        logits.append(model(normalise(batch.to(device).float() / 255), return_dict=True).logits.cpu())
    return torch.cat(logits)


class Training:
    """A run: model, optimizer, average and progress, and the loop that moves them on."""

    def __init__(
        self,
        recipe: Recipe,
        model: CvtForImageClassification,
        train: ImageSet,
        held_out: ImageSet,
        folder: RunFolder,
        workers: Workers,
    ) -> None:
        self.recipe, self.held_out, self.folder, self.workers = recipe, held_out, folder, workers
        self.train = replace(train, images=train.images.cuda()) if workers.device.type == "cuda" else train
        self.model = model.to(workers.device)
        self.average = MovingAverage(self.model, recipe.ema_decay)
        self.optimizers = build_optimizers(self.model, recipe, workers)
        self.progress = Progress()
        self.images = epoch_images(train.labels, recipe.per_class)
        self.schedule = Schedule(recipe, self.images)
        self.forward: Callable[..., Any] = workers.wrap(self.model, recipe.compiled)

    def state_dict(self) -> dict[str, Any]:
        return {
            "recipe": asdict(self.recipe),
            "hardware": self.workers.hardware,
            "config": self.model.config.to_dict(),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "progress": asdict(self.progress),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where another run with the same model stood.

        Raises:
            CheckpointError: the state is of another model, or holds what no run has.
        """
        try:
            progress = Progress(**state["progress"])
            check_progress(progress)
            check_count("steps", state["average"]["steps"])
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                check_optimizer(optimizer, saved)
                optimizer.load_state_dict(saved)
            check_numbers([*self.model.state_dict().values(), *self.average.model.state_dict().values()])
        except CheckpointError:
            raise
        except Exception as error:  # what somebody else wrote may be anything
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise CheckpointError(
                f"state.pt of {self.folder.path} is of another run, or damaged ({reason}): --resume goes on with the "
                "same recipe and the same classes alone"
            ) from error
        self.progress = progress

    def run(self, save_every: float = 300.0) -> None:
        """Train to the recipe's end, saving the state after each epoch and every ``save_every`` seconds."""
        saved = time.monotonic()
        with (
            self.workers.fast_products(self.recipe.mixed_precision),
            tqdm(total=self.schedule.steps, initial=self.progress.step, disable=not self.workers.is_first) as bar,
        ):
            while self.progress.epoch < self.recipe.epochs:
                for _ in self._train_epoch():
                    self._show(bar)
                    if time.monotonic() - saved > save_every:
                        self.folder.save(self.state_dict(), self.workers)
                        saved = time.monotonic()
                self._finish_epoch()
                if self.workers.is_first:
                    bar.write(describe(self.progress.rows[-1]))
                self.folder.save(self.state_dict(), self.workers)
                saved = time.monotonic()

    def _train_epoch(self) -> Iterator[None]:
        """Train on the rest of the present epoch, yielding after each batch."""
        self.model.train()
        size = self.recipe.phase_of(self.progress.epoch).images_per_step(self.images)
        recipe, epoch = self.recipe, self.progress.epoch
        batches = epoch_batches(self.train.labels, recipe.per_class, size, recipe.seed, epoch)
        for indices in batches[self.progress.batch :]:
            started = time.monotonic()
            self._step(indices)
            self.progress.seconds += time.monotonic() - started
            yield

    def _step(self, indices: Tensor) -> None:
        recipe, progress, workers = self.recipe, self.progress, self.workers
        phase = recipe.phase_of(progress.epoch)
        seed = (recipe.seed * 1_000_003 + progress.step) * workers.count + workers.rank
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)  # dropout and stochastic depth
        mine = indices[workers.rank :: workers.count]
        labels = self.train.labels[mine].to(workers.device)
        images, num_classes = self.train.images[mine], len(self.train.classes)
        soft_labels = self.train.soft_labels[mine] if phase.taught and self.train.soft_labels is not None else None
        pixels, targets = make_batch(images, labels, soft_labels, phase, generator, num_classes)
        rate = recipe.learning_rate * self.schedule.factor(progress.step)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
            for group in optimizer.param_groups:
                group["lr"] = rate
        with torch.autocast("cuda", torch.bfloat16) if workers.half(recipe.mixed_precision) else nullcontext():
            logits = self.forward(pixels, return_dict=True).logits
        loss = F.cross_entropy(logits.float(), targets)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
        self.average.update(self.model)
        progress.loss += loss.item() * len(mine)
        progress.correct += float((logits.argmax(1) == targets.argmax(1)).sum())
        progress.seen += len(mine)
        progress.batch += 1
        progress.step += 1

    def _show(self, bar: tqdm[Any]) -> None:
        progress = self.progress
        bar.set_description(f"epoch {progress.epoch + 1}/{self.recipe.epochs}", refresh=False)
        bar.set_postfix_str(f"loss {progress.loss / progress.seen:.3f}, {self._rate():.0f} images/s", refresh=False)
        bar.update(progress.step - bar.n)

    def _rate(self) -> float:
        """Images per second of all processes in the present epoch."""
        return self.progress.seen * self.workers.count / self.progress.seconds

    def _finish_epoch(self) -> None:
        progress, resolution = self.progress, self.recipe.phase_of(self.progress.epoch).resolution
        row = {
            "epoch": progress.epoch + 1,
            "resolution": resolution,
            "learning_rate": self.optimizers[0].param_groups[0]["lr"],
            "loss": progress.loss / progress.seen,
            "accuracy": progress.correct / progress.seen,
            "seconds": progress.seconds,
            "images_per_second": self._rate(),
        }
        if len(self.held_out):
            logits = predict(self.average.model, self.held_out.images, resolution, self.workers.device)
            row["held_out_loss"] = float(F.cross_entropy(logits, self.held_out.labels))
            row["held_out_accuracy"] = float((logits.argmax(1) == self.held_out.labels).float().mean())
        self.progress = Progress(epoch=progress.epoch + 1, step=progress.step, rows=[*progress.rows, row])
