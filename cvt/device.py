"""Where to compute."""

from __future__ import annotations

import torch

from cvt.errors import ConfigError

__all__ = ["choose_device"]


def choose_device(name: str = "auto") -> torch.device:
    """A device by PyTorch's name for it; "auto" takes the first there is of a CUDA GPU, Apple's GPU and the CPU.

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device {name!r} is not available here (allowed: 'auto', 'cpu', …): {reason}") from error
    return device
