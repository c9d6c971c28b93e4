"""How faithful each method's maps of a model are over many photos, as ``benchmarks.faithfulness --write`` left it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from cvt.errors import CheckpointError
from cvt.files import read_json

__all__ = ["MeasuredMap", "measured_maps"]


@dataclass(frozen=True)
class MeasuredMap:
    """One map's figures.

    Attributes:
        method: an identifier of :data:`visualize.methods.METHODS`.
        stage: from 0; None for a map of the whole network.
        gain: symmetric relevance gain, −1 to 1; a map that knows nothing has 0.
        pointing: share of the evidence on the right quarter in the pointing game, 0 to 1, by chance 0.25.
    """

    method: str
    stage: Annotated[int, Field(ge=0)] | None
    gain: Annotated[float, Field(ge=-1, le=1)]
    pointing: Annotated[float, Field(ge=0, le=1)]


_MAPS = TypeAdapter(tuple[MeasuredMap, ...])


def measured_maps(folder: Path) -> tuple[MeasuredMap, ...]:
    """What ``faithfulness.json`` in a model's folder says; nothing where there is none.

    Raises:
        CheckpointError: it cannot be read, or says what cannot be.
    """
    stated = folder / "faithfulness.json"
    if not stated.is_file():
        return ()
    try:
        return _MAPS.validate_python(read_json(stated).get("maps"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in ("maps", *first["loc"]))
        raise CheckpointError(f"{stated}: {place}: {first['msg']}; measure it again") from error
