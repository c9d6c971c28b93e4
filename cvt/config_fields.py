"""What the fields of a configuration may be: their kinds, and the check of their values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

from cvt.errors import ConfigError, shown

__all__ = [
    "LONGEST_NAME",
    "MOST_BLOCKS",
    "MOST_LABELS",
    "MOST_PARAMETERS",
    "Activation",
    "ProblemType",
    "ProjectionMethod",
    "check_fields",
    "count_parameters",
    "label_maps",
    "stage_list",
]

MOST_PARAMETERS = 10**9
"""Learned numbers of the largest network that is built, 4 GB in float32; CvT-W24 has 277 million."""

MOST_BLOCKS = 256
"""Blocks of the deepest network that is built, all stages together; CvT-W24 has 24."""

MOST_LABELS = 10**5
"""Classes of the widest head; all of ImageNet has 21,841."""

LONGEST_NAME = 500
"""Characters of the longest class name."""

_MOST = 10**6  # of any other whole number, so that none is too large for the libraries below

Activation = Literal["gelu", "quick_gelu"]
ProblemType = Literal["regression", "single_label_classification", "multi_label_classification"]
ProjectionMethod = Literal["dw_bn", "avg", "linear"]

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
_DEFAULTS = ("output_hidden_states", "output_attentions", "return_dict")
_PER_STAGE = (*_INTEGERS, "mlp_ratio", *_RATES, *_FLAGS, "qkv_projection_method")


def check_fields(fields: Mapping[str, Any]) -> None:
    """Check the values of all fields of :class:`~cvt.CvtConfig`, by name, and that they fit one another.

    Raises:
        ConfigError: a value that is not allowed.
    """
    depth = fields["depth"]
    if len(depth) > MOST_BLOCKS:
        raise ConfigError(f"depth={shown(depth)} has {len(depth)} stages; at most {MOST_BLOCKS} are built")
    _check_integer("num_channels", fields["num_channels"], 1)
    for name in _PER_STAGE:
        values = fields[name]
        if len(values) != len(depth):
            raise ConfigError(
                f"{name}={shown(values)} has {len(values)} entries, but depth={shown(depth)} has {len(depth)}; "
                "every per-stage list needs one entry per stage"
            )
    for stage in range(len(depth)):
        _check_stage({name: fields[name][stage] for name in _PER_STAGE}, stage)
    _check_positive("initializer_range", fields["initializer_range"], 10)
    _check_positive("layer_norm_eps", fields["layer_norm_eps"], 1)
    _check_positive("temperature", fields["temperature"], 1000, least=0.001)
    for name in _DEFAULTS:
        _check_flag(name, fields[name])
    _check_choice("hidden_act", fields["hidden_act"], get_args(Activation))
    if fields["problem_type"] is not None:
        _check_choice("problem_type", fields["problem_type"], get_args(ProblemType))
    _check_size(fields)


def count_parameters(fields: Mapping[str, Any]) -> int:
    """How many numbers a classifier with these fields learns, without building it."""
    channels, total = fields["num_channels"], 0
    for stage in range(len(fields["depth"])):
        width, hidden = fields["embed_dim"][stage], int(fields["embed_dim"][stage] * fields["mlp_ratio"][stage])
        convolutions = fields["qkv_projection_method"][stage] == "dw_bn"
        projections = 3 * (width * fields["kernel_qkv"][stage] ** 2 + 2 * width) if convolutions else 0
        linears = 4 * width * width + (3 * fields["qkv_bias"][stage] + 1) * width
        mlp = 2 * width * hidden + hidden + width
        embedding = channels * width * fields["patch_sizes"][stage] ** 2 + 3 * width
        cls_token = width * fields["cls_token"][stage]
        total += embedding + cls_token + fields["depth"][stage] * (4 * width + projections + linears + mlp)
        channels = width
    return int(total + 2 * channels + (channels + 1) * len(fields["id2label"]))


def _check_size(fields: Mapping[str, Any]) -> None:
    """What would fill the memory, or take for ever to build, is refused before anything is built."""
    depth = fields["depth"]
    if sum(depth) > MOST_BLOCKS:
        raise ConfigError(f"depth={shown(depth)} is {sum(depth)} blocks; at most {MOST_BLOCKS} are built")
    count = count_parameters(fields)
    if count > MOST_PARAMETERS:
        sizes = ("num_channels", "embed_dim", "depth", "patch_sizes", "mlp_ratio")
        told = ", ".join(f"{name}={shown(fields[name])}" for name in sizes)
        raise ConfigError(
            f"{told} and {len(fields['id2label'])} classes make {count:.1e} parameters; at most {MOST_PARAMETERS:.0e} "
            "are built"
        )


def _check_stage(fields: Mapping[str, Any], stage: int) -> None:
    for name, smallest in _INTEGERS.items():
        _check_integer(f"{name}[{stage}]", fields[name], smallest)
    _check_positive(f"mlp_ratio[{stage}]", fields["mlp_ratio"], 1000)
    width, ratio = fields["embed_dim"], fields["mlp_ratio"]
    if int(width * ratio) < 1:
        raise ConfigError(f"mlp_ratio[{stage}]={ratio} leaves no hidden unit for embed_dim[{stage}]={width}")
    for name in _RATES:
        rate = fields[name]
        if not _is_number(rate) or not 0 <= rate < 1:
            raise ConfigError(f"{name}[{stage}]={shown(rate)} must be a probability, at least 0 and below 1")
    for name in _FLAGS:
        _check_flag(f"{name}[{stage}]", fields[name])
    method = fields["qkv_projection_method"]
    _check_choice(f"qkv_projection_method[{stage}]", method, get_args(ProjectionMethod))
    heads = fields["num_heads"]
    patch, patch_padding = fields["patch_sizes"], fields["patch_padding"]
    if width % heads:
        raise ConfigError(f"embed_dim[{stage}]={width} must be a multiple of num_heads[{stage}]={heads}")
    if patch_padding >= patch:
        raise ConfigError(
            f"patch_padding[{stage}]={patch_padding} must be below patch_sizes[{stage}]={patch}, or tokens would see "
            "nothing but padding"
        )
    if method == "linear":
        return
    kernel, stride, padding = fields["kernel_qkv"], fields["stride_q"], fields["padding_q"]
    if method == "dw_bn" and (stride != 1 or 2 * padding != kernel - 1):
        raise ConfigError(
            f"stride_q[{stage}]={stride}, padding_q[{stage}]={padding} and "
            f"kernel_qkv[{stage}]={kernel} change the number of queries; the residual sum needs one query per "
            "token, that is stride_q 1 and padding_q (kernel_qkv − 1) / 2"
        )
    limit = kernel // 2 if method == "avg" else kernel - 1
    if fields["padding_kv"] > limit:
        raise ConfigError(
            f"padding_kv[{stage}]={fields['padding_kv']} must be at most {limit} for "
            f"kernel_qkv[{stage}]={kernel} and the projection method {method!r}"
        )


def stage_list(name: str, value: Any) -> list[Any]:
    """A field with one entry per stage, as a list.

    Raises:
        ConfigError: it is no list, or empty.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ConfigError(f"{name}={shown(value)} must be a list with one entry per stage")
    if not value:
        raise ConfigError(f"{name}={shown(value)} must have at least one stage")
    return list(value)


