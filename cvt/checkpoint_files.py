"""Reading one file of weights, whoever wrote it, without running anything that is in it.

The kind of a file is told by its first bytes, not by its name. Tensors are read into memory of their own, once: nothing
stays mapped to the file, so it may be overwritten or deleted while the model lives.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from safetensors import SafetensorError, safe_open

from cvt.errors import CheckpointError, shorten, shown
from cvt.files import read_json, refuse_pointer

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "WEIGHTS_NAMES",
    "file_kind",
    "find_weights",
    "load_pickle",
    "read_safetensors",
    "read_tensors",
    "shard_names",
]

WEIGHTS_NAMES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""What a folder's weights may be called, the preferred name first; an index lists the shards of a larger model."""

MOST_SHARDS = 1000
"""Files that an index may list."""

LONGEST_FILE_NAME = 255
"""Bytes of a file's name, which is as long as file systems have it."""

_WRAPPERS = ("state_dict", "model", "module")  # where training scripts keep the weights in a larger checkpoint
_PREFIXES = ("module.", "_orig_mod.")  # left by DataParallel and by torch.compile


def find_weights(folder: Path, names: Sequence[str] = WEIGHTS_NAMES) -> list[Path] | None:
    """The weights files of a folder: one, or the shards its index lists; None if it has no file of a known name.

    The first of ``names`` that is there counts.

    Raises:
        CheckpointError: the index is damaged, or a shard is missing.
    """
    for name in names:
        path = folder / name
        if path.is_file():
            return [folder / shard for shard in shard_names(path)] if name.endswith(".index.json") else [path]
    return None


def shard_names(index: Path) -> list[str]:
    """The file names an index lists, each once.

    Raises:
        CheckpointError: the index is damaged, or points outside its folder.
    """
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{index} must hold a 'weight_map' from tensor names to file names")
    names = sorted({str(name) for name in weight_map.values()})
    if len(names) > MOST_SHARDS:
        raise CheckpointError(f"{index} lists {len(names)} files; at most {MOST_SHARDS} are read")
    outside = [name for name in names if Path(name).name != name or name == ".." or set(name) & {"\\", "\0"}]
    if outside:
        raise CheckpointError(f"{index} points outside its own folder: {shorten([shown(name) for name in outside])}")
    overlong = [name for name in names if len(name.encode(errors="replace")) > LONGEST_FILE_NAME]
    if overlong:
        raise CheckpointError(f"{index} names a file longer than {LONGEST_FILE_NAME} bytes: {shorten(overlong)}")
    return names


def read_tensors(path: Path, as_stored: bool = False) -> dict[str, Tensor]:
    """Every tensor of one weights file, under the names the file uses.

    Floating-point tensors come as float32, or in the type they are stored in if ``as_stored``.

    Raises:
        CheckpointError: the file is missing, damaged, no checkpoint, or a pickle that asks for more than tensors.
    """
    match file_kind(path):
        case "safetensors":
            pairs = read_safetensors(path, "pt")
        case "pickle":
            pairs = _read_pickle(path)
    return {name: _plain(path, name, tensor, as_stored) for name, tensor in pairs}


def _plain(path: Path, name: str, tensor: Tensor, as_stored: bool) -> Tensor:
    import torch

    if tensor.layout != torch.strided or tensor.is_complex() or tensor.is_quantized:
        raise CheckpointError(
            f"tensor {shorten([name])} of {path} is {tensor.layout}, {tensor.dtype}; expected dense numbers"
        )
    if tensor.device.type != "cpu":
        raise CheckpointError(f"tensor {shorten([name])} of {path} has no numbers: it was saved from a meta device")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise CheckpointError(
            f"tensor {shorten([name])} of {path} claims {list(tensor.shape)} numbers, and the file holds "
            f"{tensor.untyped_storage().nbytes()} bytes of them; save it with .contiguous()"
        )
    if not (as_stored and tensor.is_floating_point()):
        tensor = tensor.to(torch.float32 if tensor.is_floating_point() else torch.int64)
    if not tensor.isfinite().all():
        raise CheckpointError(
            f"tensor {shorten([name])} of {path} holds NaN or infinity; the training went wrong there"
        )
    return tensor.detach().contiguous()


