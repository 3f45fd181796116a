"""The rules of an inclusion as both peers check them: I1, I7, I4, I5, V6, in the gateway's order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

BRUSSELS = ZoneInfo("Europe/Brussels")


class Refused(Exception):
    """A rule said no."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class Convention:
    """The days on which a project's convention is in force."""

    effective_from: date
    last_day: date


def now_and_day() -> tuple[datetime, date]:
    """The instant, and the day that it is in Belgium."""
    now = datetime.now(UTC)
    return now, now.astimezone(BRUSSELS).date()


def valid_from(day: date) -> date:
    """The first day of the month after (V1)."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def check(
    convention: Convention, agreed_on: date, day: date, *, informed: bool, in_target_group: bool, is_partner: bool
) -> date:
    """The first valid day of an inclusion that breaks no rule.

    Raises: Refused.
    """
    refusals = (
        (informed and agreed_on <= day, 422, "not-informed" if not informed else "agreement-in-future"),
        (in_target_group, 422, "not-in-target-group"),
        (is_partner, 403, "not-a-partner"),
        (convention.effective_from <= day <= convention.last_day, 422, "convention-not-in-force"),
        (valid_from(day) <= convention.last_day, 422, "valid-after-convention-end"),
    )
    for holds, status, code in refusals:
        if not holds:
            raise Refused(status, code)
    return valid_from(day)
