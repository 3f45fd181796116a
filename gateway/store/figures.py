"""A project's own exact figures: how many there are, what a month's end cost, and what was begun and not communicated.

Stage: pseudonymous; ids, counts and the senders' own `ref` alone leave.
Cost: each by an index of the project: what is counted of a month grows with that month, of states with the project.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select, text, tuple_

from gateway.domain.batches import State
from gateway.store.batch_tables import batch, batch_line
from gateway.store.tables import audit_entry, inclusion, outbox

Place = tuple[datetime, UUID]
Spot = tuple[UUID, int]
"""A batch and the number of a line in it."""
_CURRENT = text("inclusion.superseded_at IS NULL")  # as the indexes say it, or else they would not be used
_INCLUSIONS = (
    select(inclusion.c.status, func.count())
    .where(inclusion.c.project == bindparam("b_project"), _CURRENT)
    .group_by(inclusion.c.status)
)
_MESSAGES = (
    select(outbox.c.state, func.count()).where(outbox.c.project == bindparam("b_project")).group_by(outbox.c.state)
)
_LATE = (
    inclusion.c.project == bindparam("b_project"),
    _CURRENT,
    inclusion.c.status.in_(("open", "exited")),
    inclusion.c.communicated_at >= bindparam("b_from"),
    inclusion.c.communicated_at < bindparam("b_until"),
    inclusion.c.agreed_on < bindparam("b_day"),
)
_LATE_COUNTS = select(inclusion.c.agreed_on, func.count()).where(*_LATE).group_by(inclusion.c.agreed_on)
_LATE_LIST = (
    select(inclusion.c.id, inclusion.c.agreed_on, inclusion.c.communicated_at, inclusion.c.valid_from)
    .where(*_LATE)
    .order_by(inclusion.c.communicated_at, inclusion.c.id)
    .limit(bindparam("limit"))
)
_TOLD = exists().where(
    inclusion.c.bucket == audit_entry.c.bucket,
    inclusion.c.project == audit_entry.c.project,
    _CURRENT,
    inclusion.c.message_id > audit_entry.c.id,  # both ordered in time
)
_SETTLED = ("already-included", "already-exited", "already-annulled", "already-rejected")
_ATTEMPTS = (
    select(audit_entry.c.verb, audit_entry.c.outcome, func.count())
    .where(
        audit_entry.c.project == bindparam("b_project"),
        audit_entry.c.at >= bindparam("b_since"),
        text("audit_entry.verb IN ('register_inclusion', 'register_exit')"),
        text("audit_entry.outcome NOT IN ('done', 'replayed')"),
        audit_entry.c.outcome.not_in(_SETTLED),
        or_(audit_entry.c.role != "project_admin", audit_entry.c.request_id.not_like("%/%")),
        ~_TOLD,
    )
    .group_by(audit_entry.c.verb, audit_entry.c.outcome)
)
_OF_ITS_BATCH = and_(batch.c.shard == batch_line.c.shard, batch.c.id == batch_line.c.batch)
_OWN = (batch.c.organisation == bindparam("b_project"), batch.c.role == "project_admin")
_OF_AN_ACTION = func.coalesce(batch_line.c.problem["rule"].as_string(), "").like("P%")
_WAS_REFUSED = (
    *_OWN,
    batch.c.communicated_at >= bindparam("b_from"),
    text("(batch.refused > 0 OR batch.not_done > 0)"),
    text("batch_line.outcome IN ('refused', 'not-done')"),
    ~_OF_AN_ACTION,
)
_REFUSED = (
    select(batch_line.c.batch, batch_line.c.number, batch_line.c.ref, batch_line.c.outcome, batch_line.c.problem)
    .join(batch, _OF_ITS_BATCH)
    .where(*_WAS_REFUSED)
    .order_by(batch_line.c.batch, batch_line.c.number)
    .limit(bindparam("limit"))
)
_LINES_AT_ONCE = 1_000
_CAME_AGAIN = (
    select(batch_line.c.ref, batch.c.id)
    .join(batch, _OF_ITS_BATCH)
    .where(
        text("batch_line.ref IS NOT NULL AND batch_line.outcome IN ('accepted', 'duplicate')"),  # as the index says it
        batch_line.c.ref.in_(bindparam("refs", expanding=True)),
        *_OWN,
    )
)
_ARRIVING_COUNT = (
    select(func.count())
    .select_from(batch_line)
    .join(batch, _OF_ITS_BATCH)
    .where(*_OWN, batch.c.state == State.ARRIVING.value)
)


@dataclass(frozen=True, slots=True)
class LateInclusion:
    """An inclusion that was communicated after the month of its agreement."""

    id: UUID
    agreed_on: date
    communicated_at: datetime
    valid_from: date


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line of a batch that was refused and did not come again; `problem` is one in its stored form."""

    batch: UUID
    number: int
    ref: str | None
    problem: Mapping[str, Any] | None


