"""Close a period: exact counts in, protected figures out, once and all at once.

Stage: the crossing from pseudonymous to anonymous.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from gateway.domain.calendar import STANDARD, Calendar, check_due
from gateway.domain.disclosure import Dims, ExactCell, ProtectedCell, protect, protect_inclusions
from gateway.domain.errors import AlreadyReleased, NotDue, NotInLattice
from gateway.domain.lattice import (
    PERIODS_OF,
    PSEUDOCODE,
    RELEASED,
    VERSION,
    Measure,
    Node,
    Period,
    PeriodKind,
    measures_of,
    nodes,
    periods_between,
)
from gateway.domain.ledger import release_rho
from gateway.domain.periods import day_of
from gateway.domain.project import Catalogue, closes_on
from gateway.pseudonyms.release_key import release_key
from gateway.services.context import Context
from gateway.store.releases import Release
from gateway.store.statistics import Statistics
from gateway.store.transaction import Transaction

Group = Literal["inclusions", "actions"]
"""What is closed together: the inclusion measures of a period, or its figures of actions."""
GROUPS: tuple[Group, ...] = ("inclusions", "actions")


@dataclass(frozen=True, slots=True)
class Closed:
    """What a close released: the release, and how many cells of each audience it published."""

    release: Release
    published: int


def close_period(context: Context, period: Period, measure: Measure, calendar: Calendar = STANDARD) -> Closed:
    """Close a period for one measure: protect every cell once, keep what is published, forget the key.

    Cost: one pass over the period's facts per node; one transaction.
    Source: DISCLOSURE 2 to 6; A1, A2.
    Raises: UnknownProject for a convention, NotInLattice, NotDue, AlreadyReleased.
    """
    if period.kind not in PERIODS_OF[measure]:
        raise NotInLattice(dimension=period.kind.value)
    with context.store.transaction() as tx:
        (closed,) = _close(tx, period, (measure,), calendar)
    return closed


def release_period(
    context: Context, period: Period, group: Group | None = None, calendar: Calendar = STANDARD
) -> list[Closed]:
    """Close what is still open of a period, in one transaction: all of it or nothing.

    Shape: one group's measures; without a group actions, and inclusion measures if still open, which is due when
    actions are. Inclusion measures first, and never empty.
    Raises: as `close_period`; AlreadyReleased when nothing that is asked for is open.
    """
    measures = _of_group(period.kind, group)
    if not measures:
        raise NotInLattice(dimension=period.kind.value)
    with context.store.transaction() as tx:
        return _close(tx, period, measures, calendar)


def _of_group(kind: PeriodKind, group: Group | None) -> tuple[Measure, ...]:
    """The measures of a group that are counted over a kind of period; those of both without a group."""
    counted = measures_of(kind)
    return tuple(one for one in counted if group is None or one.is_of_inclusions is (group == "inclusions"))


def _close(tx: Transaction, period: Period, measures: Sequence[Measure], calendar: Calendar) -> list[Closed]:
    """Close those of the measures that are open, when the last one, which is due last, is due."""
    tx.freeze()
    catalogue = tx.catalogue.current()
    whole = with_days(catalogue, period)
    today, closes = day_of(tx.legal_now()), _closes_on(catalogue, period)
    check_due(whole, measures[-1], today, closes_on=closes, calendar=calendar)
    opened = [one for one in measures if tx.releases.find(one, period.kind, period.label) is None]
    if not opened:
        raise AlreadyReleased
    return [_close_one(tx, catalogue, whole, measure) for measure in opened]


def _close_one(tx: Transaction, catalogue: Catalogue, period: Period, measure: Measure) -> Closed:
    release = _release(tx, catalogue, period, measure)
    cells = list(_protected(tx.statistics, period, measure, release.id))
    tx.releases.add(release, cells)
    return Closed(release, len(cells))


def due_periods(context: Context, calendar: Calendar = STANDARD, *, group: Group = "actions") -> list[Period]:
    """Every month, quarter, year and convention of which a group is due and open, oldest first.

    Shape: from the first convention's start to the legal today.
    """
    with context.store.reading() as tx:
        catalogue = tx.catalogue.current()
        today = day_of(tx.legal_now())
        done = {(one.measure, one.kind, one.period) for one in tx.releases.list()}
        return [
            period
            for period in _periods_until(catalogue, today)
            if any(
                (measure.value, period.kind.value, period.label) not in done
                and is_due(period, measure, today, _closes_on(catalogue, period), calendar)
                for measure in _of_group(period.kind, group)
            )
        ]


def is_due(period: Period, measure: Measure, today: date, closes: date | None, calendar: Calendar = STANDARD) -> bool:
    """Whether the figures of a period may be released today."""
    try:
        check_due(period, measure, today, closes_on=closes, calendar=calendar)
    except NotDue:
        return False
    return True


def _periods_until(catalogue: Catalogue, today: date) -> Iterator[Period]:
    starts = [project.convention.effective_from for project in catalogue.projects.values()]
    first = min(starts, default=today)
    for kind in (PeriodKind.MONTH, PeriodKind.QUARTER, PeriodKind.YEAR):
        yield from periods_between(kind, Period.of(kind, first).label, Period.of(kind, today).label)
    for project in catalogue.projects.values():
        yield with_days(catalogue, Period(PeriodKind.CONVENTION, project.id))


def with_days(catalogue: Catalogue, period: Period) -> Period:
    """The period, a convention with its project's days.

    Raises: UnknownProject.
    """
    if period.kind is not PeriodKind.CONVENTION:
        return period
    convention = catalogue.project(period.label).convention
    return Period(period.kind, period.label, (convention.effective_from, convention.last_day))


def _closes_on(catalogue: Catalogue, period: Period) -> date | None:
    return closes_on(catalogue.project(period.label)) if period.kind is PeriodKind.CONVENTION else None


def _release(tx: Transaction, catalogue: Catalogue, period: Period, measure: Measure) -> Release:
    return Release(
        id=f"{measure}-{period.kind}-{period.label}-1",
        lattice=VERSION,
        measure=measure.value,
        kind=period.kind.value,
        period=period.label,
        revision=1,
        released_at=tx.legal_now(),
        rho=float(release_rho(period.kind, measure)),
        declared={project.id: sorted(project.assignments) for project in catalogue.projects.values()},
    )


def _protected(statistics: Statistics, period: Period, measure: Measure, release_id: str) -> Iterator[ProtectedCell]:
    """Every published cell of a period; the key is drawn here and gone when this ends."""
    uniform = release_key()
    for node in nodes(period.kind, measure, RELEASED):
        if measure.is_of_inclusions:
            for values, beneficiaries in statistics.of_inclusions(period, measure, node.dims).items():
                dims = cell_dims(period, dict(zip(node.dims, values, strict=True)))
                yield from protect_inclusions(dims, measure, beneficiaries, release_id=release_id, uniform=uniform)
        else:
            for cell in _exact(statistics, period, node):
                yield from protect(cell, release_id=release_id, uniform=uniform)


def _exact(statistics: Statistics, period: Period, node: Node) -> Iterator[ExactCell]:
    """The exact cells of a node that have any action; the others are zero and never published."""
    traits = tuple(name for name in node.dims if name != PSEUDOCODE)
    valid = statistics.of_valid(period, traits)
    wider = statistics.of_actions(period, traits) if PSEUDOCODE in node.dims else {}
    for values, counts in statistics.of_actions(period, node.dims).items():
        named = dict(zip(node.dims, values, strict=True))
        group = tuple(named[name] for name in traits)
        yield ExactCell(
            dims=cell_dims(period, named),
            beneficiaries=counts.beneficiaries,
            actions=counts.actions,
            providers=counts.providers,
            largest=counts.largest,
            second=counts.second,
            largest_beneficiaries=counts.largest_beneficiaries,
            cap=counts.cap,
            all_pseudocodes=wider[group].beneficiaries if PSEUDOCODE in node.dims else None,
            valid=valid.get(group, 0),
        )


def cell_dims(period: Period, named: dict[str, str]) -> Dims:
    """The dimensions of a cell with its period among them, sorted by name."""
    return tuple(sorted({period.kind.value: period.label, **named}.items()))
