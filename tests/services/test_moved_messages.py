"""A number changes while a message is on its way: no message id ever leaves with two bodies, and nothing is stuck."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.clock import real_now
from gateway.domain.delivery import Acknowledged, Answer, Message, Outcome, State, Unacceptable, Unavailable
from gateway.domain.identity import Ssin
from gateway.services.change_identity import change_identity
from gateway.services.collect_answers import collect_answers
from gateway.services.deliver_outbox import deliver_outbox
from gateway.services.find_actions import get_action
from gateway.services.find_inclusions import get_inclusion
from gateway.services.retry_delivery import RetryReason, retry_delivery
from gateway.store.tables import beneficiary, outbox, vault
from gateway.upstream.messages import body_of
from tests.builders import PROJECT
from tests.services.desk import ADMIN, PARTNER, Desk, ssin
from tests.services.test_deliver_outbox import MEMBER, PACE, Times, Wire
from tests.store.rows import rows

OLD, NEW, NEWEST = 0, 1, 2
AWAY = Unavailable("unreachable")
PAST_EVERY_BACKOFF = timedelta(seconds=PACE.backoff.most_seconds)


@dataclass
class Recording(Wire):
    """A wire that keeps every body under its message's id, and the order in which kinds left."""

    bodies: dict[UUID, set[bytes]] = field(default_factory=dict)
    left: list[tuple[str, str]] = field(default_factory=list)
    act: Callable[[], Any] | None = None

    def send(self, message: Message, ssin: Ssin) -> Outcome:
        self.bodies.setdefault(message.id, set()).add(body_of(message, ssin))
        self.left.append((message.kind, ssin.reveal()))
        if self.act is not None:
            act, self.act = self.act, None
            act()
        return super().send(message, ssin)


@dataclass
class Scene:
    """A beneficiary with an inclusion and an action, the other side, and real time moved by hand."""

    desk: Desk
    wire: Recording
    times: Times
    inclusion: UUID
    action: UUID

    def deliver(self, outcome: Outcome) -> None:
        """Send all that there is, as often as something goes."""
        self.wire.outcome = outcome
        self.times.now += PAST_EVERY_BACKOFF
        while deliver_outbox(self.desk.context, self.wire, PACE):
            continue

    def change(self, number: int) -> None:
        self.desk.ask(ADMIN, change_identity, self.inclusion, ssin(number), "mistyped")

    def row(self, kind: str) -> dict[str, Any]:
        return next(one for one in rows(self.desk.database_url, outbox) if one["kind"] == kind)

    def answer(self, kind: str, code: str | None = None) -> None:
        row = self.row(kind)
        answer = Answer("a-1", row["id"], code is None, code, None if code else MEMBER, row["input_reference"])
        collect_answers(self.desk.context, Wire(answers=[replace(answer, output_reference=row["output_reference"])]))

    def numbers(self) -> list[str]:
        """Every number that is still kept, from the vault and from the messages."""
        unseal = self.desk.context.veil.sealer.unseal
        kept = [(one["sealed_ssin"], one["pseudonym"]) for one in rows(self.desk.database_url, vault)]
        for one in rows(self.desk.database_url, outbox):
            if one["sealed_tried_ssin"] is not None:
                kept.append((one["sealed_tried_ssin"], one["tried_pseudonym"]))
        return sorted({unseal(sealed, PROJECT, pseudonym).reveal() for sealed, pseudonym in kept})


def _of(kind: str, number: int) -> tuple[str, str]:
    return kind, ssin(number).reveal()


@pytest.fixture
def scene(desk: Desk) -> Scene:
    times = Times(real_now())
    desk.context = replace(desk.context, real_now=times)
    inclusion = desk.include().known.inclusion.id
    action = desk.at("2022-03-01T08:00+01:00").act().known.action.id
    return Scene(desk, Recording(), times, inclusion, action)


def test_message_that_was_tried_keeps_its_body_and_goes_before_the_change(scene: Scene) -> None:
    scene.deliver(AWAY)

    scene.change(NEW)
    scene.deliver(AWAY)
    scene.deliver(Acknowledged("MCN-1"))

    assert scene.wire.left == [
        *[_of("inclusion", OLD)] * 3,
        _of("identity-change", NEW),
        _of("action", NEW),
    ]
    assert {len(bodies) for bodies in scene.wire.bodies.values()} == {1}


def test_number_that_changes_while_its_message_is_being_sent_changes_no_body(scene: Scene) -> None:
    scene.wire.act = lambda: scene.change(NEW)

    scene.deliver(Acknowledged("MCN-1"))
    scene.times.now += PACE.lease
    scene.deliver(Acknowledged("MCN-1"))

    assert set(scene.wire.left[:-2]) == {_of("inclusion", OLD)}
    assert scene.wire.left[-2:] == [_of("identity-change", NEW), _of("action", NEW)]
    assert {len(bodies) for bodies in scene.wire.bodies.values()} == {1}
    assert {one["state"] for one in rows(scene.desk.database_url, outbox)} == {"sent"}


