"""Processes that train together come to the same as one alone."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from training.optimizer import Muon
from training.run import Workers

CPU = torch.device("cpu")
SHAPES = [(8, 8), (8, 24), (8, 8), (24, 8), (8, 8)]


def steps_of_muon(workers: Workers) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    matrices = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]
    muon = Muon(matrices, workers, lr=0.02)
    for _ in range(2):
        for matrix in matrices:
            matrix.grad = torch.randn(matrix.shape, generator=generator)
        muon.step()
    return [matrix.detach() for matrix in matrices]


def work(rank: int, folder: Path) -> None:
    meeting = f"file://{folder / 'meeting'}"
    torch.distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    with Workers(CPU, rank, 2) as workers:
        rows = torch.arange(14.0).view(7, 2)[rank::2]
        torch.save((workers.gather(rows, 7), steps_of_muon(workers)), folder / f"{rank}.pt")


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    spawn(work, (tmp_path,), nprocs=2)
    alone = steps_of_muon(Workers(CPU))
    for rank in range(2):
        rows, matrices = torch.load(tmp_path / f"{rank}.pt")
        assert torch.equal(rows, torch.arange(14.0).view(7, 2))
        torch.testing.assert_close(matrices, alone)


def test_one_process_brings_all_rows() -> None:
    rows = torch.arange(7.0).view(7, 1)
    assert torch.equal(Workers(CPU).gather(rows, 7), rows)
