"""Listening to a network: named identity points, and a recorder that collects what passes them.

The network holds :class:`Probe` modules wherever something is worth seeing; each one's name is its path in the
module tree (``cvt.encoder.stages.2.layers.9.attention.weights``). A probe costs nothing until somebody listens, either
with :func:`record` or with an ordinary PyTorch forward hook on the probe itself.

Recorders live in a :class:`~contextvars.ContextVar`, so a recording hears the thread (or async task) that opened it
and no other, and closing it, normally or by an exception, leaves the network as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from cvt.errors import ConfigError

__all__ = ["Probe", "record"]


@dataclass
class _Recorder:
    """One open recording: which probes it hears, and what it has heard."""

    names: dict[Probe, str]
    heard: dict[str, Tensor] = field(default_factory=dict)


_recorders: ContextVar[tuple[_Recorder, ...]] = ContextVar("cvt_recorders", default=())


class Probe(nn.Module):
    """An identity module with a name: returns its input, and lets recorders of this context hear it.

    A network compiled by ``torch.compile`` runs without its recorders, as one graph; listen to the network as written.
    """

    def forward(self, value: Tensor) -> Tensor:
        if torch.compiler.is_dynamo_compiling():
            return value
        for recorder in _recorders.get():
            if self in recorder.names:
                recorder.heard[recorder.names[self]] = value
        return value

    @property
    def has_listener(self) -> bool:
        """Whether anyone, by :func:`record` in this context or by a PyTorch forward hook, would hear a value now."""
        if self._forward_hooks or self._forward_pre_hooks:
            return True
        return not torch.compiler.is_dynamo_compiling() and any(self in recorder.names for recorder in _recorders.get())


@contextmanager
def record(model: nn.Module, *patterns: str) -> Iterator[dict[str, Tensor]]:
    """Collect what passes the probes of ``model`` whose path matches any of ``patterns``.

    Args:
        model: a network holding :class:`Probe` modules.
        patterns: probe paths, with the shell wildcards of :mod:`fnmatch` (``*`` also crosses dots). The front of a
            path may be left out, so that ``stages.0.output`` names a probe of a classifier and of a bare CvtModel
            alike. None means every probe, which includes the attention weights.

    Yields:
        A dictionary from probe path to the tensor that passed last, in the order of passing. Tensors are the
        network's own: attached to the autograd graph when there is one, and not copied.

    Raises:
        ConfigError: a pattern matches no probe; the message lists probes that exist.

    Example::

        with record(model, "*.attention.weights") as heard:
            model(pixel_values)
        heard["cvt.encoder.stages.0.layers.0.attention.weights"].shape      # [batch, heads, queries, keys]
    """
    probes = {name: module for name, module in model.named_modules() if isinstance(module, Probe)}
    wanted: dict[Probe, str] = {}
    for pattern in patterns or ("*",):
        matches = [name for name in probes if fnmatchcase(f".{name}", f"*.{pattern}")]
        if not matches:
            some = ", ".join(list(probes)[:6])
            raise ConfigError(f"no probe matches {pattern!r}; this model has {len(probes)} probes: {some}, …")
        wanted.update((probes[name], name) for name in matches)
    recorder = _Recorder(wanted)
    token = _recorders.set((*_recorders.get(), recorder))
    try:
        yield recorder.heard
    finally:
        _recorders.reset(token)
