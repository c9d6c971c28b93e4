"""Labelled images from Parquet shards, class folders or a Hub dataset.

For training they become one uint8 tensor: small data sets (Imagenette, Tiny-ImageNet, a person's own photos) are
decoded once and fit in memory many times over; after that a batch costs no more than an index.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cvt.errors import CvtError, ImageError, shown
from cvt.image_processor import open_photo

__all__ = ["DataError", "ImageSet", "ImageSource", "find_images", "hold_out", "join", "load_images", "short_name"]

SPLITS = {"train": ("train",), "validation": ("validation", "valid", "val", "test")}
"""The names that folders and shards use for each split, the preferred one first."""

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


class DataError(CvtError):
    """Training images that cannot be found or read."""


@dataclass(frozen=True)
class ImageSource:
    """One split of a data set, not yet read.

    Attributes:
        name: what was asked for, for messages and model cards.
        split: "train" or "validation"; "all" for class folders that are not split, which are taken whole.
        classes: class names by index.
        files: Parquet shards, or image files.
        labels: class index of each image file; None for shards, which hold their own.
    """

    name: str
    split: str
    classes: tuple[str, ...]
    files: tuple[Path, ...]
    labels: tuple[int, ...] | None

    def __len__(self) -> int:
        if self.labels is not None:
            return len(self.labels)
        return sum(_parquet_file(shard).metadata.num_rows for shard in self.files)

    def __iter__(self) -> Iterator[tuple[Image.Image, int]]:
        """Every image, upright RGB, with its label.

        Raises:
            DataError: an image cannot be read; the message names it.
        """
        if self.labels is not None:
            for path, label in zip(self.files, self.labels, strict=True):
                yield _open(str(path), path), label
            return
        for shard in self.files:
            for number, row in enumerate(_rows(shard), 1):
                image, label = row["image"], row["label"]
                if not isinstance(image, dict) or not isinstance(image.get("bytes"), bytes):
                    raise DataError(f"{shard}, row {number}: image={shown(image)} must have the bytes of a picture")
                if type(label) is not int or not 0 <= label < len(self.classes):
                    raise DataError(
                        f"{shard}, row {number}: label={shown(label)} must be from 0 to {len(self.classes) - 1}"
                    )
                yield _open(f"{shard.name}:{image.get('path')}", image["bytes"]), label


@dataclass(frozen=True)
class ImageSet:
    """Images of one size in memory, with their classes.

    Attributes:
        images: uint8 RGB, ``[N, 3, size, size]``.
        labels: class indices, int64 ``[N]``.
        classes: class names by index.
        soft_labels: a teacher's probabilities, float16 ``[N, classes]``, where there are any.
        origins: which of several data sets each class comes from, by index; empty where all are of one.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    soft_labels: Tensor | None = None
    origins: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def weights(self) -> Tensor:
        """What each image counts, float32 ``[N]``, where every data set shall count as much as another."""
        origins = torch.tensor(self.origins or [0] * len(self.classes))[self.labels]
        return 1 / origins.bincount().float()[origins]

    def select(self, indices: Tensor) -> ImageSet:
        """The images with these indices, in their order."""
        soft_labels = None if self.soft_labels is None else self.soft_labels[indices]
        return replace(self, images=self.images[indices], labels=self.labels[indices], soft_labels=soft_labels)


def find_images(source: str | Path, split: str) -> ImageSource:
    """A split of a data set.

    Args:
        source: a folder with Parquet shards in the Hub's image schema (``train-00000-of-00001.parquet``, columns
            ``image`` and ``label``, class names in ``labels.json``); a folder with one folder per class, with or
            without ``train`` and ``val`` above them (without, it is taken whole); or the id of a Hub dataset.
        split: "train" or "validation".

    Raises:
        DataError: there is no such data.
    """
    folder = Path(source)
    if not folder.is_dir():
        folder = _download(str(source))
    shards = _shards(folder, split)
    if shards:
        return ImageSource(str(source), split, _shard_classes(folder, shards), tuple(shards), None)
    place = _split_folder(folder, split)
    classes, files, labels = _class_folders(place)
    return ImageSource(str(source), "all" if place == folder else split, classes, files, labels)


def load_images(source: str | Path, split: str, size: int) -> ImageSet:
    """Every image of a split (:func:`find_images`), its shorter side resized to ``size``, the middle square kept.

    Raises:
        DataError: there is no such data, or an image cannot be read.
    """
    found = find_images(source, split)
    try:
        images = torch.empty(len(found), 3, size, size, dtype=torch.uint8)
    except RuntimeError as error:
        raise DataError(f"the {len(found)} images of {source} do not fit into memory at {size} px") from error
    labels = torch.empty(len(found), dtype=torch.int64)
    for index, (image, label) in enumerate(found):
        images[index], labels[index] = _square(image, size), label
    return ImageSet(images, labels, found.classes)


