"""How the three checkpoint layouts spell each tensor's name.

One row per module, one column per layout: ours (what a classifier's ``state_dict()`` says), Hugging Face transformers',
and that of Microsoft's original code. ``{s}`` is a stage, ``{l}`` a layer, ``{p}`` one of query, key and value (``q``,
``k``, ``v`` in Microsoft's); what follows a module's name (``weight``, ``running_mean`` …) is the same everywhere.
"""

import re
from collections.abc import Iterable
from typing import Literal

__all__ = ["LAYOUTS", "Layout", "detect_layout", "from_ours", "to_ours"]

Layout = Literal["ours", "transformers", "microsoft"]
LAYOUTS: tuple[Layout, ...] = ("ours", "transformers", "microsoft")

_LAYER = ("cvt.encoder.stages.{s}.layers.{l}", "cvt.encoder.stages.{s}.layers.{l}", "stage{s}.blocks.{l}")
_EMBEDDING = (
    "cvt.encoder.stages.{s}.embedding",
    "cvt.encoder.stages.{s}.embedding.convolution_embeddings",
    "stage{s}.patch_embed",
)
_PROJECTION = (
    ".attention.{p}_convolution",
    ".attention.attention.convolution_projection_{p}.convolution_projection",
    ".attn.conv_proj_{p}",
)


def _below(parent: tuple[str, str, str], ours: str, transformers: str, microsoft: str) -> tuple[str, str, str]:
    return parent[0] + ours, parent[1] + transformers, parent[2] + microsoft


_CONVOLUTION = _below(_LAYER, *_PROJECTION)
_MODULES = (
    _below(_EMBEDDING, ".projection", ".projection", ".proj"),
    _below(_EMBEDDING, ".norm", ".normalization", ".norm"),
    ("cvt.encoder.stages.{s}.cls_token", "cvt.encoder.stages.{s}.cls_token", "stage{s}.cls_token"),
    _below(_LAYER, ".attention_norm", ".layernorm_before", ".norm1"),
    _below(_CONVOLUTION, ".convolution", ".convolution", ".conv"),
    _below(_CONVOLUTION, ".norm", ".normalization", ".bn"),
    _below(_LAYER, ".attention.{p}_linear", ".attention.attention.projection_{p}", ".attn.proj_{p}"),
    _below(_LAYER, ".attention.output_linear", ".attention.output.dense", ".attn.proj"),
    _below(_LAYER, ".mlp_norm", ".layernorm_after", ".norm2"),
    _below(_LAYER, ".mlp.expand", ".intermediate.dense", ".mlp.fc1"),
    _below(_LAYER, ".mlp.contract", ".output.dense", ".mlp.fc2"),
    ("layernorm", "layernorm", "norm"),
    ("classifier", "classifier", "head"),
)
_FIELDS = {"{s}": r"(?P<s>\d+)", "{l}": r"(?P<l>\d+)"}
_PROJECTION_NAMES = {"q": "query", "k": "key", "v": "value"}


def _pattern(module: str, layout: Layout) -> re.Pattern[str]:
    """A template as a pattern of full tensor names."""
    text = re.escape(module).replace(r"\{", "{").replace(r"\}", "}")
    for field, group in _FIELDS.items():
        text = text.replace(field, group)
    text = text.replace("{p}", "(?P<p>q|k|v)" if layout == "microsoft" else "(?P<p>query|key|value)")
    leaf = (
        "" if module.endswith("cls_token") else r"\.(?P<leaf>weight|bias|running_mean|running_var|num_batches_tracked)"
    )
    if module.startswith("cvt."):
        text = r"(?:cvt\.)?" + text.removeprefix(r"cvt\.")  # a bare CvtModel has it not
    return re.compile(text + leaf)


_PATTERNS = {
    layout: tuple(_pattern(module[column], layout) for module in _MODULES) for column, layout in enumerate(LAYOUTS)
}


def _translate(name: str, source: Layout, target: Layout) -> str | None:
    """``name`` of layout ``source`` as layout ``target`` spells it, or None if ``source`` has no such tensor."""
    for pattern, module in zip(_PATTERNS[source], _MODULES, strict=True):
        match = pattern.fullmatch(name)
        if match is None:
            continue
        fields = match.groupdict()
        translated = module[LAYOUTS.index(target)]
        if "p" in fields:
            projection = _PROJECTION_NAMES.get(fields["p"], fields["p"])
            fields["p"] = projection[0] if target == "microsoft" else projection
        for field in ("s", "l", "p"):
            translated = translated.replace(f"{{{field}}}", fields.get(field) or "")
        return f"{translated}.{fields['leaf']}" if "leaf" in fields else translated
    return None


def to_ours(name: str, layout: Layout) -> str | None:
    """Our name of the tensor that ``layout`` calls ``name``; None if it has no such tensor."""
    return _translate(name, layout, "ours")


def from_ours(name: str, layout: Layout) -> str:
    """What ``layout`` calls our tensor ``name``.

    Raises:
        KeyError: we have no such tensor.
    """
    translated = _translate(name, "ours", layout)
    if translated is None:
        raise KeyError(name)
    return translated


def detect_layout(names: Iterable[str]) -> Layout | None:
    """The layout that knows most of these tensor names; None if none of them knows any part of a stage."""
    staged = [name for name in names if "stage" in name]
    known = {layout: sum(to_ours(name, layout) is not None for name in staged) for layout in LAYOUTS}
    best = max(known, key=lambda layout: known[layout])
    return best if known[best] else None
