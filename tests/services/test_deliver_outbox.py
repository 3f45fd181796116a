"""Delivery: at least once, in order, one worker at a time, and no date moved however long it takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.delivery import (
    Acknowledged,
    Answer,
    Backoff,
    Member,
    Message,
    Outcome,
    Unacceptable,
    Unavailable,
)
from gateway.domain.identity import Ssin
from gateway.services.collect_answers import collect_answers
from gateway.services.context import Context
from gateway.services.deliver_outbox import Pace, deliver_outbox
from gateway.services.find_inclusions import get_inclusion
from gateway.store.tables import inclusion, outbox
from gateway.upstream.client import MailboxUnavailable
from tests.builders import day, instant
from tests.services.desk import ADMIN, Desk, ssin
from tests.store.rows import rows

PACE = Pace(timedelta(seconds=30), Backoff(first_seconds=60, most_seconds=600))
MEMBER = Member("100", "M", day("1985-07-30"), "25112")


@dataclass
class Wire:
    """The other side as a test wants it: what it takes, what it answers, what it was told."""

    outcome: Outcome = field(default_factory=Acknowledged)
    of_kind: dict[str, Outcome] = field(default_factory=dict)
    sent: list[tuple[str, int, str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    is_away: bool = False

    def send(self, message: Message, ssin: Ssin) -> Outcome:
        self.sent.append((message.kind, message.sequence, ssin.reveal()))
        return self.of_kind.get(message.kind, self.outcome)

    def fetch(self) -> list[Answer]:
        if self.is_away:
            raise MailboxUnavailable
        return self.answers

    def confirm(self, answer_ids: list[str]) -> None:
        self.confirmed += answer_ids


@dataclass
class Times:
    """Real time, moved by hand."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


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


def answer_to(
    desk: Desk, kind: str = "inclusion", accepted: bool = True, code: str | None = None, **changes: Any
) -> Answer:
    """The answer to a message of a kind; it is sent before, with all that waits, where it was not."""
    if _row_of(desk, kind)["input_reference"] is None:
        while deliver_outbox(desk.context, Wire(), PACE):
            continue
    row = _row_of(desk, kind)
    answer = Answer("a-1", row["id"], accepted, code, None, row["input_reference"], row["output_reference"])
    return replace(answer, **changes)


def _row_of(desk: Desk, kind: str) -> dict[str, Any]:
    return next(row for row in rows(desk.database_url, outbox) if row["kind"] == kind)


def test_messages_of_one_beneficiary_go_one_by_one_in_order_of_commit(desk: Desk) -> None:
    one = desk.include().known.inclusion
    desk.at("2022-03-01T08:00+01:00").act()
    desk.exit(one.id)
    wire = Wire()

    tried = [deliver_outbox(desk.context, wire, PACE) for _ in range(4)]

    assert tried == [1, 1, 1, 0]
    assert wire.sent == [
        (kind, number, ssin().reveal()) for number, kind in enumerate(("inclusion", "action", "exit"), 1)
    ]
    assert {state for _, _, state in _states(desk)} == {"sent"}


def test_messages_of_different_beneficiaries_go_in_one_round(desk: Desk) -> None:
    for number in range(5):
        desk.include(number)
    wire = Wire()

    assert deliver_outbox(desk.context, wire, PACE) == 5
    assert {identity for _, _, identity in wire.sent} == {ssin(number).reveal() for number in range(5)}


def test_second_worker_respects_the_lease_and_takes_over_when_it_is_over(desk: Desk, times: Times) -> None:
    desk.include()
    wire, second = Wire(), Wire()

    class DyingWire(Wire):
        def send(self, message: Message, ssin: Ssin) -> Outcome:
            assert deliver_outbox(desk.context, second, PACE) == 0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver_outbox(desk.context, DyingWire(), PACE)
    times.now += timedelta(seconds=29)
    assert deliver_outbox(desk.context, wire, PACE) == 0
    times.now += timedelta(seconds=1)

    assert deliver_outbox(desk.context, wire, PACE) == 1
    assert (second.sent, len(wire.sent)) == ([], 1)


def test_message_that_was_not_taken_waits_within_its_backoff_and_goes_again(desk: Desk, times: Times) -> None:
    desk.include()
    wire = Wire(Unavailable("http-503"))

    deliver_outbox(desk.context, wire, PACE)

    (row,) = rows(desk.database_url, outbox)
    assert (row["state"], row["attempts"], row["reason"]) == ("pending", 1, "http-503")
    assert times.now <= row["next_attempt_at"] <= times.now + timedelta(seconds=60)
    assert row["leased_until"] is None
    times.now = row["next_attempt_at"]
    wire.outcome = Acknowledged()
    assert deliver_outbox(desk.context, wire, PACE) == 1
    assert _states(desk) == [("inclusion", 1, "sent")]


