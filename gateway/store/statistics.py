"""Exact statistics of the cells of a node: what the disclosure control starts from.

Stage: pseudonymous; exact, never outside the job that closes a period.
Cost: one pass over the period's actions per node; grouping by person first keeps the distinct counts cheap (SCALE 9).
Not: annulled and rejected facts, and actions under an annulled or rejected inclusion, count nowhere (V8, I6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    case,
    extract,
    func,
    or_,
    select,
)

from gateway.domain.lattice import PROJECT, PSEUDOCODE, Measure, Period, PeriodKind
from gateway.store.tables import action, inclusion, project, pseudocode

Values = tuple[str, ...]
"""The values of a node's dimensions, in the node's order."""

_ACTION_DIMS: Mapping[str, ColumnElement[Any]] = {PROJECT: action.c.project, PSEUDOCODE: action.c.pseudocode}
_PERSON_DIMS: Mapping[str, ColumnElement[Any]] = {PROJECT: inclusion.c.project}
_COUNTS = (inclusion.c.superseded_at.is_(None), inclusion.c.status.in_(("open", "exited")))
_ends = case(
    (or_(inclusion.c.valid_until.is_(None), inclusion.c.valid_until > project.c.last_day), project.c.last_day),
    else_=inclusion.c.valid_until,
)
"""The last valid day of an inclusion, capped by the convention (V6)."""


@dataclass(frozen=True, slots=True)
class Counts:
    """P, A, V, x1, x2 and xp of one cell (DISCLOSURE 2), and the largest cap among its pseudocodes."""

    beneficiaries: int
    actions: int
    cap: int
    providers: int
    largest: int
    second: int
    largest_beneficiaries: int


class Statistics:
    """The exact statistics inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_actions(self, period: Period, dims: Sequence[str]) -> dict[Values, Counts]:
        """The counts of a node's cells that have any action, by the values of their dimensions."""
        facts = _facts(period, dims)
        by_provider = {tuple(row[: len(dims)]): row for row in self._connection.execute(_by_provider(facts, dims))}
        counts = {}
        for row in self._connection.execute(_by_person(facts, dims)):
            if row.beneficiaries == 0:  # without dimensions there is a row for nothing at all
                continue
            values = tuple(row[: len(dims)])
            providers = by_provider[values]
            counts[values] = Counts(
                row.beneficiaries,
                int(row.actions),  # PostgreSQL sums bigint to numeric, which arrives as Decimal
                row.cap,
                providers.providers,
                int(providers.largest),
                int(providers.second),
                providers.largest_beneficiaries,
            )
        return counts

    def of_valid(self, period: Period, dims: Sequence[str]) -> dict[Values, int]:
        """How many beneficiaries have an inclusion valid on any day of a period, by the values of their dimensions."""
        begun_and_not_over = (inclusion.c.valid_from <= period.last, _ends >= period.first)
        return self._people(dims, *begun_and_not_over, *_of_convention(period, inclusion.c.project))

    def of_inclusions(self, period: Period, measure: Measure, dims: Sequence[str]) -> dict[Values, int]:
        """How many beneficiaries an inclusion measure counts, by the values of their dimensions.

        Shape: joined, whose validity begins on the period's first day; left, whose validity ended on the day before;
        included, who are valid on the first day.
        Source: DISCLOSURE 1.
        Raises: ValueError for actions.
        """
        match measure:
            case Measure.JOINED:
                return self._people(dims, inclusion.c.valid_from == period.first)
            case Measure.LEFT:
                return self._people(dims, _ends == period.first - timedelta(days=1))
            case Measure.INCLUDED:
                return self._people(dims, inclusion.c.valid_from <= period.first, _ends >= period.first)
        raise ValueError("actions are counted by of_actions")

    def _people(self, dims: Sequence[str], *conditions: ColumnElement[bool]) -> dict[Values, int]:
        """Distinct beneficiaries with an inclusion that counts, is not empty (V4) and fulfils some conditions."""
        names = [_PERSON_DIMS[name].label(name) for name in dims]
        people = (
            select(*names, inclusion.c.bucket, inclusion.c.project.label("of_project"), inclusion.c.pseudonym)
            .join(project, project.c.id == inclusion.c.project)
            .where(*_COUNTS, _ends >= inclusion.c.valid_from, *conditions)
            .distinct()
            .subquery()
        )
        grouped = [people.c[name] for name in dims]
        query = select(*grouped, func.count()).select_from(people).group_by(*grouped)
        return {tuple(row[:-1]): row[-1] for row in self._connection.execute(query) if row[-1]}


