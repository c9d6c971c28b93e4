"""The configuration of a CvT: every architectural choice, one list entry per stage.

Fields, names and defaults are those Hugging Face documents for CvT; the defaults are CvT-13 (Wu et al. 2021,
arXiv 2103.15808, table 1). Reads and writes the same ``config.json``, and keeps fields it does not know.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from cvt.errors import ConfigError
from cvt.types import Activation, ProblemType, ProjectionMethod

__all__ = ["PRESETS", "CvtConfig"]

DEAD_LAYER_NORM_EPS = 1e-12
"""Default of ``layer_norm_eps`` that no implementation ever used: transformers writes it and computes with 1e-5."""

_INTEGERS = {  # field: (smallest allowed, what it is)
    "patch_sizes": 1,
    "patch_stride": 1,
    "patch_padding": 0,
    "embed_dim": 1,
    "num_heads": 1,
    "depth": 1,
    "kernel_qkv": 1,
    "padding_kv": 0,
    "stride_kv": 1,
    "padding_q": 0,
    "stride_q": 1,
}
_RATES = ("attention_drop_rate", "drop_rate", "drop_path_rate")
_FLAGS = ("qkv_bias", "cls_token")
_PER_STAGE = (*_INTEGERS, "mlp_ratio", *_RATES, *_FLAGS, "qkv_projection_method")


class CvtConfig:
    """Configuration of :class:`~cvt.CvtModel` and :class:`~cvt.CvtForImageClassification`.

    Lists hold one entry per stage and all have the same length; any number of stages is allowed.

    Args:
        num_channels: channels of the input image.
        patch_sizes, patch_stride, patch_padding: kernel, stride and padding, in pixels of the stage's input, of each
            stage's convolutional token embedding (paper, section 3.1).
        embed_dim: width of each stage's tokens; a multiple of its ``num_heads``.
        num_heads: attention heads of each stage's blocks.
        depth: blocks in each stage.
        mlp_ratio: hidden width of each stage's MLP, as a multiple of ``embed_dim``.
        attention_drop_rate: dropout probability of the attention weights.
        drop_rate: dropout probability of the embedding, the attention's output and the MLP.
        drop_path_rate: probability of dropping a whole branch (stochastic depth) in each stage's last block; the
            blocks before it rise to it linearly from 0.
        qkv_bias: whether the query, key and value linears have a bias.
        cls_token: whether a CLS token joins the stage's tokens.
        qkv_projection_method: ``"dw_bn"`` (depthwise convolution and batch norm, the paper's convolutional
            projection, section 3.2), ``"avg"`` (average pooling of keys and values) or ``"linear"`` (neither).
        kernel_qkv: kernel of the convolutional projections.
        padding_kv, stride_kv: padding and stride of the key and value projections; a stride of 2 squeezes the keys.
        padding_q, stride_q: padding and stride of the query projection; must keep the grid's size.
        initializer_range: standard deviation of the truncated normal that initialises linear weights and CLS.
        layer_norm_eps: epsilon of every layer norm; the default 1e-12 stands for 1e-5 (:attr:`norm_eps`).
        hidden_act: ``"gelu"`` or ``"quick_gelu"`` (x·σ(1.702x), which the released weights were trained with).
        num_labels: number of classes; 2 by default, or as many as ``id2label`` has.
        id2label: class names by index; ``label2id`` follows from it.
        label2id: class indices by name.
        temperature: calibration of the probabilities, which are ``softmax(logits / temperature)`` (Guo et al. 2017).
        problem_type: ``"regression"``, ``"single_label_classification"``, ``"multi_label_classification"``, or None
            to infer it from the labels (:class:`~cvt.CvtForImageClassification`).
        output_hidden_states, output_attentions, return_dict: defaults of the forward pass's arguments.
        extra: any other field; kept, written back, and readable as an attribute.

    Raises:
        ConfigError: a value that is not allowed; the message names the field, the value and what is allowed.
    """

    def __init__(
        self,
        *,
        num_channels: int = 3,
        patch_sizes: Sequence[int] = (7, 3, 3),
        patch_stride: Sequence[int] = (4, 2, 2),
        patch_padding: Sequence[int] = (2, 1, 1),
        embed_dim: Sequence[int] = (64, 192, 384),
        num_heads: Sequence[int] = (1, 3, 6),
        depth: Sequence[int] = (1, 2, 10),
        mlp_ratio: Sequence[float] = (4.0, 4.0, 4.0),
        attention_drop_rate: Sequence[float] = (0.0, 0.0, 0.0),
        drop_rate: Sequence[float] = (0.0, 0.0, 0.0),
        drop_path_rate: Sequence[float] = (0.0, 0.0, 0.1),
        qkv_bias: Sequence[bool] = (True, True, True),
        cls_token: Sequence[bool] = (False, False, True),
        qkv_projection_method: Sequence[ProjectionMethod] = ("dw_bn", "dw_bn", "dw_bn"),
        kernel_qkv: Sequence[int] = (3, 3, 3),
        padding_kv: Sequence[int] = (1, 1, 1),
        stride_kv: Sequence[int] = (2, 2, 2),
        padding_q: Sequence[int] = (1, 1, 1),
        stride_q: Sequence[int] = (1, 1, 1),
        initializer_range: float = 0.02,
        layer_norm_eps: float = DEAD_LAYER_NORM_EPS,
        hidden_act: Activation = "gelu",
        num_labels: int | None = None,
        id2label: Mapping[int, str] | None = None,
        label2id: Mapping[str, int] | None = None,
        temperature: float = 1.0,
        problem_type: ProblemType | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        return_dict: bool = True,
        **extra: Any,
    ) -> None:
        self.extra = dict(extra)
        self.num_channels = num_channels
        self.patch_sizes = _stage_list("patch_sizes", patch_sizes)
        self.patch_stride = _stage_list("patch_stride", patch_stride)
        self.patch_padding = _stage_list("patch_padding", patch_padding)
        self.embed_dim = _stage_list("embed_dim", embed_dim)
        self.num_heads = _stage_list("num_heads", num_heads)
        self.depth = _stage_list("depth", depth)
        self.mlp_ratio = _stage_list("mlp_ratio", mlp_ratio)
        self.attention_drop_rate = _stage_list("attention_drop_rate", attention_drop_rate)
        self.drop_rate = _stage_list("drop_rate", drop_rate)
        self.drop_path_rate = _stage_list("drop_path_rate", drop_path_rate)
        self.qkv_bias = _stage_list("qkv_bias", qkv_bias)
        self.cls_token = _stage_list("cls_token", cls_token)
        self.qkv_projection_method = _stage_list("qkv_projection_method", qkv_projection_method)
        self.kernel_qkv = _stage_list("kernel_qkv", kernel_qkv)
        self.padding_kv = _stage_list("padding_kv", padding_kv)
        self.stride_kv = _stage_list("stride_kv", stride_kv)
        self.padding_q = _stage_list("padding_q", padding_q)
        self.stride_q = _stage_list("stride_q", stride_q)
        self.initializer_range = initializer_range
        self.layer_norm_eps = layer_norm_eps
        self.hidden_act = hidden_act
        self.temperature = temperature
        self.problem_type = problem_type
        self.output_hidden_states = output_hidden_states
        self.output_attentions = output_attentions
        self.return_dict = return_dict
        self.id2label, self.label2id = _labels(num_labels, id2label, label2id)
        self.validate()

    def __getattr__(self, name: str) -> Any:
        extra = self.__dict__.get("extra", {})
        if name in extra:
            return extra[name]
        raise AttributeError(f"CvtConfig has no field {name!r}")

    @property
    def num_labels(self) -> int:
        """Number of classes. Setting another number replaces the class names by LABEL_0, LABEL_1, …"""
        return len(self.id2label)

    @num_labels.setter
    def num_labels(self, count: int) -> None:
        if count != len(self.id2label):
            self.id2label, self.label2id = _labels(count, None, None)

    @property
    def num_stages(self) -> int:
        """Number of stages."""
        return len(self.depth)

    @property
    def norm_eps(self) -> float:
        """The epsilon layer norms really use: ``layer_norm_eps``, or 1e-5 where that is the dead default 1e-12."""
        return 1e-5 if self.layer_norm_eps == DEAD_LAYER_NORM_EPS else self.layer_norm_eps

    def validate(self) -> None:
        """Check every field; called by the constructor, and by a model before it builds itself.

        Raises:
            ConfigError: a value that is not allowed.
        """
        _check_integer("num_channels", self.num_channels, 1)
        for name in _PER_STAGE:
            values = getattr(self, name)
            if len(values) != len(self.depth):
                raise ConfigError(
                    f"{name}={values!r} has {len(values)} entries, but depth={self.depth!r} has {len(self.depth)}; "
                    "every per-stage list needs one entry per stage"
                )
        for stage in range(self.num_stages):
            self._validate_stage(stage)
        _check_positive("initializer_range", self.initializer_range)
        _check_positive("layer_norm_eps", self.layer_norm_eps)
        _check_positive("temperature", self.temperature)
        _check_choice("hidden_act", self.hidden_act, get_args(Activation))
        if self.problem_type is not None:
            _check_choice("problem_type", self.problem_type, get_args(ProblemType))

    def _validate_stage(self, stage: int) -> None:
        for name, smallest in _INTEGERS.items():
            _check_integer(f"{name}[{stage}]", getattr(self, name)[stage], smallest)
        _check_positive(f"mlp_ratio[{stage}]", self.mlp_ratio[stage])
        for name in _RATES:
            rate = getattr(self, name)[stage]
            if not _is_number(rate) or not 0 <= rate < 1:
                raise ConfigError(f"{name}[{stage}]={rate!r} must be a probability, at least 0 and below 1")
        for name in _FLAGS:
            flag = getattr(self, name)[stage]
            if not isinstance(flag, bool):
                raise ConfigError(f"{name}[{stage}]={flag!r} must be true or false")
        method = self.qkv_projection_method[stage]
        _check_choice(f"qkv_projection_method[{stage}]", method, get_args(ProjectionMethod))
        width, heads = self.embed_dim[stage], self.num_heads[stage]
        if width % heads:
            raise ConfigError(f"embed_dim[{stage}]={width} must be a multiple of num_heads[{stage}]={heads}")
        if self.patch_padding[stage] >= self.patch_sizes[stage]:
            raise ConfigError(
                f"patch_padding[{stage}]={self.patch_padding[stage]} must be below "
                f"patch_sizes[{stage}]={self.patch_sizes[stage]}, or tokens would see nothing but padding"
            )
        if method == "linear":
            return
        kernel = self.kernel_qkv[stage]
        if method == "dw_bn" and (self.stride_q[stage] != 1 or 2 * self.padding_q[stage] != kernel - 1):
            raise ConfigError(
                f"stride_q[{stage}]={self.stride_q[stage]}, padding_q[{stage}]={self.padding_q[stage]} and "
                f"kernel_qkv[{stage}]={kernel} change the number of queries; the residual sum needs one query per "
                "token, that is stride_q 1 and padding_q (kernel_qkv − 1) / 2"
            )
        limit = kernel // 2 if method == "avg" else kernel - 1
        if self.padding_kv[stage] > limit:
            raise ConfigError(
                f"padding_kv[{stage}]={self.padding_kv[stage]} must be at most {limit} for "
                f"kernel_qkv[{stage}]={kernel} and the projection method {method!r}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Every field, the unknown ones included, as plain JSON types except for the integer keys of ``id2label``."""
        known = {name: value for name, value in vars(self).items() if name != "extra"}
        return copy.deepcopy({"model_type": "cvt", **self.extra, **known})

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], **overrides: Any) -> CvtConfig:
        """A configuration from the fields of a ``config.json``; ``overrides`` win.

        An override of ``num_labels`` or ``id2label`` replaces the file's whole set of labels.

        Raises:
            ConfigError: the fields describe another kind of model, or hold a value that is not allowed.
        """
        model_type = fields.get("model_type", "cvt")
        if model_type != "cvt":
            raise ConfigError(f"model_type={model_type!r} is another architecture; this package reads 'cvt'")
        merged = dict(fields)
        if {"num_labels", "id2label", "label2id"} & overrides.keys():
            for name in ("num_labels", "id2label", "label2id"):
                merged.pop(name, None)
        merged.update(overrides)
        merged.pop("model_type", None)
        return cls(**merged)

    @classmethod
    def from_pretrained(cls, ref: str | Path, *, revision: str | None = None, **overrides: Any) -> CvtConfig:
        """The configuration of ``ref``: a Hub id, a folder, a ``config.json`` file, a preset's name or "bundled".

        Raises:
            CheckpointError: nothing is found at ``ref``, or it cannot be read.
            ConfigError: what is found is not a valid CvT configuration.
        """
        from cvt.checkpoint_source import read_config

        return read_config(ref, revision=revision, **overrides)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``config.json`` into ``folder``, which is made if missing."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"
        (folder / "config.json").write_text(text, encoding="utf-8")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CvtConfig) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"CvtConfig {json.dumps(self.to_dict(), indent=2, ensure_ascii=False, default=str)}"


