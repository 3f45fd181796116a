"""Fetch what MyCareNet answered, record it, and then confirm it.

Stage: pseudonymous.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import SystemRandom
from typing import Protocol
from uuid import UUID

import structlog

from gateway.domain import action as actions
from gateway.domain import inclusion as inclusions
from gateway.domain.delivery import Answer, Backoff, Bearing, Message, Standing, bearing_of
from gateway.services.announce_delivery import announce_delivery
from gateway.services.context import Context
from gateway.store.transaction import Transaction

log = structlog.get_logger("chroniccare.answers")
ODD = (Bearing.FOREIGN, Bearing.CONTRADICTION)
DEFAULT_BACKOFF = Backoff()
_chance = SystemRandom().random


class Mailbox(Protocol):
    """Where answers wait until they are confirmed."""

    def fetch(self) -> list[Answer]:
        """The answers that wait."""
        ...

    def confirm(self, answer_ids: list[str]) -> None:
        """Confirm recorded answers."""
        ...


def collect_answers(context: Context, mailbox: Mailbox, backoff: Backoff = DEFAULT_BACKOFF) -> int:
    """Fetch, record and confirm one page of answers; how many came.

    Shape: an answer that came before, that is to nothing we sent, or that contradicts the first one, changes no fact
    and is confirmed.
    Raises: whatever the mailbox raises when it cannot be read.
    """
    answers = mailbox.fetch()
    if answers:
        with context.store.transaction() as tx:
            recording = Recording(tx, context, backoff)
            found = recording.record(answers)
            recording.count()
        odd = {name.value: count for name, count in found.items() if name in ODD}
        if odd:
            log.warning("odd_answers", **odd)
        mailbox.confirm([answer.answer_id for answer in answers])
    return len(answers)


class Recording:
    """Answers on their way into the register, in one transaction."""

    def __init__(self, tx: Transaction, context: Context, backoff: Backoff) -> None:
        self._tx = tx
        self._context = context
        self._now = context.real_now()
        self._bucket_of = context.veil.identifiers.bucket_of
        self._backoff = backoff
        self._waited: list[float] = []

    def record(self, answers: Sequence[Answer]) -> Counter[Bearing]:
        """Record answers; how many there were of each bearing.

        Shape: in the order of their buckets, so that two workers never wait for each other in a circle; those to one
        message in the order in which they came.
        """
        placed = ((self._bucket_of(one.message_id), one) for one in answers)
        return Counter(self._record(bucket, one) for bucket, one in sorted(placed, key=lambda pair: pair[0]))

    def count(self) -> None:
        """Count the decisions, and how long each took from its message's commit, in one row that is locked last."""
        if self._waited:
            self._tx.pulses.beat("answered", self._now, sum(self._waited), len(self._waited))

    def _record(self, bucket: int, answer: Answer) -> Bearing:
        bucket, standing = self._find(bucket, answer.message_id)
        bearing = bearing_of(answer, standing)
        if bearing is Bearing.NEWS:
            self._decide(bucket, answer)
        elif bearing is Bearing.POSTPONEMENT:
            self._tx.outbox.postpone(bucket, answer, self._backoff, self._now, _chance())
        elif bearing is Bearing.CONTRADICTION:
            self._tx.outbox.contradict(bucket, answer, self._tx.legal_now())
        return bearing

    def _find(self, bucket: int, message_id: UUID) -> tuple[int, Standing | None]:
        """Where a message lives, and what is on record of it."""
        standing = self._tx.outbox.standing(bucket, message_id)
        if standing is None and (moved_to := self._tx.moves.find(bucket, message_id)) is not None:
            return moved_to, self._tx.outbox.standing(moved_to, message_id)
        return bucket, standing

    def _decide(self, bucket: int, answer: Answer) -> None:
        message = self._tx.outbox.answer(bucket, answer, self._tx.legal_now())
        if message is None:
            raise AssertionError("a message that is locked stays as it was found")
        if message.created_at is not None:
            self._waited.append((self._now - message.created_at).total_seconds())
        if answer.accepted and answer.member is not None and message.sealed_for == message.pseudonym:
            self._tx.beneficiaries.describe(message.bucket, message.project, message.pseudonym, answer.member)
        if not answer.accepted:
            _reject(self._tx, message, answer.code or "unknown")
        announce_delivery(self._tx, self._context, message, answer.state, answer.code)


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
