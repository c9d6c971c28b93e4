"""A new last layer for a network that has learnt from other images: a linear probe of its features.

What a network knows is in its features; its last layer tells the classes, the sharpness and the crops of the images it
was trained on. Only the layer is fitted anew to images of another kind, and to their classes.
"""

from __future__ import annotations

from itertools import chain, count, islice

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .loop import epoch_batches

__all__ = ["cross_fitted"]

STEPS, BATCH, RATE, DECAY = 510, 1024, 2e-3, 0.1


def cross_fitted(features: Tensor, labels: Tensor, num_classes: int, folds: int = 5, seed: int = 0) -> Tensor:
    """Logits for each image, from a layer that was fitted to others.

    The images are dealt into ``folds``, and each fold is answered by a layer fitted to the rest: one that has seen an
    image answers with its label, which teaches nothing new.

    Args:
        features: ``[N, width]``, of any scale.
        labels: class indices ``[N]``.

    Returns:
        float32 ``[N, num_classes]``.
    """
    features = features.float()
    features = (features - features.mean(0)) / features.std(0).clamp(min=1e-3)
    generator = torch.Generator().manual_seed(seed)
    fold = torch.randperm(len(features), generator=generator) % min(folds, len(features))
    logits = features.new_empty(len(features), num_classes)
    for number in fold.unique():
        mine = fold == number
        layer = _fit(features[~mine], labels[~mine], num_classes, seed)
        logits[mine] = layer(features[mine]).detach()
    return logits


def _fit(features: Tensor, labels: Tensor, num_classes: int, seed: int) -> nn.Linear:
    """Softmax regression by AdamW, from weights of zero, the rate falling along half a cosine."""
    layer = nn.Linear(features.shape[1], num_classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    size = min(BATCH, len(features))
    optimizer = torch.optim.AdamW(layer.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    epochs = (epoch_batches(labels, None, size, seed, epoch) for epoch in count())
    for batch in islice(chain.from_iterable(epochs), STEPS):
        optimizer.zero_grad()
        F.cross_entropy(layer(features[batch]), labels[batch]).backward()
        optimizer.step()
        schedule.step()
    return layer