def test_message_refused_for_good_fails_and_blocks_its_beneficiary_alone(desk: Desk, times: Times) -> None:
    one, other = desk.include().known.inclusion, desk.include(1).known.inclusion
    desk.at("2022-03-01T08:00+01:00").act()
    desk.exit(one.id)
    desk.act(1)
    wire = Wire(of_kind={"action": Unacceptable("http-422")})
    deliver_outbox(desk.context, wire, PACE)
    wire.of_kind = {"action": Unacceptable("http-422")}
    deliver_outbox(desk.context, wire, PACE)
    wire.of_kind = {}
    desk.exit(other.id)

    times.now += timedelta(days=30)
    tried = deliver_outbox(desk.context, wire, PACE)

    assert tried == 0
    assert sorted(_states(desk)) == [
        ("action", 2, "failed"),
        ("action", 2, "failed"),
        ("exit", 3, "pending"),
        ("exit", 3, "pending"),
        ("inclusion", 1, "sent"),
        ("inclusion", 1, "sent"),
    ]
    desk.include(2)
    assert deliver_outbox(desk.context, wire, PACE) == 1


def test_broken_seal_fails_its_message_and_holds_up_nobody_else(desk: Desk) -> None:
    broken = desk.include(0).known.inclusion
    desk.include(1)
    with desk.context.store.transaction() as tx:
        tx.vault.forget(broken.bucket, broken.project, broken.pseudonym)
        tx.vault.put(broken.bucket, broken.project, broken.pseudonym, b"\x00\x01" + bytes(40))
    wire = Wire()

    tried = deliver_outbox(desk.context, wire, PACE)

    assert tried == 2
    assert [identity for _, _, identity in wire.sent] == [ssin(1).reveal()]
    assert sorted(state for _, _, state in _states(desk)) == ["failed", "sent"]


def test_reference_of_a_message_is_kept_before_it_is_sent_and_stays(desk: Desk, times: Times) -> None:
    desk.include()
    kept: list[UUID | None] = []

    class LookingWire(Wire):
        def send(self, message: Message, ssin: Ssin) -> Outcome:
            (row,) = rows(desk.database_url, outbox)
            kept.extend([row["input_reference"], message.input_reference])
            return super().send(message, ssin)

    deliver_outbox(desk.context, LookingWire(Unavailable("http-503")), PACE)
    times.now += timedelta(minutes=2)
    deliver_outbox(desk.context, LookingWire(Acknowledged("MCN-000001")), PACE)

    (row,) = rows(desk.database_url, outbox)
    assert None not in kept
    assert set(kept) == {row["input_reference"]}
    assert row["output_reference"] == "MCN-000001"


def test_message_goes_to_the_insurer_that_an_acceptance_told(desk: Desk) -> None:
    desk.include()
    desk.at("2022-03-01T08:00+01:00").act()
    seen: list[str | None] = []

    class LookingWire(Wire):
        def send(self, message: Message, ssin: Ssin) -> Outcome:
            seen.append(message.insurer)
            return super().send(message, ssin)

    deliver_outbox(desk.context, LookingWire(), PACE)
    collect_answers(desk.context, Wire(answers=[answer_to(desk, member=MEMBER)]))
    deliver_outbox(desk.context, LookingWire(), PACE)

    assert seen == [None, MEMBER.insurer]


def test_failed_message_is_shown_with_its_reason(desk: Desk) -> None:
    one = desk.include().known.inclusion

    deliver_outbox(desk.context, Wire(Unacceptable("http-400")), PACE)

    known = desk.ask(ADMIN, get_inclusion, one.id).known
    assert (known.delivery_state, known.delivery_reason) == ("failed", "http-400")


def test_outage_over_a_months_end_moves_no_date(desk: Desk, times: Times) -> None:
    one = desk.at("2022-01-31T22:00Z").include().known.inclusion
    wire = Wire(Unavailable("unreachable"))
    for _ in range(40):
        deliver_outbox(desk.context, wire, PACE)
        times.now += timedelta(hours=1)
        desk.at(desk.clock.now + timedelta(hours=1))
    kept = rows(desk.database_url, inclusion)

    wire.outcome = Acknowledged()
    deliver_outbox(desk.context, wire, PACE)
    collect_answers(desk.context, Wire(answers=[answer_to(desk, member=MEMBER)]))

    assert rows(desk.database_url, inclusion) == kept
    (row,) = rows(desk.database_url, outbox)
    assert row["content"]["communicated_at"] == "2022-01-31T22:00:00Z"
    assert (row["state"], row["attempts"]) == ("accepted", 41)
    view = desk.ask(ADMIN, get_inclusion, one.id)
    assert view.valid is not None
    assert view.valid.first == day("2022-02-01")
