"""Failures: when a message was refused for good, or was lost, and when a person had it sent again.

Stage: pseudonymous. Times are legal instants, as they say what was known when.
Cost: by (bucket, message).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, insert, update

from gateway.domain.delivery import Message
from gateway.store.prepared import Prepared
from gateway.store.tables import delivery_failure

LOST = "lost-there"
_ADD = insert(delivery_failure)
_RESENT = Prepared(
    lambda insert: (added := insert(delivery_failure)).on_conflict_do_update(
        index_elements=["bucket", "message", "attempt"],
        set_={name: added.excluded[name] for name in ("failed_at", "reason", "retried_at", "retry_reason")},
    )
)
_RETRIED = (
    update(delivery_failure)
    .where(
        delivery_failure.c.bucket == bindparam("b_bucket"),
        delivery_failure.c.message == bindparam("b_message"),
        delivery_failure.c.retried_at.is_(None),
    )
    .values(retried_at=bindparam("b_at"), retry_reason=bindparam("b_reason"))
)


class Failures:
    """The failures inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, message: Message, reason: str, at: datetime) -> None:
        """Remember that an attempt of a message was its last."""
        row = {"bucket": message.bucket, "message": message.id, "attempt": message.attempts}
        self._connection.execute(_ADD, {**row, "failed_at": at, "reason": reason})

    def resent(self, message: Message, reason: str, at: datetime) -> None:
        """Remember that a person had a message sent again that MyCareNet had taken, and why."""
        row = {"bucket": message.bucket, "message": message.id, "attempt": message.attempts}
        told = {"failed_at": at, "reason": LOST, "retried_at": at, "retry_reason": reason}
        _RESENT.tell(self._connection, {**row, **told})

    def retried(self, bucket: int, message: UUID, reason: str, at: datetime) -> None:
        """Remember that a person had a failed message tried again, and why."""
        self._connection.execute(_RETRIED, {"b_bucket": bucket, "b_message": message, "b_at": at, "b_reason": reason})
