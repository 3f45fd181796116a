"""Show a project's own figures to its administrative responsible: how it stands, and what a month's end means for it.

Source: V1, C 9 §1; CONTRACT 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from gateway.domain.access import check_project
from gateway.domain.delivery import State
from gateway.domain.month_end import Countdown, Lost, countdown, lost
from gateway.domain.periods import add_months, begins_at, day_of, first_of_month
from gateway.domain.project import Project
from gateway.services.context import Work
from gateway.store.figures import LateInclusion, Place, RefusedLine, Spot


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """The countdown, and what was begun this month and is not communicated.

    Shape: `attempts` are verb, outcome and count; `next` is where the lines go on.
    """

    countdown: Countdown
    attempts: Sequence[tuple[str, str, int]]
    lines: Sequence[RefusedLine]
    next: Spot | None


@dataclass(frozen=True, slots=True)
class MonthLost:
    """What late communications of one month cost: inclusions, and their months and days of validity together."""

    month: str
    inclusions: int
    months: int
    days: int


@dataclass(frozen=True, slots=True)
class MonthsLost:
    """What was lost in a row of months, and a page of the inclusions that lost it."""

    totals: Sequence[MonthLost]
    items: Sequence[tuple[LateInclusion, Lost]]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Operations:
    """How a project stands: inclusions by status, deliveries as a client sees them, this month and the one before.

    Shape: `begun` counts what was begun this month and is not communicated, uploads that still arrive among it.
    """

    inclusions: dict[str, int]
    deliveries: dict[str, int]
    countdown: Countdown
    begun: int
    lost: Sequence[MonthLost]


def show_month_end(work: Work, project_id: str, near_days: int, after: Spot | None, limit: int) -> MonthEnd:
    """How long the month still lasts, and what was begun in it and is not communicated.

    Shape: what a batch has accepted is communicated, also while its lines wait.
    Raises: UnknownProject, ForeignProject.
    """
    return _month_end(work, _own(work, "show_month_end", project_id), near_days, after, limit)


def show_months_lost(
    work: Work, project_id: str, first: str | None, last: str | None, after: Place | None, limit: int
) -> MonthsLost:
    """What was lost by inclusions that were communicated after the month of their agreement.

    Shape: of the months in which they were communicated, from one to another; without them, of the last twelve.
    Raises: UnknownProject, ForeignProject.
    """
    project = _own(work, "show_months_lost", project_id)
    this = first_of_month(work.today)
    until = min(this, date.fromisoformat(f"{last}-01") if last else this)
    since = date.fromisoformat(f"{first}-01") if first else add_months(until, -11)
    months = list(_months(project, since, until))
    totals = [total for month in months if (total := _total(work, project, month)).inclusions]
    found: list[LateInclusion] = []
    for month in months:
        if len(found) <= limit and (after is None or _span(month)[1] > after[0]):
            found += work.tx.figures.late(project.id, _span(month), month, after, limit + 1 - len(found))
    items = [(one, cost) for one in found[:limit] if (cost := _cost(one, project)) is not None]
    last_one = found[limit - 1] if len(found) > limit else None
    return MonthsLost(totals, items, None if last_one is None else (last_one.communicated_at, last_one.id))


def show_operations(work: Work, project_id: str, near_days: int) -> Operations:
    """How a project stands, in exact figures.

    Raises: UnknownProject, ForeignProject.
    """
    project = _own(work, "show_operations", project_id)
    deliveries: dict[str, int] = {}
    for state, count in work.tx.figures.messages(project.id).items():
        shown = State(state).shown
        deliveries[shown] = deliveries.get(shown, 0) + count
    this = first_of_month(work.today)
    totals = [_total(work, project, month) for month in _months(project, add_months(this, -1), this)]
    now, begins = _now_and_begin(work)
    begun = sum(count for _, _, count in _attempts(work, project)) + work.tx.figures.begun_lines(project.id, begins)
    left = countdown(now, project.convention.last_day, near_days)
    return Operations(work.tx.figures.inclusions(project.id), deliveries, left, begun, totals)


def _own(work: Work, verb: str, project_id: str) -> Project:
    project = work.catalogue.project(project_id)
    check_project(work.caller, verb, project.id)
    work.about(project.id)
    return project


def _month_end(work: Work, project: Project, near_days: int, after: Spot | None, limit: int) -> MonthEnd:
    now, begins = _now_and_begin(work)
    lines = work.tx.figures.refused_lines(project.id, begins, after, limit + 1)
    last = lines[limit - 1] if len(lines) > limit else None
    return MonthEnd(
        countdown(now, project.convention.last_day, near_days),
        _attempts(work, project),
        lines[:limit],
        None if last is None else (last.batch, last.number),
    )


def _now_and_begin(work: Work) -> tuple[datetime, datetime]:
    """The legal instant, and the first one of its month."""
    now = work.tx.legal_now()
    return now, begins_at(first_of_month(day_of(now)))


def _attempts(work: Work, project: Project) -> Sequence[tuple[str, str, int]]:
    now, begins = _now_and_begin(work)
    return work.tx.figures.attempts(project.id, work.real_now - (now - begins))  # the audit knows real time alone


def _months(project: Project, since: date, until: date) -> Iterator[date]:
    """The first days of months in which anything can be lost: not before the convention's second one."""
    month = max(since, add_months(project.convention.effective_from, 1))
    while month <= until:
        yield month
        month = add_months(month, 1)


def _span(month: date) -> tuple[datetime, datetime]:
    return begins_at(month), begins_at(add_months(month, 1))


def _total(work: Work, project: Project, month: date) -> MonthLost:
    counts = work.tx.figures.late_counts(project.id, _span(month), month)
    costs = [(lost(agreed_on, month, project.convention.effective_from), count) for agreed_on, count in counts.items()]
    known = [(cost, count) for cost, count in costs if cost is not None]
    return MonthLost(
        f"{month:%Y-%m}",
        sum(count for _, count in known),
        sum(cost.months * count for cost, count in known),
        sum(cost.days * count for cost, count in known),
    )


def _cost(one: LateInclusion, project: Project) -> Lost | None:
    return lost(one.agreed_on, day_of(one.communicated_at), project.convention.effective_from)
