"""Batches: lines that were accepted for later, and what became of each.

Stage: identified as sealed bytes only, which are destroyed when a line is settled or cancelled; pseudonymous otherwise.
Cost: by (shard, batch) or (shard, batch, number); what waits has an index of its own. Times are real time.
A line is settled in the transaction of its effect, and once: its row is its idempotency key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, func, insert, null, or_, select, text, update

from gateway.domain.batches import LineOutcome, State
from gateway.store.tables import batch, batch_line

_HAS_NOT_ENDED = text("batch.state IN ('queued', 'running')")  # as the index says it, or else it would not be used
_WAS_ACCEPTED = text("batch_line.outcome = 'accepted'")
_DUE = (
    _HAS_NOT_ENDED,
    batch.c.next_attempt_at <= bindparam("now"),
    or_(batch.c.leased_until.is_(None), batch.c.leased_until <= bindparam("now")),
)
_NEXT = select(batch.c.shard, batch.c.id).where(*_DUE).order_by(batch.c.next_attempt_at).limit(1)
_ONE = (batch.c.shard == bindparam("b_shard"), batch.c.id == bindparam("b_id"))
_FIND = select(batch).where(*_ONE)
_CLAIM = (
    update(batch)
    .where(*_ONE, *_DUE)
    .values(state=State.RUNNING.value, leased_until=bindparam("until"))
    .returning(batch)
)
_REST = update(batch).where(*_ONE).values(leased_until=None, next_attempt_at=bindparam("b_next"))
_END = (
    update(batch).where(*_ONE, _HAS_NOT_ENDED).values(state=bindparam("b_state"), sealed_caller=None, leased_until=None)
)
_OF = (batch_line.c.shard == bindparam("b_shard"), batch_line.c.batch == bindparam("b_id"))
_WAITS = batch_line.c.outcome.is_(None)
_WAITING = (
    select(batch_line.c.number, batch_line.c.sealed_line)
    .where(*_OF, _WAITS)
    .order_by(batch_line.c.number)
    .limit(bindparam("limit"))
)
_SETTLE = (
    update(batch_line)
    .where(*_OF, batch_line.c.number == bindparam("b_number"), _WAITS)
    .values(
        outcome=bindparam("b_outcome"),
        ref=bindparam("b_ref"),
        object=bindparam("b_object"),
        problem=bindparam("b_problem"),
        fingerprint=bindparam("b_fingerprint"),
        sealed_line=null(),
    )
)
_CANCEL = update(batch_line).where(*_OF, _WAITS).values(outcome=LineOutcome.CANCELLED.value, sealed_line=null())
_COUNTS = select(batch_line.c.outcome, func.count()).where(*_OF, ~_WAITS).group_by(batch_line.c.outcome)
_SETTLED = select(batch_line).where(*_OF, ~_WAITS).order_by(batch_line.c.number)
_EARLIER = select(batch_line.c.object, batch_line.c.ref).where(
    batch_line.c.fingerprint == bindparam("b_fingerprint"), _WAS_ACCEPTED
)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: whose it is, in which form it came, and how far it is.

    Shape: `counts` holds the settled lines by outcome; `sealed_caller` is None once it has ended.
    """

    shard: int
    id: UUID
    state: State
    role: str
    organisation: str
    person: str
    sealed_caller: bytes | None
    media_type: str
    delimiter: str | None
    lines: int
    created_at: datetime
    counts: Mapping[LineOutcome, int]


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """A line that waits, by its number from 1."""

    number: int
    sealed_line: bytes


@dataclass(frozen=True, slots=True)
class SettledLine:
    """What became of a line.

    Shape: `object` is what was made, or for a duplicate what was there; `problem` is one in its stored form.
    """

    number: int
    outcome: LineOutcome
    ref: str | None = None
    object: UUID | None = None
    problem: Mapping[str, Any] | None = None
    fingerprint: bytes | None = None


