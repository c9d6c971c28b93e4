"""What the Keras models return: dictionaries of what is set, in order, that also read by attribute and by index.

Every backend can look into them (they are registered tree nodes), so that they pass through ``fit``, ``predict``,
``tf.function``, ``jax.jit`` and functional models. Names and fields are those Hugging Face documents for TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import keras

__all__ = ["TFBaseModelOutputWithCLSToken", "TFImageClassifierOutputWithNoAttention"]


class _Output(dict[str, Any]):
    """The fields that are not None, by name; ``output.field``, ``output["field"]`` and ``output[0]`` read them."""

    fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, pairs: Iterable[tuple[str, Any]] | dict[str, Any] = (), **values: Any) -> None:
        given = {**dict(pairs), **values}
        unknown = given.keys() - set(self.fields)
        if unknown:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}; it has {self.fields}")
        super().__init__((name, given[name]) for name in self.fields if given.get(name) is not None)

    def __getattr__(self, name: str) -> Any:
        if name in type(self).fields:
            return self.get(name)
        raise AttributeError(f"{type(self).__name__} has no field {name!r}")

    def __getitem__(self, key: str | int | slice) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else self.to_tuple()[key]

    def to_tuple(self) -> tuple[Any, ...]:
        """The fields that are set, in order: what ``return_dict=False`` returns."""
        return tuple(self.values())


class TFBaseModelOutputWithCLSToken(_Output):
    """Output of :class:`~cvt.TFCvtModel`.

    Attributes:
        last_hidden_state: the last stage's feature map, ``[batch, channels, height, width]``, CLS not included.
        cls_token_value: the last stage's CLS token, ``[batch, 1, channels]``, or None where the stage has none.
        hidden_states: one feature map per stage, ``[batch, channels, height, width]``, when asked for.
    """

    fields = ("last_hidden_state", "cls_token_value", "hidden_states")


class TFImageClassifierOutputWithNoAttention(_Output):
    """Output of :class:`~cvt.TFCvtForImageClassification`.

    Attributes:
        loss: one number per example, ``[batch]``, when labels are given.
        logits: ``[batch, num_labels]``, before the softmax.
        hidden_states: as in :class:`TFBaseModelOutputWithCLSToken`.
    """

    fields = ("loss", "logits", "hidden_states")


def _flatten(output: _Output) -> tuple[list[Any], tuple[str, ...]]:
    return list(output.values()), tuple(output)


def _register(cls: type[_Output]) -> None:
    """Make ``cls`` a tree node of Keras and of its backend; TensorFlow takes any mapping for one."""

    def unflatten(names: tuple[str, ...], children: Iterable[Any]) -> _Output:
        output = cls()
        output.update(zip(names, children, strict=True))  # a tree may hold anything in a field, None too
        return output

    if keras.backend.backend() == "torch":
        from torch.utils._pytree import register_pytree_node

        register_pytree_node(cls, _flatten, lambda children, names: unflatten(names, children))
        return
    import optree

    optree.register_pytree_node(cls, lambda output: (*_flatten(output), tuple(output)), unflatten, namespace="keras")
    if keras.backend.backend() == "jax":
        import jax

        jax.tree_util.register_pytree_node(cls, _flatten, unflatten)


_register(TFBaseModelOutputWithCLSToken)
_register(TFImageClassifierOutputWithNoAttention)
