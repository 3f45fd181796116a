"""Closing a period: every cell protected once, all of them or none, never before its day and never again."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, replace
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from gateway.domain import errors
from gateway.domain.calendar import Calendar
from gateway.domain.disclosure import protect
from gateway.domain.inclusion import Inclusion
from gateway.domain.ladder import rung_nodes
from gateway.domain.lattice import Measure, Period, PeriodKind, nodes
from gateway.domain.ledger import release_rho
from gateway.domain.periods import BRUSSELS
from gateway.pseudonyms.release_key import release_key
from gateway.services import close_period as closing
from gateway.services.close_period import Closed, close_period, due_periods, release_period
from gateway.services.context import Context
from gateway.store.releases import dims_key
from gateway.store.tables import cell, release
from gateway.store.transaction import Store
from tests.builders import PROJECT, an_action, an_inclusion, day, instant
from tests.conftest import LegalClock
from tests.services.desk import Desk
from tests.store.oracle import Register, a_register, write
from tests.store.rows import counts, rows
from tests.store.seeds import LATER_PSEUDOCODE, OTHER_PROJECT, seed, zone_of

MIDDLE = 2**63
ONE_CODE = {"794043": "9", "794054": "5"}
"""Components of one pseudocode, in both projects and in the catalogue of the oracle."""
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
    """Every cell that `protect` publishes of the counts made by hand, and a copy for each component of one code."""
    published = set()
    for node in (*nodes(period.kind, Measure.ACTIONS), *rung_nodes(period.kind, Measure.ACTIONS)):
        for exact in register.cells(period, node.dims).values():
            named = dict(exact.dims)
            if named.get("component") in ONE_CODE.values():
                continue
            for one in protect(exact, release_id=release_id, uniform=_keyed):
                dims, audience, people, acts, providers, *margins = astuple(one)
                published.add((dims_key(dims), audience, people, acts, _text(providers), *margins))
                is_copied = period.kind is not PeriodKind.MONTH and set(node.dims) <= {"project", "pseudocode"}
                if is_copied and named.get("pseudocode") in ONE_CODE:
                    others = [(name, value) for name, value in dims if name != "pseudocode"]
                    copied = dims_key([*others, ("component", ONE_CODE[named["pseudocode"]])])
                    published.add((copied, audience, people, acts, None, *margins))
    return published


def _text(providers: int | str | None) -> str | None:
    return None if providers is None else str(providers)


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
        "reason": None,
        "declared": {
            PROJECT: {
                "pseudocodes": ["794010", LATER_PSEUDOCODE, "794999"],
                "municipalities": ["25014", "25112"],
            },
            OTHER_PROJECT: {
                "pseudocodes": ["794010", "794032"],
                "municipalities": sorted(part["nis"] for part in zone_of(OTHER_PROJECT)),
            },
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


def _crowd(context: Context) -> list[Inclusion]:
    """Sixty of ninety-nine people have an action in February."""
    people = [an_inclusion(id=UUID(int=number), pseudonym=bytes([number]) * 32) for number in range(1, 100)]
    with context.store.transaction() as tx:
        seed(tx)
        for number, one in enumerate(people, start=1):
            tx.inclusions.add(one)
            if number <= 60:
                fact = {"performed_by": f"1000{number % 12:04}", "pseudonym": one.pseudonym, "inclusion": one.id}
                tx.actions.add(an_action(id=UUID(int=1000 + number), **fact))
    return people


def _act(store: Store, one: Inclusion) -> None:
    with store.transaction() as tx:
        tx.actions.add(an_action(id=UUID(int=2000 + one.id.int), pseudonym=one.pseudonym, inclusion=one.id))


def _shown(database_url: str) -> dict[str, int]:
    return {row["dims"]: row["beneficiaries"] for row in rows(database_url, cell) if row["audience"] == "general"}


def test_action_registered_while_cells_are_drawn_counts_in_none_of_them(
    context: Context, database_url: str, late: LegalClock, draws: Callable[[Callable[[str], int]], None]
) -> None:
    late_ones = iter(_crowd(context)[60:70])

    def register_meanwhile(_: str) -> int:
        one = next(late_ones, None)
        if one is not None:
            _act(context.store, one)
        return MIDDLE  # no noise at all

    draws(register_meanwhile)
    close_period(context, MONTH, Measure.ACTIONS)

    shown = _shown(database_url)
    assert {"month=2022-02", f"month=2022-02|project={PROJECT}", "month=2022-02|sex=X"} <= set(shown)
    assert set(shown.values()) == {60}
    assert next(late_ones, None) is None


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_action_registered_while_facts_are_copied_counts_in_none_of_the_cells(
    context: Context, database_url: str, late: LegalClock, draws: Callable[[Callable[[str], int]], None]
) -> None:
    late_ones = _crowd(context)[60:90]

    def clock_of_a_busy_register() -> datetime:
        while late_ones:  # asked once the transaction has begun to read
            _act(context.store, late_ones.pop())
        return late.now

    draws(lambda _: MIDDLE)
    closing_store = Store(database_url, clock_of_a_busy_register)
    close_period(replace(context, store=closing_store), MONTH, Measure.ACTIONS)
    closing_store.close()

    assert set(_shown(database_url).values()) == {60}
    assert late_ones == []


def test_of_two_closes_at_once_one_wins_and_the_other_is_told(
    context: Context, database_url: str, late: LegalClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _crowd(context)
    both_have_copied = threading.Barrier(2)

    def key() -> Callable[[str], int]:
        both_have_copied.wait()
        return release_key()

    def close(_: int) -> Closed | errors.Problem:
        try:
            return close_period(context, MONTH, Measure.ACTIONS)
        except errors.Problem as problem:
            return problem

    monkeypatch.setattr(closing, "release_key", key)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(close, range(2)))

    (won,) = [one for one in answers if isinstance(one, Closed)]
    (told,) = [one for one in answers if not isinstance(one, Closed)]
    assert isinstance(told, errors.AlreadyReleased)
    assert len(rows(database_url, release)) == 1
    assert len(rows(database_url, cell)) == won.published > 0


def test_close_says_how_far_it_is(desk: Desk, late: LegalClock) -> None:
    told: list[tuple[int, int]] = []

    release_period(desk.context, MONTH, report=lambda done, of: told.append((done, of)))

    assert told == [(done, 44) for done in range(45)]  # 24 nodes of actions, 10 of each inclusion measure
