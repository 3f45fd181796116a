"""Two of the three sides of a reconciliation: what the register asks to be known, and what the outbox holds of it.

Stage: pseudonymous; ids alone leave.
Cost: by (project, asked_at), a page at a time; each message by its key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, Table, and_, bindparam, select, text, tuple_

from gateway.domain.delivery import State
from gateway.domain.reconciliation import Asked, Sent
from gateway.store.tables import action, inclusion, outbox

Place = tuple[datetime, UUID]
"""Where a page ends: when it was asked, and under which message id."""
FACTS = (inclusion, action)
_SENT = (
    outbox.c.id,
    outbox.c.reference,
    outbox.c.kind,
    outbox.c.state,
    outbox.c.created_at,
    outbox.c.contradiction,
)
_FIND = select(*_SENT).where(outbox.c.bucket == bindparam("b_bucket"), outbox.c.id == bindparam("b_id"))


@dataclass(frozen=True, slots=True)
class Pair:
    """What a fact asks, its message where it was first put, and when it asked."""

    asked: Asked
    sent: Sent | None
    asked_at: datetime


def _asked(table: Table) -> Select[Any]:
    """What a kind of fact asked in a stretch of time."""
    return (
        select(table.c.message_id, table.c.id.label("fact"), table.c.asked_at, *_SENT)
        .outerjoin(outbox, and_(outbox.c.bucket == table.c.bucket, outbox.c.id == table.c.message_id))
        .where(
            table.c.project == bindparam("b_project"),
            text(f"{table.name}.asked_at IS NOT NULL"),  # as the index says it, or else it would not be used
            table.c.asked_at >= bindparam("b_from"),
            table.c.asked_at < bindparam("b_until"),
        )
        .order_by(table.c.asked_at, table.c.message_id)
        .limit(bindparam("limit"))
    )


_ASKED = {table.name: _asked(table) for table in FACTS}


class Sides:
    """The two sides inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def asked(
        self, fact: str, project: str, span: tuple[datetime, datetime], after: Place | None, limit: int
    ) -> Sequence[Pair]:
        """What a project's inclusions, or its actions, asked in a stretch of time, in order, behind a place.

        Shape: `fact` is `inclusion` or `action`; of the span's two instants the first belongs to it.
        """
        first, until = span
        query, row = _ASKED[fact], {"b_project": project, "b_from": first, "b_until": until, "limit": limit}
        if after is not None:
            table = next(one for one in FACTS if one.name == fact)
            query = query.where(tuple_(table.c.asked_at, table.c.message_id) > after)
        return [
            Pair(Asked(one.message_id, one.fact), _sent(one), one.asked_at)
            for one in self._connection.execute(query, row)
        ]

    def sent(self, bucket: int, message_id: UUID) -> Sent | None:
        """A message in the outbox, or None."""
        row = self._connection.execute(_FIND, {"b_bucket": bucket, "b_id": message_id}).one_or_none()
        return None if row is None else _sent(row)


def _sent(row: Any) -> Sent | None:
    if row.id is None:
        return None
    return Sent(row.id, row.reference, row.kind, State(row.state), row.created_at, row.contradiction)