def file_kind(path: Path) -> Literal["safetensors", "pickle"]:
    """What kind of checkpoint the first bytes say a file is.

    Raises:
        CheckpointError: the file is missing, or neither.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    refuse_pointer(path)
    if size == 0:
        raise CheckpointError(f"{path} is empty; a download was broken off? Fetch the file again")
    if head[8:9] == b"{":
        return "safetensors"
    if head.startswith((b"PK\x03\x04", b"\x80")):  # a zip archive, or a bare pickle: what torch.save writes and wrote
        return "pickle"
    if path.suffix == ".safetensors" and size < 16:
        raise CheckpointError(f"{path} is only {size} bytes long; a download was broken off? Fetch the file again")
    raise CheckpointError(
        f"{path} is not a checkpoint: it begins with {head[:16]!r}; expected .safetensors, or what torch.save writes"
    )


def read_safetensors(path: Path, framework: Literal["pt", "np"]) -> Iterator[tuple[str, Any]]:
    """Every tensor of a safetensors file, of torch or of NumPy, in the file's dtype.

    Raises:
        CheckpointError: the file is damaged.
    """
    try:
        # pread, because a mapped file would crash the process when somebody overwrites it
        with safe_open(path, framework=framework, backend="pread") as file:
            for name in file.keys():  # noqa: SIM118 — not a dict
                yield name, file.get_tensor(name)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path} is damaged or half-written, not a complete safetensors file ({error}); fetch it again"
        ) from error


def load_pickle(path: Path) -> Any:
    """What ``torch.save`` wrote: tensors, numbers, texts and containers of them, and nothing that runs.

    Raises:
        CheckpointError: the file is missing, empty, damaged, or a pickle that asks for more.
    """
    import torch

    if file_kind(path) != "pickle":
        raise CheckpointError(f"{path} is a safetensors file; expected what torch.save writes")
    _refuse_zip_bomb(path)
    try:
        with path.open("rb") as file:  # torch.load would go by a path's suffix
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle may fail in any way
        raise CheckpointError(_why_pickle_failed(path, error)) from error


def _read_pickle(path: Path) -> Iterator[tuple[str, Tensor]]:
    loaded = load_pickle(path)
    tensors = _unwrap(loaded)
    if not tensors:
        raise CheckpointError(f"{path} holds no named tensors; expected a state dict, found {type(loaded).__name__}")
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    yield from tensors.items()


def _refuse_zip_bomb(path: Path) -> None:
    """What ``torch.save`` writes is never compressed, so that its parts are together no larger than the file.

    Raises:
        CheckpointError: they would be; unpacked, they could fill the memory.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # no archive: a bare pickle, or damaged, which reading it will tell
    size = path.stat().st_size
    if unpacked > size:
        raise CheckpointError(f"{path} of {size} bytes would unpack to {unpacked}; checkpoints are not compressed")


def _unwrap(loaded: Any, depth: int = 3) -> dict[str, Tensor]:
    """The state dict in what ``torch.load`` gave: itself, or the one that a training checkpoint wraps."""
    from torch import Tensor

    if not isinstance(loaded, Mapping) or not depth:
        return {}
    tensors = {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}
    return tensors or next((inner for key in _WRAPPERS if (inner := _unwrap(loaded.get(key), depth - 1))), {})


def _why_pickle_failed(path: Path, error: Exception) -> str:
    reason = str(error)
    if isinstance(error, pickle.UnpicklingError) and "truncated" not in reason:
        wanted = re.search(r"GLOBAL (\S+)", reason)
        what = f"the Python object {wanted[1]}" if wanted else "more than tensors"
        return (
            f"{path} is a pickle that asks for {what}. It was refused and nothing in it was run: loading it could run "
            "any program. Use a .safetensors version, or a file that holds only a state dict"
        )
    first_line = reason.strip().splitlines()[0] if reason.strip() else type(error).__name__
    return f"{path} is damaged, half-written or no checkpoint ({first_line}); fetch the file again"
