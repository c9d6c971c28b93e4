"""The score of a class is its probability."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from cvt.image_processor import CvtImageProcessor
from cvt.scoring import class_scorer
from cvt.tracing import trace
from tests.cvt.networks import small_classifier


def test_the_score_of_a_photo_is_the_probability_of_its_trace() -> None:
    model = small_classifier(temperature=1.7)
    noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    seen = [trace(model, CvtImageProcessor(size=64), Image.fromarray(pixels)) for pixels in noise]
    batch = np.stack([trace_of_photo.pixel_values for trace_of_photo in seen])
    for target in (0, 3):
        scores = class_scorer(model, target)(batch)
        np.testing.assert_allclose(scores, [trace_of_photo.probabilities[target] for trace_of_photo in seen], rtol=1e-5)
        assert scores.dtype == np.float32 and scores[0] != scores[1]
    scores = class_scorer(model, 3)(batch[..., ::-1])  # strided backwards, as a mirrored photo is
    np.testing.assert_allclose(scores, class_scorer(model, 3)(batch[..., ::-1].copy()))
    assert torch.is_grad_enabled()
