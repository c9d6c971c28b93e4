"""The architectures of the released models (paper, table 1)."""

from __future__ import annotations

from typing import Any

__all__ = ["PRESETS"]

_WIDE = {
    "embed_dim": (192, 768, 1024),
    "num_heads": (3, 12, 16),
    "depth": (2, 2, 20),
    "drop_path_rate": (0.0, 0.0, 0.3),
}

PRESETS: dict[str, dict[str, Any]] = {
    "cvt-13": {},
    "cvt-21": {"depth": (1, 4, 16)},
    "cvt-w24": _WIDE,
}
"""The fields in which each differs from a configuration's defaults, by name.

A preset is an architecture alone: class names, ``hidden_act`` and resolution belong to the checkpoint."""