class Figures:
    """A project's figures inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def inclusions(self, project: str) -> dict[str, int]:
        """How many inclusions there are, by status."""
        return _counts(self._connection.execute(_INCLUSIONS, {"b_project": project}))

    def messages(self, project: str) -> dict[str, int]:
        """How many messages there are, by state."""
        return _counts(self._connection.execute(_MESSAGES, {"b_project": project}))

    def late_counts(self, project: str, span: tuple[datetime, datetime], before: date) -> dict[date, int]:
        """How many inclusions of a stretch of time were agreed before a day, by the day of the agreement."""
        row = {"b_project": project, "b_from": span[0], "b_until": span[1], "b_day": before}
        return _counts(self._connection.execute(_LATE_COUNTS, row))

    def late(
        self, project: str, span: tuple[datetime, datetime], before: date, after: Place | None, limit: int
    ) -> Sequence[LateInclusion]:
        """Those inclusions, in order of communication, behind one of them."""
        row = {"b_project": project, "b_from": span[0], "b_until": span[1], "b_day": before, "limit": limit}
        query = _LATE_LIST
        if after is not None:
            query = query.where(tuple_(inclusion.c.communicated_at, inclusion.c.id) > after)
        return [LateInclusion(*found) for found in self._connection.execute(query, row)]

    def attempts(self, project: str, since: datetime) -> list[tuple[str, str, int]]:
        """Inclusions and exits that were refused or only tried, by verb and outcome, since an instant of real time.

        Shape: those after which nothing was communicated about anybody in the same bucket, so never too many. Lines of
        the administrative responsible's own batches are not among them.
        """
        found = self._connection.execute(_ATTEMPTS, {"b_project": project, "b_since": since})
        return sorted((verb, outcome, count) for verb, outcome, count in found)

    def refused_lines(self, project: str, since: datetime, after: Spot | None, limit: int) -> Sequence[RefusedLine]:
        """Lines of the administrative responsible's batches since a legal instant that were refused.

        Shape: in order of batch and number, behind one of them; without those whose `ref` came again and was accepted,
        and those that a rule of actions refused, for which a month's end means nothing.
        """
        lines = islice(self._refused_lines(project, since, after), limit)
        return [RefusedLine(row.batch, row.number, row.ref, row.problem) for row in lines]

    def begun_lines(self, project: str, since: datetime) -> int:
        """How many such lines there are, with those of the uploads that still arrive."""
        arriving: int = self._connection.execute(_ARRIVING_COUNT, {"b_project": project}).scalar_one()
        return arriving + sum(1 for _ in self._refused_lines(project, since, None))

    def _refused_lines(self, project: str, since: datetime, after: Spot | None) -> Iterator[Any]:
        """A page at a time, and then which of its refs went through: their batches may be anywhere."""
        asked = {"b_project": project, "b_from": since, "limit": _LINES_AT_ONCE}
        while True:
            query = _REFUSED
            if after is not None:
                query = query.where(tuple_(batch_line.c.batch, batch_line.c.number) > after)
            page = self._connection.execute(query, asked).all()
            through = self._latest_through(project, {row.ref for row in page if row.ref is not None})
            yield from (row for row in page if row.ref not in through or through[row.ref] <= row.batch)
            if len(page) < _LINES_AT_ONCE:
                return
            after = page[-1].batch, page[-1].number

    def _latest_through(self, project: str, refs: Collection[str]) -> Mapping[str, UUID]:
        """Of the refs that were accepted: in which batch last."""
        if not refs:
            return {}
        found = self._connection.execute(_CAME_AGAIN, {"b_project": project, "refs": list(refs)})
        return dict(sorted((row.ref, row.id) for row in found))  # the newest id of a ref comes last, and stays


def _counts(rows: Iterable[Any]) -> dict[Any, int]:
    return {row[0]: row[1] for row in rows}
