"""Insertion and deletion curves as a small chart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import GradioModel

from ui.texts import LANGUAGES, words
from visualize.faithfulness import Curve, Faithfulness

__all__ = ["CurveChart", "CurvesData", "curves_value"]

STATIC = Path(__file__).with_name("static")


class CurveData(GradioModel):
    """One curve: what it is, in each language, and its points (share of the photo changed, probability)."""

    name: str
    title: dict[str, str]
    points: list[tuple[float, float]]


class CurvesData(GradioModel):
    """The chart, its axes named in each language; ``number`` is blank in ``percent``, ``alt`` says all of it."""

    heading: dict[str, str]
    alt: dict[str, str]
    percent: dict[str, str]
    across: dict[str, str]
    up: dict[str, str]
    curves: list[CurveData]


class CurveChart(gr.HTML):
    """The curves, drawn in the browser; empty at first."""

    data_model = CurvesData

    def __init__(self, value: CurvesData | None = None, **options: Any) -> None:
        super().__init__(
            value,
            html_template='<figure class="curves"><figcaption></figcaption><div class="chart"></div></figure>',
            css_template=(STATIC / "curves.css").read_text(encoding="utf-8"),
            js_on_load=(STATIC / "curves.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            **options,
        )

    def preprocess(self, payload: Any) -> None:
        """Nothing that a browser sends is believed."""
        return None

    def api_info(self) -> dict[str, Any]:
        """The schema of the value."""
        return CurvesData.model_json_schema()


def curves_value(measured: Faithfulness, label: str) -> CurvesData:
    """Both curves of a map; ``label`` is the class whose probability was followed."""

    def told(name: str, **values: object) -> dict[str, str]:
        return {language: words(language)[name].format(**values) for language in LANGUAGES}

    def data(name: str, curve: Curve) -> CurveData:
        points = list(zip(curve.fractions.tolist(), curve.scores.tolist(), strict=True))
        return CurveData(name=name, title=told(name, area=f"{curve.area:.2f}"), points=points)

    heading = told("curves", label=label)
    curves = [data("insertion", measured.insertion), data("deletion", measured.deletion)]
    alt: dict[str, str] = {
        language: words(language)["curves_alt"].format(
            heading=heading[language], **{one.name: one.title[language] for one in curves}
        )
        for language in LANGUAGES
    }
    return CurvesData(
        heading=heading,
        alt=alt,
        percent=told("percent", number="{number}"),
        across=told("share_changed"),
        up=told("probability"),
        curves=curves,
    )