def test_number_that_changes_twice_leaves_what_was_tried_under_each_of_them(scene: Scene) -> None:
    scene.deliver(AWAY)
    scene.change(NEW)
    scene.deliver(replace(AWAY, reason="http-503"))
    scene.wire.of_kind = {"identity-change": AWAY}
    scene.deliver(Acknowledged("MCN-1"))

    scene.change(NEWEST)
    scene.wire.of_kind = {}
    before = scene.numbers()
    scene.deliver(Acknowledged("MCN-2"))

    assert before == sorted(ssin(number).reveal() for number in (OLD, NEW, NEWEST))
    assert scene.wire.left[-4:] == [
        _of("identity-change", NEW),
        _of("identity-change", NEW),
        _of("identity-change", NEWEST),
        _of("action", NEWEST),
    ]
    assert {len(bodies) for bodies in scene.wire.bodies.values()} == {1}


@pytest.mark.parametrize("code", [None, "not-insured"])
def test_late_answer_finds_its_fact_and_destroys_the_old_number(scene: Scene, code: str | None) -> None:
    scene.deliver(Acknowledged("MCN-1"))
    scene.change(NEW)
    before = scene.numbers()

    scene.answer("inclusion", code)
    between = scene.numbers()
    scene.answer("action")

    old, new = ssin(OLD).reveal(), ssin(NEW).reveal()
    assert (before, between, scene.numbers()) == (sorted([old, new]), sorted([old, new]), [new])
    status = scene.desk.ask(ADMIN, get_inclusion, scene.inclusion).known.inclusion.status
    assert status == ("open" if code is None else "rejected")
    assert scene.desk.ask(PARTNER, get_action, scene.action).known.delivery_state == "accepted"


def test_answer_about_the_old_number_describes_nobody_else(scene: Scene) -> None:
    scene.deliver(Acknowledged("MCN-1"))
    scene.change(NEW)

    scene.answer("inclusion")
    before = {one["insurer"] for one in rows(scene.desk.database_url, beneficiary)}
    scene.deliver(Acknowledged("MCN-2"))
    scene.answer("identity-change")

    assert before == {None}
    assert {one["insurer"] for one in rows(scene.desk.database_url, beneficiary)} == {None, MEMBER.insurer}


def test_postponed_message_goes_again_with_the_body_that_it_had(scene: Scene) -> None:
    scene.deliver(Acknowledged("MCN-1"))
    scene.change(NEW)

    scene.answer("inclusion", "temporarily-unavailable")
    scene.deliver(Acknowledged("MCN-2"))

    assert scene.wire.left.count(_of("inclusion", OLD)) == 2
    assert {len(bodies) for bodies in scene.wire.bodies.values()} == {1}


def test_message_that_failed_and_is_tried_again_bears_the_number_that_it_bore(scene: Scene) -> None:
    scene.wire.of_kind = {"inclusion": Unacceptable("http-422")}
    scene.deliver(AWAY)
    scene.change(NEW)
    scene.deliver(Acknowledged("MCN-1"))
    waiting = list(scene.wire.left)

    retry_delivery(scene.desk.context, scene.row("inclusion")["id"], RetryReason.MENDED_THERE)
    scene.wire.of_kind = {}
    scene.deliver(Acknowledged("MCN-1"))

    assert waiting == [_of("inclusion", OLD)]
    assert scene.wire.left[1:] == [_of("inclusion", OLD), _of("identity-change", NEW), _of("action", NEW)]
    assert {len(bodies) for bodies in scene.wire.bodies.values()} == {1}


def test_message_that_was_given_back_untried_gets_the_reference_of_its_new_body(scene: Scene) -> None:
    (row, *_) = [one for one in rows(scene.desk.database_url, outbox) if one["kind"] == "inclusion"]
    with scene.desk.context.store.transaction() as tx:
        now = scene.times.now
        claimed = tx.outbox.claim([row["bucket"]], now, now + PACE.lease, 1)
        tx.outbox.refer([replace(one, input_reference=UUID(int=7)) for one in claimed])
        tx.outbox.put_back(claimed)

    scene.change(NEW)
    scene.deliver(Acknowledged("MCN-1"))

    sent = scene.desk.context.veil.fingerprints.message(*scene.wire.bodies[row["id"]])
    assert scene.row("inclusion")["input_reference"] == sent
    assert scene.wire.left == [_of(kind, NEW) for kind in ("inclusion", "action", "identity-change")]
    assert scene.numbers() == [ssin(NEW).reveal()]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_change_waits_for_a_claim_that_is_being_made(scene: Scene) -> None:
    row, now = scene.row("inclusion"), scene.times.now
    with ThreadPoolExecutor(1) as pool:
        with scene.desk.context.store.transaction() as tx:
            (claimed,) = tx.outbox.claim([row["bucket"]], now, now + PACE.lease, 1)
            tx.outbox.refer([replace(claimed, input_reference=UUID(int=7))])
            changing = pool.submit(scene.change, NEW)
            with pytest.raises(TimeoutError):
                changing.result(timeout=0.5)
        changing.result(timeout=20)

    moved = scene.row("inclusion")
    assert (moved["attempts"], moved["input_reference"], moved["state"]) == (1, UUID(int=7), State.PENDING.value)
    assert moved["tried_pseudonym"] == row["pseudonym"]
    assert moved["leased_until"] == now + PACE.lease
