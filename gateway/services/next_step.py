"""A question to the lattice, the cells of its answer, and the finest neighbour that shows what the answer protects.

Stage: anonymous. Published cells alone decide, so the step tells nothing that its answer would not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from gateway.domain.disclosure import sigma
from gateway.domain.lattice import (
    DIMENSIONS,
    INSURER,
    PROJECT,
    Measure,
    Node,
    Period,
    PeriodKind,
    cell_dims,
    coarser,
    longer,
)
from gateway.store.releases import Releases, dims_key


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the lattice.

    Shape: `by` and `filters` hold every dimension but the period, `order` is `by` as asked, the period included;
    `surplus` names a dimension that no lattice holds.
    """

    by: tuple[str, ...]
    filters: Mapping[str, str]
    kind: PeriodKind
    is_period_grouped: bool
    measure: Measure = Measure.ACTIONS
    first: str | None = None
    last: str | None = None
    surplus: str | None = None
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """One declared cell of an answer: its period, all its other dimensions, and what is published of it."""

    period: Period
    named: Mapping[str, str]
    row: Any | None


@dataclass(frozen=True, slots=True)
class Step:
    """A coarser question, and how many of the cells that were protected it shows as part of a published one."""

    question: Question
    shown: int


def next_step(reader: Releases, question: Question, cells: Sequence[Cell], audience: str) -> Step | None:
    """The finest neighbour with a published cell around a protected one; None when all is published, or no one helps.

    Shape: only released periods are asked for. The same for every caller of an audience, so it holds on to what one of
    them may not leave out: the own project, and the insurer of a question about one insurer's members.
    Cost: one look by key per protected cell and neighbour.
    Source: DISCLOSURE 4.
    """
    protected = [cell for cell in cells if cell.row is None]
    used = sorted([*question.by, *question.filters], key=DIMENSIONS.index)
    steps = coarser(question.kind, used, question.measure) if protected else []
    steps.sort(key=lambda node: sigma(node.period, node.dims, question.measure))
    held = ({PROJECT} if audience == "own" else set()) | ({INSURER} & set(question.filters))
    for node in steps:
        if not held <= set(node.dims):
            continue
        periods = _periods(reader, question, cells, node)
        shown = _shown(reader, question, protected, node, audience) if periods else 0
        if shown:
            return Step(_towards(question, node, periods), shown)
    return None


def _around(period: Period, node: Node) -> Period | None:
    return period if node.period is period.kind else longer(period)


def _periods(reader: Releases, question: Question, cells: Sequence[Cell], node: Node) -> list[Period]:
    """The released periods of a node that hold those of an answer, in order; none when one between is not released."""
    periods = list(dict.fromkeys(period for cell in cells if (period := _around(cell.period, node)) is not None))
    if node.period is question.kind:
        return periods
    periods.sort(key=str)
    released = [one for one in periods if reader.find(question.measure, one.kind, one.label) is not None]
    return released if all(one.is_before(after) for one, after in pairwise(released)) else []


def _shown(reader: Releases, question: Question, protected: Sequence[Cell], node: Node, audience: str) -> int:
    """How many protected cells lie in a published cell of a node."""
    around: dict[Period, list[str]] = {}
    for cell in protected:
        period = _around(cell.period, node)
        if period is not None:
            named = {name: cell.named[name] for name in node.dims}
            around.setdefault(period, []).append(dims_key(cell_dims(period, named)))
    shown = 0
    for period, keys in around.items():
        release = reader.find(question.measure, period.kind, period.label)
        if release is not None:
            published = reader.cells(release.id, audience, sorted(set(keys)))
            shown += sum(key in published for key in keys)
    return shown


def _towards(question: Question, node: Node, periods: Sequence[Period]) -> Question:
    """The same question to another node; a span, open at one end or not, from the first to the last of its periods."""
    first, last = question.first, question.last
    if node.period is not question.kind and (first is not None or last is not None):
        first, last = periods[0].label, periods[-1].label
    by = tuple(name for name in question.by if name in node.dims)
    order = tuple(
        node.period.value if name == question.kind else name
        for name in question.order
        if name == question.kind or name in by
    )
    filters = {name: value for name, value in question.filters.items() if name in node.dims}
    return Question(
        by=by,
        filters=filters,
        kind=node.period,
        is_period_grouped=question.is_period_grouped,
        measure=question.measure,
        first=first,
        last=last,
        order=order,
    )
