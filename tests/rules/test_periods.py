"""The arithmetic of days, months and intervals, against calendars computed another way."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.periods import (
    Interval,
    add_months,
    day_of,
    first_of_month,
    last_of_month,
    valid_from,
    valid_until,
)
from tests.builders import day

MONTHS = [(year, month) for year in range(1970, 2101) for month in range(1, 13)]
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def test_every_day_of_130_years_has_the_calendars_months() -> None:
    starts = [date(year, month, 1) for year, month in [*MONTHS, (2101, 1)]]

    for (year, month), start, next_start in zip(MONTHS, starts, starts[1:], strict=False):
        end = date(year, month, calendar.monthrange(year, month)[1])
        for number in range(1, end.day + 1):
            today = date(year, month, number)

            assert (first_of_month(today), last_of_month(today)) == (start, end)
            assert (valid_from(today), valid_until(today)) == (next_start, end)


def test_months_add_up_as_walked_one_by_one() -> None:
    starts = [date(year, month, 1) for year, month in MONTHS]

    for place, start in enumerate(starts):
        end = start.replace(day=calendar.monthrange(start.year, start.month)[1])
        for months in range(max(-25, -place), min(25, len(starts) - 1 - place) + 1):
            assert add_months(start, months) == add_months(end, months) == starts[place + months]


@pytest.mark.parametrize(
    ("notified_on", "sixth", "third"),
    [
        ("2022-01-15", "2022-07-01", "2022-04-01"),
        ("2022-07-31", "2023-01-01", "2022-10-01"),
        ("2021-12-31", "2022-06-01", "2022-03-01"),
    ],
    ids=str,
)
def test_first_day_of_the_third_and_sixth_month_after_a_notification(notified_on: str, sixth: str, third: str) -> None:
    notified = day(notified_on)

    found = add_months(notified, 6), add_months(notified, 3)

    assert found == (day(sixth), day(third))


def last_sunday(year: int, month: int) -> date:
    return max(week[6] for week in calendar.Calendar().monthdatescalendar(year, month) if week[6].month == month)


def first_sunday(year: int, month: int) -> date:
    return min(week[6] for week in calendar.Calendar().monthdatescalendar(year, month) if week[6].month == month)


def summer_time(year: int) -> tuple[datetime, datetime]:
    """When summer time begins and ends in a year, as the European directives say: Sundays at 01:00 UTC.

    Source: directive 2000/84/EC from 1996 on; before, the directives from 80/737/EEC: end in September; 1980 by itself.
    """
    begins = first_sunday(year, 4) if year == 1980 else last_sunday(year, 3)
    ends = last_sunday(year, 10) if year >= 1996 else last_sunday(year, 9)
    return tuple(datetime(on.year, on.month, on.day, 1, tzinfo=UTC) for on in (begins, ends))  # type: ignore[return-value]  # two of them, as the loop has two


def around_midnights(switch: datetime) -> Iterator[datetime]:
    """Every minute of three hours around the midnights before and after a switch."""
    for midnight in (switch - 2 * HOUR, switch + 22 * HOUR):
        yield from (midnight + minutes * MINUTE for minutes in range(-90, 91))


def test_day_of_every_minute_around_the_nights_of_summer_time() -> None:
    for year in range(1980, 2101):
        begins, ends = summer_time(year)
        for instant in (*around_midnights(begins), *around_midnights(ends)):
            offset = 2 * HOUR if begins <= instant < ends else HOUR
            brussels = (instant + offset).replace(tzinfo=None)

            assert day_of(instant) == brussels.date()
            assert day_of(instant - timedelta(microseconds=1)) <= brussels.date()


def test_day_of_an_instant_does_not_depend_on_the_offset_it_is_written_with() -> None:
    written = ["2022-01-31T23:00:00+00:00", "2022-02-01T00:00:00+01:00", "2022-01-31T18:00:00-05:00"]

    found = {day_of(datetime.fromisoformat(text)) for text in written}

    assert found == {date(2022, 2, 1)}


def test_instant_without_zone_has_no_day() -> None:
    naive = datetime(2022, 1, 31, 23)  # noqa: DTZ001  # the naive datetime is what is tested

    with pytest.raises(ValueError, match="needs its zone"):
        day_of(naive)


DAYS = st.dates(date(2018, 1, 1), date(2024, 12, 31))
INTERVALS = st.builds(Interval, DAYS, st.none() | DAYS)


@given(INTERVALS, DAYS)
def test_day_lies_in_an_interval_when_no_distance_away(interval: Interval, today: date) -> None:
    inside = today in interval

    distance = interval.distance_to(today)

    assert distance >= 0
    if not interval.is_empty:
        assert inside is (distance == 0)
        assert inside or today - timedelta(distance) in interval or today + timedelta(distance) in interval
    else:
        assert not inside


@given(INTERVALS, DAYS, DAYS)
def test_capped_interval_holds_the_same_days_up_to_the_cap(interval: Interval, last_day: date, today: date) -> None:
    capped = interval.capped(last_day)

    held = today in capped

    assert held is (today in interval and today <= last_day)
    assert capped.capped(last_day) == capped
