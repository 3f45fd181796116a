"""Let a message go again, because a person says so: one that failed, or one that MyCareNet took and lost."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from gateway.domain.delivery import Message, State
from gateway.services.announce_delivery import announce_delivery
from gateway.services.context import Context
from gateway.services.operator import operator_entry
from gateway.store.transaction import Transaction


class RetryReason(StrEnum):
    """Why there is hope that it goes through this time."""

    MENDED_HERE = "mended-here"
    MENDED_THERE = "mended-there"
    SEAL_RESTORED = "seal-restored"
    REFUSED_BY_MISTAKE = "refused-by-mistake"


class ResendReason(StrEnum):
    """How it is known that MyCareNet lost what it took."""

    DROPPED = "dropped"
    ASKED_FOR = "asked-for"


class NotFailed(Exception):
    """The message may not go again: it stands elsewhere, or `state` is None and there is none."""

    def __init__(self, state: str | None) -> None:
        super().__init__(state)
        self.state = state


def retry_delivery(context: Context, message_id: UUID, reason: RetryReason) -> Message:
    """The message, which is due again under its id; what waits behind it follows.

    Source: G9.
    Raises: NotFailed.
    Not: a rejected message. MyCareNet answered it under its id, and its fact was taken out; what is right is
    registered anew.
    """
    with context.store.transaction() as tx:
        bucket, state = _place(context, tx, message_id)
        message = tx.outbox.retry(bucket, message_id, context.real_now())
        if message is None:
            raise NotFailed(state)
        tx.failures.retried(bucket, message_id, reason.value, tx.legal_now())
        announce_delivery(tx, context, message, State.PENDING)
        tx.audit.add(operator_entry(context, "retry_delivery", message.bucket, message.project, message.id))
    return message


def resend_delivery(context: Context, message_id: UUID, reason: ResendReason) -> Message:
    """The message, which MyCareNet took and does not list, and which is due again under its id.

    Source: G6.
    Raises: NotFailed.
    Not: a rejected message; its fact is out of the register, so there is nothing to tell.
    """
    with context.store.transaction() as tx:
        bucket, state = _place(context, tx, message_id)
        message = tx.outbox.resend(bucket, message_id, context.real_now())
        if message is None:
            raise NotFailed(state)
        tx.failures.resent(message, reason.value, tx.legal_now())
        if state == State.ACCEPTED:
            announce_delivery(tx, context, message, State.PENDING)
        tx.audit.add(operator_entry(context, "resend_delivery", message.bucket, message.project, message.id))
    return message


def _place(context: Context, tx: Transaction, message_id: UUID) -> tuple[int, str | None]:
    """The bucket where a message lives, and where it stands."""
    bucket = context.veil.identifiers.bucket_of(message_id)
    state = tx.outbox.state_of(bucket, message_id)
    moved_to = tx.moves.find(bucket, message_id) if state is None else None
    return (bucket, state) if moved_to is None else (moved_to, tx.outbox.state_of(moved_to, message_id))
