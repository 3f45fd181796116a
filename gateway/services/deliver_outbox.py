"""Deliver the outbox: claim, unseal, send, record.

             ┌ send ─ send ─ … ─ record ─ send ─ … ┐
claim ─ hold ┼ send ─ send ─ …                     ┼ record ─ put back what was not tried
             └ heartbeat                           ┘   told to stop, or the circuit opens: the rest is put back at once

A round sends on several connections at once. It holds at most one message of each beneficiary, so that the order of
no beneficiary depends on which of them is faster.

Stage: pseudonymous, but for the moment of sending.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Protocol

import structlog

from gateway.domain.circuit import Circuit, CircuitState
from gateway.domain.delivery import Backoff, Message, Outcome, State, Step, Unacceptable, Unavailable, next_step
from gateway.domain.identity import Ssin
from gateway.pseudonyms.keyring import KeyringError
from gateway.pseudonyms.sealing import BrokenSeal
from gateway.services.address_messages import address_messages
from gateway.services.announce_delivery import announce_delivery
from gateway.services.collect_answers import Mailbox
from gateway.services.context import Context
from gateway.services.hold import Hold, hold
from gateway.store.transaction import Transaction
from gateway.store.waits import latest

BUCKETS_PER_ROUND = 256
MESSAGES_PER_ROUND = 256
RECORD_AFTER_SECONDS = 0.5
_chance = SystemRandom().random
log = structlog.get_logger("chroniccare.delivery")

Claimed = Sequence[tuple[Message, bytes]]


class WayOut(Mailbox, Protocol):
    """Who takes messages and gives answers."""

    def send(self, message: Message, ssin: Ssin) -> Outcome:
        """Send one message; several threads may at once."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How the worker paces itself.

    Units: `lease` is how long a claimed message is nobody else's, unless its holder's heart beats on; `connections` is
    how many messages are under way at once.
    """

    lease: timedelta
    backoff: Backoff
    connections: int = 1

    def latest(self, now: datetime) -> datetime:
        """The last instant that a wait or a lease of this pace may name."""
        return latest(now, self.lease, timedelta(seconds=self.backoff.most_seconds))


@dataclass(slots=True)
class Watch:
    """What a sender keeps from round to round: whether its partner is there, and whether it was told to stop.

    Shape: `beat` is called now and then while a round goes on, however long it lasts.
    """

    is_stopping: Callable[[], bool] = lambda: False
    beat: Callable[[], None] = lambda: None
    circuit: Circuit = field(default_factory=Circuit)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def learn(self, is_there: bool, now: datetime, backoff: Backoff) -> None:
        """Take an attempt into account; what changes is told to the log."""
        with self.lock:
            before, after = self.circuit, self.circuit.after(is_there, now, backoff, _chance())
            self.circuit = after
        if before.open_until is None and after.open_until is not None:
            log.warning("circuit_opened")
        if before.open_until is not None and is_there:
            log.warning("circuit_closed", pauses=before.pauses)


def deliver_outbox(context: Context, way_out: WayOut, pace: Pace, watch: Watch | None = None) -> int:
    """One round of sending: at most one message of each beneficiary, in commit order; how many were tried.

    Source: GUARANTEES G6 to G8, G13.
    """
    watch, now = watch or Watch(), context.real_now()
    most = 0 if watch.is_stopping() else watch.circuit.most(now, MESSAGES_PER_ROUND)
    claimed = _claim(context, now, pace, most) if most else []
    if not claimed:
        return 0
    with hold(context, [message for message, _ in claimed], pace.lease, now + pace.lease) as held:
        return _Round(context, way_out, pace, watch, held).run(claimed)


def _claim(context: Context, now: datetime, pace: Pace, most: int) -> Claimed:
    until, last = now + pace.lease, pace.latest(now)
    with context.store.reading() as tx:
        buckets = tx.outbox.due_buckets(now, min(BUCKETS_PER_ROUND, most), last)
    if not buckets:
        return []
    with context.store.transaction() as tx:
        claimed = tx.outbox.claim(sorted(buckets), now, until, most, last)
        return address_messages(tx, context.veil, _sealed(tx, claimed))


def _sealed(tx: Transaction, messages: Sequence[Message]) -> Claimed:
    """Messages with the number that each bears, sealed: its person's, or the one of its first try before a change."""
    usual = [one for one in messages if one.tried_as is None]
    kept = {one.id: sealed for one, sealed in zip(usual, tx.vault.get_each([one.person for one in usual]), strict=True)}
    return [(one, kept.get(one.id) or tx.outbox.sealed_as_tried(one.bucket, one.id)) for one in messages]


