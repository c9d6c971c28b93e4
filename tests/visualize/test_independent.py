"""Quantus (Hedström et al. 2023), another project's measures, says of our maps what ours do."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.sanity import correlations
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.tracing import Trace, trace
from ui.examples import examples
from visualize.class_evidence import class_evidence, pixel_evidence
from visualize.faithfulness import faithfulness, rank_correlation
from visualize.heatmap import to_pixels

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import quantus


class Logits(nn.Module):
    """A classifier as Quantus takes one: pixels in, logits out."""

    def __init__(self, model: CvtForImageClassification) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.model(pixels).logits
        return logits


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("map_of", [class_evidence, pixel_evidence])
def test_pixel_flipping(
    noise_trace: Callable[..., Trace],
    network: Callable[[str], CvtForImageClassification],
    map_of: Callable[[Trace], object],
) -> None:
    """Both curves, with black, which is the mean colour here, for what is missing.

    Quantus takes a pixel's three colours away one after the other; ours go together, a third as often.
    """
    seen, model = noise_trace("released", target=3), network("released")
    heatmap = map_of(seen)

    def score(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(model(torch.from_numpy(pixels)).logits.softmax(dim=1)[:, 3].numpy())

    ours = faithfulness(seen, {"map": heatmap}, score, imputer="mean", steps=8)["map"]  # type: ignore[dict-item]
    height, width = seen.pixel_values.shape[1:]
    values = to_pixels(heatmap, height, width).astype(np.float64)[None, None]  # type: ignore[arg-type]
    values -= 1e-12 * np.arange(height * width).reshape(height, width)  # equal ones go in reading order
    flipping = quantus.PixelFlipping(
        features_in_step=height * width // 8, perturb_baseline=0.0, normalise=False, disable_warnings=True
    )
    for curve, sign in ((ours.most_first, 1), (ours.least_first, -1)):
        theirs = flipping(
            model=Logits(model).eval(),
            x_batch=seen.pixel_values[None].copy(),
            y_batch=np.array([3]),
            a_batch=sign * values,
            softmax=True,
            channel_first=True,
        )
        np.testing.assert_allclose(np.ravel(theirs)[2::3], curve.scores[1:], atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_randomisation() -> None:
    """All of the network forgotten, layer by layer from the top as Quantus does it, the best map resembles itself as
    little as ours say it does."""
    model = CvtForImageClassification.from_pretrained("bundled:imagenette")
    processor = CvtImageProcessor.from_pretrained("bundled:imagenette")
    photo = examples()["spaniels"].open()
    target = trace(model, processor, photo).top(1)[0][0]

    def explain(model: Logits, inputs: np.ndarray, targets: np.ndarray, **_: object) -> np.ndarray:
        values = class_evidence(trace(model.model, processor, photo, target=int(targets[0]), rules=("attnlrp",))).values
        return values[None, None]

    pixels = trace(model, processor, photo).pixel_values
    torch.manual_seed(0)
    theirs = quantus.MPRT(
        similarity_func=quantus.similarity_func.correlation_spearman,
        return_last_correlation=True,
        normalise=False,
        disable_warnings=True,
    )(
        model=Logits(model).eval(),
        x_batch=pixels[None].copy(),
        y_batch=np.array([target]),
        explain_func=explain,
        channel_first=True,
    )
    ours = correlations(model, processor, photo, seed=0)["class_evidence", None]
    assert abs(theirs[0]) < 0.2 and ours[-1] < 0.2
    assert ours[0] == pytest.approx(1)


def test_rank_correlation() -> None:
    first, noise = np.random.default_rng(0).normal(size=(2, 20, 20))
    theirs = quantus.similarity_func.correlation_spearman(first.ravel(), (first + noise).ravel())
    assert rank_correlation(first, first + noise) == pytest.approx(theirs)
