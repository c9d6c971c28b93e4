"""The shapes at the borders are looked at: what breaks one is told by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from cvt.errors import ImageError
from cvt.outputs import BaseModelOutputWithCLSToken, ImageClassifierOutput
from cvt.tracing import BlockTrace
from tests.cvt.networks import small_classifier

BROKEN: dict[str, Callable[[], Any]] = {
    "logits without a batch": lambda: ImageClassifierOutput(logits=torch.zeros(5)),
    "a loss for every image": lambda: ImageClassifierOutput(loss=torch.zeros(2)),
    "CLS of another width": lambda: BaseModelOutputWithCLSToken(torch.zeros(1, 8, 4, 4), torch.zeros(1, 1, 9)),
    "a map without channels": lambda: BaseModelOutputWithCLSToken(
        torch.zeros(1, 8, 4, 4), hidden_states=(torch.zeros(1, 4, 4),)
    ),
    "keys of other heads": lambda: BlockTrace(np.zeros((2, 16, 4), np.float32), np.zeros((1, 4, 4), np.float32)),
    "evidence of doubles": lambda: BlockTrace(
        np.zeros((2, 16, 4), np.float32), np.zeros((2, 4, 4), np.float32), evidence=np.zeros(16)
    ),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_wrong_shape_is_told(broken: Callable[[], Any]) -> None:
    with pytest.raises(TypeCheckError, match="Float"):
        broken()


def test_errors_of_our_own_come_first() -> None:
    with pytest.raises(ImageError, match="pixel_values has shape"):
        small_classifier()(torch.zeros(3, 64, 64))
