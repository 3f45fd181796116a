"""Deliver the outbox: claim, unseal, send, record; then fetch the answers, record, confirm.

Stage: pseudonymous, but for the moment of sending.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from random import SystemRandom
from typing import Protocol

from gateway.domain import action as actions
from gateway.domain import inclusion as inclusions
from gateway.domain.delivery import Answer, Backoff, Message, Outcome, Step, Unacceptable, next_step
from gateway.domain.identity import Ssin
from gateway.pseudonyms.sealing import BrokenSeal
from gateway.services.context import Context
from gateway.store.transaction import Transaction

BUCKETS_PER_ROUND = 64
MESSAGES_PER_BUCKET = 16
_chance = SystemRandom().random


class WayOut(Protocol):
    """Who takes messages and gives answers."""

    def send(self, message: Message, ssin: Ssin) -> Outcome:
        """Send one message."""
        ...

    def fetch(self) -> list[Answer]:
        """The answers that wait."""
        ...

    def confirm(self, answer_ids: list[str]) -> None:
        """Confirm recorded answers."""
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
        return [(one, tx.vault.get(one.bucket, one.project, one.pseudonym)) for one in claimed]


def _send(context: Context, way_out: WayOut, message: Message, sealed: bytes, pace: Pace) -> Step:
    """Send one message; one whose seal is broken waits for a person and holds up nobody else."""
    try:
        ssin = context.veil.sealer.unseal(sealed, message.project, message.pseudonym)
        outcome = way_out.send(message, ssin)
    except BrokenSeal:
        outcome = Unacceptable("broken-seal")
    return next_step(message.attempts + 1, outcome, context.real_now(), pace.backoff, _chance())


def collect_answers(context: Context, way_out: WayOut) -> int:
    """Fetch, record and confirm one page of answers; how many came.

    Shape: an answer that came before, or to a message that is not ours, changes nothing and is confirmed.
    Raises: whatever the way out raises when its mailbox cannot be read.
    """
    answers = way_out.fetch()
    if answers:
        with context.store.transaction() as tx:
            record_answers(tx, answers, context.veil.identifiers.bucket_of)
        way_out.confirm([answer.answer_id for answer in answers])
    return len(answers)


def record_answers(tx: Transaction, answers: Sequence[Answer], bucket_of: Callable[..., int]) -> None:
    """Record answers in the order of their buckets, so that two workers never wait for each other in a circle."""
    for bucket, answer in sorted(((bucket_of(one.message_id), one) for one in answers), key=lambda pair: pair[0]):
        message = tx.outbox.answer(bucket, answer, tx.legal_now())
        if message is None and (moved_to := tx.moves.find(bucket, answer.message_id)) is not None:
            message = tx.outbox.answer(moved_to, answer, tx.legal_now())
        if message is None:
            continue
        if answer.accepted and answer.member is not None:
            tx.beneficiaries.describe(message.bucket, message.project, message.pseudonym, answer.member)
        if not answer.accepted:
            _reject(tx, message, answer.code or "unknown")


def _reject(tx: Transaction, message: Message, code: str) -> None:
    """Take a rejected inclusion or action out of all counts, from its start.

    Source: I6, D 14 §1, 9°.
    """
    if message.kind not in ("inclusion", "action"):
        return
    tx.beneficiaries.lock(message.bucket, message.project, message.pseudonym)
    at = tx.stamp()
    if message.kind == "inclusion":
        included = tx.inclusions.find(message.bucket, message.reference)
        if included is not None and included.inclusion.status in ("open", "exited"):
            gone = inclusions.rejected(included.inclusion, code)
            tx.inclusions.supersede(replace(gone, message_id=message.id), at)
    else:
        recorded = tx.actions.find(message.bucket, message.reference)
        if recorded is not None and recorded.action.status == "recorded":
            tx.actions.supersede(replace(actions.rejected(recorded.action, code), message_id=message.id), at)
