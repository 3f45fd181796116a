"""Deliveries: the messages of a project as those who follow them see them, page by page.

Stage: pseudonymous, without the pseudonym.
Cost: a page reads no more rows of each state than it holds (index by project, state and id).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from gateway.domain.delivery import State
from gateway.store.tables import outbox

_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far one message is.

    Shape: `output_reference` is MyCareNet's, once it took the message. `answered_at` is a legal instant, the other
    times are real.
    """

    id: UUID
    project: str
    kind: str
    reference: UUID
    state: State
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    reason: str | None = None
    answered_at: datetime | None = None
    output_reference: str | None = None


_PAGE = (
    select(*(outbox.c[name] for name in Delivery.__slots__))
    .where(
        outbox.c.project == bindparam("b_project"),
        outbox.c.state == bindparam("b_state"),
        outbox.c.id > bindparam("b_after"),
    )
    .order_by(outbox.c.id)
    .limit(bindparam("limit"))
)


class Deliveries:
    """The deliveries inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, project: str, states: Iterable[State], after: UUID | None, limit: int) -> list[Delivery]:
        """A project's deliveries in some states, in order of id, after one of them."""
        found: list[Delivery] = []
        for state in states:
            asked = {"b_project": project, "b_state": state.value, "b_after": after or _FIRST, "limit": limit}
            rows = self._connection.execute(_PAGE, asked)
            found += [Delivery(**{**row._mapping, "state": State(row.state)}) for row in rows]
        return sorted(found, key=lambda one: one.id)[:limit]