def label_maps(
    num_labels: int | None, id2label: Mapping[int, str] | None, label2id: Mapping[str, int] | None
) -> tuple[dict[int, str], dict[str, int]]:
    """``id2label`` and ``label2id`` from whichever were given; names are LABEL_0, LABEL_1, … where none were.

    Raises:
        ConfigError: the classes are not numbered from 0 without gaps, or the arguments disagree.
    """
    if num_labels is not None:
        _check_integer("num_labels", num_labels, 1, MOST_LABELS)
    indices = None if label2id is None else _label_map("label2id", label2id, str, int, "names to class indices")
    if id2label is None:
        default = {index: f"LABEL_{index}" for index in range(2 if num_labels is None else num_labels)}
        id2label = default if indices is None else {index: name for name, index in indices.items()}
    names = _label_map("id2label", id2label, int, str, "class indices to names")
    if sorted(names) != list(range(len(names))) or not names:
        raise ConfigError(
            f"id2label must number its {len(names)} classes from 0 without gaps; got {shown(sorted(names))}"
        )
    if num_labels is not None and num_labels != len(names):
        raise ConfigError(f"num_labels={num_labels} does not fit id2label, which names {len(names)} classes")
    names = dict(sorted(names.items()))
    if indices is None:
        return names, {name: index for index, name in names.items()}
    stray = {name: index for name, index in indices.items() if index not in names}
    if stray:
        raise ConfigError(f"label2id has {shown(stray)}; class indices go from 0 to {len(names) - 1}")
    return names, indices


def _label_map(
    name: str, labels: Any, key: Callable[[Any], Any], value: Callable[[Any], Any], meaning: str
) -> dict[Any, Any]:
    if not isinstance(labels, Mapping):
        raise ConfigError(f"{name}={shown(labels)} must map {meaning}")
    if len(labels) > MOST_LABELS:
        raise ConfigError(f"{name} has {len(labels)} classes; at most {MOST_LABELS} are allowed")
    read: dict[Any, Any] = {}
    for k, v in labels.items():
        try:
            index, class_name = (k, v) if key is int else (v, k)
            known = isinstance(class_name, str | int | float) and len(str(class_name)) <= LONGEST_NAME
            pair = key(k), value(v)
        except (TypeError, ValueError, OverflowError):
            known = False
        if not known or isinstance(index, float) or pair[0] in read:  # int() would cut a fraction off
            raise ConfigError(
                f"{name}={{{shown(k)}: {shown(v)}}} must map {meaning}, each once, "
                f"with names of at most {LONGEST_NAME} characters"
            )
        read[pair[0]] = pair[1]
    return read


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf


def _check_integer(name: str, value: Any, smallest: int, largest: int = _MOST) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
        raise ConfigError(f"{name}={shown(value)} must be a whole number of at least {smallest}")
    if value > largest:
        raise ConfigError(f"{name}={shown(value)} is too large; at most {largest} is allowed")


def _check_positive(name: str, value: Any, most: float, least: float = 0) -> None:
    if not _is_number(value) or value <= 0:
        raise ConfigError(f"{name}={shown(value)} must be a number above 0")
    if not least <= value <= most:
        raise ConfigError(f"{name}={shown(value)} must be a number from {least:g} to {most:g}")


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ConfigError(f"{name}={shown(value)} must be true or false")


def _check_choice(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name}={shown(value)} must be one of {', '.join(map(repr, allowed))}")