class Batches:
    """The batches inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Batch, waiting: Sequence[WaitingLine], settled: Sequence[SettledLine]) -> None:
        """Add a batch with its lines, those refused already among them."""
        row = {name: getattr(new, name) for name in Batch.__slots__ if name != "counts"}
        self._connection.execute(insert(batch), {**row, "next_attempt_at": new.created_at})
        place = {"shard": new.shard, "batch": new.id}
        for rows in (
            [{**place, "number": one.number, "sealed_line": one.sealed_line} for one in waiting],
            [{**place, "number": one.number, "outcome": one.outcome.value, "problem": one.problem} for one in settled],
        ):
            if rows:
                self._connection.execute(insert(batch_line), rows)

    def find(self, shard: int, batch_id: UUID) -> Batch | None:
        """One batch with its counts, or None."""
        row = self._connection.execute(_FIND, {"b_shard": shard, "b_id": batch_id}).one_or_none()
        return None if row is None else self._batch_of(row)

    def due(self, now: datetime) -> tuple[int, UUID] | None:
        """Shard and id of the batch that waits longest and is nobody's, or None; an unlocked look."""
        row = self._connection.execute(_NEXT, {"now": now}).one_or_none()
        return None if row is None else (row.shard, row.id)

    def claim(self, shard: int, batch_id: UUID, now: datetime, until: datetime) -> Batch | None:
        """Lease a due batch until an instant; None when another worker was faster."""
        row = self._connection.execute(
            _CLAIM, {"b_shard": shard, "b_id": batch_id, "now": now, "until": until}
        ).one_or_none()
        return None if row is None else self._batch_of(row)

    def rest(self, shard: int, batch_id: UUID, next_attempt_at: datetime) -> None:
        """Give a lease back; the batch is due again at an instant."""
        self._connection.execute(_REST, {"b_shard": shard, "b_id": batch_id, "b_next": next_attempt_at})

    def end(self, shard: int, batch_id: UUID, state: State) -> None:
        """End a batch that has not ended, and destroy who is behind it."""
        self._connection.execute(_END, {"b_shard": shard, "b_id": batch_id, "b_state": state.value})

    def waiting(self, shard: int, batch_id: UUID, limit: int) -> list[WaitingLine]:
        """The first lines that wait, in order."""
        rows = self._connection.execute(_WAITING, {"b_shard": shard, "b_id": batch_id, "limit": limit})
        return [WaitingLine(row.number, bytes(row.sealed_line)) for row in rows]

    def settle(self, shard: int, batch_id: UUID, line: SettledLine) -> bool:
        """Say what became of a waiting line and destroy its bytes; False when it waits no more."""
        row = {
            "b_shard": shard,
            "b_id": batch_id,
            "b_number": line.number,
            "b_outcome": line.outcome.value,
            "b_ref": line.ref,
            "b_object": line.object,
            "b_problem": line.problem,
            "b_fingerprint": line.fingerprint,
        }
        return self._connection.execute(_SETTLE, row).rowcount == 1

    def cancel_lines(self, shard: int, batch_id: UUID) -> None:
        """Cancel the lines that wait, and destroy their bytes; a line that is being settled just now is done first."""
        self._connection.execute(_CANCEL, {"b_shard": shard, "b_id": batch_id})

    def settled(self, shard: int, batch_id: UUID) -> list[SettledLine]:
        """What became of the lines so far, in order."""
        rows = self._connection.execute(_SETTLED, {"b_shard": shard, "b_id": batch_id})
        return [SettledLine(row.number, LineOutcome(row.outcome), row.ref, row.object, row.problem) for row in rows]

    def earlier(self, fingerprint: bytes) -> list[tuple[UUID, str | None]]:
        """What accepted lines of the same content made, and under which `ref`."""
        rows = self._connection.execute(_EARLIER, {"b_fingerprint": fingerprint})
        return [(row.object, row.ref) for row in rows]

    def _batch_of(self, row: Row[Any]) -> Batch:
        found = self._connection.execute(_COUNTS, {"b_shard": row.shard, "b_id": row.id})
        counts = {LineOutcome(outcome): count for outcome, count in found}
        named = {name: getattr(row, name) for name in Batch.__slots__ if name not in ("counts", "state")}
        return Batch(**named, state=State(row.state), counts=counts)
