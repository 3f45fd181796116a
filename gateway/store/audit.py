"""The audit: who did or saw what, when, and how it ended.

Stage: pseudonymous; a person is a keyed hash. Times are real time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, insert

from gateway.store.tables import audit_entry

_ADD = insert(audit_entry)


@dataclass(frozen=True)
class Entry:
    """One line of the audit.

    Shape: `outcome` is `done`, `validated` or the code of a refusal; `bucket` 0 where no person is concerned.
    """

    id: UUID
    bucket: int
    at: datetime
    role: str
    organisation: str
    person: str
    verb: str
    outcome: str
    request_id: str
    project: str | None = None
    object: UUID | None = None


class Audit:
    """The audit inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, entry: Entry) -> None:
        """Append one entry."""
        self._connection.execute(_ADD, vars(entry))
