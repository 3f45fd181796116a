"""Answers: matched on id and reference, counted once, and only ever bringing a message forward."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from gateway.domain import errors
from gateway.domain.delivery import Acknowledged, Answer, Unavailable
from gateway.services.collect_answers import collect_answers
from gateway.services.context import Context
from gateway.services.deliver_outbox import deliver_outbox
from gateway.services.find_inclusions import find_inclusions, get_inclusion
from gateway.store.tables import action, beneficiary, inclusion, outbox
from gateway.upstream.client import MailboxUnavailable
from tests.builders import instant
from tests.services.desk import ADMIN, PARTNER, Desk, a_beneficiary
from tests.services.test_deliver_outbox import MEMBER, PACE, Times, Wire, answer_to
from tests.store.rows import rows


@pytest.fixture
def times() -> Times:
    return Times(instant("2022-01-15T09:00Z"))


@pytest.fixture
def context(context: Context, times: Times) -> Context:
    """The context under a real time that stands still."""
    return replace(context, real_now=times)


def _states(desk: Desk) -> list[tuple[str, int, str]]:
    found = rows(desk.database_url, outbox, "created_at", "sequence")
    return [(row["kind"], row["sequence"], row["state"]) for row in found]


def test_acceptance_keeps_the_traits_of_the_beneficiary_and_is_confirmed(desk: Desk) -> None:
    one = desk.include().known.inclusion
    wire = Wire()
    deliver_outbox(desk.context, wire, PACE)
    wire.answers = [answer_to(desk, member=MEMBER)]

    assert collect_answers(desk.context, wire) == 1

    (row,) = rows(desk.database_url, beneficiary)
    assert wire.confirmed == ["a-1"]
    assert (row["insurer"], row["sex"], row["birth_date"], row["municipality"]) == (
        MEMBER.insurer,
        MEMBER.sex,
        MEMBER.birth_date,
        MEMBER.municipality,
    )
    assert desk.ask(ADMIN, get_inclusion, one.id).known.delivery_state == "accepted"


def test_acceptance_without_traits_is_an_acceptance(desk: Desk) -> None:
    desk.include()
    wire = Wire(answers=[answer_to(desk)])

    collect_answers(desk.context, wire)

    assert _states(desk) == [("inclusion", 1, "accepted")]


def test_empty_mailbox_confirms_nothing(desk: Desk) -> None:
    wire = Wire()

    assert (collect_answers(desk.context, wire), wire.confirmed) == (0, [])


def test_mailbox_that_is_away_is_the_workers_to_know(desk: Desk) -> None:
    with pytest.raises(MailboxUnavailable):
        collect_answers(desk.context, Wire(is_away=True))


def test_answers_that_come_again_or_to_others_change_nothing_and_are_confirmed(desk: Desk) -> None:
    one = desk.include().known.inclusion
    accepted = answer_to(desk, member=MEMBER)
    collect_answers(desk.context, Wire(answers=[accepted]))
    before = desk.counts(), rows(desk.database_url, outbox), rows(desk.database_url, beneficiary)
    wire = Wire(
        answers=[
            replace(accepted, member=replace(MEMBER, insurer="900")),
            replace(accepted, answer_id="a-2", message_id=uuid4(), accepted=False, code="not-insured"),
            replace(accepted, answer_id="a-3", message_id=one.id),
            replace(accepted, answer_id="a-4", input_reference=uuid4(), accepted=False, code="not-insured"),
            replace(accepted, answer_id="a-5", accepted=False, code="temporarily-unavailable"),
        ]
    )

    with capture_logs() as told:
        assert collect_answers(desk.context, wire) == 5

    assert (desk.counts(), rows(desk.database_url, outbox), rows(desk.database_url, beneficiary)) == before
    assert wire.confirmed == ["a-1", "a-2", "a-3", "a-4", "a-5"]
    assert [one for one in told if one["event"] == "odd_answers"] == [
        {"event": "odd_answers", "foreign": 3, "log_level": "warning"}
    ]


def test_answer_to_a_message_that_nobody_sent_changes_nothing(desk: Desk) -> None:
    desk.include()
    (row,) = rows(desk.database_url, outbox)
    answers = [Answer("a-1", row["id"], True), Answer("a-2", row["id"], True, input_reference=uuid4())]

    collect_answers(desk.context, Wire(answers=answers))

    assert rows(desk.database_url, outbox) == [row]


def test_answer_to_a_message_whose_acknowledgement_was_lost_counts(desk: Desk) -> None:
    desk.include()
    deliver_outbox(desk.context, Wire(Unavailable("unreachable")), PACE)

    collect_answers(desk.context, Wire(answers=[answer_to(desk, member=MEMBER)]))

    (row,) = rows(desk.database_url, outbox)
    assert (row["state"], row["reason"]) == ("accepted", None)


@pytest.mark.parametrize("accepted", [True, False], ids=["accepted first", "rejected first"])
def test_answer_that_contradicts_the_first_one_is_kept_beside_it(desk: Desk, accepted: bool) -> None:
    one = desk.include().known.inclusion
    first = answer_to(desk, accepted=accepted, code=None if accepted else "not-insured")
    collect_answers(desk.context, Wire(answers=[first]))
    before = desk.counts()
    other = replace(first, answer_id="a-2", accepted=not accepted, code="deceased" if accepted else None)
    desk.at("2022-02-03T09:00+01:00")

    with capture_logs() as told:
        collect_answers(desk.context, Wire(answers=[other]))
    collect_answers(desk.context, Wire(answers=[replace(other, code="wrong-insurer"), first]))

    (row,) = rows(desk.database_url, outbox)
    assert desk.counts() == before
    assert row["state"] == ("accepted" if accepted else "rejected")
    assert row["contradiction"] == ("deceased" if accepted else "accepted")
    assert row["contradicted_at"] == instant("2022-02-03T08:00Z")
    assert [one["contradiction"] for one in told if one["event"] == "odd_answers"] == [1]
    assert desk.ask(ADMIN, get_inclusion, one.id).known.inclusion.status == ("open" if accepted else "rejected")


def test_answers_in_one_page_are_taken_in_their_order(desk: Desk) -> None:
    desk.include()
    first = answer_to(desk)

    collect_answers(desk.context, Wire(answers=[first, replace(first, accepted=False, code="deceased")]))

    (row,) = rows(desk.database_url, outbox)
    assert (row["state"], row["contradiction"]) == ("accepted", "deceased")


def test_message_that_is_put_off_waits_and_goes_again_under_its_id(desk: Desk, times: Times) -> None:
    one = desk.include().known.inclusion
    wire = Wire(Acknowledged("MCN-000001"))
    deliver_outbox(desk.context, wire, PACE)
    put_off = answer_to(desk, accepted=False, code="temporarily-unavailable")

    collect_answers(desk.context, Wire(answers=[put_off] * 3), PACE.backoff)

    (row,) = rows(desk.database_url, outbox)
    assert (row["state"], row["reason"], row["answered_at"]) == ("pending", "temporarily-unavailable", None)
    assert times.now <= row["next_attempt_at"] <= times.now + timedelta(seconds=60)
    known = desk.ask(ADMIN, get_inclusion, one.id).known
    assert (known.inclusion.status, known.delivery_state, known.delivery_reason) == (
        "open",
        "pending",
        "temporarily-unavailable",
    )
    times.now = row["next_attempt_at"]
    wire.outcome = Acknowledged("MCN-000002")
    assert deliver_outbox(desk.context, wire, PACE) == 1
    (again,) = rows(desk.database_url, outbox)
    assert (again["id"], again["state"], again["attempts"], again["output_reference"]) == (
        row["id"],
        "sent",
        2,
        "MCN-000002",
    )
    assert again["input_reference"] == row["input_reference"]


def test_old_postponement_does_not_put_off_what_was_sent_again(desk: Desk, times: Times) -> None:
    desk.include()
    deliver_outbox(desk.context, Wire(Acknowledged("MCN-000001")), PACE)
    put_off = answer_to(desk, accepted=False, code="temporarily-unavailable")
    collect_answers(desk.context, Wire(answers=[put_off]), PACE.backoff)
    times.now += timedelta(hours=1)
    deliver_outbox(desk.context, Wire(Acknowledged("MCN-000002")), PACE)

    collect_answers(desk.context, Wire(answers=[put_off]), PACE.backoff)

    (row,) = rows(desk.database_url, outbox)
    assert row["state"] == "sent"


@pytest.mark.parametrize("is_exited", [False, True], ids=["open", "exited"])
def test_inclusion_that_mycarenet_rejects_has_no_day_and_lets_another_one_in(desk: Desk, is_exited: bool) -> None:
    one = desk.include().known.inclusion
    if is_exited:
        desk.at("2022-01-20T09:00+01:00").exit(one.id)
    desk.at("2022-03-02T09:00+01:00")

    collect_answers(desk.context, Wire(answers=[answer_to(desk, accepted=False, code="not-insured")]))

    view = desk.ask(ADMIN, get_inclusion, one.id)
    assert (view.known.inclusion.status, view.known.inclusion.rejection_code) == ("rejected", "not-insured")
    assert (view.known.delivery_state, view.known.delivery_reason) == ("rejected", "not-insured")
    assert view.valid is None
    assert rows(desk.database_url, inclusion, "version")[-1]["recorded_at"] == instant("2022-03-02T08:00Z")
    with pytest.raises(errors.AlreadyRejected):
        desk.exit(one.id)
    with pytest.raises(errors.NotIncluded):
        desk.act()
    again = desk.include().known.inclusion
    statuses = [item.known.inclusion.status for item in desk.ask(PARTNER, find_inclusions, a_beneficiary()).items]
    assert again.status == "open"
    assert statuses == ["open", "rejected"]


def test_rejection_without_a_reason_is_of_an_unknown_one(desk: Desk) -> None:
    one = desk.include().known.inclusion

    collect_answers(desk.context, Wire(answers=[answer_to(desk, accepted=False)]))

    assert desk.ask(ADMIN, get_inclusion, one.id).known.inclusion.rejection_code == "unknown"


def test_action_that_mycarenet_rejects_frees_its_key(desk: Desk) -> None:
    desk.include()
    first = desk.at("2022-03-01T08:00+01:00").act().known.action

    collect_answers(desk.context, Wire(answers=[answer_to(desk, "action", False, "unknown-act")]))

    assert [row["status"] for row in rows(desk.database_url, action, "version")] == ["recorded", "rejected"]
    with pytest.raises(errors.AlreadyRejected):
        desk.annul_action(first.id)
    assert desk.act().known.action.id != first.id


def test_rejection_of_what_was_annulled_meanwhile_changes_no_fact(desk: Desk) -> None:
    one = desk.include().known.inclusion
    act = desk.at("2022-03-01T08:00+01:00").act().known.action
    desk.annul_action(act.id)
    desk.annul(one.id)
    before = desk.counts()
    answers = [answer_to(desk, kind, False, "late", answer_id=kind) for kind in ("inclusion", "action")]

    collect_answers(desk.context, Wire(answers=answers))

    assert desk.counts() == before
    assert desk.ask(ADMIN, get_inclusion, one.id).known.inclusion.status == "annulled"


def test_rejected_exit_changes_no_fact_and_is_shown(desk: Desk) -> None:
    one = desk.include().known.inclusion
    desk.at("2022-05-16T10:00+02:00").exit(one.id)

    collect_answers(desk.context, Wire(answers=[answer_to(desk, "exit", False, "late")]))

    known = desk.ask(ADMIN, get_inclusion, one.id).known
    assert (known.inclusion.status, known.delivery_state) == ("exited", "rejected")