def _stage_list(name: str, value: Any) -> list[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ConfigError(f"{name}={value!r} must be a list with one entry per stage")
    if not value:
        raise ConfigError(f"{name}={value!r} must have at least one stage")
    return list(value)


def _labels(
    num_labels: int | None, id2label: Mapping[int, str] | None, label2id: Mapping[str, int] | None
) -> tuple[dict[int, str], dict[str, int]]:
    """Both label maps from whichever were given; names are LABEL_0, LABEL_1, … where none were."""
    if num_labels is not None:
        _check_integer("num_labels", num_labels, 1)
    indices = None if label2id is None else _label_map("label2id", label2id, str, int, "names to class indices")
    if id2label is None:
        default = {index: f"LABEL_{index}" for index in range(2 if num_labels is None else num_labels)}
        id2label = default if indices is None else {index: name for name, index in indices.items()}
    names = _label_map("id2label", id2label, int, str, "class indices to names")
    if sorted(names) != list(range(len(names))) or not names:
        raise ConfigError(
            f"id2label must number its {len(names)} classes from 0 without gaps; got {sorted(names)[:10]}"
        )
    if num_labels is not None and num_labels != len(names):
        raise ConfigError(f"num_labels={num_labels} does not fit id2label, which names {len(names)} classes")
    names = dict(sorted(names.items()))
    if indices is None:
        return names, {name: index for index, name in names.items()}
    stray = {name: index for name, index in indices.items() if index not in names}
    if stray:
        raise ConfigError(f"label2id has {stray!r}; class indices go from 0 to {len(names) - 1}")
    return names, indices


def _label_map(
    name: str, labels: Any, key: Callable[[Any], Any], value: Callable[[Any], Any], meaning: str
) -> dict[Any, Any]:
    try:
        return {key(k): value(v) for k, v in labels.items()}
    except (AttributeError, TypeError, ValueError):
        raise ConfigError(f"{name}={labels!r} must map {meaning}") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_integer(name: str, value: Any, smallest: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
        raise ConfigError(f"{name}={value!r} must be a whole number of at least {smallest}")


def _check_positive(name: str, value: Any) -> None:
    if not _is_number(value) or value <= 0:
        raise ConfigError(f"{name}={value!r} must be a number above 0")


def _check_choice(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name}={value!r} must be one of {', '.join(map(repr, allowed))}")


_WIDE = {
    "embed_dim": (192, 768, 1024),
    "num_heads": (3, 12, 16),
    "depth": (2, 2, 20),
    "drop_path_rate": (0.0, 0.0, 0.3),
}

PRESETS: dict[str, dict[str, Any]] = {
    "cvt-13": {},
    "cvt-21": {"depth": (1, 4, 16)},
    "cvt-w24": _WIDE,
}
"""Architecture of the released models (paper, table 1), as the fields in which they differ from the defaults.

A preset is an architecture alone: class names, ``hidden_act`` and resolution belong to the checkpoint."""
