"""Weights as transformers' TensorFlow models named and laid them out: ``tf_model.h5``, its shards, and safetensors.

A tensor is called ``cvt/encoder/stages.0/layers.0/…/kernel:0``; in an h5 file the names of its top-level layer and of
the model may stand before it. The CLS token is ``cvt.encoder.stages.2.cls_token:0`` whatever stage owns it. Dense
kernels are ``[in, out]``, convolutions ``[height, width, in, out]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import h5py
import numpy as np

from cvt.errors import CheckpointError
from cvt.keras.weights import LEAVES

__all__ = ["from_tensorflow", "is_h5", "is_tensorflow", "read_h5", "write_h5"]

_NAME = re.compile(
    r"(?P<cls>cvt\.encoder\.stages\.\d+\.cls_token):0"
    r"|(?P<path>cvt/encoder/stages\.\d+/.+|layernorm|classifier)/(?P<leaf>kernel|bias|gamma|beta|moving_mean|moving_variance):0"
)
_GROUPS = ("cvt", "layernorm", "classifier")
_ATTRIBUTE_LIMIT = 60_000  # bytes; HDF5 allows 64 KiB for an object's header


def is_tensorflow(names: Iterable[str]) -> bool:
    """Whether these are TensorFlow's names of a CvT's tensors."""
    return any(_match(name) for name in names)


def _match(name: str) -> re.Match[str] | None:
    match = _NAME.search(name)
    return match if match is not None and match.end() == len(name) else None


def from_tensorflow(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors under the names and in the layout of transformers' PyTorch model; unknown ones stay as they are.

    The CLS token goes to the last stage, the only one for which transformers' TensorFlow model could have one.
    """
    last = max((int(number) for name in tensors for number in re.findall(r"stages\.(\d+)/", name)), default=0)
    translated = {}
    for name, array in tensors.items():
        match = _match(name)
        if match is None:
            translated[name] = array
        elif match["cls"]:
            translated[f"cvt.encoder.stages.{last}.cls_token"] = array
        else:
            axes = {2: (1, 0), 4: (3, 2, 0, 1)}.get(array.ndim, range(array.ndim))
            theirs = f"{match['path'].replace('/', '.')}.{LEAVES[match['leaf']]}"
            translated[theirs] = np.ascontiguousarray(array.transpose(tuple(axes)))
    return translated


def is_h5(path: Path) -> bool:
    """Whether a file begins as an h5 file does."""
    try:
        with path.open("rb") as file:
            return file.read(8) == b"\x89HDF\r\n\x1a\n"
    except OSError:
        return False


def read_h5(path: Path) -> dict[str, np.ndarray]:
    """Every tensor of an h5 file, by its full name in the file.

    Raises:
        CheckpointError: the file is missing, damaged or no h5 file.
    """
    tensors: dict[str, np.ndarray] = {}

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            tensors[name] = np.asarray(item)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except OSError as error:
        raise CheckpointError(f"{path} is damaged, half-written or no h5 file ({error}); fetch it again") from error
    return tensors


def write_h5(path: Path, tensors: Mapping[str, np.ndarray], model_name: str) -> None:
    """Write tensors under the names and in the layout of transformers' PyTorch model as its ``tf_model.h5``."""
    groups: dict[str, dict[str, np.ndarray]] = {group: {} for group in _GROUPS}
    for theirs, array in tensors.items():
        if theirs.endswith("num_batches_tracked"):
            continue
        group = theirs.partition(".")[0]
        if theirs.endswith("cls_token"):
            groups[group]["cvt.encoder.stages.2.cls_token:0"] = array
            continue
        axes = {2: (1, 0), 4: (2, 3, 1, 0)}.get(array.ndim, range(array.ndim))
        groups[group][f"{model_name}/{_tensorflow_name(theirs)}:0"] = array.transpose(tuple(axes))
    with h5py.File(path, "w") as file:
        _write_names(file, "layer_names", [group for group, members in groups.items() if members])
        file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", "2.15.0"  # of the Keras 2 that reads it
        for group, members in groups.items():
            if members:
                _write_names(file.create_group(group), "weight_names", list(members))
            for name, array in members.items():
                file[group].create_dataset(name, data=np.ascontiguousarray(array))


def _write_names(group: h5py.Group, key: str, names: list[str]) -> None:
    """A list as Keras 2 keeps it: in several attributes, ``key0``, ``key1`` …, where one would be too large."""
    array = np.asarray([name.encode() for name in names])
    parts = np.array_split(array, -(-array.nbytes // _ATTRIBUTE_LIMIT))
    for index, part in enumerate(parts):
        group.attrs[key if len(parts) == 1 else f"{key}{index}"] = part


def _tensorflow_name(theirs: str) -> str:
    *modules, leaf = theirs.split(".")
    norm = modules[-1].startswith("layernorm") or modules[-1] == "normalization"
    if leaf == "weight":
        leaf = "gamma" if norm else "kernel"
    elif leaf == "bias":
        leaf = "beta" if norm else "bias"
    else:
        leaf = {"running_mean": "moving_mean", "running_var": "moving_variance"}[leaf]
    return re.sub(r"(stages|layers)/(\d+)", r"\1.\2", "/".join([*modules, leaf]))
