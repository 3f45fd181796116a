"""I1 to I7: who may be included, by whom and when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from uuid import UUID

import pytest

from gateway.domain import action, inclusion
from gateway.domain.errors import AlreadyIncluded, NotAPartner
from gateway.domain.inclusion import Inclusion, check_may_include, exited, inclusion_valid_on, validity
from gateway.domain.periods import Interval
from gateway.domain.project import Convention, check_partner
from schemas.checks import holds_ssin, is_ssin
from tests.builders import (
    COLLEAGUE,
    PROVIDER,
    a_project,
    an_action,
    an_agreement,
    an_exit,
    an_inclusion,
    day,
    days,
    instant,
)
from tests.rules.tables import ACCEPTED, Refused, Table, answer_to

I1 = Table(
    rule="I1",
    statement="Without an informed agreement, of the day of communication at the latest, there is no inclusion",
    columns=("case", "informed", "agreed on", "communicated on", "answer"),
    rows=(
        ("agreed before", True, day("2022-01-10"), day("2022-01-15"), ACCEPTED),
        ("agreed on that day", True, day("2022-01-15"), day("2022-01-15"), ACCEPTED),
        ("agreed before the convention began", True, day("2019-06-01"), day("2022-01-15"), ACCEPTED),
        (
            "agreed on the day after",
            True,
            day("2022-01-16"),
            day("2022-01-15"),
            Refused("I1", "agreement-in-future", allowed_until=day("2022-01-15")),
        ),
        ("not informed", False, day("2022-01-10"), day("2022-01-15"), Refused("I1", "not-informed")),
        ("neither informed nor agreed yet", False, day("2022-01-16"), day("2022-01-15"), Refused("I1", "not-informed")),
    ),
)

I1_TEXT = Table(
    rule="I1",
    statement="Free text nowhere holds an SSIN",
    columns=("case", "text", "holds an SSIN"),
    rows=(
        ("a project's name", "Soins intégrés demo-nord 2022", False),
        ("a reference of eleven digits that are no SSIN", "85073003329", False),
        ("an SSIN in a sentence", "see 85073003328.", True),
        ("an SSIN with separators", "85.07.30-033.28", True),
    ),
)

I7 = Table(
    rule="I7",
    statement="Who communicates attests that the beneficiary belongs to the operational target group",
    columns=("case", "in target group", "answer"),
    rows=(
        ("attested", True, ACCEPTED),
        ("not attested", False, Refused("I7", "not-in-target-group")),
    ),
)

I2 = Table(
    rule="I2",
    statement="A beneficiary is named by a valid SSIN",
    columns=("case", "number", "valid"),
    rows=(
        ("a national number", "85073003328", True),
        ("a national number of a person born in 2000 or later", "17073003384", True),
        ("a BIS number", "85473003317", True),
        ("a BIS number of a person whose sex is not known", "85273003371", True),
        ("wrong check digits", "85073003329", False),
        ("ten digits", "8507300332", False),
        ("twelve digits", "850730033280", False),
        ("a display form", "85.07.30-033.28", False),
        ("digits of another script", "８５０７３００３３２８", False),
        ("nothing", "", False),
    ),
)

I3 = Table(
    rule="I3",
    statement="Only an open inclusion stands in the way of another one in the same project",
    columns=("case", "what became of the first", "the first is then", "stands in the way"),
    rows=(
        ("first still open", "nothing", "open", True),
        ("first exited", "exit", "exited", False),
        ("first annulled", "annulment", "annulled", False),
        ("first rejected", "rejection", "rejected", False),
    ),
)

AWAY_AND_BACK = (days("2021-09-01 .. 2022-02-28"), days("2022-05-01 .."))
I4 = Table(
    rule="I4",
    statement="It is communicated by a partner of that day or by the administrative responsible",
    columns=("case", "partner", "communicated on", "answer"),
    rows=(
        ("partner for good", (days("2021-09-01 .."),), day("2022-01-15"), ACCEPTED),
        ("on the first day of partnership", (days("2022-01-15 .. 2022-06-30"),), day("2022-01-15"), ACCEPTED),
        ("on the last day of partnership", (days("2022-01-15 .. 2022-06-30"),), day("2022-06-30"), ACCEPTED),
        (
            "on the day before",
            (days("2022-01-15 .. 2022-06-30"),),
            day("2022-01-14"),
            Refused("I4", "not-a-partner", day("2022-01-15"), day("2022-06-30")),
        ),
        (
            "on the day after",
            (days("2022-01-15 .. 2022-06-30"),),
            day("2022-07-01"),
            Refused("I4", "not-a-partner", day("2022-01-15"), day("2022-06-30")),
        ),
        (
            "on the day before an open-ended partnership",
            (days("2022-01-15 .."),),
            day("2022-01-14"),
            Refused("I4", "not-a-partner", day("2022-01-15")),
        ),
        ("after coming back", AWAY_AND_BACK, day("2022-05-01"), ACCEPTED),
        (
            "away, the first period nearer",
            AWAY_AND_BACK,
            day("2022-03-31"),
            Refused("I4", "not-a-partner", day("2021-09-01"), day("2022-02-28")),
        ),
        (
            "away, the second period nearer",
            AWAY_AND_BACK,
            day("2022-04-01"),
            Refused("I4", "not-a-partner", day("2022-05-01")),
        ),
        ("never a partner", (), day("2022-01-15"), Refused("I4", "not-a-partner")),
    ),
)

I5 = Table(
    rule="I5",
    statement="The convention is in force on the day of communication",
    columns=("case", "convention", "communicated on", "answer"),
    rows=(
        (
            "on the day before",
            days("2021-09-01 .. 2022-12-31"),
            day("2021-08-31"),
            Refused("I5", "convention-not-in-force", day("2021-09-01"), day("2022-12-31")),
        ),
        ("on the first day", days("2021-09-01 .. 2022-12-31"), day("2021-09-01"), ACCEPTED),
        (
            "on the last day, in force but too late to become valid",
            days("2021-09-01 .. 2022-12-31"),
            day("2022-12-31"),
            Refused("V6", "valid-after-convention-end", allowed_until=day("2022-11-30")),
        ),
        (
            "on the day after",
            days("2021-09-01 .. 2022-12-31"),
            day("2023-01-01"),
            Refused("I5", "convention-not-in-force", day("2021-09-01"), day("2022-12-31")),
        ),
        (
            "after a termination",
            days("2021-09-01 .. 2022-06-30"),
            day("2022-07-01"),
            Refused("I5", "convention-not-in-force", day("2021-09-01"), day("2022-06-30")),
        ),
    ),
)

I6 = Table(
    rule="I6",
    statement="A rejected inclusion has no effect from its start; a pending one counts",
    columns=("case", "exit communicated", "MyCareNet answers", "valid"),
    rows=(
        ("no answer yet", None, None, days("2022-02-01 .. 2022-12-31")),
        ("open, person unknown", None, "unknown-person", None),
        ("open, person not insured", None, "not-insured", None),
        ("exited, person not insured", instant("2022-05-16T10:00+02:00"), "not-insured", None),
    ),
)

I_ORDER = Table(
    rule="I",
    statement="Of an inclusion that breaks several rules, the first of I1, I7, I4, I5 and V6 answers",
    columns=("case", "rules broken", "rule that answers"),
    rows=(
        ("all five", "I1 I7 I4 I5 V6", "I1"),
        ("agreement mended", "I7 I4 I5 V6", "I7"),
        ("target group attested", "I4 I5 V6", "I4"),
        ("communicated by a partner", "I5 V6", "I5"),
        ("convention in force", "V6", "V6"),
        ("nothing broken", "", None),
        ("agreement and partner", "I1 I4", "I1"),
        ("target group and too late", "I7 V6", "I7"),
        ("partner and convention", "I4 I5", "I4"),
    ),
)

TABLES: list[Table] = [I1, I1_TEXT, I7, I2, I3, I4, I5, I6, I_ORDER]


@pytest.mark.parametrize(("case", "informed", "agreed_on", "communicated_on", "answer"), I1.cases())
def test_inclusion_needs_an_informed_agreement(
    case: str, informed: bool, agreed_on: date, communicated_on: date, answer: Refused | str
) -> None:
    agreement = an_agreement(informed=informed, agreed_on=agreed_on)

    given = answer_to(lambda: check_may_include(a_project(), agreement, PROVIDER, communicated_on))

    assert given == answer


@pytest.mark.parametrize(("case", "text", "holds"), I1_TEXT.cases())
def test_ssin_in_free_text_is_seen(case: str, text: str, holds: bool) -> None:
    free_text = text

    seen = holds_ssin(free_text)

    assert seen is holds


@pytest.mark.parametrize(("case", "in_target_group", "answer"), I7.cases())
def test_beneficiary_belongs_to_the_target_group(case: str, in_target_group: bool, answer: Refused | str) -> None:
    agreement = an_agreement(in_target_group=in_target_group)

    given = answer_to(lambda: check_may_include(a_project(), agreement, PROVIDER, day("2022-01-15")))

    assert given == answer


@pytest.mark.parametrize(("case", "number", "valid"), I2.cases())
def test_beneficiary_is_named_by_a_valid_ssin(case: str, number: str, valid: bool) -> None:
    text = number

    found = is_ssin(text)

    assert found is valid


@pytest.mark.parametrize(("case", "change", "status", "in_the_way"), I3.cases())
def test_only_an_open_inclusion_stands_in_the_way(case: str, change: str, status: str, in_the_way: bool) -> None:
    changes: dict[str, Callable[[Inclusion], Inclusion]] = {
        "nothing": lambda first: first,
        "exit": lambda first: exited(first, an_exit()),
        "annulment": lambda first: inclusion.annulled(first, "duplicate"),
        "rejection": lambda first: inclusion.rejected(first, "not-insured"),
    }

    first = changes[change](an_inclusion())

    assert first.status == status
    assert (first.status == "open") is in_the_way


@pytest.mark.parametrize(("case", "partnership", "communicated_on", "answer"), I4.cases())
def test_inclusion_is_communicated_by_a_partner_of_that_day(
    case: str, partnership: tuple[Interval, ...], communicated_on: date, answer: Refused | str
) -> None:
    project = a_project(partners={PROVIDER: partnership} if partnership else {})

    given = answer_to(lambda: check_may_include(project, an_agreement(), PROVIDER, communicated_on))

    assert given == answer


@pytest.mark.parametrize(("case", "convention", "communicated_on", "answer"), I5.cases())
def test_convention_is_in_force_on_the_day_of_communication(
    case: str, convention: Interval, communicated_on: date, answer: Refused | str
) -> None:
    assert convention.last is not None
    project = a_project(convention=Convention(convention.first, convention.last))
    agreement = an_agreement(agreed_on=day("2021-08-01"))

    given = answer_to(lambda: check_may_include(project, agreement, None, communicated_on))

    assert given == answer


@pytest.mark.parametrize(("case", "exit_at", "code", "interval"), I6.cases())
def test_rejected_inclusion_has_no_effect_from_its_start(
    case: str, exit_at: datetime | None, code: str | None, interval: Interval | None
) -> None:
    pending = an_inclusion() if exit_at is None else exited(an_inclusion(), an_exit(exit_at.isoformat()))

    answered = pending if code is None else inclusion.rejected(pending, code)

    assert validity(answered, a_project()) == interval
    assert answered.rejection_code == code


def breaking(broken: set[str]) -> Callable[[], None]:
    """A request to include that breaks exactly the rules named."""
    agreement = an_agreement(
        agreed_on=day("2030-01-01") if "I1" in broken else day("2021-08-01"), in_target_group="I7" not in broken
    )
    convention, communicated_on = {
        (False, False): ("2021-09-01 .. 2022-12-31", "2022-01-15"),
        (True, False): ("2021-09-01 .. 2022-12-31", "2021-08-31"),
        (False, True): ("2021-09-01 .. 2022-12-31", "2022-12-15"),
        (True, True): ("2021-09-01 .. 2022-12-31", "2023-01-15"),
    }["I5" in broken, "V6" in broken]
    in_force = days(convention)
    assert in_force.last is not None
    project = a_project(
        convention=Convention(in_force.first, in_force.last),
        partners={} if "I4" in broken else {PROVIDER: (days("2018-01-01 .."),)},
    )
    return lambda: check_may_include(project, agreement, PROVIDER, day(communicated_on))


@pytest.mark.parametrize(("case", "broken", "answers"), I_ORDER.cases())
def test_first_broken_rule_of_an_inclusion_answers(case: str, broken: str, answers: str | None) -> None:
    ask = breaking(set(broken.split()))

    given = answer_to(ask)

    assert (given.rule if isinstance(given, Refused) else None) == answers


def test_every_set_of_broken_rules_of_an_inclusion_is_answered_by_its_first() -> None:
    order = ["I1", "I7", "I4", "I5", "V6"]

    for chosen in range(2 ** len(order)):
        broken = [rule for place, rule in enumerate(order) if chosen >> place & 1]
        given = answer_to(breaking(set(broken)))

        assert (given.rule if isinstance(given, Refused) else None) == next(iter(broken), None)


def test_not_being_informed_answers_before_an_agreement_in_the_future() -> None:
    agreement = an_agreement(informed=False, agreed_on=day("2030-01-01"))

    given = answer_to(lambda: check_may_include(a_project(), agreement, PROVIDER, day("2022-01-15")))

    assert given == Refused("I1", "not-informed")


def test_administrative_responsible_communicates_without_being_a_partner() -> None:
    project = a_project(partners={})

    given = answer_to(lambda: check_may_include(project, an_agreement(), None, day("2022-01-15")))

    assert given == ACCEPTED


def test_partner_of_another_project_is_no_partner_here() -> None:
    project = a_project(partners={COLLEAGUE: (days("2021-09-01 .."),)})

    with pytest.raises(NotAPartner):
        check_partner(project, PROVIDER, day("2022-01-15"))

    check_partner(project, COLLEAGUE, day("2022-01-15"))


def test_second_open_inclusion_is_refused_with_the_first_one_named() -> None:
    first = an_inclusion(id=UUID(int=7))

    refusal = AlreadyIncluded(first.id)

    assert (refusal.rule, refusal.code, refusal.existing) == ("I3", "already-included", UUID(int=7))


def test_beneficiary_included_after_a_rejection_is_valid_by_the_later_inclusion() -> None:
    first = inclusion.rejected(an_inclusion(), "unknown-person")
    later = an_inclusion("2022-01-20T09:00+01:00", id=UUID(int=2))

    valid = inclusion_valid_on([first, later], a_project(), day("2022-02-14"))

    assert valid == later


def test_rejected_action_keeps_the_code_of_its_rejection() -> None:
    performed = an_action()

    refused = action.rejected(performed, "not-insured")

    assert refused == an_action(status="rejected", rejection_code="not-insured")
