"""The audit: who did or saw what, when, and how it ended.

Stage: pseudonymous; who asked is a keyed hash. Times are real time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text

from gateway.domain.audit import Entry
from gateway.store.tables import audit_entry

_ADD = insert(audit_entry)
_UNCHAINED = select(func.count(), func.min(audit_entry.c.at)).where(text("position IS NULL"))


@dataclass(frozen=True, slots=True)
class Unchained:
    """How many entries are not chained yet, and when the oldest of them was written."""

    count: int
    oldest_at: datetime | None


class Audit:
    """The audit inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, entry: Entry) -> None:
        """Append one entry."""
        self._connection.execute(_ADD, vars(entry))

    def unchained(self) -> Unchained:
        """What waits for its place in a chain."""
        return Unchained(*self._connection.execute(_UNCHAINED).one())
