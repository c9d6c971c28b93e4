"""Names for the closed sets of values that fields and arguments take."""

from typing import Literal

__all__ = ["Activation", "ProblemType", "ProjectionMethod"]

Activation = Literal["gelu", "quick_gelu"]
ProblemType = Literal["regression", "single_label_classification", "multi_label_classification"]
ProjectionMethod = Literal["dw_bn", "avg", "linear"]
