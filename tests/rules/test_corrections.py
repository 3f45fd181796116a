"""V7 and V8: what the day of leaving and a correction leave as it was."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from gateway.domain import action, inclusion
from gateway.domain.inclusion import Status, exited, validity
from gateway.domain.periods import Interval
from tests.builders import (
    a_project,
    an_action,
    an_exit,
    an_inclusion,
    an_inclusion_that_is,
    day,
    days,
    instant,
)
from tests.rules.tables import ACCEPTED, Refused, Table, answer_to

V7 = Table(
    rule="V7",
    statement="The reason of an exit and the day the beneficiary left change no date",
    columns=("case", "reason", "left on", "exit communicated", "valid until"),
    rows=tuple(
        (f"{reason}, left {left}", reason, left_on, instant("2022-05-16T10:00+02:00"), day("2022-05-31"))
        for reason, left, left_on in (
            ("patient_request", "on a day not told", None),
            ("moved", "two months before", day("2022-03-16")),
            ("deceased", "the month before", day("2022-04-30")),
            ("care_ended", "on that day", day("2022-05-16")),
            ("project_ended", "later in that month", day("2022-05-31")),
            ("other", "in the next month", day("2022-06-30")),
        )
    ),
)


V8 = Table(
    rule="V8",
    statement="An annulled inclusion is kept with its communication and valid on no day",
    columns=("case", "inclusion", "annulment", "communicated, before and after", "valid before", "valid after"),
    rows=(
        (
            "an open inclusion",
            "open",
            ACCEPTED,
            instant("2022-01-15T09:30+01:00"),
            days("2022-02-01 .. 2022-12-31"),
            None,
        ),
        (
            "an exited inclusion",
            "exited",
            ACCEPTED,
            instant("2022-01-15T09:30+01:00"),
            days("2022-02-01 .. 2022-05-31"),
            None,
        ),
        (
            "an annulled inclusion",
            "annulled",
            Refused("V8", "already-annulled"),
            instant("2022-01-15T09:30+01:00"),
            None,
            None,
        ),
        (
            "a rejected inclusion",
            "rejected",
            Refused("I6", "already-rejected"),
            instant("2022-01-15T09:30+01:00"),
            None,
            None,
        ),
    ),
)


V8_ACTION = Table(
    rule="V8",
    statement="An annulled action is kept with its recording and its reason",
    columns=("case", "action", "annulment", "action after"),
    rows=(
        ("a recorded action", "recorded", ACCEPTED, "annulled"),
        ("an annulled action", "annulled", Refused("V8", "already-annulled"), "annulled"),
        ("a rejected action", "rejected", Refused("I6", "already-rejected"), "rejected"),
    ),
)


TABLES: list[Table] = [V7, V8, V8_ACTION]


@pytest.mark.parametrize(("case", "reason", "left_on", "exit_at", "valid_until"), V7.cases())
def test_reason_and_day_of_leaving_change_no_date(
    case: str, reason: str, left_on: date | None, exit_at: datetime, valid_until: date
) -> None:
    ending = an_exit(exit_at.isoformat(), reason=reason, left_on=left_on)

    member = exited(an_inclusion(), ending)

    assert member.exit == ending
    assert member.exit_valid_until == valid_until


@pytest.mark.parametrize(("case", "status", "answer", "communicated_at", "before", "after"), V8.cases())
def test_annulled_inclusion_keeps_its_communication_and_no_valid_day(
    case: str,
    status: Status,
    answer: Refused | str,
    communicated_at: datetime,
    before: Interval | None,
    after: Interval | None,
) -> None:
    member = an_inclusion_that_is(status)

    given = answer_to(lambda: inclusion.annulled(member, "wrong-person"))

    assert (given, member.communicated_at, validity(member, a_project())) == (answer, communicated_at, before)
    if given == ACCEPTED:
        annulled = inclusion.annulled(member, "wrong-person")
        assert (annulled.status, annulled.annulment_reason) == ("annulled", "wrong-person")
        assert (annulled.communicated_at, annulled.exit) == (communicated_at, member.exit)
        assert validity(annulled, a_project()) == after


@pytest.mark.parametrize(("case", "status", "answer", "after"), V8_ACTION.cases())
def test_annulled_action_is_kept_with_its_reason(case: str, status: str, answer: Refused | str, after: str) -> None:
    performed = an_action(status=status)

    given = answer_to(lambda: action.annulled(performed, "wrong-person"))

    assert given == answer
    if given == ACCEPTED:
        annulled = action.annulled(performed, "wrong-person")
        assert annulled == an_action(status=after, annulment_reason="wrong-person")