@dataclass(slots=True)
class _Round:
    """One round at work: what it sends, under which hold, and what it has not recorded yet."""

    context: Context
    way_out: WayOut
    pace: Pace
    watch: Watch
    held: Hold
    waiting: deque[tuple[Message, bytes]] = field(default_factory=deque)
    steps: list[tuple[Message, Step]] = field(default_factory=list)
    recorded_at: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, claimed: Claimed) -> int:
        """Send what was claimed, until there is a reason not to; how many were tried."""
        self.waiting.extend(claimed)
        beside = [_Beside(self._part) for _ in range(min(self.pace.connections, len(claimed)) - 1)]
        tried = self._part() + sum(one.result() for one in beside)
        self._record([message for message, _ in self.waiting])
        return tried

    def _part(self) -> int:
        """What one connection does of the round; when it fails, the others begin no further message."""
        try:
            return self._send_on()
        except BaseException:
            self.waiting.clear()
            raise

    def _send_on(self) -> int:
        """Send what waits, one message after another; how many were tried."""
        tried = 0
        while self._goes_on() and (taken := self._take()) is not None:
            message, sealed = taken
            if self.held.is_ours(message.id):
                step = self._step(message, sealed)
                with self.lock:
                    self.steps.append((message, step))
                tried += 1
            if time.monotonic() - self.recorded_at > RECORD_AFTER_SECONDS:
                self._record([])
        return tried

    def _take(self) -> tuple[Message, bytes] | None:
        with self.lock:
            return self.waiting.popleft() if self.waiting else None

    def _goes_on(self) -> bool:
        return not self.watch.is_stopping() and (
            self.watch.circuit.state(self.context.real_now()) is not CircuitState.OPEN
        )

    def _step(self, message: Message, sealed: bytes) -> Step:
        outcome = self._send(message, sealed)
        return next_step(message.attempts, outcome, self.context.real_now(), self.pace.backoff, _chance())

    def _send(self, message: Message, sealed: bytes) -> Outcome:
        """Send one message; one that cannot be opened here holds up nobody else.

        Shape: a broken seal waits for a person; a key that the ring lacks may be restored, so it is tried again.
        """
        try:
            ssin = self.context.renewed().veil.sealer.unseal(sealed, message.project, message.sealed_for)
        except BrokenSeal:
            return Unacceptable("broken-seal")
        except KeyringError:
            return Unavailable("key-missing")
        with self.context.spans.span("send", is_outward=True) as span:
            outcome = self.way_out.send(message, ssin)
            span.tell({"chroniccare.kind": message.kind, "chroniccare.outcome": type(outcome).__name__.lower()})
        self.watch.learn(not isinstance(outcome, Unavailable), self.context.real_now(), self.pace.backoff)
        return outcome

    def _record(self, not_tried: Sequence[Message]) -> None:
        """Record what became of what was sent, and give back what was not."""
        with self.lock:
            steps, self.steps = self.steps, []
            self.recorded_at = time.monotonic()
        now = self.context.real_now()
        with self.context.store.transaction() as tx:
            tx.outbox.lock([*(message for message, _ in steps), *not_tried])
            for message, step in tx.outbox.take(steps, now):
                tx.failures.add(message, step.reason or "unknown", tx.legal_now())
                announce_delivery(tx, self.context, message, step.state, step.reason)
            tx.outbox.put_back(not_tried)
            taken = [_waited(message, now) for message, step in steps if step.state is State.SENT]
            tx.pulses.observe("acknowledged", now, taken)
        self.held.drop([message.id for message, _ in steps])
        self.watch.beat()


def _waited(message: Message, now: datetime) -> float:
    """How long a claimed message has waited since its commit, in seconds."""
    return 0.0 if message.created_at is None else (now - message.created_at).total_seconds()


class _Beside:
    """A part of a round on a thread of its own, which ends with the process; what went wrong is raised where it ends.

    Shape: what is logged and traced there belongs to the round.
    """

    def __init__(self, part: Callable[[], int]) -> None:
        self._part = part
        self._done: Future[int] = Future()
        threading.Thread(target=copy_context().run, args=(self._run,), name="sender", daemon=True).start()

    def _run(self) -> None:
        try:
            self._done.set_result(self._part())
        except BaseException as error:  # noqa: BLE001 - raised again by the round, which waits for it
            self._done.set_exception(error)

    def result(self) -> int:
        """What the part gave, when it has ended."""
        return self._done.result()
