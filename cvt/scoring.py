"""How probable a class is, as a function of pixels: what measures of faith ask for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from cvt.model import CvtForImageClassification

__all__ = ["class_scorer"]


def class_scorer(model: CvtForImageClassification, target: int) -> Callable[[np.ndarray], np.ndarray]:
    """From normalised pixels ``[n, channels, height, width]`` to a class's probability, ``[n]`` float32.

    The probability is that of :attr:`cvt.Trace.probabilities`. It is what ``visualize.faithfulness`` and
    ``visualize.compare`` want to be given.

    Args:
        model: a classifier in evaluation mode, as it is loaded.
        target: index of the class.
    """

    def score(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(pixels)).to(model.device, model.dtype)
            logits = model(batch, return_dict=True).logits.float() / model.config.temperature
            shares: np.ndarray = logits.softmax(dim=1)[:, target].cpu().numpy()
        return shares

    return score
