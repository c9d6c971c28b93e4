"""The configuration of a CvT: every architectural choice, one list entry per stage.

Fields, names and defaults are those Hugging Face documents for CvT; the defaults are CvT-13 (Wu et al. 2021,
arXiv 2103.15808, table 1). Reads and writes the same ``config.json``, and keeps fields it does not know.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

from cvt.config_fields import Activation, ProblemType, ProjectionMethod, check_fields, label_maps, stage_list
from cvt.errors import CheckpointError, ConfigError, shown
from cvt.files import json_text, read_json, write_json
from cvt.hub import HubOptions
from cvt.locations import find, resolve_file
from cvt.presets import PRESETS
from cvt.publishing import Publishable

__all__ = ["CvtConfig", "class_index", "read_fields"]

DEAD_LAYER_NORM_EPS = 1e-12
"""Default of ``layer_norm_eps`` that no implementation ever used: transformers writes it and computes with 1e-5."""


class CvtConfig(Publishable):
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

    model_type = "cvt"

    def __init__(
        self,
        /,
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
        self.patch_sizes = stage_list("patch_sizes", patch_sizes)
        self.patch_stride = stage_list("patch_stride", patch_stride)
        self.patch_padding = stage_list("patch_padding", patch_padding)
        self.embed_dim = stage_list("embed_dim", embed_dim)
        self.num_heads = stage_list("num_heads", num_heads)
        self.depth = stage_list("depth", depth)
        self.mlp_ratio = stage_list("mlp_ratio", mlp_ratio)
        self.attention_drop_rate = stage_list("attention_drop_rate", attention_drop_rate)
        self.drop_rate = stage_list("drop_rate", drop_rate)
        self.drop_path_rate = stage_list("drop_path_rate", drop_path_rate)
        self.qkv_bias = stage_list("qkv_bias", qkv_bias)
        self.cls_token = stage_list("cls_token", cls_token)
        self.qkv_projection_method = stage_list("qkv_projection_method", qkv_projection_method)
        self.kernel_qkv = stage_list("kernel_qkv", kernel_qkv)
        self.padding_kv = stage_list("padding_kv", padding_kv)
        self.stride_kv = stage_list("stride_kv", stride_kv)
        self.padding_q = stage_list("padding_q", padding_q)
        self.stride_q = stage_list("stride_q", stride_q)
        self.initializer_range = initializer_range
        self.layer_norm_eps = layer_norm_eps
        self.hidden_act = hidden_act
        self.temperature = temperature
        self.problem_type = problem_type
        self.output_hidden_states = output_hidden_states
        self.output_attentions = output_attentions
        self.return_dict = return_dict
        self.id2label, self.label2id = label_maps(num_labels, id2label, label2id)
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
            self.id2label, self.label2id = label_maps(count, None, None)

    @property
    def use_return_dict(self) -> bool:
        """The older name of ``return_dict``."""
        return self.return_dict

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
        check_fields(vars(self))

    def to_dict(self) -> dict[str, Any]:
        """Every field, the unknown ones included, as plain JSON types except for the integer keys of ``id2label``."""
        known = {name: value for name, value in vars(self).items() if name != "extra"}
        return copy.deepcopy({"model_type": "cvt", **self.extra, **known})

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], **overrides: Any) -> CvtConfig:
        """A configuration from the fields of a ``config.json``; ``overrides`` win.

        An override of ``num_labels`` or ``id2label`` replaces the file's whole set of labels.

        Raises:
            ConfigError: the fields describe another kind of model, or hold a value that is not allowed; or an override
                names no field, neither ours nor one that ``fields`` has.
        """
        model_type = fields.get("model_type", "cvt")
        if model_type != "cvt":
            raise ConfigError(f"model_type={shown(model_type)} is another architecture; this package reads 'cvt'")
        unknown = overrides.keys() - _KNOWN - fields.keys()
        if unknown:
            raise ConfigError(f"{', '.join(sorted(unknown))}: not a field of CvtConfig, so it cannot be overridden")
        merged = dict(fields)
        if {"num_labels", "id2label", "label2id"} & overrides.keys():
            for name in ("num_labels", "id2label", "label2id"):
                merged.pop(name, None)
        merged.update(overrides)
        merged.pop("model_type", None)
        return cls(**merged)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options_and_overrides: Any) -> CvtConfig:
        """The configuration of a Hub id, a folder, a ``config.json`` file, a preset's name or "bundled".

        Args:
            pretrained_model_name_or_path: where it is.
            options_and_overrides: ``revision``, ``subfolder``, ``cache_dir``, ``force_download``, ``local_files_only``
                and ``token``, as for a model; any others are fields that win over the file's.

        Raises:
            CheckpointError: nothing is found, or it cannot be read.
            ConfigError: what is found is not a valid CvT configuration, or an override is no field.
        """
        ref, options = pretrained_model_name_or_path, HubOptions.take(options_and_overrides)
        if str(ref) in PRESETS and not Path(ref).exists():
            return cls.from_dict(PRESETS[str(ref)], **options_and_overrides)
        path = find(ref, options.subfolder)
        if path is None or path.is_dir():
            path = resolve_file(ref, "config.json", options)
        return cls.from_dict(read_fields(path), **options_and_overrides)

    def save_pretrained(self, save_directory: str | Path) -> None:
        """Write ``config.json`` into a folder, which is made if missing.

        Raises:
            CheckpointError: the folder cannot be written.
        """
        write_json(Path(save_directory) / "config.json", self.to_dict())

    @classmethod
    def from_json_file(cls, json_file: str | Path) -> CvtConfig:
        """The configuration in a file that :meth:`to_json_file` or transformers wrote.

        Raises:
            CheckpointError: the file cannot be read.
            ConfigError: a value that is not allowed.
        """
        return cls.from_dict(read_json(Path(json_file)))

    def to_json_file(self, json_file_path: str | Path, use_diff: bool = True) -> None:
        """Write :meth:`to_json_string` into a file.

        Raises:
            CheckpointError: the file cannot be written.
        """
        write_json(Path(json_file_path), self.to_diff_dict() if use_diff else self.to_dict())

    def to_json_string(self, use_diff: bool = True) -> str:
        """The fields as JSON: those that differ from the defaults, or all of them."""
        return json_text(self.to_diff_dict() if use_diff else self.to_dict())

    def to_diff_dict(self) -> dict[str, Any]:
        """The fields that differ from those of a ``CvtConfig()``, and ``model_type``."""
        default = {**CvtConfig().to_dict(), "model_type": None}
        return {name: value for name, value in self.to_dict().items() if name not in default or value != default[name]}

    def update(self, config_dict: Mapping[str, Any]) -> None:
        """Set several fields, known ones and others.

        Raises:
            ConfigError: a value that is not allowed; nothing is changed then.
        """
        fields = self.to_dict()
        if {"num_labels", "id2label", "label2id"} & config_dict.keys():
            del fields["id2label"], fields["label2id"]
        self.__dict__ = CvtConfig.from_dict({**fields, **config_dict}).__dict__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CvtConfig) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"CvtConfig {json_text(self.to_dict())}"


_KNOWN = frozenset(inspect.signature(CvtConfig).parameters) - {"extra"}


def read_fields(path: Path) -> dict[str, Any]:
    """The fields of a ``config.json`` that describes a CvT.

    Raises:
        CheckpointError: it cannot be read, or describes another kind of model.
    """
    fields = read_json(path)
    model_type = fields.get("model_type", "cvt")
    if model_type != "cvt":
        raise CheckpointError(f"{path} describes a model of type {shown(model_type)}; this package loads 'cvt' alone")
    return fields


def class_index(config: CvtConfig, target: int | str) -> int:
    """The index of a class given by index or by name.

    Raises:
        ConfigError: there is no such class; the message says which there are.
    """
    if isinstance(target, str) and target in config.label2id:
        return config.label2id[target]
    if isinstance(target, Integral) and not isinstance(target, bool) and 0 <= target < config.num_labels:
        return int(target)
    names = ", ".join(repr(config.id2label[i]) for i in range(min(3, config.num_labels)))
    raise ConfigError(
        f"class {target!r} is not one of this model's {config.num_labels}: an index from 0 to "
        f"{config.num_labels - 1}, or a name such as {names}"
    )
