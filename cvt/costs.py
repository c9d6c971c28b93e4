"""What a network costs: its parameters and multiply-adds, stage by stage, from the configuration alone.

Counted as in the paper's table 1 and by every counter of the field: the products of convolutions, of linear layers and
of the two matrix products of attention. Norms, softmax, activations, poolings and biases are left out: they are less
than a hundredth.
"""

from __future__ import annotations

from dataclasses import dataclass

from cvt.config import CvtConfig
from cvt.geometry import StageGeometry, stage_geometry

__all__ = ["StageCost", "head_parameters", "stage_costs"]


@dataclass(frozen=True)
class StageCost:
    """One stage. All but ``parameters`` are multiply-adds for one image.

    Attributes:
        parameters: learned numbers; the running statistics of batch norms are not among them.
        embedding: of the convolutional token embedding.
        projection: of the depthwise convolutions and linear layers that make queries, keys, values and output.
        attention: of queries with keys, and of weights with values.
        mlp: of the MLPs.
        unsqueezed: what ``attention`` would be if every token were a key.
    """

    parameters: int
    embedding: int
    projection: int
    attention: int
    mlp: int
    unsqueezed: int

    @property
    def multiply_adds(self) -> int:
        """All of the stage's multiply-adds."""
        return self.embedding + self.projection + self.attention + self.mlp


def stage_costs(config: CvtConfig, height: int, width: int) -> tuple[StageCost, ...]:
    """The cost of every stage for an input of ``height`` × ``width`` pixels.

    The classifier's share is that of :func:`head_parameters`.

    Raises:
        ImageError: the input is too small for this network.
    """
    return tuple(_stage(config, s, geometry) for s, geometry in enumerate(stage_geometry(config, height, width)))


def head_parameters(config: CvtConfig) -> int:
    """Parameters of what follows the last stage: a layer norm and the classifier, a multiply-add per weight."""
    width = config.embed_dim[-1]
    return 2 * width + (width + 1) * config.num_labels


def _stage(config: CvtConfig, stage: int, geometry: StageGeometry) -> StageCost:
    width, depth = config.embed_dim[stage], config.depth[stage]
    below = config.embed_dim[stage - 1] if stage else config.num_channels
    hidden = int(width * config.mlp_ratio[stage])
    grid, key_grid = geometry.tokens, geometry.keys
    cls = int(config.cls_token[stage])
    tokens, keys = grid.rows * grid.columns + cls, key_grid.rows * key_grid.columns + cls
    window = config.patch_sizes[stage] ** 2 * below * width
    convolves = config.qkv_projection_method[stage] == "dw_bn"
    kernel = config.kernel_qkv[stage] ** 2 * width if convolves else 0

    norms = 4 * width + (6 * width if convolves else 0)  # two layer norms; a batch norm for each of q, k, v
    linears = 4 * width**2 + (4 if config.qkv_bias[stage] else 1) * width
    mlp = 2 * width * hidden + hidden + width
    layer = norms + 3 * kernel + linears + mlp
    return StageCost(
        parameters=window + 3 * width + cls * width + depth * layer,
        embedding=window * (tokens - cls),
        projection=depth * (kernel * (tokens + 2 * keys - 3 * cls) + width**2 * 2 * (tokens + keys)),
        attention=depth * 2 * tokens * keys * width,
        mlp=depth * 2 * tokens * width * hidden,
        unsqueezed=depth * 2 * tokens * tokens * width,
    )
