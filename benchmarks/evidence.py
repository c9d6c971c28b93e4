"""What it costs to say why: a trace with its best map, against a bare forward pass, in one run on one core.

    python -m benchmarks.evidence [--model bundled:imagenette] [--rounds 25]

From the photo to the map; the bare pass from prepared pixels. Rounds interleave all sides, so that a busy machine slows
all alike; ratios are medians of the rounds' own ratios, milliseconds those of the fastest round.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Collection
from functools import partial

import torch
from PIL import Image

from benchmarks.explain import PHOTO, seconds
from cvt import CvtForImageClassification, CvtImageProcessor, trace
from cvt.balanced import RULES, Rule
from cvt.threads import calm_numpy
from cvt.tracing import forward_pass
from visualize.class_evidence import class_evidence
from visualize.methods import METHODS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="bundled", help="what cvt's from_pretrained takes (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=25, help="(default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    calm_numpy()
    model = CvtForImageClassification.from_pretrained(options.model)
    processor = CvtImageProcessor.from_pretrained(options.model)
    photo = Image.open(PHOTO).convert("RGB")
    pixels = processor.prepare(photo).pixel_values

    def bare() -> None:
        with torch.inference_mode():
            model(pixels)

    def evidence(rules: Collection[Rule]) -> None:
        class_evidence(trace(model, processor, photo, target="winner", rules=rules))

    def in_one_pass() -> None:
        passed = forward_pass(model, processor, [photo])
        passed.traces()
        class_evidence(passed.traces(["winner"])[0])

    def in_two_passes() -> None:
        winner = trace(model, processor, photo).top(1)[0][0]
        class_evidence(trace(model, processor, photo, target=winner))

    needed = [rule] if (rule := METHODS["class_evidence"].rule) else []
    sides: dict[str, Callable[[], object]] = {
        "a bare forward pass": bare,
        "a trace without a target": partial(trace, model, processor, photo),
        "the best map of the winner": partial(evidence, needed),
        "the same, with what all other methods need": partial(evidence, RULES),
        "the prediction first, then that, in one forward pass": in_one_pass,
        "the prediction first, then that, in two forward passes": in_two_passes,
    }
    for warm_up in (*sides.values(), *sides.values()):
        warm_up()
    times = [[seconds(side) for side in sides.values()] for _ in range(options.rounds)]
    print(f"{options.model}, {pixels.shape[-1]} px, one thread, {options.rounds} rounds\n")
    print("| | milliseconds | × a bare forward pass |\n|---|---|---|")
    for index, name in enumerate(sides):
        ratio = statistics.median(row[index] / row[0] for row in times)
        print(f"| {name} | {1000 * min(row[index] for row in times):.1f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
