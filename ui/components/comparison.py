"""Every method put to the test on the photo: how much better its map is than one that knows nothing."""

from __future__ import annotations

from collections.abc import Sequence

from gradio.data_classes import GradioModel

from cvt.tracing import Trace
from visualize.comparison import Compared

from ..session.view import view_of
from .part import Part

__all__ = ["Comparison", "ComparisonData", "comparison_value"]


class ComparedData(GradioModel):
    """One map: its method, or "random" or "centre", which know nothing; its stage, from 0; its gain, −1 to 1.

    ``view`` is the explorer's that shows it, if one does.
    """

    method: str
    view: str | None
    stage: int | None
    gain: float


class ComparisonData(GradioModel):
    """The table; no methods stand for one that has yet to be measured.

    Attributes:
        number: of the wish that it is about (see :mod:`ui.session.turn`).
        label: of the class whose probability is followed.
        methods: the most faithful first.
    """

    number: int
    label: str
    methods: list[ComparedData]


class Comparison(Part):
    """The table. Raises ``wanted`` when somebody comes to see one that has yet to be measured."""

    part = "comparison"
    raises = ("wanted",)
    data_model = ComparisonData


def comparison_value(number: int, trace: Trace, compared: Sequence[Compared] = ()) -> ComparisonData:
    """What was compared, for the most probable class."""
    methods = [
        ComparedData(
            method=result.method,
            view=view_of(result.method),
            stage=result.stage,
            gain=result.faithfulness.gain,
        )
        for result in compared
    ]
    return ComparisonData(number=number, label=trace.label(trace.top(1)[0][0]), methods=methods)
