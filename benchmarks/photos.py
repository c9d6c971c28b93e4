"""The photos that maps are measured on, and the options that say which."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from PIL import Image

from training.data import find_images

__all__ = ["photo_options", "photos"]


def photo_options(documentation: str, images: int) -> argparse.ArgumentParser:
    """A command line that asks for a model and for photos, ``images`` of them by default."""
    parser = argparse.ArgumentParser(description=documentation.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of Parquet shards or class folders, or a Hub dataset")
    parser.add_argument("--split", default="validation", help="part of the data set (default: %(default)s)")
    parser.add_argument("--model", default="bundled", help="what cvt's from_pretrained takes (default: %(default)s)")
    parser.add_argument("--images", type=int, default=images, help="photos (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything left to chance (default: %(default)s)")
    return parser


def photos(data: str, split: str, seed: int) -> Iterator[tuple[Image.Image, str]]:
    """The photos of a data set and their classes' names, in random order; the same for the same seed."""
    source = find_images(data, split)
    read = list(source)
    for index in np.random.default_rng(seed).permutation(len(read)):
        image, label = read[index]
        yield image, source.classes[label]