def _of_convention(period: Period, column: ColumnElement[str]) -> list[ColumnElement[bool]]:
    return [column == period.label] if period.kind is PeriodKind.CONVENTION else []


def _month(day: ColumnElement[date]) -> ColumnElement[int]:
    return extract("year", day) * 12 + extract("month", day)


def _facts(period: Period, dims: Sequence[str]) -> Subquery:
    """One row per person, month, pseudocode and provider: how many actions `n`, and the cap on them."""
    names = [_ACTION_DIMS[name].label(name) for name in dims]
    keys = [
        *names,
        action.c.bucket,
        action.c.project.label("of_project"),
        action.c.pseudonym,
        _month(action.c.performed_on).label("of_month"),
        action.c.pseudocode.label("of_code"),
        action.c.performed_by,
        pseudocode.c.cap,
    ]
    return (
        select(*keys, func.count().label("n"))
        .join(
            inclusion,
            and_(inclusion.c.bucket == action.c.bucket, inclusion.c.id == action.c.inclusion, *_COUNTS),
        )
        .join(pseudocode, pseudocode.c.code == action.c.pseudocode)
        .where(
            action.c.superseded_at.is_(None),
            action.c.status == "recorded",
            action.c.performed_on.between(period.first, period.last),
            *_of_convention(period, action.c.project),
        )
        .group_by(*keys)
        .subquery()
    )


def _clipped(count: ColumnElement[int], cap: ColumnElement[int]) -> ColumnElement[int]:
    return case((count > cap, cap), else_=count)


def _by_person(facts: Subquery, dims: Sequence[str]) -> Select[Any]:
    names = [facts.c[name] for name in dims]
    person = [facts.c.bucket, facts.c.of_project, facts.c.pseudonym]
    monthly = (
        select(*names, *person, _clipped(func.sum(facts.c.n), facts.c.cap).label("a"), facts.c.cap)
        .group_by(*names, *person, facts.c.of_month, facts.c.of_code, facts.c.cap)
        .subquery()
    )
    grouped = [monthly.c[name] for name in dims]
    people = (
        select(*grouped, func.sum(monthly.c.a).label("a"), func.max(monthly.c.cap).label("cap"))
        .group_by(*grouped, monthly.c.bucket, monthly.c.of_project, monthly.c.pseudonym)
        .subquery()
    )
    cells = [people.c[name] for name in dims]
    return select(
        *cells,
        func.count().label("beneficiaries"),
        func.sum(people.c.a).label("actions"),
        func.max(people.c.cap).label("cap"),
    ).group_by(*cells)


def _by_provider(facts: Subquery, dims: Sequence[str]) -> Select[Any]:
    names = [facts.c[name] for name in dims]
    people = (
        select(*names, facts.c.performed_by, func.sum(_clipped(facts.c.n, facts.c.cap)).label("x"))
        .group_by(*names, facts.c.performed_by, facts.c.bucket, facts.c.of_project, facts.c.pseudonym)
        .subquery()
    )
    grouped = [people.c[name] for name in dims]
    providers = (
        select(*grouped, func.sum(people.c.x).label("x"), func.count().label("xp"))
        .group_by(*grouped, people.c.performed_by)
        .subquery()
    )
    cells = [providers.c[name] for name in dims]
    rank = (
        func.row_number()
        .over(partition_by=cells or None, order_by=(providers.c.x.desc(), providers.c.xp.desc()))
        .label("place")
    )
    ranked = select(*cells, providers.c.x, providers.c.xp, rank).subquery()
    ordered = [ranked.c[name] for name in dims]
    return select(
        *ordered,
        func.count().label("providers"),
        func.max(case((ranked.c.place == 1, ranked.c.x), else_=0)).label("largest"),
        func.max(case((ranked.c.place == 2, ranked.c.x), else_=0)).label("second"),
        func.max(case((ranked.c.place == 1, ranked.c.xp), else_=0)).label("largest_beneficiaries"),
    ).group_by(*ordered)
