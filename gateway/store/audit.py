"""The audit: who did or saw what, when, and how it ended.

Stage: pseudonymous; who asked is a keyed hash. Times are real time.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, text, tuple_

from gateway.domain.audit import Entry
from gateway.store.beneficiaries import Person
from gateway.store.prepared import Prepared
from gateway.store.tables import audit_entry

Place = tuple[datetime, UUID]
"""An entry in the order of a list: by instant, then by id."""
_ADD = Prepared(insert(audit_entry))
_WAITS, _CHAINED = text("audit_entry.position IS NULL"), text("audit_entry.position IS NOT NULL")  # as the indexes say
_UNCHAINED = select(func.count(), func.min(audit_entry.c.at)).where(_WAITS)
_ENTRY = [audit_entry.c[name] for name in Entry.__dataclass_fields__]
_FIND = select(*_ENTRY)
_AT_ONCE = 500
_BY_PLACE = (audit_entry.c.at, audit_entry.c.id)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; None stands for all. Shape: `since` inclusive, `until` exclusive."""

    about: UUID | None = None
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """What an entry has to meet."""
        wanted = (
            (operator.eq, audit_entry.c.object, self.about),
            (operator.eq, audit_entry.c.person, self.person),
            (operator.ge, audit_entry.c.at, self.since),
            (operator.lt, audit_entry.c.at, self.until),
        )
        return [compare(column, value) for compare, column, value in wanted if value is not None]


@dataclass(frozen=True, slots=True)
class KnownEntry:
    """An entry as the register has it; `position` is None until it is chained."""

    entry: Entry
    position: int | None


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
        _ADD.tell(self._connection, vars(entry))

    def unchained(self) -> Unchained:
        """What waits for its place in a chain."""
        return Unchained(*self._connection.execute(_UNCHAINED).one())

    def list(self, chosen: AuditFilter, after: Place | None, limit: int) -> list[KnownEntry]:
        """Entries by instant and id, after one of them; those that wait for a place are among them.

        Cost: an index of those that are chained, by instant, by person or by object; those that wait are all looked at.
        """
        conditions = chosen.conditions()
        if after is not None:
            conditions.append(tuple_(*_BY_PLACE) > after)
        query = select(*_ENTRY, audit_entry.c.position).where(*conditions).order_by(*_BY_PLACE).limit(limit)
        found = {}
        for part in (_WAITS, _CHAINED):  # in this order: what is chained meanwhile is found twice, and never not at all
            for row in self._connection.execute(query.where(part)):
                said = dict(row._mapping)
                found[row.at, row.id] = KnownEntry(position=said.pop("position"), entry=Entry(**said))
        return [found[place] for place in sorted(found)][:limit]

    def about(self, people: Iterable[Person], objects: Iterable[UUID]) -> Sequence[Entry]:
        """Every entry about a person, under any of several pseudonyms, and about any of some objects.

        Cost: all entries of the people's buckets.
        """
        named = [
            and_(audit_entry.c.bucket == bucket, audit_entry.c.project == project, audit_entry.c.pseudonym == pseudonym)
            for bucket, project, pseudonym in people
        ]
        return [*{one.id: one for one in (*self._all(or_(*named)), *self._of_objects(list(objects)))}.values()]

    def of_lists(self, project: str, verbs: Iterable[str], since: datetime) -> Sequence[Entry]:
        """Every time that lists of a project were given, from an instant on."""
        wanted = (audit_entry.c.project == project, audit_entry.c.verb.in_(verbs), audit_entry.c.outcome == "done")
        return self._all(and_(*wanted, audit_entry.c.at >= since))

    def _of_objects(self, objects: Sequence[UUID]) -> Iterator[Entry]:
        for first in range(0, len(objects), _AT_ONCE):
            yield from self._all(audit_entry.c.object.in_(objects[first : first + _AT_ONCE]))

    def _all(self, condition: ColumnElement[bool]) -> Sequence[Entry]:
        rows = [row for part in (_WAITS, _CHAINED) for row in self._connection.execute(_FIND.where(part, condition))]
        return [*{row.id: Entry(**row._mapping) for row in rows}.values()]
