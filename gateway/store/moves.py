"""Moves: where a fact lives since its beneficiary's number changed, when that is not the bucket in its id.

Stage: pseudonymous.
Cost: looked at only when an id is not found where it routes to. A row is never updated to another bucket (SCALE 5):
it is superseded here and added there, so that what was known before stays.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Table, bindparam, delete, insert, select, update

from gateway.domain.delivery import State
from gateway.store.beneficiaries import Person
from gateway.store.persons import of_person, parts_of_person
from gateway.store.prepared import Prepared
from gateway.store.tables import action, inclusion, moved, outbox

_SETTLED = (State.ACCEPTED.value, State.REJECTED.value)
_FIND = Prepared(
    select(moved.c.new_bucket).where(moved.c.bucket == bindparam("b_bucket"), moved.c.id == bindparam("b_id"))
)


def _note(insert: Any) -> Any:
    """Insert a row, or change where the one of the same id points."""
    statement = insert(moved)
    return statement.on_conflict_do_update(
        index_elements=["bucket", "id"], set_={"new_bucket": statement.excluded.new_bucket}
    )


_NOTE = Prepared(_note)


class Moves:
    """The moves inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, bucket: int, moved_id: UUID) -> int | None:
        """The bucket where something lives that its id routes elsewhere, or None."""
        found = _FIND.ask(self._connection, {"b_bucket": bucket, "b_id": moved_id})
        return next((int(row.new_bucket) for row in found), None)

    def note(self, bucket: int, moved_id: UUID, new_bucket: int) -> None:
        """Remember where something lives now."""
        row = {"bucket": bucket, "id": moved_id, "new_bucket": new_bucket}
        _NOTE.tell(self._connection, row)

    def facts_of(self, person: Person) -> list[UUID]:
        """The ids of the inclusions and actions that are a person's now."""
        found: list[UUID] = []
        for table in (inclusion, action):
            for theirs in parts_of_person(table, person):
                current = select(table.c.id).where(*theirs, table.c.superseded_at.is_(None))
                found += self._connection.execute(current).scalars()
        return found

    def move_fact(self, fact: UUID, old: Person, new: Person, at: datetime) -> list[UUID]:
        """Move an inclusion with its actions; the ids of all that moved, the inclusion first."""
        ids = self._move(inclusion, inclusion.c.id == fact, old, new, at)
        return ids + self._move(action, action.c.inclusion == fact, old, new, at)

    def _move(self, table: Table, which: ColumnElement[bool], old: Person, new: Person, at: datetime) -> list[UUID]:
        current = [(*part, which, table.c.superseded_at.is_(None)) for part in parts_of_person(table, old)]
        changed = {
            **{"bucket": new[0], "pseudonym": new[2], "recorded_at": at},
            **{"superseded_at": None, "asked_at": None},
        }
        added: list[dict[str, Any]] = []
        for part in current:
            rows = self._connection.execute(select(table).where(*part)).mappings().all()
            added += [{**row, **changed, "version": row["version"] + 1} for row in rows]
        for part in current:
            self._connection.execute(update(table).where(*part).values(superseded_at=at))
        if added:
            self._connection.execute(insert(table), added)
        return [row["id"] for row in added]

    def move_messages(
        self, facts: list[UUID], old: Person, new: Person, sealed: bytes, sequence: int
    ) -> tuple[list[UUID], int]:
        """Move the messages about facts to another person, numbered in their order from a sequence number on.

        Shape: their ids, and the one number among theirs that is left free: behind those that may have been sent, for
        they bear the old sealed number until they are answered; behind all, where none of them may have been sent.
        Not: a second claim. The rows are locked before they are looked at.
        """
        theirs = (*of_person(outbox, old), outbox.c.reference.in_(facts))
        found = select(outbox).where(*theirs).order_by(outbox.c.id).with_for_update()
        rows = sorted(self._connection.execute(found), key=lambda row: int(row.sequence))
        self._connection.execute(delete(outbox).where(*theirs))
        tried = [place for place, row in enumerate(rows, 1) if _may_have_been_sent(row)]
        free = tried[-1] if tried else len(rows)
        changed = {"bucket": new[0], "pseudonym": new[2]}
        added = [
            {**row._mapping, **changed, "sequence": sequence + place + (place >= free), **_body(row, old, sealed)}
            for place, row in enumerate(rows)
        ]
        if added:
            self._connection.execute(insert(outbox), added)
        return [row.id for row in rows], sequence + free


def _may_have_been_sent(row: Row[Any]) -> bool:
    """Whether anyone may have sent it: it was claimed, not given back, and its body could be written."""
    return row.attempts > 0 and row.input_reference is not None


def _body(row: Row[Any], old: Person, sealed: bytes) -> dict[str, Any]:
    """What decides the body of a moved message's next try; who holds it now may still be sending it."""
    if not _may_have_been_sent(row):
        return {"input_reference": None, "leased_until": None}
    kept = None if row.state in _SETTLED else row.sealed_tried_ssin or sealed
    return {"tried_pseudonym": row.tried_pseudonym or old[2], "sealed_tried_ssin": kept}
