"""Deliver the outbox: claim, unseal, send, record.

Stage: pseudonymous, but for the moment of sending.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import SystemRandom
from typing import Protocol

from gateway.domain.delivery import Backoff, Message, Outcome, Step, Unacceptable, next_step
from gateway.domain.identity import Ssin
from gateway.pseudonyms.sealing import BrokenSeal
from gateway.services.address_messages import address_messages
from gateway.services.collect_answers import Mailbox
from gateway.services.context import Context

BUCKETS_PER_ROUND = 64
MESSAGES_PER_BUCKET = 16
_chance = SystemRandom().random


class WayOut(Mailbox, Protocol):
    """Who takes messages and gives answers."""

    def send(self, message: Message, ssin: Ssin) -> Outcome:
        """Send one message."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How the worker paces itself.

    Units: `lease` is how long a claimed message is nobody else's.
    """

    lease: timedelta
    backoff: Backoff


def deliver_outbox(context: Context, way_out: WayOut, pace: Pace) -> int:
    """One round of sending: at most one message of each beneficiary, in commit order; how many were tried.

    Source: GUARANTEES G6 to G8.
    """
    messages = _claim(context, pace)
    if not messages:
        return 0
    steps = [(message, _send(context, way_out, message, sealed, pace)) for message, sealed in messages]
    with context.store.transaction() as tx:
        tx.outbox.take(steps, context.real_now())
    return len(steps)


def _claim(context: Context, pace: Pace) -> list[tuple[Message, bytes]]:
    now = context.real_now()
    with context.store.reading() as tx:
        buckets = tx.outbox.due_buckets(now, BUCKETS_PER_ROUND)
    if not buckets:
        return []
    with context.store.transaction() as tx:
        claimed = [
            message
            for bucket in sorted(buckets)
            for message in tx.outbox.claim(bucket, now, now + pace.lease, MESSAGES_PER_BUCKET)
        ]
        sealed = [(one, tx.vault.get(one.bucket, one.project, one.pseudonym)) for one in claimed]
        return address_messages(tx, context.veil, sealed)


def _send(context: Context, way_out: WayOut, message: Message, sealed: bytes, pace: Pace) -> Step:
    """Send one message; one whose seal is broken waits for a person and holds up nobody else."""
    try:
        ssin = context.veil.sealer.unseal(sealed, message.project, message.pseudonym)
        outcome = way_out.send(message, ssin)
    except BrokenSeal:
        outcome = Unacceptable("broken-seal")
    return next_step(message.attempts + 1, outcome, context.real_now(), pace.backoff, _chance())
