"""The outside of a run: its folder on disk, and the processes that share the work."""

from __future__ import annotations

import csv
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from cvt.checkpoint_files import load_pickle
from cvt.device import choose_device
from cvt.errors import CheckpointError
from cvt.files import write_whole

__all__ = ["RunFolder", "Workers"]


@dataclass(frozen=True)
class Workers:
    """The processes that train together, and this one's place among them.

    Attributes:
        device: where this process computes.
        rank, count: this process's number and how many there are.
    """

    device: torch.device
    rank: int = 0
    count: int = 1

    @classmethod
    def start(cls, device: str = "auto") -> Workers:
        """This process alone, or its place in the group that ``torchrun`` started."""
        count, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        if count > 1 and device in ("auto", "cuda") and torch.cuda.is_available():
            device = f"cuda:{os.environ['LOCAL_RANK']}"
            torch.cuda.set_device(device)
        chosen = choose_device(device)
        if count > 1:
            torch.distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
        return cls(chosen, rank, count)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.count > 1:
            torch.distributed.destroy_process_group()

    @property
    def hardware(self) -> str:
        """What computes, in words: the GPU's name, or the processor's and the number of processes and threads."""
        if self.device.type == "cuda":
            return f"{self.count} × {torch.cuda.get_device_name(self.device)}"
        threads = f"{torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"
        return f"{_processor_name()}, {threads if self.count == 1 else f'{self.count} processes with {threads} each'}"

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files and shows the progress bar."""
        return self.rank == 0

    def half(self, wanted: bool) -> bool:
        """Whether to compute in bfloat16: wanted, and on a GPU that has it."""
        return wanted and self.device.type == "cuda" and torch.cuda.is_bf16_supported()

    @contextmanager
    def fast_products(self, wanted: bool) -> Iterator[None]:
        """Matrices multiplied in bfloat16 meanwhile, their sums in float32, on a processor with units for it (AMX).

        Only these: autocast is slower there than float32, by its convolutions and its fused attention.
        """
        if not (wanted and self.device.type == "cpu" and torch.cpu.get_capabilities().get("amx_bf16")):
            yield
            return
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("medium")
        try:
            with sdpa_kernel(SDPBackend.MATH):
                yield
        finally:
            torch.set_float32_matmul_precision(before)

    def gather(self, mine: Tensor, total: int) -> Tensor:
        """All processes' rows as one tensor of ``total`` rows, where process r brings rows r, r + count, …"""
        if self.count == 1:
            return mine
        padded = mine.new_zeros(-(-total // self.count), *mine.shape[1:])
        padded[: len(mine)] = mine
        parts = [torch.empty_like(padded) for _ in range(self.count)]
        torch.distributed.all_gather(parts, padded)
        return torch.stack(parts, dim=1).flatten(0, 1)[:total]

    def wrap(self, model: nn.Module, compiled: bool) -> Callable[..., Any]:
        """The model's forward pass, its gradients averaged over processes, compiled on CUDA if wanted."""
        forward = model
        if self.count > 1:
            forward = nn.parallel.DistributedDataParallel(model)
        # One graph per resolution: the few there are run faster than one for all.
        return torch.compile(forward, dynamic=False) if compiled and self.device.type == "cuda" else forward


def _processor_name() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


class RunFolder:
    """A run's files: ``state.pt`` to resume from, and ``log.csv``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def save(self, state: dict[str, Any], workers: Workers) -> None:
        """Replace the state in one move, so that being killed at any moment leaves a whole one: this, or the last."""
        if not workers.is_first:
            return
        unfinished = self.path / "state.pt.unfinished"
        torch.save(state, unfinished)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(self.path / "state.pt")
        self._write_log(state["progress"]["rows"])

    def load(self) -> dict[str, Any] | None:
        """The saved state, or None where there is none.

        Raises:
            CheckpointError: it cannot be read, or is none.
        """
        path = self.path / "state.pt"
        if not path.exists():
            return None
        state = _unpickled(path)
        if lacking := [name for name in _PARTS if not isinstance(state, dict) or name not in state]:
            raise CheckpointError(f"{path} is not the state of a run: it lacks {', '.join(lacking)}; {_REMEDY}")
        loaded: dict[str, Any] = state
        return loaded

    def _write_log(self, rows: list[dict[str, float]]) -> None:
        if not rows:
            return

        def write(path: Path) -> None:
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, rows[-1].keys())
                writer.writeheader()
                writer.writerows(rows)

        write_whole(self.path / "log.csv", write)


_PARTS = ("recipe", "hardware", "config", "model", "average", "optimizers", "progress")
_REMEDY = "move it away to begin anew, or name another --out"


def _unpickled(path: Path) -> Any:
    try:
        return load_pickle(path)
    except CheckpointError as error:
        raise CheckpointError(f"{error} ({_REMEDY})") from error
