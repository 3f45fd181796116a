"""Close a period: exact counts in, protected figures out, once and all at once.

Stage: the crossing from pseudonymous to anonymous.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from gateway.domain.audit import Entry
from gateway.domain.calendar import STANDARD, Calendar, check_due, check_revisable
from gateway.domain.disclosure import KEYED, Mechanism, ProtectedCell, Uniform, copied
from gateway.domain.errors import AlreadyReleased, NotDue, NotInLattice, NotReleased
from gateway.domain.ladder import rung_nodes
from gateway.domain.lattice import (
    COMPONENT,
    PERIODS_OF,
    PROJECT,
    PSEUDOCODE,
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
from gateway.services.operator import COMMAND_LINE, operator_entry
from gateway.store.releases import Release
from gateway.store.transaction import Transaction

if TYPE_CHECKING:
    from gateway.store.columns import Columns

Group = Literal["inclusions", "actions"]
"""What is closed together: the inclusion measures of a period, or its figures of actions."""
GROUPS: tuple[Group, ...] = ("inclusions", "actions")


class Reason(StrEnum):
    """Why a closed period is drawn anew."""

    COUNTING_FAULT = "counting-fault"
    CATALOGUE_FAULT = "catalogue-fault"
    COURT_ORDER = "court-order"


@dataclass(frozen=True, slots=True)
class Closed:
    """What a close released: the release, and how many cells of each audience it published."""

    release: Release
    published: int


Report = Callable[[int, int], None]
"""Told how many nodes are done, and of how many."""


def close_period(
    context: Context,
    period: Period,
    measure: Measure,
    calendar: Calendar = STANDARD,
    *,
    mechanism: Mechanism = KEYED,
) -> Closed:
    """Close a period for one measure: protect every cell once, keep what is published, forget the key.

    Source: DISCLOSURE 2 to 6; A1, A2.
    Raises: UnknownProject for a convention, NotInLattice, NotDue, AlreadyReleased.
    """
    if period.kind not in PERIODS_OF[measure]:
        raise NotInLattice(dimension=period.kind.value)
    (closed,) = _close(context, period, (measure,), calendar, None, mechanism, _say_nothing)
    return closed


def release_period(
    context: Context,
    period: Period,
    group: Group | None = None,
    calendar: Calendar = STANDARD,
    *,
    reason: Reason | None = None,
    report: Report | None = None,
    by: str = COMMAND_LINE,
) -> list[Closed]:
    """Close what is still open of a period: all of it or nothing. With a reason, draw what is released anew.

    Shape: one group's measures; without a group actions, and inclusion measures if still open, which is due when
    actions are. Inclusion measures first, and never empty. The audit names who it was done `by`.
    Raises: as `close_period`; AlreadyReleased when nothing that is asked for is open; of a revision NotReleased when
    there is nothing to revise, AlreadyRevised.
    """
    measures = _of_group(period.kind, group)
    if not measures:
        raise NotInLattice(dimension=period.kind.value)
    return _close(context, period, measures, calendar, reason, KEYED, report or _say_nothing, by)


def _say_nothing(done: int, of: int) -> None:
    """The report that nobody reads."""


def _of_group(kind: PeriodKind, group: Group | None) -> tuple[Measure, ...]:
    """The measures of a group that are counted over a kind of period; those of both without a group."""
    counted = measures_of(kind)
    return tuple(one for one in counted if group is None or one.is_of_inclusions is (group == "inclusions"))


def _close(
    context: Context,
    period: Period,
    measures: Sequence[Measure],
    calendar: Calendar,
    reason: Reason | None,
    mechanism: Mechanism,
    report: Report,
    by: str = COMMAND_LINE,
) -> list[Closed]:
    """Copy the facts in one read transaction, protect them outside any, keep the releases in one write transaction.

    A job that is killed leaves nothing, and starts again with a new key; of two jobs one is told that it came second.
    """
    begun = time.monotonic()
    with context.store.reading() as tx:
        tx.freeze()
        releases, whole = _planned(tx, period, measures, calendar, reason)
        parts = one_code_components(tx.catalogue.current())
        columns = tx.statistics.columns(whole, with_actions=Measure.ACTIONS in [one.measure for one in releases])
    with columns:
        steps = [(release, node) for release in releases for node in _nodes(whole.kind, Measure(release.measure))]
        drawn = _drawn(columns, steps, mechanism, parts, report)
    with context.store.transaction() as tx:
        for release in releases:
            tx.releases.add(release, drawn[release.id])
            tx.audit.add(_entry(context, release, by))
        tx.pulses.beat("close", context.real_now(), time.monotonic() - begun)
    return [Closed(release, len(drawn[release.id])) for release in releases]


def _entry(context: Context, release: Release, by: str) -> Entry:
    """The audit entry of a release, which its verb names."""
    verb = "release" if release.reason is None else "revise"
    project = release.period if release.kind == PeriodKind.CONVENTION else None
    return operator_entry(context, f"{verb}_{release.id}", project=project, by=by)


def _planned(
    tx: Transaction, period: Period, measures: Sequence[Measure], calendar: Calendar, reason: Reason | None
) -> tuple[list[Release], Period]:
    """The releases to make of those measures that are open, or released when they shall be revised.

    Shape: due when the last one, which is due last, is due; with the period, a convention with its days.
    """
    catalogue, today = tx.catalogue.current(), day_of(tx.legal_now())
    whole, closes = with_days(catalogue, period), _closes_on(catalogue, period)
    check_due(whole, measures[-1], today, closes_on=closes, calendar=calendar)
    found = {one: tx.releases.find(one, period.kind, period.label) for one in measures}
    if reason is None:
        planned = [_release(tx, catalogue, whole, one, 1, None) for one in measures if found[one] is None]
    else:
        for before in found.values():
            if before is None:
                raise NotReleased(today)
            check_revisable(before.revision, day_of(before.released_at), today)
        planned = [
            _release(tx, catalogue, whole, one, before.revision + 1, reason) for one, before in found.items() if before
        ]
    if not planned:
        raise AlreadyReleased
    return planned, whole


def _nodes(kind: PeriodKind, measure: Measure) -> tuple[Node, ...]:
    """Everything that a close draws: the lattice, and the rungs of extracts that it does not hold."""
    return (*nodes(kind, measure), *rung_nodes(kind, measure))


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


def _release(
    tx: Transaction, catalogue: Catalogue, period: Period, measure: Measure, revision: int, reason: Reason | None
) -> Release:
    return Release(
        id=f"{measure}-{period.kind}-{period.label}-{revision}",
        lattice=VERSION,
        measure=measure.value,
        kind=period.kind.value,
        period=period.label,
        revision=revision,
        released_at=tx.legal_now(),
        rho=float(release_rho(period.kind, measure)),
        declared={
            project.id: {"pseudocodes": sorted(project.assignments), "municipalities": sorted(project.zone)}
            for project in catalogue.projects.values()
        },
        reason=None if reason is None else reason.value,
    )


def _drawn(
    columns: Columns,
    steps: Sequence[tuple[Release, Node]],
    mechanism: Mechanism,
    parts: Mapping[str | None, Mapping[str, str]],
    report: Report,
) -> dict[str, list[ProtectedCell]]:
    """The published cells of each release; its key is drawn here and gone when this ends."""
    keys = {release.id: release_key() for release, _ in steps}
    drawn: dict[str, list[ProtectedCell]] = {release.id: [] for release, _ in steps}
    for done, (release, node) in enumerate(steps):
        report(done, len(steps))
        cells = drawn[release.id]
        if COMPONENT in node.dims:
            cells.extend(_copies(cells, node, parts))
        cells.extend(_protected(columns, release, node, mechanism, keys[release.id], parts))
    report(len(steps), len(steps))
    return drawn


def _protected(
    columns: Columns,
    release: Release,
    node: Node,
    mechanism: Mechanism,
    uniform: Uniform,
    parts: Mapping[str | None, Mapping[str, str]],
) -> Iterator[ProtectedCell]:
    """Every published cell of a node, those apart that are copies."""
    measure = Measure(release.measure)
    if measure.is_of_inclusions:
        for dims, beneficiaries in columns.people(node, measure, mechanism.at_least):
            yield from mechanism.inclusions(dims, measure, beneficiaries, release_id=release.id, uniform=uniform)
        return
    for cell in columns.cells(node, mechanism.at_least):
        named = dict(cell.dims)
        if named.get(COMPONENT) not in parts.get(named.get(PROJECT), {}):
            yield from mechanism.actions(cell, release_id=release.id, uniform=uniform)


def one_code_components(catalogue: Catalogue) -> dict[str | None, dict[str, str]]:
    """Which component consists of a single pseudocode, and of which: by project, and under None in the catalogue.

    Source: DISCLOSURE 1.
    """
    used: dict[str | None, Iterable[str]] = {None: catalogue.pseudocodes}
    used.update({project.id: project.assignments for project in catalogue.projects.values()})
    return {owner: _single(catalogue, codes) for owner, codes in used.items()}


def _single(catalogue: Catalogue, codes: Iterable[str]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for code in codes:
        for component in catalogue.pseudocodes[code].components:
            found.setdefault(str(component), []).append(code)
    return {component: of[0] for component, of in found.items() if len(of) == 1}


def _copies(
    cells: Sequence[ProtectedCell], node: Node, parts: Mapping[str | None, Mapping[str, str]]
) -> list[ProtectedCell]:
    """The cells of a node of components that are copies of a pseudocode's, which were drawn before."""
    wanted = {PSEUDOCODE if name == COMPONENT else name for name in node.dims} | {node.period.value}
    copies = []
    for cell in cells:
        named = dict(cell.dims)
        if set(named) == wanted:
            of_code = parts.get(named.get(PROJECT), {})
            copies += [
                one for part, code in of_code.items() if code == named[PSEUDOCODE] for one in copied([cell], part)
            ]
    return copies
