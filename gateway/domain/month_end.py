"""The end of a month: how long until then, what it decides, and what a communication after it cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from math import ceil

from gateway.domain.periods import add_months, begins_at, day_of, last_of_month, valid_from


@dataclass(frozen=True, slots=True)
class Countdown:
    """What the end of a month means for whatever is not communicated yet.

    Shape: `ends_at` is the first instant of the next month; the two days are None where the convention ends before
    them, so that an inclusion is refused (V6).
    Units: `seconds_left` are whole seconds, rounded up, of the legal clock.
    """

    month: str
    ends_at: datetime
    seconds_left: int
    is_near: bool
    valid_from: date | None
    valid_from_after: date | None


def countdown(now: datetime, last_day: date, near_days: int) -> Countdown:
    """How long the month of an instant still lasts, for a convention until a last day.

    Shape: it is near on the last `near_days` days of the month.

    >>> from datetime import UTC
    >>> left = countdown(datetime(2022, 1, 31, 22, 59, 59, tzinfo=UTC), date(2022, 12, 31), 5)
    >>> left.month, left.seconds_left, left.is_near, str(left.valid_from), str(left.valid_from_after)
    ('2022-01', 1, True, '2022-02-01', '2022-03-01')

    Source: V1, V6; C 9 §1.
    """
    today = day_of(now)
    ends_at = begins_at(add_months(today, 1))
    before, after = valid_from(today), valid_from(add_months(today, 1))
    return Countdown(
        month=f"{today:%Y-%m}",
        ends_at=ends_at,
        seconds_left=ceil((ends_at - now).total_seconds()),
        is_near=(last_of_month(today) - today).days < near_days,
        valid_from=before if before <= last_day else None,
        valid_from_after=after if after <= last_day else None,
    )


@dataclass(frozen=True, slots=True)
class Lost:
    """What a late communication cost: from when the inclusion could have been valid, and how much that is before it is.

    Shape: at least one month.
    """

    possible_from: date
    months: int
    days: int


def lost(agreed_on: date, communicated_on: date, effective_from: date) -> Lost | None:
    """What was lost between the month of the agreement and that of the communication; None when they are the same.

    Shape: before its convention begins (`effective_from`) nothing can be communicated, so nothing is lost.

    >>> lost(date(2022, 1, 31), date(2022, 2, 1), date(2021, 9, 1))
    Lost(possible_from=datetime.date(2022, 2, 1), months=1, days=28)

    Source: V1, I5; C 9 §1.
    """
    possible = valid_from(max(agreed_on, effective_from))
    actual = valid_from(communicated_on)
    months = (actual.year - possible.year) * 12 + actual.month - possible.month
    return Lost(possible, months, (actual - possible).days) if months > 0 else None
