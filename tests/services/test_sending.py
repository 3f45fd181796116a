"""Sending under stress: long rounds, late workers, a partner that is away, and being told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from gateway.clock import real_now
from gateway.domain.circuit import FAILURES_TO_OPEN, CircuitState
from gateway.domain.delivery import Acknowledged, Backoff, Message, Outcome, Unacceptable, Unavailable
from gateway.domain.identity import Ssin
from gateway.pseudonyms.keyring import KeyringError
from gateway.services import deliver_outbox as sending
from gateway.services.context import Context
from gateway.services.deliver_outbox import Pace, Watch, deliver_outbox
from gateway.services.hold import Hold
from gateway.store.tables import outbox
from tests.services.desk import Desk
from tests.services.test_deliver_outbox import PACE, Times, Wire
from tests.store.away import away
from tests.store.rows import rows

PAST_EVERY_BACKOFF = timedelta(seconds=PACE.backoff.most_seconds)
SHORT = Pace(timedelta(seconds=0.3), Backoff(0.001, 0.002))


@dataclass
class Acting(Wire):
    """A wire that does something whenever it takes a message."""

    act: Callable[[], None] = lambda: None

    def send(self, message: Message, ssin: Ssin) -> Outcome:
        self.act()
        return super().send(message, ssin)


def _column(desk: Desk, name: str) -> list[object]:
    return [row[name] for row in rows(desk.database_url, outbox, "created_at")]


def test_heartbeat_keeps_the_lease_for_as_long_as_its_holder_sends(desk: Desk) -> None:
    desk.include()
    second = Wire()

    def wait_and_look() -> None:
        time.sleep(3 * SHORT.lease.total_seconds())
        assert deliver_outbox(desk.context, second, SHORT) == 0

    wire = Acting(act=wait_and_look)
    assert deliver_outbox(desk.context, wire, SHORT) == 1

    assert (len(wire.sent), second.sent) == (1, [])
    assert (_column(desk, "state"), _column(desk, "attempts")) == (["sent"], [1])


def test_holder_that_was_asleep_sends_nothing_more_and_overwrites_nothing(desk: Desk) -> None:
    desk.include(0)
    desk.include(1)
    times, second = Times(real_now()), Wire(Unacceptable("http-422"))
    context = replace(desk.context, real_now=times)

    def sleep_past_the_lease() -> None:
        times.now += timedelta(minutes=1)
        assert deliver_outbox(context, second, PACE) == 2

    late = Acting(act=sleep_past_the_lease)
    assert deliver_outbox(context, late, PACE) == 1

    assert (len(late.sent), len(second.sent)) == (1, 2)
    assert _column(desk, "state") == ["failed", "failed"]


def test_message_that_another_worker_took_over_is_no_longer_held(desk: Desk) -> None:
    desk.include(0)
    desk.include(1)
    times = Times(real_now())
    context, until = replace(desk.context, real_now=times), times.now + PACE.lease
    buckets = {row["bucket"]: row["id"] for row in rows(desk.database_url, outbox)}
    with context.store.transaction() as tx:
        claimed = tx.outbox.claim(sorted(buckets), times.now, until, 16)
    held = Hold(context, claimed, PACE.lease, until)
    times.now = until
    with context.store.transaction() as tx:
        tx.outbox.claim([claimed[0].bucket], times.now, times.now + PACE.lease, 1)

    before = [held.is_ours(one.id) for one in claimed]
    held.beat()

    assert before == [False, False]
    assert [held.is_ours(one.id) for one in claimed] == [False, True]


def test_lease_runs_on_while_the_register_is_away(desk: Desk) -> None:
    desk.include()
    times = Times(real_now())
    context, until = replace(desk.context, real_now=times), times.now + PACE.lease
    (row,) = rows(desk.database_url, outbox)
    with context.store.transaction() as tx:
        claimed = tx.outbox.claim([row["bucket"]], times.now, until, 1)
    held = Hold(context, claimed, PACE.lease, until)

    with away(desk.database_url):
        held.beat()

    assert held.is_ours(claimed[0].id)
    times.now = until
    assert not held.is_ours(claimed[0].id)


def test_partner_that_is_away_opens_the_circuit_and_burns_no_attempt_of_the_others(desk: Desk) -> None:
    for number in range(FAILURES_TO_OPEN + 3):
        desk.include(number)
    times, watch, wire = Times(real_now()), Watch(), Wire(Unavailable("unreachable"))
    context = replace(desk.context, real_now=times)

    tried = [deliver_outbox(context, wire, PACE, watch) for _ in range(3)]

    assert tried == [FAILURES_TO_OPEN, 0, 0]
    assert watch.circuit.state(times.now) is CircuitState.OPEN
    assert sorted(map(str, _column(desk, "attempts"))) == ["0"] * 3 + ["1"] * FAILURES_TO_OPEN
    assert set(_column(desk, "state")) == {"pending"}
    assert set(_column(desk, "leased_until")) == {None}
    times.now += timedelta(minutes=1)
    assert deliver_outbox(context, wire, PACE, watch) == 1
    times.now += PAST_EVERY_BACKOFF
    wire.outcome = Acknowledged()
    assert [deliver_outbox(context, wire, PACE, watch) for _ in range(2)] == [1, FAILURES_TO_OPEN + 2]
    assert watch.circuit.state(times.now) is CircuitState.CLOSED


def test_partner_that_refuses_is_there(desk: Desk) -> None:
    for number in range(FAILURES_TO_OPEN + 1):
        desk.include(number)
    watch = Watch()

    assert deliver_outbox(desk.context, Wire(Unacceptable("http-422")), PACE, watch) == FAILURES_TO_OPEN + 1
    assert watch.circuit.state(real_now()) is CircuitState.CLOSED


def test_sender_that_is_told_to_stop_gives_back_what_it_did_not_send(desk: Desk) -> None:
    for number in range(3):
        desk.include(number)
    stop = threading.Event()

    wire = Acting(act=stop.set)
    watch = Watch(stop.is_set)
    tried = [deliver_outbox(desk.context, wire, PACE, watch) for _ in range(2)]

    assert tried == [1, 0]
    assert sorted(map(str, _column(desk, "state"))) == ["pending", "pending", "sent"]
    assert set(_column(desk, "leased_until")) == {None}
    assert deliver_outbox(desk.context, Wire(), PACE) == 2


def test_what_was_sent_is_recorded_before_a_long_round_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "RECORD_AFTER_SECONDS", 0.0)
    desk.include(0)
    desk.include(1)
    seen: list[list[object]] = []

    assert deliver_outbox(desk.context, Acting(act=lambda: seen.append(_column(desk, "state"))), PACE) == 2

    assert [sorted(map(str, states)) for states in seen] == [["pending", "pending"], ["pending", "sent"]]


def test_round_claims_no_more_than_its_bound(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "MESSAGES_PER_ROUND", 2)
    for number in range(3):
        desk.include(number)

    assert [deliver_outbox(desk.context, Wire(), PACE) for _ in range(3)] == [2, 1, 0]


def test_key_that_the_ring_lacks_is_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.include()
    context: Context = desk.context
    sealed = rows(desk.database_url, outbox)
    with context.store.transaction() as tx:
        person = sealed[0]["bucket"], sealed[0]["project"], sealed[0]["pseudonym"]
        kept = tx.vault.get(*person)
        tx.vault.forget(*person)
        tx.vault.put(*person, b"\x00\x09" + kept[2:])
    wire, watch = Wire(), Watch()

    tried = deliver_outbox(context, wire, PACE, watch)

    assert (tried, wire.sent, watch.circuit.failures) == (1, [], 0)
    assert (_column(desk, "state"), _column(desk, "reason")) == (["pending"], ["key-missing"])
    with pytest.raises(KeyringError):
        context.veil.sealer.unseal(b"\x00\x09" + kept[2:], person[1], person[2])


def test_round_has_as_many_messages_under_way_as_it_has_connections(desk: Desk) -> None:
    for number in range(6):
        desk.include(number)
    three_at_once = threading.Barrier(3)

    def wait_for_two_others() -> None:
        three_at_once.wait(20)

    wire = Acting(act=wait_for_two_others)

    assert deliver_outbox(desk.context, wire, replace(PACE, connections=3)) == 6

    assert len({identity for _, _, identity in wire.sent}) == len(wire.sent) == 6
    assert _column(desk, "state") == ["sent"] * 6
    assert _column(desk, "leased_until") == [None] * 6


def test_connection_that_comes_to_grief_ends_the_round_and_is_told(desk: Desk) -> None:
    for number in range(4):
        desk.include(number)
    main, both_send = threading.current_thread(), threading.Barrier(2)

    def act() -> None:
        both_send.wait(20)
        if threading.current_thread() is not main:
            raise RuntimeError
        time.sleep(0.1)

    wire = Acting(act=act)
    with pytest.raises(RuntimeError):
        deliver_outbox(desk.context, wire, replace(PACE, connections=2))

    assert len(wire.sent) == 1
    assert "failed" not in _column(desk, "state")


def test_what_fails_after_the_circuit_opened_is_no_probe() -> None:
    watch, now = Watch(), real_now()

    for _ in range(FAILURES_TO_OPEN + 7):
        watch.learn(is_there=False, now=now, backoff=PACE.backoff)

    assert (watch.circuit.failures, watch.circuit.pauses) == (FAILURES_TO_OPEN, 1)
    watch.learn(is_there=True, now=now, backoff=PACE.backoff)
    assert watch.circuit.state(now) is CircuitState.CLOSED
