"""Everything sealed in the register, found by what its seals begin with, and put back sealed anew.

Stage: identified, as sealed bytes only.
Cost: a page reads its table by primary key from where the one before it ended; one pass reads each table once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, LargeBinary, Table, func, literal, select, tuple_, update

from gateway.store.batch_tables import batch, batch_line
from gateway.store.tables import outbox, vault
from gateway.store.webhook_tables import webhook

MARK_BYTES = 2


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A sealed value, where it is, and of its row the key and what else its place is made of."""

    table: str
    column: str
    row: Mapping[str, Any]
    sealed: bytes


Position = tuple[Any, ...]
SEALED: Sequence[tuple[Table, str]] = (
    (vault, "sealed_ssin"),
    (outbox, "sealed_tried_ssin"),
    (batch, "sealed_caller"),
    (batch_line, "sealed_line"),
    (webhook, "sealed_secret"),
)
_TABLES = {table.name: table for table, _ in SEALED}
_BESIDE = {"outbox": ("project", "tried_pseudonym")}


class Seals:
    """The seals inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def older(self, table: str, column: str, mark: bytes, after: Position | None, limit: int) -> list[SealedRow]:
        """Values whose seals do not begin with a mark, in order of their keys from behind one on."""
        source = _TABLES[table]
        keys, value = list(source.primary_key.columns), source.c[column]
        query = (
            select(*keys, *(source.c[name] for name in _BESIDE.get(table, ())), value.label("sealed"))
            .where(value.is_not(None), func.substr(value, 1, MARK_BYTES, type_=LargeBinary) != mark)
            .order_by(*keys)
            .limit(limit)
        )
        if after is not None:
            bound = (literal(one, key.type) for key, one in zip(keys, after, strict=True))
            query = query.where(tuple_(*keys) > tuple_(*bound))
        rows = [dict(row._mapping) for row in self._connection.execute(query)]
        return [SealedRow(table, column, row, bytes(row.pop("sealed"))) for row in rows]

    def position(self, found: SealedRow) -> Position:
        """Where a value is in the order of its table."""
        return tuple(found.row[key.name] for key in _TABLES[found.table].primary_key.columns)

    def put(self, found: SealedRow, sealed: bytes) -> bool:
        """Put a value back sealed anew; not where it was changed or destroyed since it was found."""
        source = _TABLES[found.table]
        same = [key == found.row[key.name] for key in source.primary_key.columns]
        changed = update(source).where(*same, source.c[found.column] == found.sealed).values({found.column: sealed})
        return self._connection.execute(changed).rowcount == 1
