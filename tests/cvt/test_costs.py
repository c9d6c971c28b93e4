"""Costs worked out from a configuration, against what PyTorch counts while the network runs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cvt.config import CvtConfig
from cvt.costs import head_parameters, stage_costs
from cvt.model import CvtForImageClassification
from tests.cvt.networks import small_config, uniform_config

NETWORKS: dict[str, tuple[CvtConfig, tuple[int, int]]] = {
    "small": (small_config(), (64, 64)),
    "not square": (small_config(), (48, 96)),
    "odd grids": (small_config(), (72, 56)),
    "two stages, no CLS": (uniform_config(2), (40, 40)),
    "avg": (uniform_config(3, qkv_projection_method="avg", cls_token=[False, False, True]), (44, 36)),
    "linear": (uniform_config(2, qkv_projection_method="linear", qkv_bias=False), (32, 32)),
    "CLS everywhere": (uniform_config(2, cls_token=True, mlp_ratio=1.5), (32, 32)),
}


class Counted(CvtForImageClassification):
    """A network whose modules' paths no other thread's network has, since the counter hears them all."""


def counted(model: torch.nn.Module, height: int, width: int) -> dict[str, int]:
    """Multiply-adds by module path, as PyTorch counts them; attention with its weights, as separate products."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, height, width), output_attentions=True)
    return {path: sum(kinds.values()) // 2 for path, kinds in counter.get_flop_counts().items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_multiply_adds_are_those_of_a_counted_pass(name: str) -> None:
    config, size = NETWORKS[name]
    model = Counted(config).eval()
    found = counted(model, *size)
    costs = stage_costs(config, *size)
    for stage, cost in enumerate(costs):
        path = f"Counted.cvt.encoder.stages.{stage}"
        layers = [f"{path}.layers.{layer}" for layer in range(config.depth[stage])]
        linears = [f"{layer}.attention.{which}_linear" for layer in layers for which in ("query", "key", "value")]
        assert cost.multiply_adds == found[path]
        assert cost.embedding == found[f"{path}.embedding"]
        assert cost.mlp == sum(found[f"{layer}.mlp"] for layer in layers)
        assert cost.attention + cost.projection == sum(found[f"{layer}.attention"] for layer in layers)
        assert cost.projection > sum(found[linear] for linear in linears)
    head = config.embed_dim[-1] * config.num_labels
    assert sum(cost.multiply_adds for cost in costs) + head == found["Global"]


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_are_those_of_the_network(name: str) -> None:
    config, size = NETWORKS[name]
    model = CvtForImageClassification(config)
    costs = stage_costs(config, *size)
    for stage, cost in enumerate(costs):
        there = model.cvt.encoder.stages[stage]
        assert cost.parameters == sum(parameter.numel() for parameter in there.parameters())
    whole = sum(parameter.numel() for parameter in model.parameters())
    assert sum(cost.parameters for cost in costs) + head_parameters(config) == whole


@pytest.mark.parametrize(
    ("fields", "parameters", "billions"),
    [({}, 19_997_480, 4.5), ({"depth": [1, 4, 16]}, 31_622_696, 7.1)],
    ids=["CvT-13", "CvT-21"],
)
def test_published_networks_cost_what_the_paper_says(fields: dict[str, Any], parameters: int, billions: float) -> None:
    """Table 1; the paper rounds."""
    config = CvtConfig(num_labels=1000, **fields)
    costs = stage_costs(config, 224, 224)
    assert sum(cost.parameters for cost in costs) + head_parameters(config) == parameters
    assert sum(cost.multiply_adds for cost in costs) / 1e9 == pytest.approx(billions, rel=0.03)


def test_squeezed_keys_save_attention() -> None:
    config = uniform_config(1, stride_kv=1)
    (whole,) = stage_costs(config, 32, 32)
    assert whole.attention == whole.unsqueezed
    (squeezed,) = stage_costs(uniform_config(1, stride_kv=2), 32, 32)
    assert squeezed.attention * 4 == squeezed.unsqueezed == whole.attention
