"""Days, months and intervals: the arithmetic behind V1 to V6.

A *day* is a calendar day in Europe/Brussels; an *instant* is an aware datetime.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

BRUSSELS = ZoneInfo("Europe/Brussels")


def day_of(instant: datetime) -> date:
    """The calendar day in Brussels on which an instant falls.

    >>> from datetime import UTC
    >>> day_of(datetime(2022, 1, 31, 22, 59, 59, tzinfo=UTC)), day_of(datetime(2022, 1, 31, 23, tzinfo=UTC))
    (datetime.date(2022, 1, 31), datetime.date(2022, 2, 1))

    Raises: ValueError for a naive datetime.
    """
    if instant.utcoffset() is None:
        raise ValueError("an instant needs its zone")
    return instant.astimezone(BRUSSELS).date()


def begins_at(day: date) -> datetime:
    """The first instant of a day in Brussels.

    >>> begins_at(date(2022, 2, 1)).isoformat(), begins_at(date(2022, 4, 1)).isoformat()
    ('2022-01-31T23:00:00+00:00', '2022-03-31T22:00:00+00:00')
    """
    return datetime.combine(day, time(), BRUSSELS).astimezone(UTC)


def first_of_month(day: date) -> date:
    """The first day of the month of a day.

    >>> first_of_month(date(2024, 2, 29))
    datetime.date(2024, 2, 1)
    """
    return day.replace(day=1)


def add_months(day: date, months: int) -> date:
    """The first day of the month that lies so many months after the month of a day.

    >>> add_months(date(2021, 12, 31), 1), add_months(date(2022, 1, 15), -1)
    (datetime.date(2022, 1, 1), datetime.date(2021, 12, 1))

    Raises: ValueError outside the years 1 to 9999.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, 1)


def last_of_month(day: date) -> date:
    """The last day of the month of a day.

    >>> last_of_month(date(2024, 2, 1)), last_of_month(date(2021, 12, 31))
    (datetime.date(2024, 2, 29), datetime.date(2021, 12, 31))
    """
    return add_months(day, 1) - timedelta(days=1)


def valid_from(communicated_on: date) -> date:
    """First valid day of an inclusion communicated on a day: the first of the next month.

    >>> valid_from(date(2022, 1, 15))
    datetime.date(2022, 2, 1)

    Source: V1, C 9 §1.
    """
    return add_months(communicated_on, 1)


def valid_until(exit_communicated_on: date) -> date:
    """Last valid day after an exit communicated on a day: the last of that month.

    >>> valid_until(date(2024, 2, 29))
    datetime.date(2024, 2, 29)

    Source: V2, C 9 §1.
    """
    return last_of_month(exit_communicated_on)


@dataclass(frozen=True, slots=True)
class Interval:
    """The days from `first` to `last`, both inclusive; no `last` means open-ended.

    Shape: empty when `last` lies before `first` (V4).
    """

    first: date
    last: date | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no day lies inside.

        >>> Interval(date(2022, 2, 1), date(2022, 1, 31)).is_empty
        True
        """
        return self.last is not None and self.last < self.first

    def __contains__(self, day: date) -> bool:
        """Whether a day lies inside, ends included.

        >>> date(2022, 2, 28) in Interval(date(2022, 2, 1), date(2022, 2, 28))
        True
        """
        return self.first <= day and (self.last is None or day <= self.last)

    def capped(self, last_day: date) -> Interval:
        """The same interval, ending on `last_day` at the latest.

        >>> Interval(date(2022, 2, 1)).capped(date(2022, 12, 31)).last
        datetime.date(2022, 12, 31)

        Source: V6, C 16 §1.
        """
        return Interval(self.first, last_day if self.last is None else min(self.last, last_day))

    def overlaps(self, other: Interval) -> bool:
        """Whether some day lies in both.

        >>> february = Interval(date(2022, 2, 1), date(2022, 2, 28))
        >>> february.overlaps(Interval(date(2022, 2, 28))), february.overlaps(Interval(date(2022, 3, 1)))
        (True, False)
        >>> february.overlaps(Interval(date(2022, 2, 3), date(2022, 2, 2)))
        False
        """
        if self.is_empty or other.is_empty:
            return False
        starts = max(self.first, other.first)
        return starts in self and starts in other

    def distance_to(self, day: date) -> int:
        """How many days a day lies outside; 0 inside.

        >>> Interval(date(2022, 2, 1), date(2022, 2, 28)).distance_to(date(2022, 3, 2))
        2
        """
        if day < self.first:
            return (self.first - day).days
        return 0 if self.last is None or day <= self.last else (day - self.last).days
