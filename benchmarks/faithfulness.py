"""Do the explanations point at what the class stands on? Insertion and deletion over validation photos.

    python -m benchmarks.faithfulness --data DATA

DATA holds a labelled image set as ``training`` reads them: a folder of Parquet shards or of one folder per class, or
a Hub dataset. For every photo the class the model predicts is explained by every method; the areas under both curves
(Petsiuk et al. 2018; see :mod:`visualize.faithfulness`) are averaged over the photos. Prints a Markdown table with
95 % bootstrap confidence intervals of the mean, and of the lead in insertion − deletion over each baseline, photo by
photo. About a quarter of an hour for the bundled model on two CPU cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

import cvt
import visualize
from training.data import find_images
from visualize import Heatmap
from visualize.class_evidence import Method

BASELINES = ("random", "centre")

METHODS: dict[Method, str] = {
    "grad_cam": "Grad-CAM",
    "hires_cam": "HiResCAM",
    "grad_attention": "gradient × attention",
}


def explanations(traced: cvt.Trace, seed: int) -> dict[str, Heatmap]:
    """Every method's map of one photo, baselines first."""
    maps = {
        "random": visualize.random_map(traced, seed),
        "centre": visualize.centre_map(traced),
        "attention received, last block": visualize.attention_received(traced, -1, -1),
        "rollout as published": visualize.rollout(traced),
        "rollout for the class": visualize.rollout(traced, for_class=True),
    }
    for method, name in METHODS.items():
        for stage in range(len(traced.stages)):
            maps[f"{name}, stage {stage + 1}"] = visualize.class_evidence(traced, stage, method)
    return maps


def scorer(model: cvt.CvtForImageClassification, target: int) -> Callable[[np.ndarray], np.ndarray]:
    """Probability of a class for a batch of normalised pixels."""

    def score(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits = model(torch.from_numpy(pixels)).logits / model.config.temperature
            return np.asarray(logits.softmax(dim=1)[:, target].numpy())

    return score


def choose(data: str, split: str, count: int, seed: int) -> list[Image.Image]:
    """Some photos of a data set, chosen at random; the same for the same seed."""
    source = find_images(data, split)
    chosen = set(np.random.default_rng(seed).permutation(len(source))[:count].tolist())
    return [photo for index, (photo, _) in enumerate(source) if index in chosen]


def interval(values: np.ndarray, seed: int) -> str:
    """The mean and its 95 % bootstrap interval (2,000 resamplings, percentiles)."""
    generator = np.random.default_rng(seed)
    means = values[generator.integers(0, len(values), (2000, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})".replace("-", "−")


def table(areas: dict[str, np.ndarray], seed: int) -> str:
    """Markdown: one row per method from ``[photos, 2]`` areas of insertion and deletion."""
    lines = ["| method | insertion ↑ | deletion ↓ | insertion − deletion ↑ | lead over random | lead over centre |"]
    lines.append("|---|---|---|---|---|---|")
    gain = {name: area[:, 0] - area[:, 1] for name, area in areas.items()}
    for name, area in areas.items():
        leads = ["" if name == other else interval(gain[name] - gain[other], seed) for other in BASELINES]
        cells = [name, interval(area[:, 0], seed), interval(area[:, 1], seed), interval(gain[name], seed), *leads]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of Parquet shards or class folders, or a Hub dataset")
    parser.add_argument("--split", default="validation", help="part of the data set (default: %(default)s)")
    parser.add_argument("--model", default="bundled", help="what cvt's from_pretrained takes (default: %(default)s)")
    parser.add_argument("--images", type=int, default=256, help="photos (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=16, help="points of each curve (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="choice of photos, noise, bootstrap (default: %(default)s)")
    options = parser.parse_args()
    model = cvt.CvtForImageClassification.from_pretrained(options.model)
    processor = cvt.CvtImageProcessor.from_pretrained(options.model)
    found: dict[str, list[tuple[float, float]]] = {}
    photos = choose(options.data, options.split, options.images, options.seed)
    for number, photo in enumerate(tqdm(photos, unit="photo")):
        target = int(cvt.trace(model, processor, photo).logits.argmax())
        traced = cvt.trace(model, processor, photo, target=target)
        score = scorer(model, target)
        for name, heatmap in explanations(traced, options.seed + number).items():
            curves = visualize.faithfulness(traced, heatmap, score, steps=options.steps, batch=options.steps + 1)
            found.setdefault(name, []).append((curves.insertion.area, curves.deletion.area))
    areas = {name: np.array(pairs) for name, pairs in found.items()}
    print(f"{options.model}, {len(photos)} photos of {options.data} ({options.split}), {options.steps} steps\n")
    print(table(areas, options.seed))


if __name__ == "__main__":
    main()
