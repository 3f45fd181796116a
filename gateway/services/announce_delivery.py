"""Tell a project's own software that a delivery changed: the events are written with the change itself."""

from __future__ import annotations

from gateway.domain.delivery import Message, State
from gateway.services.context import Context
from gateway.store.transaction import Transaction
from gateway.store.webhooks import Event


def announce_delivery(
    tx: Transaction, context: Context, message: Message, state: State, reason: str | None = None
) -> None:
    """Add an event for each webhook of the message's project, in the transaction that changed its state.

    Shape: an event names the message and what it is about, and no person.
    """
    now = context.real_now()
    tx.webhooks.tell(
        [
            Event(
                bucket=message.bucket,
                id=context.veil.identifiers.new(message.bucket),
                webhook=hook.id,
                project=message.project,
                message=message.id,
                kind=message.kind,
                reference=message.reference,
                status=state.shown,
                reason=reason,
                at=tx.legal_now(),
                created_at=now,
                next_attempt_at=now,
            )
            for hook in tx.webhooks.of_project(message.project)
        ]
    )
