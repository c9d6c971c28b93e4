"""The one table of methods: for every map what it is called, what it shows, what it needs and where it is worth it.

Page, sheets, command line, endpoints and benchmarks read :data:`METHODS`; a method that is added here is added to all
of them. Identifiers are those of ``/explain`` and of addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cvt.errors import ConfigError
from visualize.attention import Head, Query, attention_map, attention_received
from visualize.class_evidence import class_evidence, pixel_evidence
from visualize.feature_maps import feature_map, similarity_map
from visualize.heatmap import Heatmap, Kind
from visualize.rollout import rollout

if TYPE_CHECKING:
    from cvt.balanced import Rule
    from cvt.tracing import Trace

__all__ = ["METHODS", "Choice", "Family", "MethodEntry", "Place", "map_of", "method_named", "methods_shown"]

Family = Literal["features", "attention", "evidence"]
"""What kind of question a map answers: what is there, where it is looked, or what speaks for a class.

Evidence is what loses its resemblance when the network forgets what it has learned (``benchmarks/sanity.py``); what
keeps it is a look at attention, even if it asks for a class.
"""

Place = Literal["every", "last", "below last", "whole"]
"""The stages in which a map is worth showing; "whole" is one map of the network, whatever the stage."""


@dataclass(frozen=True)
class Choice:
    """Which of a method's maps; all counted from 0, negative ones from the end.

    Attributes:
        stage, block: as in :mod:`visualize`.
        head: "mean", or an index.
        query: "cls", or a token's (row, column).
    """

    stage: int = -1
    block: int = -1
    head: Head = "mean"
    query: Query = "cls"


@dataclass(frozen=True)
class MethodEntry:
    """A line of the table.

    Attributes:
        id: its name in ``/explain`` and addresses.
        name: the :attr:`~visualize.heatmap.Heatmap.name` of its maps, under which there are words in every language.
        family: what it answers.
        kind: of its maps, which decides their colours (:func:`visualize.palette.limits`).
        shown: the stages in which it is worth showing. Asked for by name it is worked out in any.
        why: why there, in a sentence.
        work_out: the map of a trace.
        rule: whose gradients it reads, of the class that it explains; None where it explains none.
        contrasts: whether it can hold that class against another, as what follows balanced gradients can.
        uses: which of stage, block, head and query it depends on.
    """

    id: str
    name: str
    family: Family
    kind: Kind
    shown: Place
    why: str
    work_out: Callable[[Trace, Choice], Heatmap]
    rule: Rule | None = None
    contrasts: bool = False
    uses: frozenset[str] = frozenset({"stage"})

    @property
    def needs_target(self) -> bool:
        """Whether it explains one class, which its trace must have as its target."""
        return self.rule is not None

    def map_of(self, trace: Trace, **choice: Any) -> Heatmap:
        """The map of a trace; ``choice`` are fields of :class:`Choice`. What the method does not use is ignored."""
        return self.work_out(trace, Choice(**choice))

    def shown_in(self, stage: int, count: int) -> bool:
        """Whether it is worth showing in a stage, from 0, of ``count``."""
        is_last = stage == count - 1
        return {"every": True, "last": is_last, "below last": not is_last, "whole": False}[self.shown]


def _token(query: Query) -> tuple[int, int]:
    if isinstance(query, str):
        raise ConfigError(f"query {query!r}: similarity is to one token, given as (row, column)")
    return query


METHODS: dict[str, MethodEntry] = {
    entry.id: entry
    for entry in (
        MethodEntry(
            id="feature",
            name="feature norm",
            family="features",
            kind="sequential",
            shown="every",
            why="Every stage has its own features.",
            work_out=lambda trace, choice: feature_map(trace, choice.stage),
        ),
        MethodEntry(
            id="similarity",
            name="similarity",
            family="features",
            kind="diverging",
            shown="every",
            why="Every stage has its own features.",
            work_out=lambda trace, choice: similarity_map(trace, choice.stage, _token(choice.query)),
            uses=frozenset({"stage", "query"}),
        ),
        MethodEntry(
            id="attention",
            name="attention",
            family="attention",
            kind="distribution",
            shown="every",
            why="Every block of every stage has its own attention.",
            work_out=lambda trace, choice: attention_map(
                trace, choice.stage, choice.block, choice.query, head=choice.head
            ),
            uses=frozenset({"stage", "block", "head", "query"}),
        ),
        MethodEntry(
            id="attention_received",
            name="attention received",
            family="attention",
            kind="distribution",
            shown="every",
            why="Every block of every stage has its own attention.",
            work_out=lambda trace, choice: attention_received(trace, choice.stage, choice.block, choice.head),
            uses=frozenset({"stage", "block", "head"}),
        ),
        MethodEntry(
            id="attention_rollout",
            name="rollout",
            family="attention",
            kind="distribution",
            shown="whole",
            why="It goes through all stages, down to the pixels.",
            work_out=lambda trace, choice: rollout(trace),
            uses=frozenset(),
        ),
        MethodEntry(
            id="rollout",
            name="rollout",
            family="attention",
            kind="distribution",
            shown="whole",
            why="It goes through all stages, down to the pixels, and asks for a class only on the way.",
            work_out=lambda trace, choice: rollout(trace, for_class=True),
            rule="plain",
            uses=frozenset(),
        ),
        MethodEntry(
            id="class_evidence",
            name="class evidence",
            family="evidence",
            kind="diverging",
            shown="whole",
            why="It joins what the pixels bring with what the last stage's tokens bring.",
            work_out=lambda trace, choice: class_evidence(trace),
            rule="attnlrp",
            contrasts=True,
            uses=frozenset(),
        ),
        MethodEntry(
            id="pixel_evidence",
            name="pixel evidence",
            family="evidence",
            kind="diverging",
            shown="whole",
            why="It goes down to the pixels, and adds up to the answer.",
            work_out=lambda trace, choice: pixel_evidence(trace),
            rule="libragrad",
            contrasts=True,
            uses=frozenset(),
        ),
        MethodEntry(
            id="libragrad",
            name="LibraGrad",
            family="evidence",
            kind="diverging",
            shown="every",
            why="What enters a stage adds up to the answer, in every stage.",
            work_out=lambda trace, choice: class_evidence(trace, choice.stage),
            rule="libragrad",
            contrasts=True,
        ),
        MethodEntry(
            id="attnlrp",
            name="AttnLRP",
            family="evidence",
            kind="diverging",
            shown="every",
            why="It shares the answer out among what enters a stage, in every stage.",
            work_out=lambda trace, choice: class_evidence(trace, choice.stage, "attnlrp"),
            rule="attnlrp",
            contrasts=True,
        ),
        MethodEntry(
            id="legrad",
            name="LeGrad",
            family="attention",
            kind="sequential",
            shown="every",
            why="Every stage has its own attention.",
            work_out=lambda trace, choice: class_evidence(trace, choice.stage, "legrad"),
            rule="plain",
        ),
        MethodEntry(
            id="grad_cam",
            name="Grad-CAM",
            family="evidence",
            kind="diverging",
            shown="last",
            why="It averages gradients over places, as if a channel meant the same everywhere: true of the last stage.",
            work_out=lambda trace, choice: class_evidence(trace, choice.stage, "grad_cam"),
            rule="plain",
        ),
        MethodEntry(
            id="hires_cam",
            name="HiResCAM",
            family="evidence",
            kind="diverging",
            shown="below last",
            why="Every place has its own gradient, as early stages need it; in a last stage without CLS it is zero.",
            work_out=lambda trace, choice: class_evidence(trace, choice.stage, "hires_cam"),
            rule="plain",
        ),
        MethodEntry(
            id="grad_attention",
            name="gradient × attention",
            family="attention",
            kind="sequential",
            shown="every",
            why="It follows attention from the answer down to any stage.",
            work_out=lambda trace, choice: class_evidence(trace, choice.stage, "grad_attention"),
            rule="plain",
        ),
    )
}
"""Every method by its identifier, in the order in which they are offered."""


def method_named(method: str) -> MethodEntry:
    """A line of the table; case and spaces around do not count.

    Raises:
        ConfigError: there is no such method; the message lists them.
    """
    entry = METHODS.get(method.strip().lower())
    if entry is None:
        raise ConfigError(f"method {method!r} must be one of {', '.join(METHODS)}")
    return entry


def methods_shown(family: Family, stage: int, count: int) -> list[MethodEntry]:
    """The methods of a family that are worth showing in a stage, from 0, of ``count``."""
    return [entry for entry in METHODS.values() if entry.family == family and entry.shown_in(stage, count)]


def map_of(
    trace: Trace, method: str, stage: int = -1, block: int = -1, head: Head = "mean", query: Query = "cls"
) -> Heatmap:
    """A method's map of a trace; what the method does not use is ignored.

    Raises:
        ConfigError: there is no such method, stage, block, head or query; or the method needs a target that the trace
            has not got.
    """
    return method_named(method).map_of(trace, stage=stage, block=block, head=head, query=query)
