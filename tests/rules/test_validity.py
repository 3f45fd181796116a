"""V1 to V5: on which days an inclusion is valid."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from gateway.domain.errors import AlreadyExited, NotIncluded
from gateway.domain.inclusion import Inclusion, Status, exited, inclusion_valid_on, validity
from gateway.domain.periods import Interval, day_of
from gateway.domain.project import Convention
from tests.builders import a_project, an_exit, an_inclusion, an_inclusion_that_is, day, days, included, instant
from tests.rules.tables import ACCEPTED, Refused, Table, answer_to

V1 = Table(
    rule="V1",
    statement="An inclusion is valid from the first day of the month after the day of its communication",
    columns=("case", "communicated", "day in Brussels", "valid from"),
    rows=(
        ("in the middle of a month", instant("2022-01-15T09:30+01:00"), day("2022-01-15"), day("2022-02-01")),
        ("on the first day of a month", instant("2022-02-01T12:00+01:00"), day("2022-02-01"), day("2022-03-01")),
        ("in the last second of a month", instant("2022-01-31T22:59:59Z"), day("2022-01-31"), day("2022-02-01")),
        ("at midnight, still January in UTC", instant("2022-01-31T23:00:00Z"), day("2022-02-01"), day("2022-03-01")),
        ("in the last second of a year", instant("2021-12-31T22:59:59Z"), day("2021-12-31"), day("2022-01-01")),
        ("on a leap day", instant("2024-02-29T12:00Z"), day("2024-02-29"), day("2024-03-01")),
        ("at midnight in summer time", instant("2022-03-31T22:00:00Z"), day("2022-04-01"), day("2022-05-01")),
        ("a second before, in summer time", instant("2022-03-31T21:59:59Z"), day("2022-03-31"), day("2022-04-01")),
        ("with an offset from elsewhere", instant("2022-01-31T18:30-05:00"), day("2022-02-01"), day("2022-03-01")),
    ),
)


V2 = Table(
    rule="V2",
    statement="After an exit, an inclusion is valid until the last day of the month in which the exit was communicated",
    columns=("case", "exit communicated", "day in Brussels", "valid until"),
    rows=(
        ("in the middle of a month", instant("2022-01-15T09:30+01:00"), day("2022-01-15"), day("2022-01-31")),
        ("on the first day of a month", instant("2022-02-01T12:00+01:00"), day("2022-02-01"), day("2022-02-28")),
        ("in the last second of a month", instant("2022-01-31T22:59:59Z"), day("2022-01-31"), day("2022-01-31")),
        ("at midnight, still January in UTC", instant("2022-01-31T23:00:00Z"), day("2022-02-01"), day("2022-02-28")),
        ("in the last second of a year", instant("2021-12-31T22:59:59Z"), day("2021-12-31"), day("2021-12-31")),
        ("on a leap day", instant("2024-02-29T12:00Z"), day("2024-02-29"), day("2024-02-29")),
        ("at midnight in summer time", instant("2022-03-31T22:00:00Z"), day("2022-04-01"), day("2022-04-30")),
        ("in a leap February", instant("2024-02-01T08:00Z"), day("2024-02-01"), day("2024-02-29")),
        ("in December", instant("2022-12-05T08:00Z"), day("2022-12-05"), day("2022-12-31")),
    ),
)


V2_ONCE = Table(
    rule="V2",
    statement="An exit is communicated once, of an inclusion that lives",
    columns=("case", "inclusion", "exit"),
    rows=(
        ("of an open inclusion", "open", ACCEPTED),
        ("a second time", "exited", Refused("V2", "already-exited")),
        ("of an annulled inclusion", "annulled", Refused("V8", "already-annulled")),
        ("of a rejected inclusion", "rejected", Refused("I6", "already-rejected")),
    ),
)


V3 = Table(
    rule="V3",
    statement="Until an exit is communicated, an inclusion has no end but the convention's",
    columns=("case", "communicated", "exit communicated", "valid until by itself", "valid in the project"),
    rows=(
        ("open", instant("2022-01-15T09:30+01:00"), None, None, days("2022-02-01 .. 2022-12-31")),
        (
            "exited",
            instant("2022-01-15T09:30+01:00"),
            instant("2022-05-16T10:00+02:00"),
            day("2022-05-31"),
            days("2022-02-01 .. 2022-05-31"),
        ),
    ),
)


V4 = Table(
    rule="V4",
    statement="An exit communicated before the first valid day leaves an empty interval",
    columns=("case", "communicated", "exit communicated", "interval", "ever valid"),
    rows=(
        (
            "exit in the same minute",
            instant("2022-01-15T09:30:00+01:00"),
            instant("2022-01-15T09:30:30+01:00"),
            days("2022-02-01 .. 2022-01-31"),
            False,
        ),
        (
            "exit in the last second of that month",
            instant("2022-01-15T09:30+01:00"),
            instant("2022-01-31T22:59:59Z"),
            days("2022-02-01 .. 2022-01-31"),
            False,
        ),
        (
            "exit on the first valid day",
            instant("2022-01-15T09:30+01:00"),
            instant("2022-01-31T23:00:00Z"),
            days("2022-02-01 .. 2022-02-28"),
            True,
        ),
        (
            "across the turn of a year",
            instant("2021-12-31T22:59:59Z"),
            instant("2021-12-31T22:59:59Z"),
            days("2022-01-01 .. 2021-12-31"),
            False,
        ),
    ),
)


V5 = Table(
    rule="V5",
    statement="A new inclusion after an exit has its own first day; the two may touch and never overlap",
    columns=("case", "communicated", "exit communicated", "communicated again", "first interval", "second interval"),
    rows=(
        (
            "again on the day of the exit",
            instant("2022-01-15T09:30+01:00"),
            instant("2022-05-16T10:00+02:00"),
            instant("2022-05-16T10:01+02:00"),
            days("2022-02-01 .. 2022-05-31"),
            days("2022-06-01 .. 2022-12-31"),
        ),
        (
            "again on the last day of that month",
            instant("2022-01-15T09:30+01:00"),
            instant("2022-05-16T10:00+02:00"),
            instant("2022-05-31T23:59+02:00"),
            days("2022-02-01 .. 2022-05-31"),
            days("2022-06-01 .. 2022-12-31"),
        ),
        (
            "again in the next month",
            instant("2022-01-15T09:30+01:00"),
            instant("2022-05-16T10:00+02:00"),
            instant("2022-06-01T00:00+02:00"),
            days("2022-02-01 .. 2022-05-31"),
            days("2022-07-01 .. 2022-12-31"),
        ),
        (
            "after an inclusion that never took effect",
            instant("2022-01-15T09:30+01:00"),
            instant("2022-01-16T10:00+01:00"),
            instant("2022-01-17T10:00+01:00"),
            days("2022-02-01 .. 2022-01-31"),
            days("2022-02-01 .. 2022-12-31"),
        ),
    ),
)


TABLES: list[Table] = [V1, V2, V2_ONCE, V3, V4, V5]


@pytest.mark.parametrize(("case", "communicated_at", "communicated_on", "valid_from"), V1.cases())
def test_inclusion_is_valid_from_the_month_after_its_communication(
    case: str, communicated_at: datetime, communicated_on: date, valid_from: date
) -> None:
    member = included(communicated_at)

    first = member.valid_from

    assert (day_of(communicated_at), first) == (communicated_on, valid_from)


@pytest.mark.parametrize(("case", "communicated_at", "communicated_on", "valid_until"), V2.cases())
def test_exited_inclusion_is_valid_until_the_end_of_the_month_of_communication(
    case: str, communicated_at: datetime, communicated_on: date, valid_until: date
) -> None:
    member = included(instant("2021-10-15T09:30+02:00"), communicated_at)

    last = member.exit_valid_until

    assert (day_of(communicated_at), last) == (communicated_on, valid_until)


@pytest.mark.parametrize(("case", "status", "answer"), V2_ONCE.cases())
def test_exit_is_communicated_once(case: str, status: Status, answer: Refused | str) -> None:
    member = an_inclusion_that_is(status)

    given = answer_to(lambda: exited(member, an_exit("2022-07-01T10:00+02:00")))

    assert given == answer


@pytest.mark.parametrize(("case", "communicated_at", "exit_at", "valid_until", "interval"), V3.cases())
def test_open_inclusion_has_no_end_of_its_own(
    case: str, communicated_at: datetime, exit_at: datetime | None, valid_until: date | None, interval: Interval
) -> None:
    member = included(communicated_at, exit_at)

    own_end, valid = member.exit_valid_until, validity(member, a_project())

    assert (own_end, valid) == (valid_until, interval)


@pytest.mark.parametrize(("case", "communicated_at", "exit_at", "interval", "ever_valid"), V4.cases())
def test_exit_before_the_first_valid_day_leaves_an_empty_interval(
    case: str, communicated_at: datetime, exit_at: datetime, interval: Interval, ever_valid: bool
) -> None:
    member = included(communicated_at, exit_at)

    valid = validity(member, a_project())

    assert valid == interval
    assert valid.is_empty is not ever_valid


@pytest.mark.parametrize(("case", "communicated_at", "exit_at", "communicated_again_at", "first", "second"), V5.cases())
def test_two_inclusions_of_one_beneficiary_touch_and_never_overlap(
    case: str,
    communicated_at: datetime,
    exit_at: datetime,
    communicated_again_at: datetime,
    first: Interval,
    second: Interval,
) -> None:
    earlier, later = included(communicated_at, exit_at), included(communicated_again_at)

    intervals = validity(earlier, a_project()), validity(later, a_project())

    assert intervals == (first, second)
    assert first.last is not None
    assert first.last < second.first


def test_inclusion_communicated_on_31_january_is_valid_from_1_february() -> None:
    member = an_inclusion(communicated_at="2022-01-31T23:59:59+01:00")

    first = member.valid_from

    assert first == date(2022, 2, 1)


def test_exit_communicated_on_29_february_leaves_the_inclusion_valid_that_day() -> None:
    project = a_project(convention=Convention(day("2021-09-01"), day("2024-12-31")))
    member = exited(an_inclusion(), an_exit("2024-02-29T12:00Z"))

    valid = validity(member, project)

    assert valid == days("2022-02-01 .. 2024-02-29")


def test_inclusion_that_never_took_effect_carries_no_action() -> None:
    member = exited(an_inclusion(), an_exit("2022-01-16T10:00+01:00"))

    def ask() -> Inclusion:
        return inclusion_valid_on([member], a_project(), day("2022-02-14"))

    with pytest.raises(NotIncluded):
        ask()


def test_second_exit_leaves_the_first_one_standing() -> None:
    first = an_exit("2022-05-16T10:00+02:00")
    member = exited(an_inclusion(), first)

    with pytest.raises(AlreadyExited):
        exited(member, an_exit("2022-04-16T10:00+02:00"))

    assert member.exit == first
