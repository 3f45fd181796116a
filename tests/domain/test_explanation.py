"""Steps to a date: which rules speak, in which order, of an inclusion, its exit, an action and an end."""

from __future__ import annotations

import pytest

from gateway.domain.errors import NotIncluded, OutsideConvention, OutsideValidity
from gateway.domain.explanation import Supposition, simulate
from gateway.domain.project import Convention
from gateway.domain.termination import Termination
from tests.builders import day, instant

JANUARY, AUGUST = instant("2022-01-15T09:00Z"), instant("2022-08-01T09:00Z")
CONVENTION = Convention(day("2021-09-01"), day("2022-12-31"))
SUPPOSED: dict[str, tuple[Supposition, list[str]]] = {
    "nothing": (Supposition(), []),
    "an inclusion": (Supposition(JANUARY), ["V1", "V3"]),
    "an inclusion and its exit": (Supposition(JANUARY, AUGUST), ["V1", "V2"]),
    "an exit on the day of its inclusion": (Supposition(JANUARY, JANUARY), ["V1", "V2", "V4"]),
    "an exit alone": (Supposition(exited_at=AUGUST), ["V2"]),
    "an exit under a convention": (Supposition(exited_at=AUGUST, convention=CONVENTION), ["V2", "V6"]),
    "an action alone": (Supposition(performed_on=day("2022-02-14"), convention=CONVENTION), ["P4"]),
    "an action of one included": (
        Supposition(JANUARY, performed_on=day("2022-02-14"), convention=CONVENTION),
        ["V1", "V3", "V6", "P4", "P3"],
    ),
    "an end": (Supposition(convention=CONVENTION, termination=Termination("inami", day("2022-01-15"))), ["C3"]),
    "an end after the planned one": (
        Supposition(convention=CONVENTION, termination=Termination("project", day("2022-11-15"))),
        ["C4", "C4"],
    ),
}


@pytest.mark.parametrize("name", SUPPOSED)
def test_rules_speak_in_their_order(name: str) -> None:
    supposed, rules = SUPPOSED[name]

    assert [step.rule for step in simulate(supposed).steps] == rules


def test_last_day_is_shown_once_an_exit_is_supposed_and_capped_by_an_end() -> None:
    ended = Termination("proposal_refused", day("2022-02-02"))

    still_open = simulate(Supposition(JANUARY, convention=CONVENTION, termination=ended))
    exited = simulate(Supposition(JANUARY, AUGUST, convention=CONVENTION, termination=ended))

    assert (still_open.valid_from, still_open.valid_until) == (day("2022-02-01"), None)
    assert (exited.valid_until, exited.ends_on, exited.last_day) == (
        day("2022-04-30"),
        day("2022-05-01"),
        day("2022-04-30"),
    )


@pytest.mark.parametrize(
    ("performed_on", "refusal"), [("2022-01-31", OutsideValidity), ("2023-01-01", OutsideConvention)]
)
def test_action_is_refused_as_the_register_would(performed_on: str, refusal: type[Exception]) -> None:
    with pytest.raises((refusal, NotIncluded)) as told:
        simulate(Supposition(JANUARY, performed_on=day(performed_on), convention=CONVENTION))

    assert told.type is refusal
