"""When a period may close: from that day on its figures can be released, once.

Figures of actions wait for late registrations; inclusion measures are settled by V1 and V2 and wait for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from gateway.domain.errors import AlreadyRevised, NotDue
from gateway.domain.lattice import Measure, Period, PeriodKind
from gateway.domain.periods import add_months, last_of_month


@dataclass(frozen=True, slots=True)
class Calendar:
    """How long figures of actions wait after their period.

    Units: `month_day` is a day of the next month (1 to 28), `year_month` a month of the next year whose first day
    counts (1 to 12), the others are days (at least 1) after the quarter's end or the close of registration.

    >>> Calendar(month_day=0)
    Traceback (most recent call last):
    ValueError: a setting of the calendar is out of range

    Raises: ValueError outside those ranges.
    """

    month_day: int = 10
    quarter_days: int = 45
    year_month: int = 3
    convention_days: int = 14

    def __post_init__(self) -> None:
        days = self.quarter_days >= 1 and self.convention_days >= 1
        if not (1 <= self.month_day <= 28 and 1 <= self.year_month <= 12 and days):
            raise ValueError("a setting of the calendar is out of range")


STANDARD = Calendar()


def due_on(period: Period, measure: Measure, *, closes_on: date | None = None, calendar: Calendar = STANDARD) -> date:
    """The first day on which a period may close for a measure.

    Shape: `closes_on` is the project's `registration_closes_on`, needed for a convention. Actions are never due before
    the first day of the month that follows the period, whatever the settings.

    >>> due_on(Period(PeriodKind.MONTH, "2022-02"), Measure.ACTIONS)
    datetime.date(2022, 3, 10)
    >>> due_on(Period(PeriodKind.MONTH, "2022-02"), Measure.JOINED)
    datetime.date(2022, 2, 1)

    Source: A1, C 9 §1.
    Raises: ValueError for a convention without its days or without `closes_on`.
    """
    if measure.is_of_inclusions:
        return period.first
    return max(_settled_on(period, closes_on, calendar), add_months(period.last, 1))


def _settled_on(period: Period, closes_on: date | None, calendar: Calendar) -> date:
    """The day on which the settings let figures of actions close."""
    match period.kind:
        case PeriodKind.MONTH:
            return add_months(period.last, 1).replace(day=calendar.month_day)
        case PeriodKind.QUARTER:
            return period.last + timedelta(days=calendar.quarter_days)
        case PeriodKind.YEAR:
            return date(period.last.year + 1, calendar.year_month, 1)
    if closes_on is None:
        raise ValueError("a convention closes after its registration does")
    return closes_on + timedelta(days=calendar.convention_days)


def check_due(
    period: Period,
    measure: Measure,
    today: date,
    *,
    closes_on: date | None = None,
    calendar: Calendar = STANDARD,
) -> None:
    """Refuse to close a period before its day.

    >>> check_due(Period(PeriodKind.MONTH, "2022-02"), Measure.ACTIONS, date(2022, 3, 9))
    Traceback (most recent call last):
    gateway.domain.errors.refusals.NotDue: not-due

    Source: A1, C 9 §1.
    Raises: NotDue, with the day from which it can.
    """
    available_from = due_on(period, measure, closes_on=closes_on, calendar=calendar)
    if today < available_from:
        raise NotDue(available_from=available_from)


def check_revisable(revision: int, released_on: date, today: date) -> None:
    """Refuse a revision within a year of the one before; the first release may be revised at any time.

    Shape: `revision` and `released_on` are those of the release in force.

    >>> check_revisable(1, date(2022, 3, 10), date(2022, 3, 11))
    >>> check_revisable(2, date(2022, 3, 11), date(2023, 3, 10))
    Traceback (most recent call last):
    gateway.domain.errors.refusals.AlreadyRevised: already-revised

    Source: DISCLOSURE 5.
    Raises: AlreadyRevised, with the day from which it can.
    """
    month = add_months(released_on, 12)
    available_from = month.replace(day=min(released_on.day, last_of_month(month).day))
    if revision > 1 and today < available_from:
        raise AlreadyRevised(available_from=available_from)
