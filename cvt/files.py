"""Files that may be missing, damaged or half-written."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cvt.errors import CheckpointError

__all__ = ["json_text", "read_json", "refuse_pointer", "write_json", "write_whole"]

MOST_JSON = 16 * 2**20
"""Bytes of the largest JSON file that is read; a hundred thousand class names take half of it."""


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        CheckpointError: the file cannot be read, is too large, or holds no JSON object.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MOST_JSON + 1)
        if len(text) > MOST_JSON:
            raise CheckpointError(f"{path} is larger than {MOST_JSON // 2**20} MB; no model needs such a JSON file")
        content = json.loads(text.decode())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except RecursionError:
        raise CheckpointError(f"{path} is nested too deeply to be a model's JSON file") from None
    except ValueError as error:  # also what undecodable bytes raise
        refuse_pointer(path)
        raise CheckpointError(f"{path} is not valid JSON ({error}); fetch the file again") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} must hold a JSON object, not {type(content).__name__}")
    return content


def refuse_pointer(path: Path) -> None:
    """Complain about a file that Git LFS has not fetched yet.

    Raises:
        CheckpointError: the file holds an address of itself, as Git LFS leaves it.
    """
    with path.open("rb") as file:
        if file.read(64).startswith(b"version https://git-lfs"):
            raise CheckpointError(
                f"{path} is a Git LFS pointer, not the file itself; run `git lfs pull` in its repository or download it"
            )


def json_text(fields: Mapping[str, Any]) -> str:
    """Named fields as the text of a JSON file."""
    return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"


def write_json(path: Path, fields: Mapping[str, Any]) -> None:
    """Write named fields as a JSON file, in a folder that is made if missing.

    Raises:
        CheckpointError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda unfinished: unfinished.write_text(json_text(fields), encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written: {error.strerror or error}") from error


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside ``path``, then move over it, so that no reader ever sees half a file."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode
        write(temporary)
        temporary.chmod(mode)  # safetensors would leave a file that nobody else may read
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
