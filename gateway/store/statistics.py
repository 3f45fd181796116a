"""What the exact statistics of a period are counted from: a copy of its facts, taken in one read transaction.

Stage: pseudonymous; exact, never outside the job that closes a period.
Cost: one pass over the period's actions and over the projects' inclusions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from gateway.domain.lattice import AGE_GROUP, Period, PeriodKind
from gateway.domain.traits import age_band, district_of, sex_of
from gateway.store import dialects
from gateway.store.tables import action, beneficiary, inclusion, partner, project, pseudocode

if TYPE_CHECKING:
    from gateway.store.columns import Columns

ROWS_AT_ONCE = 50_000
_COUNTS = (inclusion.c.superseded_at.is_(None), inclusion.c.status.in_(("open", "exited")))
_ends = case(
    (or_(inclusion.c.valid_until.is_(None), inclusion.c.valid_until > project.c.last_day), project.c.last_day),
    else_=inclusion.c.valid_until,
)
"""The last valid day of an inclusion, capped by the convention (V6)."""


class Statistics:
    """The exact statistics inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def columns(self, period: Period, *, with_actions: bool) -> Columns:
        """A copy of a period's facts, ready to be counted; the caller closes it.

        Shape: the inclusions that count; the actions of the period as well, where they are asked for.
        """
        from gateway.store.columns import Columns  # noqa: PLC0415 - DuckDB is heavy, and only a close needs it

        dialects.take_time(self._connection)
        with ExitStack() as on_failure:
            copy = on_failure.enter_context(Columns(period))
            copy.fill("inclusion", (_traits(row, period.first) for row in self._rows(_inclusions(period))))
            if with_actions:
                copy.fill("code", self._rows(select(pseudocode.c.code, pseudocode.c.cap)))
                copy.fill("part", _parts(self._rows(select(pseudocode.c.code, pseudocode.c.components))))
                copy.fill("membership", self._rows(_memberships()))
            copy.seal(self._rows(_actions(period)) if with_actions else ())
            on_failure.pop_all()
        return copy

    def _rows(self, query: Select[Any]) -> Iterator[Any]:
        return iter(self._connection.execute(query.execution_options(yield_per=ROWS_AT_ONCE)))


def _of_convention(period: Period, column: ColumnElement[str]) -> list[ColumnElement[bool]]:
    return [column == period.label] if period.kind is PeriodKind.CONVENTION else []


def _inclusions(period: Period) -> Select[Any]:
    """Every inclusion that counts, with what is known of its person."""
    return (
        select(
            inclusion.c.project,
            inclusion.c.pseudonym,
            inclusion.c.valid_from,
            _ends,
            beneficiary.c.insurer,
            beneficiary.c.sex,
            beneficiary.c.birth_date,
            func.coalesce(inclusion.c.municipality, beneficiary.c.municipality),
        )
        .join(project, project.c.id == inclusion.c.project)
        .outerjoin(
            beneficiary,
            and_(
                beneficiary.c.bucket == inclusion.c.bucket,
                beneficiary.c.project == inclusion.c.project,
                beneficiary.c.pseudonym == inclusion.c.pseudonym,
            ),
        )
        .where(*_COUNTS, *_of_convention(period, inclusion.c.project))
    )


def _traits(row: Any, on: date) -> tuple[Any, ...]:
    """An inclusion's row with its person's traits generalised; the exact age and birth date stay behind."""
    of, pseudonym, first, last, insurer, sex, birth_date, municipality = row
    bands = age_band(birth_date, on), age_band(birth_date, on, AGE_GROUP)
    district = None if municipality is None else district_of(municipality)
    return of, pseudonym, first, last, insurer, sex_of(sex), *bands, district, municipality


def _actions(period: Period) -> Select[Any]:
    """Every action of a period that counts, one row each."""
    return (
        select(
            action.c.project,
            action.c.pseudonym,
            action.c.pseudocode,
            action.c.performed_by,
            action.c.performed_on,
        )
        .join(
            inclusion,
            and_(inclusion.c.bucket == action.c.bucket, inclusion.c.id == action.c.inclusion, *_COUNTS),
        )
        .where(
            action.c.superseded_at.is_(None),
            action.c.status == "recorded",
            action.c.performed_on.between(period.first, period.last),
            *_of_convention(period, action.c.project),
        )
    )


def _parts(codes: Iterator[Any]) -> Iterator[tuple[str, str]]:
    return ((code, str(component)) for code, components in codes for component in components)


def _memberships() -> Select[Any]:
    return select(
        partner.c.project,
        partner.c.provider,
        partner.c.discipline,
        partner.c.member_from,
        func.coalesce(partner.c.member_until, date.max),
    )
