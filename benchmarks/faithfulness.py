"""Do the explanations point at what the class stands on? Every method, over validation photos, in several ways.

    python -m benchmarks.faithfulness --data DATA [--model bundled:imagenette]

DATA holds a labelled image set as ``training`` reads them: a folder of Parquet shards or of one folder per class, or
a Hub dataset. For every photo the class the model predicts is explained by every method in every stage. Prints a
Markdown table; brackets are 95 % bootstrap intervals of the mean over photos. Measured are

- the symmetric relevance gain with the photo's blur as the stand-in, and both areas it is the difference of;
- the same with the mean colour, and SaCo, over the first ``--second`` photos (:mod:`visualize.faithfulness`);
- the grid pointing game: four photos that the model is sure of, of four classes, in a square of twice the side; the
  share of a map's positive values for one class that lies on its quarter, by chance a quarter;
- stability: the rank correlation of a map with that of the photo moved by one pixel, moved back;
- milliseconds for the map, its trace not counted; and the share of the answer by which what adds up is off.

With ``--keep FILE`` every photo's numbers are kept as a line of JSON, and a run that was stopped goes on from there.
``--write`` puts the gain and the pointing game of every map into ``faithfulness.json`` beside the model's weights, from
where the page takes the figures beside the methods' names.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.func import functional_call
from tqdm import tqdm

import cvt
import visualize
from benchmarks.photos import photo_options, photos
from cvt.balanced import BalancedGradients
from cvt.config import class_index
from cvt.image_processor import PreparedImage
from cvt.locations import resolve_file
from cvt.scoring import class_scorer
from visualize.comparison import measurable_maps
from visualize.faithfulness import Imputer, baselines, faithfulness, rank_correlation, saco, share_inside
from visualize.heatmap import Heatmap
from visualize.lookup import target_of
from visualize.methods import METHODS

Numbers = dict[str, dict[str, float]]
"""By map, and by measure."""


@dataclass(frozen=True)
class Moved:
    """A processor whose pictures are moved down and to the right by one model pixel; the edge is repeated."""

    processor: cvt.CvtImageProcessor

    def prepare(self, image: Image.Image, resolution: int | None = None) -> PreparedImage:
        prepared = self.processor.prepare(image, resolution=resolution)
        moved = torch.nn.functional.pad(prepared.pixel_values, (1, 0, 1, 0), mode="replicate")[..., :-1, :-1]
        return replace(prepared, pixel_values=moved)


@dataclass(frozen=True)
class Bench:
    """A model to be explained, and what all of its photos are measured with."""

    model: cvt.CvtForImageClassification
    processor: cvt.CvtImageProcessor
    steps: int
    seed: int
    sure: float

    def maps(self, seen: cvt.Trace, seed: int) -> dict[str, Heatmap]:
        """Every method's map of one photo in every stage, and what knows nothing."""
        found = {told(*key): heatmap for key, heatmap in measurable_maps(seen, everywhere=True).items()}
        return found | baselines(seen, seed)

    def photo(self, image: Image.Image, number: int, *, second: bool) -> Numbers:
        """What is measured on the photo of the most probable class."""
        seen = cvt.trace(self.model, self.processor, image, target="winner")
        target = target_of(seen)
        maps, score = self.maps(seen, self.seed + number), class_scorer(self.model, target)
        found: Numbers = {name: {} for name in maps}
        imputers: tuple[Imputer, ...] = ("blur", "mean") if second else ("blur",)
        for imputer in imputers:
            curves = faithfulness(seen, maps, score, imputer=imputer, steps=self.steps)
            for name, measured in curves.items():
                found[name][f"gain {imputer}"] = measured.gain
                found[name][f"most first {imputer}"] = measured.most_first.area
                found[name][f"least first {imputer}"] = measured.least_first.area
        if second:
            moved = cvt.trace(self.model, Moved(self.processor), image, target=target)  # type: ignore[arg-type]
            other = self.maps(moved, self.seed + number)
            for name, heatmap in maps.items():
                found[name]["saco"] = saco(seen, heatmap, score)
                found[name]["stability"] = stability(seen, heatmap, other[name])
            for name, seconds in self.seconds(seen).items():
                found[name]["ms"] = 1000 * seconds
            biases = self.biases(seen)
            for name, heatmap in maps.items():
                if heatmap.total is not None and name in biases:
                    sum_up = float(heatmap.values.sum()) + biases[name]
                    found[name]["off"] = abs(sum_up - heatmap.total) / abs(heatmap.total)
        return found

    def seconds(self, seen: cvt.Trace) -> dict[str, float]:
        """How long each map takes once there is a trace."""
        taken = {}
        for method, stage in measurable_maps(seen, everywhere=True):
            start = time.perf_counter()
            METHODS[method].map_of(seen, stage=-1 if stage is None else stage)
            taken[told(method, stage)] = time.perf_counter() - start
        return taken

    def biases(self, seen: cvt.Trace) -> dict[str, float]:
        """What everything that is learned and added brings to the answer, for each map that adds up.

        That is the slope of what is explained when all of it, below the place where the map is read, grows by a share.
        """
        constants = {
            name: value
            for name, value in chain(self.model.named_parameters(), self.model.named_buffers())
            if name.endswith(("bias", "cls_token", "running_mean"))
        }
        brought = {told("pixel_evidence", None): 0} | {
            told("libragrad", stage): stage + 1 for stage in range(len(seen.stages))
        }
        found = {}
        for name, first in brought.items():
            size = torch.ones((), requires_grad=True)
            grown = {key: value * size for key, value in constants.items() if place_of(key) >= first}
            pixels = torch.from_numpy(seen.pixel_values.copy())[None]
            with BalancedGradients():
                logits = functional_call(self.model, grown, (pixels,)).logits[0]
            explained = logits[seen.target] - logits.mean()
            found[name] = float(torch.autograd.grad(explained, size)[0])
        return found

    def grid(self, images: list[Image.Image], target: int, quarter: int, number: int) -> Numbers:
        """The pointing game: the share of each map's positive values for a class that lies on its quarter."""
        side = images[0].width
        square = Image.new("RGB", (2 * side, 2 * side))
        for place, image in enumerate(images):
            square.paste(image, (place % 2 * side, place // 2 * side))
        as_it_is = copy.copy(self.processor)
        as_it_is.do_resize = False
        seen = cvt.trace(self.model, as_it_is, square, target=target)
        row, column = divmod(quarter, 2)
        box = (row * side, column * side, (row + 1) * side, (column + 1) * side)
        maps = self.maps(seen, self.seed + number)
        return {name: {"pointing": share_inside(seen, heatmap, box)} for name, heatmap in maps.items()}

    def crop(self, image: Image.Image) -> Image.Image:
        """The part of a photo that the model sees, at the model's resolution."""
        crop = self.processor.prepare(image).crop
        resized = image.resize((crop.resized[1], crop.resized[0]), Image.Resampling.BICUBIC)
        return resized.crop((crop.left, crop.top, crop.left + crop.width, crop.top + crop.height))


def place_of(parameter: str) -> int:
    """After which reading point something learned is used: 0 the pixels, then the input of each stage's first block."""
    _, found, rest = parameter.partition("encoder.stages.")
    if not found:
        return 1 << 10  # the classifier and the norm before it
    stage, _, inside = rest.partition(".")
    return int(stage) + int(not inside.startswith("embedding."))


def told(method: str, stage: int | None) -> str:
    """A map's name in the table."""
    named = {"attention_rollout": "rollout as published", "rollout": "rollout for the class"}
    name = named.get(method, METHODS[method].name)
    return name if stage is None else f"{name}, stage {stage + 1}"


def stability(seen: cvt.Trace, heatmap: Heatmap, moved: Heatmap) -> float:
    """How alike the map of a photo and that of the photo moved by one pixel are, by rank, where both see the same."""
    height, width = seen.pixel_values.shape[1:]
    still, shifted = (visualize.to_pixels(which, height, width) for which in (heatmap, moved))
    return rank_correlation(still[:-1, :-1], shifted[1:, 1:])


def grids(
    bench: Bench, labelled: Iterator[tuple[Image.Image, str]], count: int
) -> Iterator[tuple[list[Image.Image], int, int]]:
    """Squares of four photos that the model is sure of: their crops, the class asked about, and its quarter."""
    waiting: dict[int, list[Image.Image]] = defaultdict(list)
    generator = np.random.default_rng(bench.seed)
    made = 0
    for image, name in labelled:
        label = class_index(bench.model.config, name)  # models number their classes each in its own way
        best, probability = cvt.trace(bench.model, bench.processor, image).top(1)[0]
        if best == label and probability >= bench.sure:
            waiting[label].append(bench.crop(image))
        ready = [label for label, some in waiting.items() if some]
        if len(ready) >= 4:
            chosen = generator.permutation(ready)[:4]
            quarter = int(generator.integers(4))
            yield [waiting[int(label)].pop() for label in chosen], int(chosen[quarter]), quarter
            made += 1
        if made == count:
            return


def interval(values: list[float], seed: int) -> str:
    """The mean and its 95 % bootstrap interval (2,000 resamplings, percentiles)."""
    if not values:
        return "–"
    array = np.array(values)
    means = array[np.random.default_rng(seed).integers(0, len(array), (2000, len(array)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{array.mean():.3f} ({low:.3f} to {high:.3f})".replace("-", "−")


def mean(values: list[float], digits: str) -> str:
    return f"{np.mean(values):{digits}}".replace("-", "−") if values else "–"


def by_map(found: list[Numbers]) -> list[tuple[str, dict[str, list[float]]]]:
    """Every map's name with all values of each of its measures, the most faithful first."""
    every: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for numbers in found:
        for name, measured in numbers.items():
            for measure, value in measured.items():
                every[name][measure].append(value)
    return sorted(every.items(), key=lambda item: -np.mean(item[1]["gain blur"]))


def write(found: list[Numbers], options: argparse.Namespace, grids_made: int, stages: int) -> Path:
    """Put what the page tells of each method into ``faithfulness.json`` beside the weights; where that is."""
    places = {told(method, stage): (method, stage) for method in METHODS for stage in (None, *range(stages))}
    maps = [
        {
            "method": places[name][0],
            "stage": places[name][1],
            "gain": round(float(np.mean(of["gain blur"])), 3),
            "pointing": round(float(np.mean(of["pointing"])), 3),
        }
        for name, of in by_map(found)
        if name in places
    ]
    path = resolve_file(options.model, "config.json").with_name("faithfulness.json")
    content = {"photos": options.images, "grids": grids_made, "maps": maps}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def table(found: list[Numbers], seed: int) -> str:
    """Markdown: a row per map, the most faithful first."""
    columns = ["map", "SRG ↑", "most first ↓", "least first ↑", "SRG, mean colour ↑", "SaCo ↑", "pointing game ↑"]
    columns += ["moved by 1 px ↑", "off by", "ms"]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name, of in by_map(found):
        cells = [name, interval(of["gain blur"], seed), mean(of["most first blur"], ".3f")]
        cells += [mean(of["least first blur"], ".3f"), interval(of["gain mean"], seed), mean(of["saco"], ".2f")]
        cells += [interval(of["pointing"], seed), mean(of["stability"], ".2f"), mean(of["off"], ".0e")]
        cells.append(mean([float(np.median(of["ms"]))] if of["ms"] else [], ".1f"))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def kept(path: Path | None, measured: Iterator[Callable[[], Numbers]]) -> Iterator[Numbers]:
    """Numbers of one photo after the other: those in a file, and the others as they are measured, which are added."""
    known = [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []
    for number, measure in enumerate(measured):
        if number < len(known):
            yield known[number]
            continue
        numbers = measure()
        if path:
            with path.open("a") as file:
                file.write(json.dumps(numbers) + "\n")
        yield numbers


def main() -> None:
    parser = photo_options(__doc__, images=500)
    parser.add_argument("--second", type=int, default=100, help="of them measured in every way (default: %(default)s)")
    parser.add_argument("--grids", type=int, default=200, help="of the pointing game (default: %(default)s)")
    parser.add_argument(
        "--sure", type=float, default=0.9, help="from which probability on it is sure of a photo (default: %(default)s)"
    )
    parser.add_argument("--steps", type=int, default=10, help="points of each curve (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="write faithfulness.json beside the weights, for the page")
    parser.add_argument("--keep", type=Path, help="file to keep numbers in, and to go on from")
    options = parser.parse_args()
    model = cvt.CvtForImageClassification.from_pretrained(options.model)
    bench = Bench(
        model, cvt.CvtImageProcessor.from_pretrained(options.model), options.steps, options.seed, options.sure
    )
    labelled = photos(options.data, options.split, options.seed)
    images = enumerate(image for image, _ in islice(labelled, options.images))
    squares = enumerate(grids(bench, labelled, options.grids))
    on_photos = (partial(bench.photo, image, number, second=number < options.second) for number, image in images)
    found = list(tqdm(kept(options.keep, on_photos), total=options.images, unit="photo"))
    on_grids = (partial(bench.grid, *square, number) for number, square in squares)
    file = options.keep and options.keep.with_suffix(".grids" + options.keep.suffix)
    pointed = list(tqdm(kept(file, on_grids), total=options.grids, unit="grid"))
    found += pointed
    title = f"{options.images} photos ({options.second} in every way), {len(pointed)} grids, {options.steps} steps"
    print(f"{options.model}: {title}\n\n{table(found, options.seed)}")
    if options.write and not pointed:
        parser.error(f"nothing written: no four photos are named rightly with --sure {options.sure}; ask for less")
    if options.write:
        print(f"\nwrote {write(found, options, len(pointed), len(model.config.depth))}")


if __name__ == "__main__":
    main()
