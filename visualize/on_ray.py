"""An order carried out on many machines through Ray Data: one model for each actor, and as many actors as have room.

Photos and results lie where all machines see them under the same paths, and all have the same version installed.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvt.errors import ConfigError
from visualize.job import Job, Order, Outcome, Pair

if TYPE_CHECKING:
    import numpy as np

__all__ = ["explain_on_ray"]

LOST = "the machine that worked on it gave no answer; --resume tries it again"

Rows = dict[str, "np.ndarray"]


class _Actor:
    """A job on one of the machines."""

    def __init__(self, order: Order) -> None:
        self.job = Job(order)

    def __call__(self, rows: Rows) -> dict[str, list[Any]]:
        pairs = [(Path(photo), Path(stem)) for photo, stem in zip(rows["photo"], rows["stem"], strict=True)]
        outcomes = list(self.job.explain(pairs))
        return {
            "photo": [str(path) for path, _ in outcomes],
            "explained": [reason is None for _, reason in outcomes],
            "reason": [reason or "" for _, reason in outcomes],
        }


def explain_on_ray(order: Order, pairs: Sequence[Pair], *, address: str, batch: int) -> Iterator[Outcome]:
    """Explain photos on a Ray cluster, in no order; each is told once.

    Args:
        order: what is wanted of every photo.
        pairs: the photos, and where their results go.
        address: of the cluster, as ``ray.init`` takes it; "local" begins one on this machine.
        batch: photos run together.

    Raises:
        ConfigError: Ray is not installed, or nothing answers at the address.
    """
    ray = _connect(address)
    try:
        kind = "GPU" if order.device.startswith("cuda") else "CPU"
        room = max(1, int(ray.cluster_resources().get(kind, 1)))
        actors = min(room, -(-len(pairs) // batch))
        photos = {str(path.resolve()): path for path, _ in pairs}
        rows = [{"photo": str(path.resolve()), "stem": str(stem.resolve())} for path, stem in pairs]
        explained = ray.data.from_items(rows, override_num_blocks=min(len(rows), 50 * actors)).map_batches(
            _Actor,
            fn_constructor_args=(order,),
            batch_size=batch,
            concurrency=(1, actors) if actors > 1 else 1,
            **({"num_gpus": 1} if kind == "GPU" else {"num_cpus": 1}),
        )
        for row in explained.iter_rows():
            yield photos.pop(row["photo"]), None if row["explained"] else row["reason"]
        yield from ((path, LOST) for path in photos.values())
    finally:
        ray.shutdown()


def _connect(address: str) -> Any:
    try:
        import ray
        import ray.data
    except ImportError:
        raise ConfigError("--ray needs Ray, which is not installed: pip install 'cvt-explorer[ray]'") from None
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal():  # an address without a scheme; Ray itself would try it for minutes
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except OSError as error:
            raise ConfigError(f"no Ray cluster answers at {address!r}: {error}") from None
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigError(f"no Ray cluster answers at {address!r}: {error}") from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # what one machine loses does not end the work of the others
    return ray
