"""Closing a period: every cell protected once, all of them or none, never before its day and never again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import astuple
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from gateway.domain import errors
from gateway.domain.calendar import Calendar
from gateway.domain.disclosure import ExactCell, protect
from gateway.domain.lattice import PSEUDOCODE, RELEASED, Measure, Period, PeriodKind, nodes
from gateway.domain.ledger import release_rho
from gateway.domain.periods import BRUSSELS
from gateway.pseudonyms.release_key import release_key
from gateway.services import close_period as closing
from gateway.services.close_period import close_period, due_periods
from gateway.services.context import Context
from gateway.store.releases import dims_key
from gateway.store.tables import cell, release
from tests.builders import PROJECT, an_action, an_inclusion, day, instant
from tests.conftest import LegalClock
from tests.services.desk import Desk
from tests.store.oracle import Register, a_register, write
from tests.store.rows import counts, rows
from tests.store.seeds import LATER_PSEUDOCODE, OTHER_PROJECT, seed

MIDDLE = 2**63
CONVENTION = Period(PeriodKind.CONVENTION, PROJECT, (day("2021-09-01"), day("2022-12-31")))
PERIODS = [
    Period(PeriodKind.MONTH, "2022-02"),
    Period(PeriodKind.QUARTER, "2022-Q1"),
    Period(PeriodKind.YEAR, "2022"),
    CONVENTION,
]
MONTH = PERIODS[0]


def _keyed(label: str) -> int:
    return int.from_bytes(sha256(label.encode()).digest()[:8], "big")


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], int]], None]:
    """Sets what every key draws."""
    return lambda uniform: monkeypatch.setattr(closing, "release_key", lambda: uniform)


@pytest.fixture
def late(legal_clock: LegalClock) -> LegalClock:
    """The legal clock, long after everything is due."""
    legal_clock.now = instant("2024-01-15T09:00Z").astimezone(UTC)
    return legal_clock


def _expected(register: Register, period: Period, release_id: str) -> set[tuple[Any, ...]]:
    """Every cell that `protect` publishes of the counts made by hand."""
    published = set()
    for node in nodes(period.kind, Measure.ACTIONS, RELEASED):
        traits = tuple(name for name in node.dims if name != PSEUDOCODE)
        wider, valid = register.of_actions(period, traits), register.of_valid(period, traits)
        for values, counted in register.of_actions(period, node.dims).items():
            named = dict(zip(node.dims, values, strict=True))
            group = tuple(named[name] for name in traits)
            exact = ExactCell(
                dims=tuple(sorted({period.kind.value: period.label, **named}.items())),
                beneficiaries=counted.beneficiaries,
                actions=counted.actions,
                providers=counted.providers,
                largest=counted.largest,
                second=counted.second,
                largest_beneficiaries=counted.largest_beneficiaries,
                cap=counted.cap,
                all_pseudocodes=wider[group].beneficiaries if PSEUDOCODE in named else None,
                valid=valid.get(group, 0),
            )
            for one in protect(exact, release_id=release_id, uniform=_keyed):
                dims, audience, people, acts, providers, *margins = astuple(one)
                shown = None if providers is None else str(providers)
                published.add((dims_key(dims), audience, people, acts, shown, *margins))
    return published


def _published(database_url: str) -> Iterator[tuple[Any, ...]]:
    for row in rows(database_url, cell):
        yield (
            row["dims"],
            row["audience"],
            row["beneficiaries"],
            row["actions"],
            row["providers"],
            row["margin_beneficiaries"],
            row["margin_actions"],
        )


@pytest.mark.parametrize("period", PERIODS, ids=lambda period: period.kind)
def test_cells_are_published_as_protection_says_and_in_no_other_way(
    context: Context,
    database_url: str,
    late: LegalClock,
    draws: Callable[[Callable[[str], int]], None],
    period: Period,
) -> None:
    draws(_keyed)
    register = a_register(random.Random(7), 160)
    write(context.store, register)

    closed = close_period(context, Period(period.kind, period.label), Measure.ACTIONS)

    expected = _expected(register, period, closed.release.id)
    found = list(_published(database_url))
    assert len(expected) > 3
    assert set(found) == expected
    assert len(found) == closed.published == len(expected)


def test_release_says_what_it_is_and_what_it_spent(desk: Desk, late: LegalClock) -> None:
    closed = close_period(desk.context, MONTH, Measure.ACTIONS)

    (row,) = rows(desk.database_url, release)
    assert row == {
        "id": "actions-month-2022-02-1",
        "lattice": "v1",
        "measure": "actions",
        "kind": "month",
        "period": "2022-02",
        "revision": 1,
        "released_at": late.now,
        "rho": float(release_rho(PeriodKind.MONTH, Measure.ACTIONS)),
        "declared": {
            PROJECT: ["794010", LATER_PSEUDOCODE, "794999"],
            OTHER_PROJECT: ["794010", "794032"],
        },
    }
    assert (closed.release.id, closed.published) == (row["id"], 0)


def test_period_is_closed_once(desk: Desk, late: LegalClock) -> None:
    close_period(desk.context, MONTH, Measure.ACTIONS)
    before = desk.counts()

    with pytest.raises(errors.AlreadyReleased):
        close_period(desk.context, MONTH, Measure.ACTIONS)

    assert desk.counts() == before


def test_late_action_changes_nothing_that_was_released(desk: Desk, late: LegalClock) -> None:
    close_period(desk.context, MONTH, Measure.ACTIONS)
    with desk.context.store.transaction() as tx:
        tx.inclusions.add(an_inclusion())
        tx.actions.add(an_action())

    with pytest.raises(errors.AlreadyReleased):
        close_period(desk.context, MONTH, Measure.ACTIONS)


@pytest.mark.parametrize(
    ("period", "due"),
    [(PERIODS[0], "2022-03-10"), (PERIODS[1], "2022-05-15"), (PERIODS[2], "2023-03-01"), (PERIODS[3], "2023-03-14")],
    ids=lambda value: getattr(value, "kind", value),
)
def test_period_is_due_on_its_day_and_not_before(desk: Desk, period: Period, due: str) -> None:
    asked = Period(period.kind, period.label)
    first_instant = datetime.combine(day(due), time(), BRUSSELS)
    desk.at(first_instant - timedelta(seconds=1))
    before = desk.counts()

    with pytest.raises(errors.NotDue) as refused:
        close_period(desk.context, asked, Measure.ACTIONS)
    assert refused.value.available_from == day(due)
    assert desk.counts() == before
    assert asked not in due_periods(desk.context)

    desk.at(first_instant)
    assert asked in due_periods(desk.context)
    close_period(desk.context, asked, Measure.ACTIONS)
    assert asked not in due_periods(desk.context)


def test_due_periods_come_from_the_first_convention_to_today(desk: Desk) -> None:
    desk.at("2022-02-20T09:00+01:00")

    due = due_periods(desk.context)

    assert [str(period) for period in due] == [
        "2021-09",
        "2021-10",
        "2021-11",
        "2021-12",
        "2022-01",
        "2021-Q3",
        "2021-Q4",
    ]


def test_due_periods_follow_the_calendar_of_the_house(desk: Desk) -> None:
    desk.at("2021-12-05T09:00+01:00")

    due = due_periods(desk.context, Calendar(month_day=5))

    assert [str(period) for period in due] == ["2021-09", "2021-10", "2021-11", "2021-Q3"]


def test_empty_catalogue_has_nothing_due(context: Context) -> None:
    assert due_periods(context) == []


def test_convention_of_an_unknown_project_is_refused(desk: Desk, late: LegalClock) -> None:
    with pytest.raises(errors.UnknownProject):
        close_period(desk.context, Period(PeriodKind.CONVENTION, "demo-ouest"), Measure.ACTIONS)


def test_close_that_fails_half_way_leaves_nothing_and_may_begin_again(
    context: Context, database_url: str, late: LegalClock, draws: Callable[[Callable[[str], int]], None]
) -> None:
    write(context.store, a_register(random.Random(7), 160))
    before, labels = counts(database_url), list[str]()

    def broken(label: str) -> int:
        labels.append(label)
        if len(labels) > 8:
            raise LookupError
        return MIDDLE

    draws(broken)
    with pytest.raises(LookupError):
        close_period(context, PERIODS[1], Measure.ACTIONS)
    assert counts(database_url) == before

    draws(_keyed)
    assert close_period(context, PERIODS[1], Measure.ACTIONS).published > 0


def test_every_close_draws_a_key_of_its_own() -> None:
    keys = [release_key() for _ in range(2)]

    assert keys[0]("label") == keys[0]("label") != keys[1]("label")
    assert all(0 <= keys[0](str(number)) < 2**64 for number in range(100))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_action_registered_while_a_period_closes_counts_in_all_of_its_cells_or_in_none(
    context: Context, database_url: str, late: LegalClock, draws: Callable[[Callable[[str], int]], None]
) -> None:
    people = [an_inclusion(id=UUID(int=number), pseudonym=bytes([number]) * 32) for number in range(1, 100)]
    with context.store.transaction() as tx:
        seed(tx)
        for number, one in enumerate(people, start=1):
            tx.inclusions.add(one)
            if number <= 60:
                fact = {"performed_by": f"1000{number % 12:04}", "pseudonym": one.pseudonym, "inclusion": one.id}
                tx.actions.add(an_action(id=UUID(int=1000 + number), **fact))
    late_ones = iter(people[60:90])

    def register_meanwhile(_: str) -> int:
        one = next(late_ones, None)
        if one is not None:
            with context.store.transaction() as tx:
                tx.actions.add(an_action(id=UUID(int=2000 + one.id.int), pseudonym=one.pseudonym, inclusion=one.id))
        return MIDDLE  # no noise at all

    draws(register_meanwhile)
    close_period(context, MONTH, Measure.ACTIONS)

    shown = {row["dims"]: row["beneficiaries"] for row in rows(database_url, cell) if row["audience"] == "general"}
    assert shown == {"month=2022-02": 60, f"month=2022-02|project={PROJECT}": 60}