def join(sets: Sequence[ImageSet]) -> ImageSet:
    """Several sets of images as one, with the classes of all, in order.

    Raises:
        DataError: two sets have a class of the same name.
    """
    classes = tuple(name for image_set in sets for name in image_set.classes)
    if repeated := sorted({name for name in classes if classes.count(name) > 1}):
        raise DataError(f"two of the data sets have a class named {', '.join(repeated)}; each must be in one alone")
    offsets = accumulate((len(image_set.classes) for image_set in sets), initial=0)
    labels = torch.cat([image_set.labels + offset for image_set, offset in zip(sets, offsets, strict=False)])
    origins = tuple(index for index, image_set in enumerate(sets) for _ in image_set.classes)
    return ImageSet(torch.cat([image_set.images for image_set in sets]), labels, classes, origins=origins)


def hold_out(data: ImageSet, share: float, seed: int = 0) -> tuple[ImageSet, ImageSet]:
    """Split into two, the second with about ``share`` of each class; the same images for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    held = torch.zeros(len(data), dtype=torch.bool)
    for label in range(len(data.classes)):
        members = (data.labels == label).nonzero().flatten()
        order = torch.randperm(len(members), generator=generator)
        held[members[order[: round(share * len(members))]]] = True
    return data.select((~held).nonzero().flatten()), data.select(held.nonzero().flatten())


def short_name(name: str) -> str:
    """The first of a class's synonyms: "tench" of "tench, Tinca tinca"."""
    return name.split(",")[0].strip()


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, repo_type="dataset", allow_patterns=["*.parquet", "*labels.json"]))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise DataError(f"{name!r} is neither a folder nor a dataset that the Hub gives: {error}") from error


def _shards(folder: Path, split: str) -> list[Path]:
    for name in SPLITS[split]:
        for place in (folder, folder / "data"):
            if found := sorted(place.glob(f"{name}-*.parquet")):
                return found
    return []


def _parquet_file(shard: Path):  # type: ignore[no-untyped-def]  # pyarrow has no types and may be missing
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise DataError("reading Parquet needs pyarrow: pip install -r requirements-training.txt") from error
    try:
        return pyarrow.parquet.ParquetFile(shard)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{shard} is not a whole Parquet file ({error}); fetch it again") from error


def _rows(shard: Path) -> Iterator[dict[str, Any]]:
    file = _parquet_file(shard)
    if missing := {"image", "label"} - set(file.schema_arrow.names):
        raise DataError(f"{shard} has no column {' and no '.join(sorted(missing))}; it has {file.schema_arrow.names}")
    try:
        for batch in file.iter_batches(256, columns=["image", "label"]):
            yield from batch.to_pylist()
    except (ValueError, OSError) as error:  # pyarrow's own are among them
        raise DataError(f"{shard} is damaged ({error}); fetch it again") from error


def _shard_classes(folder: Path, shards: list[Path]) -> tuple[str, ...]:
    """Class names of ``labels.json``, or of the shards' own metadata, shortened where that leaves them apart."""
    path = folder / "labels.json"
    try:
        if path.is_file():
            entries = sorted(json.loads(path.read_text(encoding="utf-8")), key=lambda entry: entry["id"])
            names = [entry["name"] for entry in entries]
        else:
            path = shards[0]
            metadata = _parquet_file(path).schema_arrow.metadata or {}
            features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
            names = features.get("label", {}).get("names", [])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} does not name classes: expected a list of objects with 'id' and 'name'") from error
    if not all(isinstance(name, str) for name in names):
        raise DataError(f"{path} names the classes {shown(names)}; names must be texts")
    if not names:
        raise DataError(f"{folder} names no classes: expected labels.json, or names in the shards' metadata")
    short = [short_name(name) for name in names]
    return tuple(first if short.count(first) == 1 else name for first, name in zip(short, names, strict=True))


def _split_folder(folder: Path, split: str) -> Path:
    for name in SPLITS[split]:
        if (folder / name).is_dir():
            return folder / name
    others = [name for names in SPLITS.values() for name in names if (folder / name).is_dir()]
    if others:
        raise DataError(f"{folder} has {', '.join(others)} but no {' or '.join(SPLITS[split])}")
    return folder


def _class_folders(folder: Path) -> tuple[tuple[str, ...], tuple[Path, ...], tuple[int, ...]]:
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    found = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
    ]
    empty = set(range(len(classes))) - {label for _, label in found}
    if not found or empty:
        which = f"no image in {', '.join(classes[label] for label in sorted(empty))}" if found else "neither"
        raise DataError(f"{folder} must hold Parquet shards, or folders of images, one per class; found {which}")
    return tuple(classes), tuple(path for path, _ in found), tuple(label for _, label in found)


def _open(name: str, source: Path | bytes) -> Image.Image:
    try:
        return open_photo(source)
    except ImageError as error:
        raise DataError(f"{name}: {error}") from error


def _square(image: Image.Image, size: int) -> Tensor:
    if image.size != (size, size):
        scale = size / min(image.size)
        width, height = (max(size, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - size) // 2, (height - size) // 2
        image = image.crop((left, top, left + size, top + size))
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)
