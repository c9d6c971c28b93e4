"""What a forward pass returns: dataclasses that also unpack and index as tuples of the fields that are set.

The field names and their order are those of the classes Hugging Face documents for CvT; ``attentions`` is added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["BaseModelOutputWithCLSToken", "GatheredOutput", "ImageClassifierOutput"]


class _TupleLike:
    """Tuple and mapping access over the dataclass fields that are not None."""

    def to_tuple(self) -> tuple[Any, ...]:
        """The fields that are set, in order: what ``return_dict=False`` returns."""
        return tuple(value for _, value in self.items())

    def keys(self) -> list[str]:
        return [name for name, _ in self.items()]

    def values(self) -> list[Any]:
        return list(self.to_tuple())

    def items(self) -> list[tuple[str, Any]]:
        pairs = ((f.name, getattr(self, f.name)) for f in fields(self))  # type: ignore[arg-type]
        return [(name, value) for name, value in pairs if value is not None]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.to_tuple())

    def __len__(self) -> int:
        return len(self.items())

    def __getitem__(self, index: int | slice | str) -> Any:
        return dict(self.items())[index] if isinstance(index, str) else self.to_tuple()[index]

    def __contains__(self, name: object) -> bool:
        return name in self.keys()


@dataclass(eq=False)
class BaseModelOutputWithCLSToken(_TupleLike):
    """Output of :class:`~cvt.CvtModel`.

    Attributes:
        last_hidden_state: the last stage's feature map, ``[batch, channels, height, width]``, CLS not included.
        cls_token_value: the last stage's CLS token, ``[batch, 1, channels]``, or None where the stage has none.
        hidden_states: one feature map per stage, ``[batch, channels, height, width]``, when asked for.
        attentions: one tensor per block, in order, ``[batch, heads, queries, keys]``, each row a probability
            distribution; CLS first on both axes where the stage has one. When asked for.
    """

    last_hidden_state: Float[Tensor, "batch channels height width"]
    cls_token_value: Float[Tensor, "batch 1 channels"] | None = None
    hidden_states: tuple[Float[Tensor, "batch _ _ _"], ...] | None = None
    attentions: tuple[Float[Tensor, "batch _ _ _"], ...] | None = None


@dataclass(eq=False)
class ImageClassifierOutput(_TupleLike):
    """Output of :class:`~cvt.CvtForImageClassification`.

    Attributes:
        loss: scalar, when labels are given.
        logits: ``[batch, num_labels]``, before the softmax.
        hidden_states: as in :class:`BaseModelOutputWithCLSToken`.
        attentions: as in :class:`BaseModelOutputWithCLSToken`.
    """

    loss: Float[Tensor, ""] | None = None
    logits: Float[Tensor, "batch num_labels"] | None = None
    hidden_states: tuple[Float[Tensor, "batch _ _ _"], ...] | None = None
    attentions: tuple[Float[Tensor, "batch _ _ _"], ...] | None = None


class GatheredOutput(dict[str, Any]):
    """What ``torch.nn.DataParallel`` makes of its replicas' outputs: the fields that are set, also as attributes.

    It can put dictionaries together, but no dataclasses. A whole number or a slice indexes the tuple of values.
    """

    def __getattr__(self, name: str) -> Any:
        if name not in _FIELDS:
            raise AttributeError(f"the output has no {name!r}; it has {', '.join(self)}")
        return self.get(name)

    def __getitem__(self, index: int | slice | str) -> Any:
        return super().__getitem__(index) if isinstance(index, str) else self.to_tuple()[index]

    def to_tuple(self) -> tuple[Any, ...]:
        """The fields that are set, in order."""
        return tuple(self.values())


_FIELDS = {field.name for output in (BaseModelOutputWithCLSToken, ImageClassifierOutput) for field in fields(output)}

for _output in (BaseModelOutputWithCLSToken, ImageClassifierOutput):
    torch.export.register_dataclass(_output, serialized_type_name=f"cvt.{_output.__name__}")
