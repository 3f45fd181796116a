"""V6: what the end of a convention does to inclusions."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from gateway.domain.inclusion import check_may_include, validity
from gateway.domain.periods import Interval
from gateway.domain.project import Convention
from tests.builders import (
    PROVIDER,
    a_project,
    an_agreement,
    day,
    days,
    included,
    instant,
)
from tests.rules.tables import ACCEPTED, Refused, Table, answer_to

V6 = Table(
    rule="V6",
    statement="The convention's last day caps every interval",
    columns=("case", "communicated", "exit communicated", "last day of the convention", "valid"),
    rows=(
        ("open", instant("2022-01-15T09:30+01:00"), None, day("2022-12-31"), days("2022-02-01 .. 2022-12-31")),
        (
            "exit before the end",
            instant("2022-01-15T09:30+01:00"),
            instant("2022-05-16T10:00+02:00"),
            day("2022-12-31"),
            days("2022-02-01 .. 2022-05-31"),
        ),
        (
            "exit in the last month",
            instant("2022-01-15T09:30+01:00"),
            instant("2022-12-02T10:00+01:00"),
            day("2022-12-31"),
            days("2022-02-01 .. 2022-12-31"),
        ),
        (
            "exit after the end",
            instant("2022-01-15T09:30+01:00"),
            instant("2023-01-10T10:00+01:00"),
            day("2022-12-31"),
            days("2022-02-01 .. 2022-12-31"),
        ),
        (
            "convention terminated",
            instant("2022-01-15T09:30+01:00"),
            None,
            day("2022-06-30"),
            days("2022-02-01 .. 2022-06-30"),
        ),
        (
            "convention terminated before the first valid day",
            instant("2022-06-10T09:30+02:00"),
            None,
            day("2022-06-30"),
            days("2022-07-01 .. 2022-06-30"),
        ),
    ),
)


V6_REFUSAL = Table(
    rule="V6",
    statement="An inclusion that would become valid only after the convention's last day is refused",
    columns=("case", "communicated on", "last day of the convention", "answer"),
    rows=(
        ("on the last day that can do", day("2022-11-30"), day("2022-12-31"), ACCEPTED),
        (
            "on the day after",
            day("2022-12-01"),
            day("2022-12-31"),
            Refused("V6", "valid-after-convention-end", allowed_until=day("2022-11-30")),
        ),
        (
            "on the convention's last day",
            day("2022-12-31"),
            day("2022-12-31"),
            Refused("V6", "valid-after-convention-end", allowed_until=day("2022-11-30")),
        ),
        ("valid on one day only", day("2022-05-31"), day("2022-06-01"), ACCEPTED),
        (
            "convention that ends within the month",
            day("2022-06-01"),
            day("2022-06-15"),
            Refused("V6", "valid-after-convention-end", allowed_until=day("2022-05-31")),
        ),
        (
            "convention that ends on a leap day",
            day("2024-02-01"),
            day("2024-02-29"),
            Refused("V6", "valid-after-convention-end", allowed_until=day("2024-01-31")),
        ),
    ),
)


TABLES: list[Table] = [V6, V6_REFUSAL]


@pytest.mark.parametrize(("case", "communicated_at", "exit_at", "last_day", "interval"), V6.cases())
def test_convention_caps_every_interval(
    case: str, communicated_at: datetime, exit_at: datetime | None, last_day: date, interval: Interval
) -> None:
    project = a_project(convention=Convention(day("2021-09-01"), last_day))

    valid = validity(included(communicated_at, exit_at), project)

    assert valid == interval


@pytest.mark.parametrize(("case", "communicated_on", "last_day", "answer"), V6_REFUSAL.cases())
def test_inclusion_valid_only_after_the_convention_is_refused(
    case: str, communicated_on: date, last_day: date, answer: Refused | str
) -> None:
    project = a_project(convention=Convention(day("2021-09-01"), last_day))

    given = answer_to(lambda: check_may_include(project, an_agreement(), PROVIDER, communicated_on))

    assert given == answer
