"""What a recipe file says: the architecture, the data and every choice of the training, in one frozen dataclass."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cvt.errors import ConfigError

__all__ = ["Augmentation", "Phase", "Recipe", "load_recipe"]


@dataclass(frozen=True)
class Augmentation:
    """How images are changed at random before they are learnt from; see :mod:`training.augment`.

    Attributes:
        recompress: probability of JPEG's traces, of a random quality (per image).
        crop_scale: smallest and largest share of the area that a random crop covers.
        blur: probability of a slight blur (per image).
        warp: probability of a rotation, shear and shift (per image).
        colour: strength of changes of colour.
        erase: probability that a rectangle is replaced by noise (per image).
        mix: probability of MixUp or CutMix (per batch).
    """

    recompress: float = 0.0
    crop_scale: tuple[float, float] = (0.35, 1.0)
    blur: float = 0.0
    warp: float = 0.3
    colour: float = 0.3
    erase: float = 0.25
    mix: float = 0.5

    def clean(self) -> Augmentation:
        """The same without warping, erasing and mixing."""
        return replace(self, warp=0.0, erase=0.0, mix=0.0)


@dataclass(frozen=True)
class Phase:
    """Consecutive epochs trained in one way.

    Attributes:
        epochs: how many.
        resolution: side of the model's input, in pixels.
        batch_size: images per step, over all processes.
        augmentation: how the images are changed at random.
        label_smoothing: probability spread over all classes. A network that ends its training with it stays less sure
            than it is right where it is sure, and no temperature mends that (Müller et al. 2019, arXiv 1906.02629).
        taught: share of the target that is a teacher's answer, from the soft labels of :mod:`training.teacher`, and not
            the label (knowledge distillation, Hinton et al. 2015, arXiv 1503.02531, at temperature 1).
        restart: share of the full learning rate from which a new half cosine falls, over this phase and those that
            follow; without it the present one goes on. Warm restarts: Loshchilov & Hutter 2017, arXiv 1608.03983.
    """

    epochs: int
    resolution: int
    batch_size: int
    augmentation: Augmentation = Augmentation()
    label_smoothing: float = 0.1
    taught: float = 0.0
    restart: float | None = None

    def images_per_step(self, images: int) -> int:
        """The batch size among so many images; no batch is larger than all of them."""
        return min(self.batch_size, images)

    def batches(self, images: int) -> int:
        """Whole batches in an epoch over so many images; at least one."""
        return images // self.images_per_step(images)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run.

    Attributes:
        name: of the recipe, and of the run's folder unless another is given.
        data: where the images are, in one or more places (:func:`training.data.find_images`), the classes of all
            together; empty where ``--data`` has to say, as in the recipes here: the Hub's copies of their data could
            not be tried where they were written.
        about_data: sentences for the model card: what the data is, where it comes from, its terms.
        license: of the weights, for the model card; empty where that is for somebody else to say.
        phases: the epochs and how each is trained, in order; CvT has no positional encoding, so the image may grow.
        stored_size: side at which images are kept in memory and random crops are taken from.
        architecture: fields of :class:`cvt.CvtConfig` that differ from its defaults.
        optimizer: "adamw", or "muon" for Muon on the blocks' linears and AdamW on everything else.
        learning_rate: after warm-up, falling along half a cosine to ``final_rate`` of itself.
        warmup_epochs: epochs of linear warm-up; a fraction is allowed.
        weight_decay: of matrices and convolution kernels; norms, biases and CLS have none.
        clip_norm: largest norm of the gradient.
        ema_decay: of the moving average of weights per step, which is what gets evaluated and saved.
        held_out: share of the training images kept for measuring progress and fitting the temperature.
        test_resolution, crop_pct, resample: of the image processor saved with the model. The resolution is the last
            phase's unless given; random crops show objects larger than they are, so a test resolution somewhat above
            the last phase's, or a closer crop, fits them better (Touvron et al. 2019, arXiv 1906.06423).
        doubt: the score of :mod:`cvt.doubt` by which the saved model says "none of these", if any.
        mixed_precision: bfloat16 where the hardware is faster with it: autocast on CUDA, the products of matrices alone
            on a processor with AMX.
        compiled: ``torch.compile``, on CUDA only.
        per_class: most images of one class in an epoch, another draw in every epoch; None takes all.
        seed: of the weights, the order of images and the augmentation.
    """

    name: str
    phases: tuple[Phase, ...]
    stored_size: int
    data: tuple[str, ...] = ()
    about_data: str = ""
    license: str = ""
    architecture: dict[str, Any] = field(default_factory=dict)
    optimizer: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = 1e-3
    final_rate: float = 0.01
    warmup_epochs: float = 3
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    ema_decay: float = 0.998
    held_out: float = 0.05
    test_resolution: int | None = None
    crop_pct: float = 0.875
    resample: int = 3
    doubt: str | None = None
    mixed_precision: bool = True
    compiled: bool = False
    per_class: int | None = None
    seed: int = 0

    @property
    def epochs(self) -> int:
        """Epochs of all phases together."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def resolution(self) -> int:
        """Input resolution of the saved model."""
        return self.test_resolution or self.phases[-1].resolution

    def phase_of(self, epoch: int) -> Phase:
        """The phase that an epoch, counted from 0, belongs to."""
        for phase in self.phases:
            if epoch < phase.epochs:
                return phase
            epoch -= phase.epochs
        raise IndexError(f"this recipe has {self.epochs} epochs")

    def with_data(self, data: Sequence[str] | None) -> Recipe:
        """The same recipe for images elsewhere, if ``data`` says where.

        Raises:
            ConfigError: neither ``data`` nor the recipe says where the images are.
        """
        if not (data or self.data):
            raise ConfigError(f"the recipe {self.name} names no data: say --data FOLDER")
        return replace(self, data=tuple(data or self.data))

    def with_epochs(self, epochs: int) -> Recipe:
        """The same recipe stretched or shortened to ``epochs`` in all; each phase keeps its share, warm-up too.

        Raises:
            ConfigError: ``epochs`` is not positive.
        """
        if epochs < 1:
            raise ConfigError(f"epochs={epochs} must be at least 1")
        ends = [0]
        for phase in self.phases:
            ends.append(ends[-1] + phase.epochs)
        ends = [round(end * epochs / self.epochs) for end in ends]
        phases = [replace(p, epochs=b - a) for p, a, b in zip(self.phases, ends[:-1], ends[1:], strict=True)]
        return replace(
            self,
            phases=tuple(phase for phase in phases if phase.epochs),
            warmup_epochs=self.warmup_epochs * epochs / self.epochs,
        )


def load_recipe(name: str) -> Recipe:
    """The recipe of ``training/recipes/NAME.py``; "-" in the name may stand for "_".

    Raises:
        ConfigError: there is no such recipe.
    """
    known = [file.stem for file in sorted((Path(__file__).parent / "recipes").glob("[a-z]*.py"))]
    stem = name.replace("-", "_")
    if stem not in known:
        raise ConfigError(f"recipe {name!r} must be one of {', '.join(known)}")
    recipe = importlib.import_module(f".recipes.{stem}", __package__).RECIPE
    assert isinstance(recipe, Recipe)
    return recipe
