"""Fetch what MyCareNet answered, record it, and then confirm it.

Stage: pseudonymous.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from gateway.domain import action as actions
from gateway.domain import inclusion as inclusions
from gateway.domain.delivery import Answer, Message
from gateway.services.context import Context
from gateway.store.transaction import Transaction

Recorded = tuple[Message, Answer]
"""A message, and the first answer to it."""


class Mailbox(Protocol):
    """Where answers wait until they are confirmed."""

    def fetch(self) -> list[Answer]:
        """The answers that wait."""
        ...

    def confirm(self, answer_ids: list[str]) -> None:
        """Confirm recorded answers."""
        ...


def collect_answers(context: Context, mailbox: Mailbox) -> int:
    """Fetch, record and confirm one page of answers; how many came.

    Shape: an answer that came before, or to a message that is not ours, changes nothing and is confirmed.
    Raises: whatever the mailbox raises when it cannot be read.
    """
    answers = mailbox.fetch()
    if answers:
        with context.store.transaction() as tx:
            recorded = record_answers(tx, answers, context.veil.identifiers.bucket_of)
            _count(tx, recorded, context.real_now())
        mailbox.confirm([answer.answer_id for answer in answers])
    return len(answers)


def record_answers(tx: Transaction, answers: Sequence[Answer], bucket_of: Callable[..., int]) -> list[Recorded]:
    """Record answers in the order of their buckets, so that two workers never wait for each other in a circle."""
    recorded = []
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
        recorded.append((message, answer))
    return recorded


def _count(tx: Transaction, recorded: Sequence[Recorded], now: datetime) -> None:
    """Count answers, and how long each took from the commit of its message, in one row that is locked last."""
    if recorded:
        seconds = sum((now - (message.created_at or now)).total_seconds() for message, _ in recorded)
        tx.pulses.beat("answered", now, seconds, len(recorded))
    rejected = sum(not answer.accepted for _, answer in recorded)
    if rejected:
        tx.pulses.beat("rejected", now, count=rejected)


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
