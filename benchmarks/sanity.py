"""Does a map depend on what the network has learned? Its weights are randomised from the top, stage by stage.

    python -m benchmarks.sanity --data DATA [--figure docs/images/sanity.svg]

Cascading randomisation (Adebayo et al. 2018, arXiv 1810.03292, section 4.1): first the classifier loses what it has
learned, then the last stage as well, and so on down to the first. After every step each map is made anew, for the same
class, and ranked against the original one. A map of evidence has to lose its resemblance: mean |ρ| of at most 0.2 in
the end. Prints a Markdown table, and draws the curves.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn
from tqdm import tqdm

import cvt
from benchmarks.faithfulness import told
from benchmarks.photos import photo_options, photos
from cvt.initialisation import initialise
from visualize.comparison import measurable_maps
from visualize.faithfulness import rank_correlation
from visualize.methods import METHODS

LIMIT = 0.2
"""Mean |ρ| that a map of evidence may have with the original once nothing learned is left."""

Correlations = dict[tuple[str, int | None], np.ndarray]
"""Of every map, by method and stage: |ρ| after each step, the first being 1."""


def steps(model: cvt.CvtForImageClassification) -> list[str]:
    """What the steps are called."""
    return ["as learned", "classifier", *(f"stage {stage + 1}" for stage in reversed(range(model.config.num_stages)))]


def cascade(model: cvt.CvtForImageClassification, seed: int) -> Iterator[cvt.CvtForImageClassification]:
    """The model, and copies of it that have lost more and more, from the classifier down to the first stage."""
    yield model
    model = copy.deepcopy(model)
    torch.manual_seed(seed)
    for part in (nn.ModuleList([model.layernorm, model.classifier]), *reversed(model.cvt.encoder.stages)):
        forget(part, model.config.initializer_range)
        yield model


def forget(part: nn.Module, std: float) -> None:
    """Give all parameters and batch statistics below a module the values that training starts from."""
    for module in part.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()
    part.apply(partial(initialise, std=std))


def correlations(
    model: cvt.CvtForImageClassification, processor: cvt.CvtImageProcessor, image: Image.Image, seed: int
) -> Correlations:
    """How alike each map of a photo and the original one are as the network forgets."""
    target = cvt.trace(model, processor, image, target="winner", rules=()).target
    found: dict[tuple[str, int | None], list[float]] = defaultdict(list)
    first = None
    for forgetful in cascade(model, seed):
        maps = measurable_maps(cvt.trace(forgetful, processor, image, target=target), everywhere=True)
        first = first or maps
        for key, heatmap in maps.items():
            found[key].append(abs(rank_correlation(first[key].values, heatmap.values)))
    return {key: np.array(values) for key, values in found.items()}


def main() -> None:
    parser = photo_options(__doc__, images=50)
    parser.add_argument("--figure", type=Path, help="where to draw the curves")
    options = parser.parse_args()
    model = cvt.CvtForImageClassification.from_pretrained(options.model)
    processor = cvt.CvtImageProcessor.from_pretrained(options.model)
    some = islice(photos(options.data, options.split, options.seed), options.images)
    every = [
        correlations(model, processor, image, options.seed + number)
        for number, (image, _) in enumerate(tqdm(some, total=options.images, unit="photo"))
    ]
    means = {key: np.mean([of_photo[key] for of_photo in every], axis=0) for key in every[0]}
    print(f"{options.model}, {options.images} photos: mean |ρ| with the map of the network as learned\n")
    print(table(means, steps(model)))
    if options.figure:
        draw(means, steps(model)).savefig(options.figure, metadata={"Date": None})


def table(means: Correlations, names: list[str]) -> str:
    """Markdown: a row per map, evidence first."""
    lines = [f"| map | {' | '.join(names[1:])} |", "|---" * len(names) + "|"]
    for key, curve in means.items():
        lines.append(f"| {told(*key)} | {' | '.join(f'{value:.2f}' for value in curve[1:])} |")
    return "\n".join(lines)


def draw(means: Correlations, names: list[str]) -> Figure:
    """The curves, evidence left and looks at attention right: a colour for a method, dashes for a stage."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for panel, family in zip(panels, ("evidence", "attention"), strict=True):
        shown = {key: curve for key, curve in means.items() if METHODS[key[0]].family == family}
        colours = {method: f"C{place}" for place, method in enumerate(dict.fromkeys(method for method, _ in shown))}
        for (method, stage), curve in shown.items():
            dashes = "-" if stage is None else (":", "-.", "--")[stage % 3]
            panel.plot(names, curve, dashes, color=colours[method], label=told(method, stage))
        panel.axhline(LIMIT, color="grey", linewidth=0.8)
        panel.set(title=family, xlabel="forgotten so far, from the top", ylim=(0, 1.02))
        panel.legend(fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    panels[0].set_ylabel("mean |ρ| with the original map")
    return figure


if __name__ == "__main__":
    main()
