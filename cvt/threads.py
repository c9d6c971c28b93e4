"""NumPy's own threads, kept out of PyTorch's way."""

from __future__ import annotations

from threadpoolctl import ThreadpoolController

__all__ = ["calm_numpy"]


def calm_numpy() -> None:
    """Let NumPy's matrix products run in the thread that asks for them, for the life of this process.

    Threads of OpenBLAS wait for more work by spinning, as PyTorch's do, and on few cores each takes the other's time:
    on two, a forward pass right after a map takes twice as long. The products behind maps are small, so nothing is
    lost. Called once by whatever starts a process; the libraries leave threads alone.
    """
    ThreadpoolController().select(prefix="libscipy_openblas").limit(limits=1)  # the one that NumPy's packages bring
