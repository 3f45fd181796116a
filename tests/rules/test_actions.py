"""P3 to P6: which actions may be registered, and which broken rule answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.action import check_may_record, inclusion_for
from gateway.domain.errors import DuplicateAction, OutsideValidity
from gateway.domain.inclusion import exited
from gateway.domain.periods import Interval
from gateway.domain.project import Convention
from gateway.domain.submissions import ActionSubmission
from tests.builders import (
    COLLEAGUE,
    PROJECT,
    PROVIDER,
    PSEUDOCODE,
    TODAY,
    a_catalogue,
    a_project,
    an_action,
    an_exit,
    an_inclusion,
    an_ssin,
    day,
    days,
    instant,
)
from tests.rules.tables import ACCEPTED, Refused, Table, answer_to

P3 = Table(
    rule="P3",
    statement="The beneficiary's inclusion is valid on the day the action was performed",
    columns=("case", "inclusion communicated", "exit communicated", "performed on", "answer"),
    rows=(
        ("first valid day", instant("2022-01-15T09:30+01:00"), None, day("2022-02-01"), ACCEPTED),
        (
            "the day before",
            instant("2022-01-15T09:30+01:00"),
            None,
            day("2022-01-31"),
            Refused("P3", "outside-validity", day("2022-02-01"), day("2022-12-31")),
        ),
        (
            "between communication and validity",
            instant("2022-01-15T09:30+01:00"),
            None,
            day("2022-01-20"),
            Refused("P3", "outside-validity", day("2022-02-01"), day("2022-12-31")),
        ),
        (
            "last valid day after an exit",
            instant("2022-01-15T09:30+01:00"),
            instant("2022-05-16T10:00+02:00"),
            day("2022-05-31"),
            ACCEPTED,
        ),
        (
            "the day after",
            instant("2022-01-15T09:30+01:00"),
            instant("2022-05-16T10:00+02:00"),
            day("2022-06-01"),
            Refused("P3", "outside-validity", day("2022-02-01"), day("2022-05-31")),
        ),
        (
            "inclusion that never took effect",
            instant("2022-01-15T09:30+01:00"),
            instant("2022-01-16T10:00+01:00"),
            day("2022-02-14"),
            Refused("P3", "not-included"),
        ),
        ("not included", None, None, day("2022-02-14"), Refused("P3", "not-included")),
    ),
)


P4 = Table(
    rule="P4",
    statement="The day performed is not in the future and lies within the convention",
    columns=("case", "convention", "today", "performed on", "answer"),
    rows=(
        ("today", days("2021-09-01 .. 2022-12-31"), day("2022-03-01"), day("2022-03-01"), ACCEPTED),
        (
            "tomorrow",
            days("2021-09-01 .. 2022-12-31"),
            day("2022-03-01"),
            day("2022-03-02"),
            Refused("P4", "performed-in-future", allowed_until=day("2022-03-01")),
        ),
        ("first day of the convention", days("2021-09-01 .. 2022-12-31"), TODAY, day("2021-09-01"), ACCEPTED),
        (
            "the day before it",
            days("2021-09-01 .. 2022-12-31"),
            TODAY,
            day("2021-08-31"),
            Refused("P4", "outside-convention", day("2021-09-01"), day("2022-12-31")),
        ),
        (
            "last day of the convention",
            days("2021-09-01 .. 2022-12-31"),
            day("2023-01-15"),
            day("2022-12-31"),
            ACCEPTED,
        ),
        (
            "the day after it",
            days("2021-09-01 .. 2022-12-31"),
            day("2023-01-15"),
            day("2023-01-01"),
            Refused("P4", "outside-convention", day("2021-09-01"), day("2022-12-31")),
        ),
        (
            "after a termination",
            days("2021-09-01 .. 2022-06-30"),
            day("2022-07-15"),
            day("2022-07-01"),
            Refused("P4", "outside-convention", day("2021-09-01"), day("2022-06-30")),
        ),
        (
            "in the future and after the convention",
            days("2021-09-01 .. 2022-12-31"),
            day("2022-12-15"),
            day("2023-01-01"),
            Refused("P4", "performed-in-future", allowed_until=day("2022-12-15")),
        ),
    ),
)


P5 = Table(
    rule="P5",
    statement="The performer is a partner of the project on the day performed",
    columns=("case", "partner", "performed on", "answer"),
    rows=(
        ("partner for good", (days("2021-09-01 .."),), day("2022-02-14"), ACCEPTED),
        ("on the first day of partnership", (days("2022-02-14 .. 2022-02-20"),), day("2022-02-14"), ACCEPTED),
        ("on the last day of partnership", (days("2022-01-01 .. 2022-02-14"),), day("2022-02-14"), ACCEPTED),
        (
            "the day after leaving",
            (days("2022-01-01 .. 2022-02-14"),),
            day("2022-02-15"),
            Refused("P5", "not-a-partner", day("2022-01-01"), day("2022-02-14")),
        ),
        (
            "the day before joining",
            (days("2022-02-15 .."),),
            day("2022-02-14"),
            Refused("P5", "not-a-partner", day("2022-02-15")),
        ),
        (
            "while away",
            (days("2021-09-01 .. 2022-01-31"), days("2022-03-01 ..")),
            day("2022-02-14"),
            Refused("P5", "not-a-partner", day("2021-09-01"), day("2022-01-31")),
        ),
        (
            "after coming back",
            (days("2021-09-01 .. 2022-01-31"), days("2022-02-14 ..")),
            day("2022-02-14"),
            ACCEPTED,
        ),
        ("never a partner", (), day("2022-02-14"), Refused("P5", "not-a-partner")),
    ),
)


P5_REGISTERED_BY = Table(
    rule="P5",
    statement="An action is registered by its performer or by the administrative responsible",
    columns=("case", "performer", "registered by provider", "answer"),
    rows=(
        ("by the performer", PROVIDER, PROVIDER, ACCEPTED),
        ("by the administrative responsible", PROVIDER, None, ACCEPTED),
        ("by another partner", PROVIDER, COLLEAGUE, Refused("P5", "not-a-partner")),
    ),
)


P6 = Table(
    rule="P6",
    statement="An action is the first of its kind that day unless it says which one it is",
    columns=("case", "occurrence given", "occurrence registered"),
    rows=(
        ("once on that day", None, 1),
        ("the same said aloud", 1, 1),
        ("twice on that day", 2, 2),
    ),
)


P_ORDER = Table(
    rule="P",
    statement=(
        "Of an action that breaks several rules, the first of P4 (future), P4 (convention), P2, P5, P3 and P9 answers"
    ),
    columns=("case", "rules broken", "rule that answers", "as"),
    rows=(
        ("all six", "future convention P2 P5 P3 P9", "P4", "performed-in-future"),
        ("performed in the past", "convention P2 P5 P3 P9", "P4", "outside-convention"),
        ("within the convention", "P2 P5 P3 P9", "P2", "pseudocode-not-of-project"),
        ("under the project's pseudocode", "P5 P3 P9", "P5", "not-a-partner"),
        ("by a partner", "P3 P9", "P3", "not-included"),
        ("for an included beneficiary", "P9", "P9", "registration-closed"),
        ("nothing broken", "", None, None),
        ("pseudocode and inclusion", "P2 P3", "P2", "pseudocode-not-of-project"),
        ("future and closed", "future P9", "P4", "performed-in-future"),
    ),
)


TABLES: list[Table] = [P3, P4, P5, P5_REGISTERED_BY, P6, P_ORDER]


@pytest.mark.parametrize(("case", "communicated_at", "exit_at", "performed_on", "answer"), P3.cases())
def test_inclusion_is_valid_on_the_day_performed(
    case: str,
    communicated_at: datetime | None,
    exit_at: datetime | None,
    performed_on: date,
    answer: Refused | str,
) -> None:
    members = [] if communicated_at is None else [an_inclusion(communicated_at.isoformat())]
    if exit_at is not None:
        members = [exited(member, an_exit(exit_at.isoformat())) for member in members]

    given = answer_to(lambda: inclusion_for(members, a_project(), performed_on, TODAY))

    assert given == answer


@pytest.mark.parametrize(("case", "convention", "today", "performed_on", "answer"), P4.cases())
def test_day_performed_is_past_and_within_the_convention(
    case: str, convention: Interval, today: date, performed_on: date, answer: Refused | str
) -> None:
    assert convention.last is not None
    project = a_project(convention=Convention(convention.first, convention.last))

    given = answer_to(lambda: check_may_record(a_catalogue(), project, PSEUDOCODE, performed_on, PROVIDER, today))

    assert given == answer


@pytest.mark.parametrize(("case", "partnership", "performed_on", "answer"), P5.cases())
def test_performer_is_a_partner_on_the_day_performed(
    case: str, partnership: tuple[Interval, ...], performed_on: date, answer: Refused | str
) -> None:
    project = a_project(partners={PROVIDER: partnership} if partnership else {})

    given = answer_to(lambda: check_may_record(a_catalogue(), project, PSEUDOCODE, performed_on, PROVIDER, TODAY))

    assert given == answer


@pytest.mark.parametrize(("case", "performer", "own", "answer"), P5_REGISTERED_BY.cases())
def test_action_is_registered_by_its_performer_or_the_administrative_responsible(
    case: str, performer: str, own: str | None, answer: Refused | str
) -> None:
    project = a_project(partners=dict.fromkeys([PROVIDER, COLLEAGUE], (days("2021-09-01 .."),)))

    given = answer_to(
        lambda: check_may_record(a_catalogue(), project, PSEUDOCODE, day("2022-02-14"), performer, TODAY, own)
    )

    assert given == answer


@pytest.mark.parametrize(("case", "occurrence", "registered"), P6.cases())
def test_action_is_the_first_of_its_kind_unless_it_says_otherwise(
    case: str, occurrence: int | None, registered: int
) -> None:
    facts: dict[str, Any] = {} if occurrence is None else {"occurrence": occurrence}

    submission = ActionSubmission(
        project=PROJECT,
        ssin=an_ssin(),
        pseudocode=PSEUDOCODE,
        performed_on=day("2022-02-14"),
        performed_by=PROVIDER,
        **facts,
    )

    assert submission.occurrence == registered


def breaking(broken: set[str]) -> Callable[[], None]:
    """A registration of an action that breaks exactly the rules named."""
    today = day("2022-03-01")
    performed_on = day("2022-03-14") if "future" in broken else day("2022-02-14")
    project = a_project(
        convention=Convention(day("2022-04-01") if "convention" in broken else day("2021-09-01"), day("2022-12-31")),
        registration_closes_on=day("2022-02-28") if "P9" in broken else None,
        partners={} if "P5" in broken else {PROVIDER: (days("2021-09-01 .."),)},
        assignments={} if "P2" in broken else {PSEUDOCODE: days("2021-09-01 ..")},
    )
    members = [] if "P3" in broken else [an_inclusion()]

    def ask() -> None:
        check_may_record(a_catalogue(project), project, PSEUDOCODE, performed_on, PROVIDER, today)
        inclusion_for(members, project, performed_on, today)

    return ask


@pytest.mark.parametrize(("case", "broken", "rule", "code"), P_ORDER.cases())
def test_first_broken_rule_of_an_action_answers(case: str, broken: str, rule: str | None, code: str | None) -> None:
    ask = breaking(set(broken.split()))

    given = answer_to(ask)

    assert ((given.rule, given.code) if isinstance(given, Refused) else (None, None)) == (rule, code)


def test_every_set_of_broken_rules_of_an_action_is_answered_by_its_first() -> None:
    order = {
        "future": "performed-in-future",
        "convention": "outside-convention",
        "P2": "pseudocode-not-of-project",
        "P5": "not-a-partner",
        "P3": "not-included",
        "P9": "registration-closed",
    }

    for chosen in range(2 ** len(order)):
        broken = [rule for place, rule in enumerate(order) if chosen >> place & 1]
        given = answer_to(breaking(set(broken)))

        first = next((order[rule] for rule in broken), None)
        assert (given.code if isinstance(given, Refused) else None) == first


def test_action_performed_on_31_january_is_refused_under_an_inclusion_valid_from_1_february() -> None:
    member = an_inclusion("2022-01-31T22:59:59Z")

    def ask() -> object:
        return inclusion_for([member], a_project(), date(2022, 1, 31), TODAY)

    with pytest.raises(OutsideValidity) as refused:
        ask()
    assert refused.value.allowed_from == date(2022, 2, 1)


def test_action_between_two_inclusions_is_told_the_nearest_interval() -> None:
    first = exited(an_inclusion(), an_exit("2022-03-10T10:00+01:00"))
    second = an_inclusion("2022-07-20T10:00+02:00", id=UUID(int=2))

    early = answer_to(lambda: inclusion_for([first, second], a_project(), day("2022-04-05"), TODAY))
    late = answer_to(lambda: inclusion_for([first, second], a_project(), day("2022-07-20"), TODAY))

    assert early == Refused("P3", "outside-validity", day("2022-02-01"), day("2022-03-31"))
    assert late == Refused("P3", "outside-validity", day("2022-08-01"), day("2022-12-31"))


def test_action_is_registered_under_the_inclusion_valid_that_day() -> None:
    first = exited(an_inclusion(), an_exit("2022-03-10T10:00+01:00"))
    second = an_inclusion("2022-03-10T10:01+01:00", id=UUID(int=2))

    by_day = [inclusion_for([second, first], a_project(), day(on), TODAY) for on in ("2022-03-31", "2022-04-01")]

    assert by_day == [first, second]


def test_second_action_of_the_same_kind_is_refused_with_the_first_one_named() -> None:
    first = an_action(id=UUID(int=9))

    refusal = DuplicateAction(first.id)

    assert (refusal.rule, refusal.code, refusal.existing) == ("P6", "duplicate-action", UUID(int=9))
