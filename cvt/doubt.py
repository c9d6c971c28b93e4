"""Whether a photo shows something that the model knows, told from its logits.

A classifier answers whatever it is shown with one of its classes. These numbers are larger for photos of anything else,
not always but mostly; ``training.unknown`` measures how well, and a checkpoint's configuration says which of them to
compare with which threshold (``doubt_score``, ``doubt_threshold``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cvt.config import CvtConfig
from cvt.errors import ConfigError

__all__ = ["DOUBT_SCORES", "energy", "in_doubt", "max_logit", "max_softmax"]


def energy(logits: np.ndarray) -> np.ndarray:
    """Minus the log of the summed exponentials of ``[…, classes]`` (Liu et al. 2020, arXiv 2010.03759, equation 4)."""
    highest = logits.max(axis=-1)
    return -(highest + np.log(np.exp(logits - highest[..., None]).sum(axis=-1)))


def max_softmax(logits: np.ndarray) -> np.ndarray:
    """One minus the largest probability (Hendrycks & Gimpel 2017, arXiv 1610.02136); from 0 to 1 - 1/classes."""
    return 1 - np.exp(logits.max(axis=-1) + energy(logits))


def max_logit(logits: np.ndarray) -> np.ndarray:
    """Minus the largest of the logits ``[…, classes]`` (Hendrycks et al. 2022, arXiv 1911.11132, section 3)."""
    return -logits.max(axis=-1)


DOUBT_SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "energy": energy,
    "max_logit": max_logit,
    "max_softmax": max_softmax,
}
"""What ``doubt_score`` may name; each takes logits ``[…, classes]`` divided by the temperature and grows with doubt."""


def in_doubt(logits: np.ndarray, config: CvtConfig) -> bool | None:
    """Whether one photo's logits ``[classes]`` lie beyond the checkpoint's threshold; None where it has none.

    Raises:
        ConfigError: the configuration names another score than :data:`DOUBT_SCORES` has.
    """
    name, threshold = config.extra.get("doubt_score"), config.extra.get("doubt_threshold")
    if name is None or threshold is None:
        return None
    if name not in DOUBT_SCORES:
        raise ConfigError(f"doubt_score={name!r} must be one of {', '.join(DOUBT_SCORES)}")
    return bool(DOUBT_SCORES[name](logits.astype(np.float64) / config.temperature) > float(threshold))
