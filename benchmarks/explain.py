"""What explanations cost: a bare forward pass, our full set, and the same set built the usual way, in one run.

    python -m benchmarks.explain [--photo FILE] [--rounds 15] [--threads N]

The set, for CvT-13 at 224 pixels on the CPU: the prediction; the feature map of each stage; the attention of CLS in
all heads of the last block; the attention received in each stage's last block; a rollout. That makes 13 pictures on
the photo, RGB, 512 pixels. Both explaining sides start from the photo; the bare pass from prepared pixels. Weights
are random, seeded and the same on both sides, since time does not depend on them.

"The usual way" is what one writes today with transformers' model, which has no attention output: forward hooks on the
attention's dropout, hidden states from the model, maps upsampled by interpolation over the whole input, a rollout of
the last stage alone with whole matrices, and a matplotlib figure per map.

Rounds interleave the three, so that a busy machine slows all alike; ratios are medians of the rounds' own ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from cvt import CvtConfig, CvtForImageClassification, CvtImageProcessor, trace
from cvt.threads import calm_numpy
from visualize.attention import attention_heads, attention_received
from visualize.feature_maps import feature_map
from visualize.paint import prepare
from visualize.palette import shared_limits
from visualize.rollout import rollout

PIXELS = 512
PHOTO = Path(__file__).parent.parent / "examples" / "cat.jpg"


def ours(model: CvtForImageClassification, processor: CvtImageProcessor, photo: Image.Image) -> list[np.ndarray]:
    """The full set with this project's two packages."""
    seen = trace(model, processor, photo)
    seen.top(5)
    stages = range(len(seen.stages))
    maps = [feature_map(seen, stage) for stage in stages]
    maps += [attention_received(seen, stage, -1) for stage in stages]
    maps.append(rollout(seen))
    heads = attention_heads(seen, -1, -1, "cls")
    canvas, scale = prepare(seen, PIXELS), shared_limits(heads)
    pictures = [canvas.paint(heatmap) for heatmap in maps] + [canvas.paint(heatmap, scale=scale) for heatmap in heads]
    return [np.asarray(picture) for picture in pictures]


def usual(model: Any, processor: Any, photo: Image.Image) -> list[np.ndarray]:
    """The full set with transformers, forward hooks and matplotlib."""
    attentions: list[torch.Tensor] = []
    hooks = [
        layer.attention.attention.dropout.register_forward_hook(lambda _m, _i, output: attentions.append(output))
        for stage in model.cvt.encoder.stages
        for layer in stage.layers
    ]
    with torch.no_grad():
        output = model(**processor(photo, return_tensors="pt"), output_hidden_states=True)
    for hook in hooks:
        hook.remove()
    output.logits.softmax(-1).topk(5)
    depth = model.config.depth
    last = np.cumsum(depth) - 1
    maps = [hidden[0].norm(dim=0) for hidden in output.hidden_states]
    for index in last:
        received = attentions[index][0].mean(dim=(0, 1))
        maps.append(square(received[1:] if index == last[-1] else received))
    maps.append(square_rollout(attentions[last[-2] + 1 :]))
    maps += [square(weights) for weights in attentions[-1][0, :, 0, 1:]]
    background = photo.resize((PIXELS, PIXELS))
    return [figure(background, heatmap) for heatmap in maps]


def square(values: torch.Tensor) -> torch.Tensor:
    """Flat cells as a square map."""
    side = int(len(values) ** 0.5)
    return values.reshape(side, side)


def square_rollout(attentions: list[torch.Tensor]) -> torch.Tensor:
    """Rollout of CLS through one stage: squeezed keys spread over the tokens they stand for, then whole matrices."""
    result = None
    for attention in attentions:
        weights = attention[0].mean(dim=0)
        queries, keys = weights.shape[0] - 1, weights.shape[1] - 1
        side, key_side = int(queries**0.5), int(keys**0.5)
        spread = F.interpolate(weights[:, 1:].reshape(-1, 1, key_side, key_side), size=side).flatten(1)
        full = torch.cat([weights[:, :1], spread * (keys / queries)], dim=1) + torch.eye(queries + 1)
        full = full / full.sum(dim=-1, keepdim=True)
        result = full if result is None else full @ result
    assert result is not None
    return square(result[0, 1:])


def figure(background: Image.Image, values: torch.Tensor) -> np.ndarray:
    """A map over the photo as a matplotlib figure, RGB."""
    upsampled = F.interpolate(values[None, None], size=(PIXELS, PIXELS), mode="bilinear")[0, 0].numpy()
    canvas = FigureCanvasAgg(Figure(figsize=(PIXELS / 100, PIXELS / 100), dpi=100))
    axes = canvas.figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.imshow(background)
    axes.imshow(upsampled, cmap="viridis", alpha=0.6)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def models() -> tuple[CvtForImageClassification, CvtImageProcessor, Any, Any]:
    """CvT-13 with the same random weights, and its preprocessing, from both projects."""
    from transformers import AutoImageProcessor
    from transformers import CvtForImageClassification as TheirClassifier

    torch.manual_seed(0)
    model, processor = CvtForImageClassification(CvtConfig(num_labels=1000)).eval(), CvtImageProcessor()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        theirs = TheirClassifier.from_pretrained(folder).eval()
        their_processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    return model, processor, theirs, their_processor


def seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a forward pass, our explanations, and the usual way.")
    parser.add_argument("--photo", type=Path, default=PHOTO)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, help="of PyTorch; default: its own choice")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    calm_numpy()  # as the app and the command line do; the other side multiplies no matrices with NumPy
    model, processor, theirs, their_processor = models()
    photo = Image.open(options.photo).convert("RGB")
    pixels = processor.prepare(photo).pixel_values

    def bare() -> None:
        with torch.inference_mode():
            model(pixels)

    with torch.no_grad():
        other = theirs(**their_processor(photo, return_tensors="pt")).logits
        assert torch.allclose(model(pixels).logits, other, atol=1e-3), "both sides must run the same network"
    sides = {
        "a bare forward pass": bare,
        "our full set": lambda: ours(model, processor, photo),
        "the usual way": lambda: usual(theirs, their_processor, photo),
    }
    for warm_up in (*sides.values(), *sides.values()):
        warm_up()
    times = [[seconds(side) for side in sides.values()] for _ in range(options.rounds)]
    print(f"CvT-13, 224 px, {os.cpu_count()} CPUs, {torch.get_num_threads()} threads, {options.rounds} rounds\n")
    print("| | milliseconds | × a bare forward pass |\n|---|---|---|")
    for index, name in enumerate(sides):
        middle = statistics.median(row[index] for row in times)
        ratio = statistics.median(row[index] / row[0] for row in times)
        print(f"| {name} | {1000 * middle:.0f} | {ratio:.2f} |")
    print(f"\nThe usual way takes {statistics.median(row[2] / row[1] for row in times):.1f} times as long as ours.")


if __name__ == "__main__":
    main()
