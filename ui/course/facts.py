"""What the lessons say of the model on the page: its traits, its numbers, and what each stage costs."""

from __future__ import annotations

from typing import Any

from cvt.config import CvtConfig
from cvt.costs import head_parameters, stage_costs
from cvt.geometry import Grid
from cvt.tracing import Trace

__all__ = ["class_name", "cost_table", "numbers", "traits"]


def traits(config: CvtConfig) -> list[str]:
    """The names that a lesson's paragraphs ask for.

    "cls": the classifier reads a CLS token; "early-cls": an earlier stage has one too. "convolution", "pooling" and
    "linear": how keys are made, in some stage at least. "squeezed": somewhere there are fewer keys than tokens.
    "overlap": windows of the first embedding share pixels. "stages", "heads", "blocks": there is more than one stage,
    a head beside another in the last stage, a block before another there. "quick": the activation is QuickGELU.
    """
    stages = range(config.num_stages)
    methods = set(config.qkv_projection_method)
    squeezed = any(config.qkv_projection_method[s] != "linear" and config.stride_kv[s] > 1 for s in stages)
    has = {
        "cls": config.cls_token[-1],
        "early-cls": any(config.cls_token[:-1]),
        "convolution": "dw_bn" in methods,
        "pooling": "avg" in methods,
        "linear": "linear" in methods,
        "squeezed": squeezed,
        "overlap": config.patch_sizes[0] > config.patch_stride[0],
        "stages": config.num_stages > 1,
        "heads": config.num_heads[-1] > 1,
        "blocks": config.depth[-1] > 1,
        "quick": config.hidden_act == "quick_gelu",
    }
    return [name for name, holds in has.items() if holds]


def numbers(trace: Trace) -> dict[str, str | int]:
    """What fills the lessons' blanks. Those that end in 1 are of the first stage, those in "last" of the last."""
    config, geometry = trace.config, [stage.geometry for stage in trace.stages]
    winner, probability = trace.top(1)[0]
    costs = stage_costs(config, trace.crop.height, trace.crop.width)
    told: dict[str, str | int] = {
        "height": trace.crop.height,
        "width": trace.crop.width,
        "stages": config.num_stages,
        "classes": config.num_labels,
        "class": class_name(trace, winner),
        "probability": f"{100 * probability:.0f}",
        "temperature": f"{config.temperature:.3g}",
        "overlap": max(0, config.patch_sizes[0] - config.patch_stride[0]),
        "blocks": sum(config.depth),
        "parameters": f"{sum(cost.parameters for cost in costs) + head_parameters(config):,}",
    }
    for name, stage in (("1", 0), ("last", -1)):
        grid, keys = geometry[stage].tokens, geometry[stage].keys
        told |= {
            f"rows{name}": grid.rows,
            f"columns{name}": grid.columns,
            f"tokens{name}": grid.rows * grid.columns,
            f"keys{name}": keys.rows * keys.columns,
            f"stride{name}": round(grid.stride),
            f"field{name}": grid.receptive_field,
            f"kernel{name}": config.patch_sizes[stage],
            f"step{name}": config.patch_stride[stage],
            f"channels{name}": config.embed_dim[stage],
            f"heads{name}": config.num_heads[stage],
            f"head_channels{name}": config.embed_dim[stage] // config.num_heads[stage],
            f"depth{name}": config.depth[stage],
            f"products{name}": config.patch_sizes[stage] ** 2 * (config.num_channels if stage == 0 else 0),
            f"hidden{name}": int(config.embed_dim[stage] * config.mlp_ratio[stage]),
            f"root{name}": f"{config.embed_dim[stage] ** 0.5:.3g}",
        }
    return told


def cost_table(trace: Trace) -> list[dict[str, Any]]:
    """A line for every stage: ``StageLine[]`` of ``web/types.d.ts``; counts are for one image of this size."""
    config, lines = trace.config, []
    for index, cost in enumerate(stage_costs(config, trace.crop.height, trace.crop.width)):
        geometry = trace.stages[index].geometry
        lines.append(
            {
                "grid": _sides(geometry.tokens),
                "keys": _sides(geometry.keys),
                "channels": config.embed_dim[index],
                "heads": config.num_heads[index],
                "blocks": config.depth[index],
                "field": geometry.tokens.receptive_field,
                "parameters": cost.parameters,
                "multiply_adds": cost.multiply_adds,
            }
        )
    return lines


def class_name(trace: Trace, index: int) -> str:
    """The first of the names that a class has: ImageNet gives several, parted by commas."""
    return trace.label(index).partition(",")[0]


def _sides(grid: Grid) -> list[int]:
    return [grid.rows, grid.columns]
