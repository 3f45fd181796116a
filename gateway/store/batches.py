"""Batches: lines that were accepted for later, and what became of each.

Stage: identified as sealed bytes only, which are destroyed when a line is settled or cancelled; pseudonymous otherwise.
Cost: by (shard, batch) or (shard, batch, number); what waits has an index of its own. Times are real time, but for
`communicated_at`. A line is settled in the transaction of its effect, and once: its row is its idempotency key.
Shape: whoever settles, cancels or ends locks the batch's row first, so that nobody waits for anybody else's lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, case, delete, insert, null, select, text, update

from gateway.domain.batches import LineOutcome, Mode, State
from gateway.store.batch_tables import batch, batch_line
from gateway.store.prepared import Prepared
from gateway.store.waits import NEVER, is_due

_HAS_WORK = text("batch.state IN ('queued', 'running', 'cancelling')")  # as the index says it, or it would not be used
_HAS_NOT_ENDED = batch.c.state.in_((State.QUEUED.value, State.RUNNING.value))
_ARRIVES = batch.c.state == State.ARRIVING.value
_WAS_ACCEPTED = text("batch_line.outcome = 'accepted'")
_DUE = (_HAS_WORK, is_due(batch))
_NEXT = select(batch.c.shard, batch.c.id).where(*_DUE).order_by(batch.c.next_attempt_at).limit(1)
_ONE = (batch.c.shard == bindparam("b_shard"), batch.c.id == bindparam("b_id"))
_FIND = select(batch).where(*_ONE, ~_ARRIVES)
_LOCK = select(batch).where(*_ONE, _HAS_NOT_ENDED).with_for_update()
_CLAIM = (
    update(batch)
    .where(*_ONE, *_DUE)
    .values(
        state=case((batch.c.state == State.QUEUED.value, State.RUNNING.value), else_=batch.c.state),
        leased_until=bindparam("until"),
    )
    .returning(batch)
)
_REST = update(batch).where(*_ONE).values(leased_until=None, next_attempt_at=bindparam("b_next"))
_END = (
    update(batch)
    .where(*_ONE, _HAS_WORK)
    .values(state=bindparam("b_state"), sealed_caller=None, leased_until=None, ended_at=bindparam("b_at"))
)
_CANCEL = (
    update(batch)
    .where(*_ONE, _HAS_NOT_ENDED)
    .values(state=State.CANCELLING.value, sealed_caller=None, leased_until=None, next_attempt_at=bindparam("b_at"))
)
_ARRIVED_ON = update(batch).where(*_ONE, _ARRIVES).values(next_attempt_at=bindparam("b_at"))
_ENTER = (
    update(batch)
    .where(*_ONE, _ARRIVES)
    .values(
        {
            name: bindparam(f"b_{name}")
            for name in (
                *("state", "encoding", "delimiter", "lines", "refused"),
                *("created_at", "communicated_at", "next_attempt_at"),
            )
        }
    )
)
_COUNTED = ("accepted", "duplicate", "refused", "not_done")
_COUNT = update(batch).where(*_ONE).values({name: batch.c[name] + bindparam(f"b_{name}") for name in _COUNTED})
_LEFT_BEHIND = select(batch.c.shard, batch.c.id).where(
    text("batch.state = 'arriving'"), batch.c.next_attempt_at < bindparam("before")
)
_OLD = select(batch.c.shard, batch.c.id).where(
    text("batch.ended_at IS NOT NULL"), batch.c.ended_at < bindparam("before")
)
_FORGET = delete(batch).where(*_ONE)
_OF = (batch_line.c.shard == bindparam("b_shard"), batch_line.c.batch == bindparam("b_id"))
_WAITS = batch_line.c.outcome.is_(None)
_WAITING = (
    select(batch_line.c.number, batch_line.c.sealed_line)
    .where(*_OF, _WAITS, batch_line.c.number > bindparam("b_after"))
    .order_by(batch_line.c.number)
    .limit(bindparam("limit"))
)
_SETTLE = Prepared(
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
_CLOSE = (
    update(batch_line)
    .where(*_OF, _WAITS, batch_line.c.number <= bindparam("b_until"))
    .values(outcome=bindparam("b_outcome"), sealed_line=null())
)
_SETTLED = (
    select(batch_line)
    .where(*_OF, ~_WAITS, batch_line.c.number > bindparam("b_after"))
    .order_by(batch_line.c.number)
    .limit(bindparam("limit"))
)
_FORGET_LINES = delete(batch_line).where(
    *_OF, batch_line.c.number > bindparam("b_after"), batch_line.c.number <= bindparam("b_until")
)
_FORGET_OTHERS = _FORGET_LINES.where(batch_line.c.outcome.is_distinct_from(LineOutcome.ACCEPTED.value))
_EARLIER = Prepared(
    select(batch_line.c.object, batch_line.c.ref).where(
        batch_line.c.fingerprint == bindparam("b_fingerprint"), _WAS_ACCEPTED
    )
)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: whose it is, in which form it came, and how far it is.

    Shape: `counts` holds the lines that have their outcome; `sealed_caller` is None once it has ended;
    `communicated_at` is the legal instant at which it was accepted.
    """

    shard: int
    id: UUID
    state: State
    role: str
    organisation: str
    person: str
    sealed_caller: bytes | None
    media_type: str
    mode: Mode
    encoding: str | None
    delimiter: str | None
    lines: int
    created_at: datetime
    communicated_at: datetime | None
    counts: Mapping[LineOutcome, int]

    @property
    def waits(self) -> int:
        """How many lines have no outcome yet."""
        return self.lines - sum(self.counts.values())


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

    def open(self, new: Batch) -> None:
        """Add a batch whose lines arrive; nobody finds it before it is entered."""
        row = {name: getattr(new, name) for name in Batch.__slots__ if name != "counts"}
        self._connection.execute(insert(batch), {**row, "next_attempt_at": new.created_at})

    def stage(
        self, place: tuple[int, UUID], at: datetime, waiting: Sequence[WaitingLine], settled: Sequence[SettledLine]
    ) -> bool:
        """Add lines to a batch that arrives, those refused already among them; False when it was given up."""
        shard, batch_id = place
        if self._connection.execute(_ARRIVED_ON, {"b_shard": shard, "b_id": batch_id, "b_at": at}).rowcount != 1:
            return False
        of = {"shard": shard, "batch": batch_id}
        for rows in (
            [{**of, "number": one.number, "sealed_line": one.sealed_line} for one in waiting],
            [{**of, "number": one.number, "outcome": one.outcome.value, "problem": one.problem} for one in settled],
        ):
            if rows:
                self._connection.execute(insert(batch_line), rows)
        return True

    def enter(self, whole: Batch) -> bool:
        """Queue a batch whose lines are all there; False when it was given up."""
        row = {
            "b_shard": whole.shard,
            "b_id": whole.id,
            "b_state": whole.state.value,
            "b_encoding": whole.encoding,
            "b_delimiter": whole.delimiter,
            "b_lines": whole.lines,
            "b_refused": whole.counts.get(LineOutcome.REFUSED, 0),
            "b_created_at": whole.created_at,
            "b_communicated_at": whole.communicated_at,
            "b_next_attempt_at": whole.created_at,
        }
        return self._connection.execute(_ENTER, row).rowcount == 1

    def find(self, shard: int, batch_id: UUID) -> Batch | None:
        """One batch with its counts, or None."""
        return _batch_of(self._connection.execute(_FIND, {"b_shard": shard, "b_id": batch_id}).one_or_none())

    def due(self, now: datetime, latest: datetime = NEVER) -> tuple[int, UUID] | None:
        """Shard and id of the batch that waits longest and is nobody's, or None; an unlocked look.

        Shape: what waits or is leased beyond `latest` is due as well.
        """
        row = self._connection.execute(_NEXT, {"now": now, "latest": latest}).one_or_none()
        return None if row is None else (row.shard, row.id)

    def claim(
        self, shard: int, batch_id: UUID, now: datetime, until: datetime, latest: datetime = NEVER
    ) -> Batch | None:
        """Lease a due batch until an instant; None when another worker was faster."""
        row = {"b_shard": shard, "b_id": batch_id, "now": now, "until": until, "latest": latest}
        return _batch_of(self._connection.execute(_CLAIM, row).one_or_none())

    def lock(self, shard: int, batch_id: UUID) -> Batch | None:
        """Lock a batch that has not ended until the transaction ends; None when it has."""
        return _batch_of(self._connection.execute(_LOCK, {"b_shard": shard, "b_id": batch_id}).one_or_none())

    def rest(self, shard: int, batch_id: UUID, next_attempt_at: datetime) -> None:
        """Give a lease back; the batch is due again at an instant."""
        self._connection.execute(_REST, {"b_shard": shard, "b_id": batch_id, "b_next": next_attempt_at})

    def end(self, shard: int, batch_id: UUID, state: State, at: datetime) -> None:
        """End a batch that has not ended, and destroy who is behind it."""
        self._connection.execute(_END, {"b_shard": shard, "b_id": batch_id, "b_state": state.value, "b_at": at})

    def cancel(self, shard: int, batch_id: UUID, at: datetime) -> None:
        """Let nothing more be done of a batch that has not ended; its lines are closed afterwards."""
        self._connection.execute(_CANCEL, {"b_shard": shard, "b_id": batch_id, "b_at": at})

    def waiting(self, shard: int, batch_id: UUID, limit: int, after: int = 0) -> list[WaitingLine]:
        """The first lines that wait behind a number, in order."""
        row = {"b_shard": shard, "b_id": batch_id, "b_after": after, "limit": limit}
        return [WaitingLine(one.number, bytes(one.sealed_line)) for one in self._connection.execute(_WAITING, row)]

    def settle(self, shard: int, batch_id: UUID, line: SettledLine) -> None:
        """Say what became of a line that waits, of a locked batch, and destroy its bytes."""
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
        _SETTLE.tell(self._connection, row)

    def count(self, shard: int, batch_id: UUID, outcomes: Counter[LineOutcome]) -> None:
        """Add to the counts of a batch what was settled in this transaction."""
        added = {f"b_{name}": outcomes[LineOutcome(name.replace("_", "-"))] for name in _COUNTED}
        self._connection.execute(_COUNT, {"b_shard": shard, "b_id": batch_id, **added})

    def close_lines(self, shard: int, batch_id: UUID, outcome: LineOutcome, limit: int) -> int:
        """Give lines that wait an outcome without an effect, and destroy their bytes; how many they were."""
        waiting = self.waiting(shard, batch_id, limit)
        if waiting:
            row = {"b_shard": shard, "b_id": batch_id, "b_outcome": outcome.value, "b_until": waiting[-1].number}
            self._connection.execute(_CLOSE, row)
        return len(waiting)

    def settled(self, shard: int, batch_id: UUID, limit: int, after: int = 0) -> list[SettledLine]:
        """What became of the lines behind a number, in order."""
        rows = self._connection.execute(
            _SETTLED, {"b_shard": shard, "b_id": batch_id, "b_after": after, "limit": limit}
        )
        return [SettledLine(row.number, LineOutcome(row.outcome), row.ref, row.object, row.problem) for row in rows]

    def earlier(self, fingerprint: bytes) -> list[tuple[UUID, str | None]]:
        """What accepted lines of the same content made, and under which `ref`."""
        rows = _EARLIER.ask(self._connection, {"b_fingerprint": fingerprint})
        return [(row.object, row.ref) for row in rows]

    def left_behind(self, before: datetime) -> list[tuple[int, UUID]]:
        """The batches whose lines stopped arriving before an instant: their upload died."""
        return [(row.shard, row.id) for row in self._connection.execute(_LEFT_BEHIND, {"before": before})]

    def old(self, before: datetime) -> list[tuple[int, UUID]]:
        """The batches that ended before an instant."""
        return [(row.shard, row.id) for row in self._connection.execute(_OLD, {"before": before})]

    def arrives(self, shard: int, batch_id: UUID) -> bool:
        """Whether a batch was opened and not entered yet."""
        row = {"b_shard": shard, "b_id": batch_id}
        return self._connection.execute(select(batch.c.id).where(*_ONE, _ARRIVES), row).first() is not None

    def last_number(self, shard: int, batch_id: UUID) -> int:
        """The number of the last line that there is, or 0."""
        last = select(batch_line.c.number).where(*_OF).order_by(batch_line.c.number.desc()).limit(1)
        return int(self._connection.execute(last, {"b_shard": shard, "b_id": batch_id}).scalar() or 0)

    def forget_lines(self, shard: int, batch_id: UUID, after: int, until: int, *, keep_accepted: bool = False) -> None:
        """Remove lines behind one number up to another; those accepted stay, where they are to be known again."""
        statement = _FORGET_OTHERS if keep_accepted else _FORGET_LINES
        self._connection.execute(statement, {"b_shard": shard, "b_id": batch_id, "b_after": after, "b_until": until})

    def forget(self, shard: int, batch_id: UUID) -> None:
        """Remove a batch's own row."""
        self._connection.execute(_FORGET, {"b_shard": shard, "b_id": batch_id})


def _batch_of(row: Row[Any] | None) -> Batch | None:
    if row is None:
        return None
    counts = {LineOutcome(name.replace("_", "-")): getattr(row, name) for name in _COUNTED if getattr(row, name)}
    cancelled = row.lines - sum(counts.values())
    if row.state in (State.CANCELLED, State.CANCELLING) and cancelled:
        counts[LineOutcome.CANCELLED] = cancelled
    named = {name: getattr(row, name) for name in Batch.__slots__ if name not in ("counts", "state", "mode")}
    return Batch(**named, state=State(row.state), mode=Mode(row.mode), counts=counts)
