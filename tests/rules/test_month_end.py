"""V1 at the end of a month: how long is left, and what is lost after it."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.month_end import Lost, countdown, lost
from gateway.domain.periods import BRUSSELS, begins_at, day_of, valid_from
from tests.builders import day, instant
from tests.rules.tables import Table

LAST_DAY = day("2022-12-31")
BEGAN = day("2021-09-01")

V1_LEFT = Table(
    rule="V1",
    statement="What is communicated before a month ends in Brussels is valid a month earlier than what comes after",
    columns=("case", "now", "seconds left", "in the last five days", "valid from", "valid from, once it is over"),
    rows=(
        ("on the first day", instant("2022-01-31T23:00:00Z"), 2_419_200, False, day("2022-03-01"), day("2022-04-01")),
        (
            "a second before five days",
            instant("2022-01-26T22:59:59Z"),
            432_001,
            False,
            day("2022-02-01"),
            day("2022-03-01"),
        ),
        ("five days before", instant("2022-01-26T23:00:00Z"), 432_000, True, day("2022-02-01"), day("2022-03-01")),
        ("the last second", instant("2022-01-31T22:59:59Z"), 1, True, day("2022-02-01"), day("2022-03-01")),
        (
            "a part of the last second",
            instant("2022-01-31T22:59:59.900Z"),
            1,
            True,
            day("2022-02-01"),
            day("2022-03-01"),
        ),
        (
            "a night of 25 hours within",
            instant("2022-10-29T22:00:00Z"),
            176_400,
            True,
            day("2022-11-01"),
            day("2022-12-01"),
        ),
        (
            "a night of 23 hours within",
            instant("2022-03-26T23:00:00Z"),
            428_400,
            True,
            day("2022-04-01"),
            day("2022-05-01"),
        ),
        ("the convention's last month but one", instant("2022-11-30T12:00:00Z"), 39_600, True, day("2022-12-01"), None),
        ("the convention's last month", instant("2022-12-01T12:00:00Z"), 2_631_600, False, None, None),
    ),
)

V1_LOST = Table(
    rule="V1",
    statement="An inclusion that is communicated after the month of its agreement loses the months between",
    columns=("case", "agreed on", "communicated", "months and days lost"),
    rows=(
        ("in the same month", day("2022-01-01"), instant("2022-01-31T22:59:59Z"), None),
        ("a second after the month's end", day("2022-01-31"), instant("2022-01-31T23:00:00Z"), (1, 28)),
        ("at the end of the next month", day("2022-01-01"), instant("2022-02-28T22:59:59Z"), (1, 28)),
        ("two months late", day("2022-01-15"), instant("2022-03-01T09:00:00Z"), (2, 59)),
        ("over a year's end", day("2021-12-31"), instant("2022-01-01T09:00:00Z"), (1, 31)),
        ("over a leap February", day("2024-01-31"), instant("2024-02-01T09:00:00Z"), (1, 29)),
        ("agreed before the convention, in its first month", day("2021-06-01"), instant("2021-09-30T09:00:00Z"), None),
        (
            "agreed before the convention, in its second month",
            day("2021-06-01"),
            instant("2021-10-01T09:00:00Z"),
            (1, 31),
        ),
    ),
)


TABLES = [V1_LEFT, V1_LOST]


@pytest.mark.parametrize(("case", "now", "seconds", "is_near", "before", "after"), V1_LEFT.cases())
def test_month_ends_in_brussels(
    case: str, now: datetime, seconds: int, is_near: bool, before: date | None, after: date | None
) -> None:
    left = countdown(now, LAST_DAY, near_days=5)

    assert (left.seconds_left, left.is_near, left.valid_from, left.valid_from_after) == (
        seconds,
        is_near,
        before,
        after,
    )
    assert left.month == f"{now.astimezone(BRUSSELS):%Y-%m}"
    assert day_of(left.ends_at).day == 1


@pytest.mark.parametrize(("case", "agreed_on", "communicated_at", "expected"), V1_LOST.cases())
def test_month_is_lost(case: str, agreed_on: date, communicated_at: datetime, expected: tuple[int, int] | None) -> None:
    found = lost(agreed_on, day_of(communicated_at), BEGAN)

    assert (None if found is None else (found.months, found.days)) == expected


@given(*[st.dates(day("2021-09-01"), day("2030-12-31"))] * 2)
def test_what_is_lost_lies_between_what_could_have_been_and_what_is(one: date, other: date) -> None:
    agreed_on, communicated_on = sorted((one, other))

    match lost(agreed_on, communicated_on, BEGAN):
        case None:
            assert (agreed_on.year, agreed_on.month) == (communicated_on.year, communicated_on.month)
        case Lost(possible_from, months, days):
            assert possible_from == valid_from(agreed_on) < valid_from(communicated_on)
            assert (valid_from(communicated_on) - possible_from).days == days
            assert 28 * months <= days <= 31 * months


@given(st.integers(1_630_447_200, 1_922_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, BRUSSELS)))
def test_countdown_ends_where_the_day_of_validity_changes(now: datetime) -> None:
    left = countdown(now, day("2040-12-31"), near_days=5)

    assert valid_from(day_of(now)) == left.valid_from
    assert valid_from(day_of(left.ends_at)) == left.valid_from_after
    assert 0 < left.seconds_left <= 31 * 86_400 + 3_600


def test_days_begin_one_after_another() -> None:
    days = [date.fromordinal(day("2022-01-01").toordinal() + number) for number in range(366)]

    assert {(after - before).total_seconds() / 3600 for before, after in pairwise(map(begins_at, days))} == {23, 24, 25}
    assert [day_of(begins_at(one)) for one in days] == days
