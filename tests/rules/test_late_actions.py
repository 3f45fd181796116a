"""P9 and P10: until when an action may be registered, and from when it must be."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.domain.action import check_may_record, inclusion_for
from gateway.domain.project import Convention, is_voluntary
from tests.builders import (
    PROVIDER,
    PSEUDOCODE,
    TODAY,
    a_catalogue,
    a_project,
    an_inclusion,
    day,
)
from tests.rules.tables import ACCEPTED, Refused, Table, answer_to

P10 = Table(
    rule="P10",
    statement="Actions before 2022 are accepted and said to be voluntary",
    columns=("case", "performed on", "voluntary", "answer"),
    rows=(
        ("last voluntary day", day("2021-12-31"), True, ACCEPTED),
        ("first mandatory day", day("2022-01-01"), False, ACCEPTED),
        ("first day of the convention", day("2021-09-01"), True, ACCEPTED),
    ),
)


P9 = Table(
    rule="P9",
    statement="An action may be registered late, until the project's closing day",
    columns=("case", "convention ends on", "closing day set", "registered on", "answer"),
    rows=(
        ("on the last day", day("2022-12-31"), None, day("2023-02-28"), ACCEPTED),
        (
            "on the day after",
            day("2022-12-31"),
            None,
            day("2023-03-01"),
            Refused("P9", "registration-closed", allowed_until=day("2023-02-28")),
        ),
        ("before a leap day", day("2023-06-30"), None, day("2024-02-29"), ACCEPTED),
        (
            "after a leap day",
            day("2023-06-30"),
            None,
            day("2024-03-01"),
            Refused("P9", "registration-closed", allowed_until=day("2024-02-29")),
        ),
        ("on the day set", day("2022-12-31"), day("2023-01-15"), day("2023-01-15"), ACCEPTED),
        (
            "after the day set",
            day("2022-12-31"),
            day("2023-01-15"),
            day("2023-01-16"),
            Refused("P9", "registration-closed", allowed_until=day("2023-01-15")),
        ),
        ("later, as set", day("2022-12-31"), day("2023-07-31"), day("2023-07-31"), ACCEPTED),
    ),
)


TABLES: list[Table] = [P10, P9]


@pytest.mark.parametrize(("case", "performed_on", "voluntary", "answer"), P10.cases())
def test_action_before_2022_is_accepted_as_voluntary(
    case: str, performed_on: date, voluntary: bool, answer: Refused | str
) -> None:
    project = a_project()

    given = answer_to(lambda: check_may_record(a_catalogue(), project, PSEUDOCODE, performed_on, PROVIDER, TODAY))

    assert (is_voluntary(performed_on), given) == (voluntary, answer)


@pytest.mark.parametrize(("case", "last_day", "registration_closes_on", "registered_on", "answer"), P9.cases())
def test_action_may_be_registered_late_until_the_closing_day(
    case: str, last_day: date, registration_closes_on: date | None, registered_on: date, answer: Refused | str
) -> None:
    project = a_project(
        convention=Convention(day("2021-09-01"), last_day), registration_closes_on=registration_closes_on
    )

    given = answer_to(lambda: inclusion_for([an_inclusion()], project, day("2022-02-14"), registered_on))

    assert given == answer
