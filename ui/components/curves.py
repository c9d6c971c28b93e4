"""What happens as pixels are taken away, in the order of a map, as a small chart."""

from __future__ import annotations

from gradio.data_classes import GradioModel

from visualize.faithfulness import Curve, Faithfulness

from .part import Part

__all__ = ["CurveChart", "CurvesData", "curves_value"]


class CurveData(GradioModel):
    """One curve: its name, the area below it, and its points (share of the photo changed, probability)."""

    name: str
    area: float
    points: list[tuple[float, float]]


class CurvesData(GradioModel):
    """The chart; ``label`` is the class whose probability was followed."""

    label: str
    curves: list[CurveData]


class CurveChart(Part):
    """The curves, drawn in the browser; empty at first."""

    part = "curves"
    data_model = CurvesData


def curves_value(measured: Faithfulness, label: str) -> CurvesData:
    """Both curves of a map."""

    def data(name: str, curve: Curve) -> CurveData:
        points = list(zip(curve.fractions.tolist(), curve.scores.tolist(), strict=True))
        return CurveData(name=name, area=curve.area, points=points)

    return CurvesData(
        label=label, curves=[data("least_first", measured.least_first), data("most_first", measured.most_first)]
    )
