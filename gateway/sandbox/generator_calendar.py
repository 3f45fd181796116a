"""The instants at which the synthetic sample communicates: when the sandbox's clock is moved."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from gateway.domain.periods import BRUSSELS, day_of, last_of_month

FIRST_DAY = date(2021, 9, 1)
LAST_DAY = date(2022, 5, 31)
OFFICE_HOURS = {0: time(17, 30), 2: time(12, 15), 3: time(18, 45)}  # Monday, Wednesday, Thursday


def _instants() -> Iterator[datetime]:
    for ordinal in range(FIRST_DAY.toordinal() + 1, LAST_DAY.toordinal() + 1):
        day = date.fromordinal(ordinal)
        if day.day == 1:
            yield datetime.combine(day, time(), BRUSSELS).astimezone(UTC)
        if (hour := OFFICE_HOURS.get(day.weekday())) is not None:
            yield datetime.combine(day, hour, BRUSSELS).astimezone(UTC)
        if day == last_of_month(day):
            yield datetime.combine(day, time(23, 59, 59), BRUSSELS).astimezone(UTC)


INSTANTS = tuple(_instants())
"""Three a week, and both sides of every turn of a month, where V1 and V2 are decided; in UTC, ascending."""

DAYS = tuple(day_of(instant) for instant in INSTANTS)
IS_EDGE = tuple(instant.astimezone(BRUSSELS).time() in (time(), time(23, 59, 59)) for instant in INSTANTS)


def index_on_or_after(day: date) -> int:
    """Index of the first instant on a day or later; as many as there are instants when none is."""
    return bisect_left(DAYS, day)


def weekdays(first: date, last: date) -> list[date]:
    """The days from Monday to Friday between two days, both inclusive."""
    days = (first + timedelta(n) for n in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5]


def text_of(instant: datetime) -> str:
    """An instant as the sample and the gateway write it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
