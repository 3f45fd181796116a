"""Webhooks and their events: written with the change that they tell of, and listed for a while after they ended.

Stage: pseudonymous. `at` is a legal instant, the other times are real.
Cost: what is due has an index of its own; a page of events is read from (webhook, id).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, and_, bindparam, delete, exists, insert, or_, select, text, update

from gateway.store.prepared import Prepared
from gateway.store.schema import Removal
from gateway.store.waits import NEVER, is_due
from gateway.store.webhook_tables import webhook, webhook_event

_earlier = webhook_event.alias("earlier")
_WAITS = text("webhook_event.state = 'waiting'")  # as the index says it, or else it would not be used
_OF_PROJECT = Prepared(
    select(webhook)
    .where(webhook.c.project == bindparam("b_project"), webhook.c.removed_at.is_(None))
    .order_by(webhook.c.id)
)
_FIRST_OF_ITS_DELIVERY = ~exists().where(
    _earlier.c.bucket == webhook_event.c.bucket,
    _earlier.c.message == webhook_event.c.message,
    _earlier.c.webhook == webhook_event.c.webhook,
    text("earlier.state = 'waiting'"),
    or_(
        _earlier.c.created_at < webhook_event.c.created_at,
        and_(_earlier.c.created_at == webhook_event.c.created_at, _earlier.c.id < webhook_event.c.id),
    ),
)
_IS_DUE = (_WAITS, is_due(webhook_event))
_DUE = (
    select(webhook_event.c.bucket, webhook_event.c.id)
    .where(*_IS_DUE, _FIRST_OF_ITS_DELIVERY, webhook_event.c.webhook.not_in(bindparam("resting", expanding=True)))
    .order_by(webhook_event.c.next_attempt_at)
    .limit(bindparam("limit"))
)
_ONE = (webhook_event.c.bucket == bindparam("b_bucket"), webhook_event.c.id == bindparam("b_id"))
_CLAIM = (
    update(webhook_event)
    .where(*_ONE, *_IS_DUE)
    .values(leased_until=bindparam("until"), attempts=webhook_event.c.attempts + 1)
    .returning(webhook_event)
)
_STEP = (
    update(webhook_event)
    .where(*_ONE, _WAITS, webhook_event.c.attempts == bindparam("b_attempts"))
    .values(
        state=bindparam("b_state"),
        next_attempt_at=bindparam("b_next"),
        failure=bindparam("b_failure"),
        ended_at=bindparam("b_ended"),
        leased_until=None,
    )
)
_EVENTS = (
    select(webhook_event)
    .where(webhook_event.c.webhook == bindparam("b_webhook"), webhook_event.c.id > bindparam("b_after"))
    .order_by(webhook_event.c.id)
    .limit(bindparam("limit"))
)
_PURGE_EVENTS = Removal(
    webhook_event,
    text("webhook_event.ended_at IS NOT NULL"),  # as the index says it, or else it would not be used
    webhook_event.c.ended_at < bindparam("before"),
)
_REMOVED = select(webhook.c.id).where(webhook.c.removed_at < bindparam("before")).limit(bindparam("limit"))
_ANY_EVENT = select(webhook_event.c.id).where(webhook_event.c.webhook == bindparam("b_id")).limit(1)
_PURGE = delete(webhook).where(webhook.c.id == bindparam("b_id"))


class EventState(StrEnum):
    """Where an event stands; it is given up when it was tried for thirty days, or its webhook is removed."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a project wants to be told."""

    id: UUID
    project: str
    url: str
    sealed_secret: bytes | None
    created_at: datetime
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a delivery, for one webhook."""

    bucket: int
    id: UUID
    webhook: UUID
    project: str
    message: UUID
    kind: str
    reference: UUID
    status: str
    reason: str | None
    at: datetime
    created_at: datetime
    next_attempt_at: datetime
    state: EventState = EventState.WAITING
    attempts: int = 0
    leased_until: datetime | None = None
    ended_at: datetime | None = None
    failure: str | None = None


class Webhooks:
    """The webhooks inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, list[Webhook]] = {}

    def add(self, new: Webhook) -> None:
        """Add a webhook."""
        self._connection.execute(insert(webhook), {name: getattr(new, name) for name in Webhook.__slots__})

    def of_project(self, project: str) -> list[Webhook]:
        """A project's webhooks, the oldest first; asked of the database once a transaction."""
        if project not in self._known:
            found = _OF_PROJECT.ask(self._connection, {"b_project": project})
            self._known[project] = [Webhook(**row._mapping) for row in found]
        return self._known[project]

    def find(self, webhook_id: UUID) -> Webhook | None:
        """One webhook that is not removed, or None."""
        row = self._connection.execute(
            select(webhook).where(webhook.c.id == webhook_id, webhook.c.removed_at.is_(None))
        ).one_or_none()
        return None if row is None else Webhook(**row._mapping)

    def remove(self, webhook_id: UUID, now: datetime) -> None:
        """Remove a webhook: its secret is destroyed, and what waits for it is given up."""
        self._connection.execute(
            update(webhook).where(webhook.c.id == webhook_id).values(removed_at=now, sealed_secret=None)
        )
        self._connection.execute(
            update(webhook_event)
            .where(webhook_event.c.webhook == webhook_id, _WAITS)
            .values(state=EventState.GIVEN_UP.value, ended_at=now, leased_until=None)
        )

    def tell(self, events: Sequence[Event]) -> None:
        """Add events, with the change that they tell of."""
        if events:
            rows = [{name: getattr(one, name) for name in Event.__slots__} for one in events]
            self._connection.execute(insert(webhook_event), rows)

    def due(
        self, now: datetime, resting: Sequence[UUID], limit: int, latest: datetime = NEVER
    ) -> list[tuple[int, UUID]]:
        """Bucket and id of due events of webhooks that do not rest, the longest due first; an unlocked look.

        Shape: of each delivery the earliest event that waits; what waits or is leased beyond `latest` is due as well.
        """
        asked = {"now": now, "latest": latest, "resting": resting, "limit": limit}
        found = self._connection.execute(_DUE, asked)
        return [(row.bucket, row.id) for row in found]

    def claim(
        self, bucket: int, event_id: UUID, now: datetime, until: datetime, latest: datetime = NEVER
    ) -> Event | None:
        """Lease a due event until an instant; None when another worker was faster."""
        row = self._connection.execute(
            _CLAIM, {"b_bucket": bucket, "b_id": event_id, "now": now, "until": until, "latest": latest}
        ).one_or_none()
        return None if row is None else _event_of(row)

    def settle(self, event: Event, state: EventState, now: datetime, next_at: datetime, failure: str | None) -> None:
        """Record what became of a claimed event; nothing where another worker took over."""
        self._connection.execute(
            _STEP,
            {
                "b_bucket": event.bucket,
                "b_id": event.id,
                "b_attempts": event.attempts,
                "b_state": state.value,
                "b_next": next_at,
                "b_failure": failure,
                "b_ended": None if state is EventState.WAITING else now,
            },
        )

    def purge_events(self, before: datetime, limit: int) -> int:
        """Remove some events that ended before an instant; how many."""
        return _PURGE_EVENTS.some(self._connection, limit, {"before": before})

    def purge(self, before: datetime, limit: int) -> int:
        """Remove some webhooks that were removed before an instant and have no event left; how many."""
        removed = self._connection.execute(_REMOVED, {"before": before, "limit": limit}).scalars().all()
        gone = [row for one in removed if self._connection.execute(_ANY_EVENT, row := {"b_id": one}).first() is None]
        return self._connection.execute(_PURGE, gone).rowcount if gone else 0

    def events(self, webhook_id: UUID, after: UUID | None, limit: int) -> list[Event]:
        """A webhook's events in order of id, after one of them."""
        asked = {"b_webhook": webhook_id, "b_after": after or UUID(int=0), "limit": limit}
        return [_event_of(row) for row in self._connection.execute(_EVENTS, asked)]


def _event_of(row: Row[Any]) -> Event:
    return Event(**{**row._mapping, "state": EventState(row.state)})
