"""The chains of the audit: which entries have no place yet, where each chain ends, and every entry in its order.

Shape: an entry waits while it has no position, whenever it was committed; nothing rests on the order of ids, because on
PostgreSQL entries commit later than others with a newer id. A chain is added to by one worker at a time.
Stage: pseudonymous.
Cost: to find what waits reads what waits alone (a partial index); to walk a chain reads and sorts all of it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, text, update

from gateway.domain.audit import BUCKETS_OF_A_CHAIN, START, ChainedEntry, Entry, Head, chain_of
from gateway.store.dialects import take_time
from gateway.store.prepared import Prepared
from gateway.store.tables import audit_chain, audit_entry

_ENTRY = [audit_entry.c[name] for name in Entry.__dataclass_fields__]
_WAITS = text("audit_entry.position IS NULL")  # as the index says it, or else it would not be used
_OF_A_CHAIN = audit_entry.c.bucket.between(bindparam("b_first"), bindparam("b_last"))
_WAITING = select(audit_entry.c.bucket).where(_WAITS).distinct()
_NEXT = Prepared(select(*_ENTRY).where(_WAITS, _OF_A_CHAIN).order_by(audit_entry.c.id).limit(bindparam("b_limit")))
_OPEN = Prepared(
    lambda insert: (
        insert(audit_chain)
        .values(bucket=bindparam("b_first"), position=START.position, hash=START.hash)
        .on_conflict_do_nothing()
    )
)
_OF_THE_HEAD = audit_chain.c.bucket == bindparam("b_first")
_TAKE = Prepared(select(audit_chain).where(_OF_THE_HEAD).with_for_update(skip_locked=True))
_PUT = Prepared(
    update(audit_entry)
    .where(audit_entry.c.bucket == bindparam("b_bucket"), audit_entry.c.id == bindparam("b_id"), _WAITS)
    .values(position=bindparam("b_position"), hash=bindparam("b_hash"))
)
_END = Prepared(
    update(audit_chain).where(_OF_THE_HEAD).values(position=bindparam("b_position"), hash=bindparam("b_hash"))
)
_WALK = (
    select(*_ENTRY, audit_entry.c.position, audit_entry.c.hash)
    .where(_OF_A_CHAIN, audit_entry.c.position.is_not(None))
    .order_by(audit_entry.c.position, audit_entry.c.id)
)
_AT_ONCE = 1000


class Chains:
    """The chains inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def waiting(self) -> list[int]:
        """The chains for which entries wait."""
        return sorted({chain_of(bucket) for bucket in self._connection.execute(_WAITING).scalars()})

    def take(self, chain: int) -> Head | None:
        """Where a chain ends, held until the transaction does; None while another worker holds it."""
        place = {"b_first": _first(chain)}
        _OPEN.tell(self._connection, place)
        return next((Head(row.position, row.hash) for row in _TAKE.ask(self._connection, place)), None)

    def next(self, chain: int, limit: int) -> list[Entry]:
        """Entries that wait for a place in a chain, the oldest first."""
        rows = _NEXT.ask(self._connection, {**_range(chain), "b_limit": limit})
        return [Entry(**row._mapping) for row in rows]

    def put(self, chain: int, entries: Sequence[ChainedEntry]) -> None:
        """Give entries, at least one, their places at the end of a chain that was taken."""
        places = [{"b_bucket": one.entry.bucket, "b_id": one.entry.id, **_head(one.head)} for one in entries]
        _PUT.tell_all(self._connection, places)
        _END.tell(self._connection, {"b_first": _first(chain), **_head(entries[-1].head)})

    def heads(self) -> Mapping[int, Head]:
        """Where every chain that has begun ends."""
        rows = self._connection.execute(select(audit_chain))
        return {chain_of(row.bucket): Head(row.position, row.hash) for row in rows}

    def walk(self, chain: int) -> Generator[ChainedEntry, None, None]:
        """The entries of a chain in order of position, read as they are asked for; to be closed by who stops early."""
        take_time(self._connection)
        with self._connection.execute(_WALK.execution_options(yield_per=_AT_ONCE), _range(chain)) as rows:
            for row in rows:
                yield _chained(row)


def _chained(row: Any) -> ChainedEntry:
    said = dict(row._mapping)
    return ChainedEntry(head=Head(said.pop("position"), said.pop("hash") or b""), entry=Entry(**said))


def _first(chain: int) -> int:
    return chain * BUCKETS_OF_A_CHAIN


def _range(chain: int) -> dict[str, int]:
    return {"b_first": _first(chain), "b_last": _first(chain + 1) - 1}


def _head(head: Head) -> dict[str, Any]:
    return {"b_position": head.position, "b_hash": head.hash}
