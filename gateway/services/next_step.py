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
from gateway.store.releases import Release, Releases, dims_key


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


def next_step(
    reader: Releases, question: Question, cells: Sequence[Cell], releases: Sequence[Release], audience: str
) -> Step | None:
    """The finest neighbour with a published cell around a protected one; None when all is published, or no one helps.

    Shape: only released periods are asked for; `releases` are those of the answer. The same for every caller of an
    audience, so it holds on to what one of them may not leave out: the own project, and the insurer of a question about
    one insurer's members.
    Cost: one look by key per protected cell and neighbour, in two round trips a neighbour at most.
    Source: DISCLOSURE 4.
    """
    protected = [cell for cell in cells if cell.row is None]
    used = sorted([*question.by, *question.filters], key=DIMENSIONS.index)
    steps = coarser(question.kind, used, question.measure) if protected else []
    steps.sort(key=lambda node: sigma(node.period, node.dims, question.measure))
    held = ({PROJECT} if audience == "own" else set()) | ({INSURER} & set(question.filters))
    own = {one.period: one for one in releases}
    labels = dict.fromkeys(cell.period.label for cell in cells)
    for node in steps:
        if not held <= set(node.dims):
            continue
        around = {label: _around(Period(question.kind, label), node) for label in labels}
        in_force = own if node.period is question.kind else _in_force(reader, question, node, around)
        periods = _periods(question, node, around, in_force)
        shown = _shown(reader, protected, node, around, in_force, audience) if periods else 0
        if shown:
            return Step(_towards(question, node, periods), shown)
    return None


def _around(period: Period, node: Node) -> Period | None:
    return period if node.period is period.kind else longer(period)


_Around = Mapping[str, Period | None]
"""The period of a node that holds one of an answer, by the label of the latter."""
_InForce = Mapping[str, Release]
"""Releases by the label of their period."""


def _in_force(reader: Releases, question: Question, node: Node, around: _Around) -> _InForce:
    labels = {period.label for period in around.values() if period is not None}
    return reader.find_each(question.measure, node.period, sorted(labels))


def _periods(question: Question, node: Node, around: _Around, in_force: _InForce) -> list[Period]:
    """The released periods of a node that hold those of an answer, in order; none when one between is not released."""
    periods = [one for one in dict.fromkeys(around.values()) if one is not None and one.label in in_force]
    if node.period is question.kind:
        return periods
    periods.sort(key=str)
    return periods if all(one.is_before(after) for one, after in pairwise(periods)) else []


def _shown(
    reader: Releases, protected: Sequence[Cell], node: Node, around: _Around, in_force: _InForce, audience: str
) -> int:
    """How many protected cells lie in a published cell of a node."""
    keys: list[tuple[str, str]] = []
    for cell in protected:
        period = around[cell.period.label]
        if period is not None and period.label in in_force:
            named = {name: cell.named[name] for name in node.dims}
            keys.append((in_force[period.label].id, dims_key(cell_dims(period, named))))
    asked: dict[str, list[str]] = {}
    for release_id, key in dict.fromkeys(keys):
        asked.setdefault(release_id, []).append(key)
    published = reader.cells(audience, asked)
    return sum(key in published for key in keys)


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
