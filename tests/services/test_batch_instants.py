"""When the line of a batch is communicated: when the batch was accepted, however late its worker comes.

Each case happens to one person: what was before the batch was accepted (at 23:50 on 31 March 2022), what others did
before its line was done (in April or May), and what becomes of the line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.services.change_inclusion import annul_exit
from gateway.services.find_inclusions import list_inclusions
from gateway.store.inclusions import InclusionFilter
from gateway.store.tables import action, inclusion
from tests.builders import PROJECT, day, instant
from tests.services.batch_desk import (
    Batches,
    Line,
    an_action_line,
    an_exit_line,
    an_inclusion_line,
    codes,
    of_the_database,
)
from tests.services.desk import ADMIN, PARTNER, REGISTRAR
from tests.services.test_imports import an_earlier_inclusion
from tests.store.seeds import a_partner_document, a_project_document

ACCEPTED = "2022-03-31T23:50+02:00"
DONE = "2022-05-02T08:00+02:00"
Happening = Callable[[Batches], object]


def at(when: str, *lines: Line) -> Happening:
    """Lines that are accepted and done at one instant."""

    def happen(batches: Batches) -> None:
        batches.desk.at(when)
        settled = batches.run(list(lines))
        assert codes(settled) == [None] * len(lines)

    return happen


def nothing(_: Batches) -> None:
    """Nothing happened."""


def exit_annulled(batches: Batches) -> None:
    """The exit is annulled in April."""
    (one,) = of_the_database(batches, inclusion)
    batches.desk.at("2022-04-12T08:00+02:00").ask(PARTNER, annul_exit, one["id"], "other")


def partnership_ended(batches: Batches) -> None:
    """The provider is no partner any more from 1 April on."""
    with batches.desk.context.store.transaction() as tx:
        document = a_partner_document(member_until=day("2022-03-31"))
        tx.catalogue.put_partner(document, instant("2022-04-01T08:00+02:00"))


INCLUDED = at("2022-01-15T09:00+01:00", an_inclusion_line(1))
IN_APRIL, IN_MAY = "2022-04-12T08:00+02:00", "2022-05-02T07:00+02:00"


@dataclass(frozen=True)
class Case:
    """What was, what happened in between, the line, and its dates or its refusal."""

    line: Line
    dates: tuple[str, str | None] | None = None
    refused: str | None = None
    before: Happening = nothing
    between: Happening = nothing


CASES = {
    "inclusion is valid from the month after it was accepted": Case(an_inclusion_line(1), dates=("2022-04-01", None)),
    "exit ends the month in which it was accepted": Case(
        an_exit_line(1), dates=("2022-02-01", "2022-03-31"), before=INCLUDED
    ),
    "inclusion of who left before goes on from there": Case(
        an_inclusion_line(1, ref="again"),
        dates=("2022-04-01", None),
        before=lambda batches: [one(batches) for one in (INCLUDED, at("2022-03-15T08:00+01:00", an_exit_line(1)))],
    ),
    "inclusion of who was included meanwhile is refused": Case(
        an_inclusion_line(1),
        refused="already-included",
        between=at(IN_APRIL, an_inclusion_line(1, municipality="25112")),
    ),
    "inclusion of who came and went meanwhile is refused, because both would be valid in May": Case(
        an_inclusion_line(1),
        refused="already-included",
        between=lambda batches: [
            one(batches)
            for one in (at(IN_APRIL, an_inclusion_line(1, municipality="25112")), at(IN_MAY, an_exit_line(1)))
        ],
    ),
    "inclusion of who was included and left in the next month is refused": Case(
        an_inclusion_line(1, ref="again"),
        refused="already-included",
        before=INCLUDED,
        between=at(IN_APRIL, an_exit_line(1)),
    ),
    "exit of who left meanwhile is refused": Case(
        an_exit_line(1),
        refused="already-exited",
        before=INCLUDED,
        between=at(IN_APRIL, an_exit_line(1, reason="deceased")),
    ),
    "exit of who was included meanwhile would lie before the inclusion": Case(
        an_exit_line(1), refused="communicated-before-inclusion", between=at(IN_APRIL, an_inclusion_line(1))
    ),
    "exit of who was never included is refused": Case(an_exit_line(1), refused="not-found"),
    "exit stands where an earlier one was annulled meanwhile, as if that had not been": Case(
        an_exit_line(1),
        dates=("2022-02-01", "2022-03-31"),
        before=lambda batches: [one(batches) for one in (INCLUDED, at("2022-03-15T08:00+01:00", an_exit_line(1)))],
        between=exit_annulled,
    ),
    "inclusion by who was a partner when it was accepted stands": Case(
        an_inclusion_line(1), dates=("2022-04-01", None), between=partnership_ended
    ),
    "exit by who was a partner when it was accepted stands": Case(
        an_exit_line(1), dates=("2022-02-01", "2022-03-31"), before=INCLUDED, between=partnership_ended
    ),
}


def sent_and_done(batches: Batches, case: Case) -> list[str | None]:
    case.before(batches)
    batches.desk.at(ACCEPTED)
    sent = batches.send([case.line])
    with batches.desk.context.store.transaction() as tx:  # it waits: nobody does it yet
        tx.batches.rest(sent.shard, sent.id, instant("2099-01-01T00:00Z"))
    case.between(batches)
    batches.desk.at(DONE)
    with batches.desk.context.store.transaction() as tx:
        tx.batches.rest(sent.shard, sent.id, sent.created_at)
    batches.round()
    return codes(batches.results(sent))


@pytest.mark.parametrize("name", CASES)
def test_line_has_the_instant_of_its_batch(batches: Batches, name: str) -> None:
    case = CASES[name]

    found = sent_and_done(batches, case)

    assert found == [case.refused]
    if case.dates is not None:
        newest = max(of_the_database(batches, inclusion), key=lambda one: one["recorded_at"])
        assert (newest["valid_from"], newest["valid_until"]) == (
            day(case.dates[0]),
            case.dates[1] and day(case.dates[1]),
        )
        assert newest["recorded_at"] == instant(DONE)
        assert instant(ACCEPTED) in (newest["communicated_at"], newest["exit_communicated_at"])


ACTS: dict[str, tuple[dict[str, Any], str | None]] = {
    "of the day of acceptance": ({"performed_on": "2022-03-31"}, None),
    "of a day after it, though that day has come": ({"performed_on": "2022-04-01"}, "performed-in-future"),
    "of a day before the inclusion": ({"performed_on": "2022-01-31"}, "outside-validity"),
}


@pytest.mark.parametrize("name", ACTS)
def test_action_is_judged_by_the_day_of_acceptance(batches: Batches, name: str) -> None:
    changes, refused = ACTS[name]

    found = sent_and_done(batches, Case(an_action_line(1, **changes), before=INCLUDED))

    assert found == [refused]
    if refused is None:
        (one,) = of_the_database(batches, action)
        assert (one["communicated_at"], one["recorded_at"]) == (instant(ACCEPTED), instant(DONE))


def test_registration_that_closed_meanwhile_was_open_when_the_batch_was_accepted(batches: Batches) -> None:
    def close(of: Batches) -> None:
        with of.desk.context.store.transaction() as tx:
            document = a_project_document(registration_closes_on=day("2022-04-15"))
            assert tx.catalogue.replace_project(document, 1, instant(IN_APRIL))

    found = sent_and_done(batches, Case(an_action_line(1, performed_on="2022-03-30"), before=INCLUDED, between=close))
    late = batches.run([an_action_line(1, performed_on="2022-03-29")])

    assert found == [None]
    assert codes(late) == ["registration-closed"]


def test_what_waited_was_not_known_before_it_was_recorded(batches: Batches) -> None:
    sent_and_done(batches, Case(an_inclusion_line(1)))

    then, now = (
        batches.desk.ask(ADMIN, list_inclusions, InclusionFilter(PROJECT, known_at=instant(when)), None, 10)
        for when in (IN_APRIL, DONE)
    )

    assert (len(then.items), len(now.items)) == (0, 1)


def test_earlier_communication_lies_before_the_batch_that_tells_of_it(batches: Batches) -> None:
    batches.desk.at(ACCEPTED)
    sent = batches.send([an_earlier_inclusion(1), an_earlier_inclusion(2, at="2022-04-01T08:00:00Z")], REGISTRAR)
    batches.desk.at(DONE)
    batches.round()

    assert codes(batches.results(sent, REGISTRAR)) == [None, "communicated-in-future"]
