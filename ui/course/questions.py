"""All questions by the names that the lessons' texts call them, and the making of them for one photo and model."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cvt.tracing import Trace

from . import counting, predicting, seeing
from .asked import Asked, Maker
from .facts import cost_table, numbers, traits

__all__ = ["QUESTIONS", "VARIANTS", "ask", "lesson_facts"]

VARIANTS = 8
"""How many of each question are made; which one a learner gets is up to the browser."""

QUESTIONS: Mapping[str, Maker] = {
    "products": counting.products,
    "strongest": seeing.strongest,
    "shared-pixels": counting.shared_pixels,
    "brighter": predicting.brighter,
    "coarser": predicting.coarser,
    "centres": counting.centres,
    "field": counting.field_of_a_stage,
    "numbers-held": counting.numbers_held,
    "costly": predicting.costly,
    "depthwise-weights": counting.depthwise_weights,
    "keys": counting.keys,
    "saving": counting.saving,
    "squeezed-queries": predicting.squeezed_queries,
    "uniform-share": counting.uniform_share,
    "softmax": seeing.softmax,
    "focused-head": seeing.focused_head,
    "received": seeing.received,
    "doubled": counting.doubled,
    "rows-of-attention": counting.rows_of_attention,
    "mean-share": counting.mean_share,
    "no-place": predicting.no_place,
    "numbers-for-all": predicting.numbers_for_all,
    "looks-at-itself": seeing.looks_at_itself,
    "outside": counting.outside,
    "shuffled": predicting.shuffled,
    "other-size": counting.other_size,
    "shift": predicting.shift,
    "whole-step": counting.whole_step,
    "products-of-a-logit": counting.products_of_a_logit,
    "odds": seeing.odds,
    "temperature": predicting.temperature,
    "evidence": seeing.evidence,
    "random-map": predicting.random_map,
    "neighbours-gone": predicting.neighbours_gone,
    "unsqueezed": counting.unsqueezed,
    "silenced": seeing.silenced,
    "for-these-weights": predicting.for_these_weights,
}


def ask(name: str, trace: Trace, seed: str) -> Asked | None:
    """A question about a photo; the same seed gives the same one. None where the model has nothing to ask about."""
    return QUESTIONS[name](trace, random.Random(f"{name} {seed}"))


def lesson_facts(trace: Trace, key: str) -> dict[str, Any]:
    """What the lessons need to know of a photo and a model: ``LessonFacts`` of ``web/types.d.ts``.

    Args:
        trace: with a target, for the questions about evidence.
        key: names photo and model.
    """
    questions = {}
    for name in QUESTIONS:
        variants = [ask(name, trace, f"{key} {variant}") for variant in range(VARIANTS)]
        questions[name] = [asdict(asked) for asked in variants if asked is not None]
    return {
        "key": key,
        "traits": traits(trace.config),
        "numbers": numbers(trace),
        "table": cost_table(trace),
        "questions": questions,
    }
