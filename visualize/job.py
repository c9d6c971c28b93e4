"""What ``python -m visualize`` makes of photos, here or elsewhere: for each a sheet, its arrays and a summary."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from cvt.config import class_index
from cvt.device import choose_device
from cvt.errors import CvtError
from cvt.image_processor import CvtImageProcessor, open_photo
from cvt.model import CvtForImageClassification
from cvt.tracing import Trace, forward_pass
from visualize.counting import parse_head, parse_index, parse_query
from visualize.export import save_arrays, save_summary
from visualize.figure import figure
from visualize.methods import METHODS, map_of
from visualize.report import report

__all__ = ["CLASSES", "Job", "Order", "Outcome", "Pair", "with_suffix"]

CLASSES = 3
"""How many of the most probable classes get their evidence on the sheet, unless one is asked for by name."""

Pair = tuple[Path, Path]
"""A photo, and where its results go, without a suffix."""

Outcome = tuple[Path, str | None]
"""A photo, and why it failed; None for one that was explained."""


@dataclass(frozen=True)
class Order:
    """What is wanted of every photo; the command's options under the same names.

    Attributes:
        model: Hub id, folder, or "bundled".
        target: a class by name or number; None for the most probable ones.
        formats: suffixes of the sheets.
        figure: the method of a single map besides; ``stage``, ``block``, ``head``, ``query`` (from 1) and ``width``
            are the figure's.
        resolution: side of the model's input in pixels; None for the model's own.
        device, language: as the command takes them.
    """

    model: str
    target: str | None
    formats: Sequence[str]
    figure: str | None
    stage: int
    block: int
    head: str
    query: str
    width: int
    resolution: int | None
    device: str
    language: str

    @property
    def suffixes(self) -> list[str]:
        """The ends of the names of all files that belong to a photo."""
        figures = [self.figure_suffix(suffix) for suffix in self.formats if self.figure]
        return [*self.formats, *figures, ".npz", ".json"]

    def figure_suffix(self, suffix: str) -> str:
        """The end of the name of the figure, in the format of a sheet's suffix."""
        return f"-{self.figure}{suffix}"

    def is_done(self, stem: Path) -> bool:
        """Whether a photo's results are all there."""
        return all(with_suffix(stem, suffix).is_file() for suffix in self.suffixes)


class Job:
    """An order with its model loaded, ready to be carried out.

    Raises:
        CvtError: the model cannot be had, or has no such class; the device is not there.
    """

    def __init__(self, order: Order) -> None:
        self.order = order
        self.model = CvtForImageClassification.from_pretrained(order.model).to(choose_device(order.device)).eval()
        self.processor = CvtImageProcessor.from_pretrained(order.model)
        target: str | int | None = order.target
        if isinstance(target, str) and target not in self.model.config.label2id and target.isdecimal():
            target = int(target)
        self.target = None if target is None else class_index(self.model.config, target)

    def explain(self, pairs: Sequence[Pair]) -> Iterator[Outcome]:
        """Explain some photos, together as far as possible; each is told as soon as it is done or has failed."""
        photos: dict[Path, Image.Image] = {}
        for path, _ in pairs:
            try:
                photos[path] = open_photo(path)
            except Exception as error:
                yield path, _reason(error)
        try:
            traces = dict(zip(photos, self._traces(list(photos.values())), strict=True))
        except Exception:  # one of them spoils the batch: it is found out by itself
            traces = {}
            for path, photo in photos.items():
                try:
                    (traces[path],) = self._traces([photo])
                except Exception as error:
                    yield path, _reason(error)
        for path, stem in pairs:
            if path in traces:
                try:
                    self._write(path, stem, traces[path])
                except Exception as error:
                    yield path, _reason(error)
                else:
                    yield path, None

    def _traces(self, photos: list[Image.Image]) -> list[list[Trace]]:
        """For each photo a trace for each class whose evidence is wanted."""
        if not photos:
            return []
        passed = forward_pass(self.model, self.processor, photos, self.order.resolution)
        if self.target is not None:
            wanted = [[self.target]] * len(photos)
        else:
            wanted = [[index for index, _ in trace.top(CLASSES)] for trace in passed.traces()]
        by_class = [passed.traces(targets) for targets in zip(*wanted, strict=True)]
        return [list(of_photo) for of_photo in zip(*by_class, strict=True)]

    def _write(self, path: Path, stem: Path, traces: list[Trace]) -> None:
        """Write all of a photo's files elsewhere, then move them to their names: nobody ever sees half of one."""
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=stem.parent) as folder:
            self._write_all(path, Path(folder) / stem.name, traces)
            for file in sorted(Path(folder).iterdir()):
                file.replace(stem.parent / file.name)

    def _write_all(self, path: Path, stem: Path, traces: list[Trace]) -> None:
        order, first = self.order, traces[0]
        told: dict[str, Any] = {"model_name": order.model, "photo_name": path.name, "language": order.language}
        for suffix in order.formats:
            report(first, with_suffix(stem, suffix), evidence=traces, **told)
            if order.figure:
                self._write_figure(order.figure, first, with_suffix(stem, order.figure_suffix(suffix)))
        save_arrays(first, with_suffix(stem, ".npz"), model_name=order.model)
        save_summary(first, with_suffix(stem, ".json"), **told)

    def _write_figure(self, method: str, trace: Trace, path: Path) -> None:
        order = self.order
        stage = parse_index("stage", order.stage, len(trace.stages))
        there = trace.stages[stage]
        block = parse_index("block", order.block, len(there.blocks))
        head = parse_head(order.head, len(there.blocks[block].query))
        query = parse_query(order.query, there.geometry.tokens, there.has_cls or "query" not in METHODS[method].uses)
        heatmap = map_of(trace, method, stage=stage, block=block, head=head, query=query)
        figure(trace, heatmap, path, width=order.width, model_name=order.model, language=order.language)


def with_suffix(stem: Path, suffix: str) -> Path:
    """One of a photo's files; what follows a dot in the stem stays."""
    return stem.with_name(stem.name + suffix)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, CvtError | OSError) else f"{type(error).__name__}: {error}"
