"""What every table of the register is made of: its instants, its names, and the columns that many have.

Stage: none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TextClause,
    TypeDecorator,
    bindparam,
    delete,
    select,
    text,
    tuple_,
)


class Instant(TypeDecorator[datetime]):
    """An aware datetime in UTC on every engine; SQLite alone would give it back without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Into UTC; a naive datetime is a mistake of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Out of UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def bucket_column() -> Column[int]:
    """The keyed hash that says where everything about a person lives; first in every key (SCALE 1)."""
    return Column("bucket", SmallInteger, primary_key=True, autoincrement=False)


def project_column(**options: Any) -> Column[str]:
    """The project that a row is about."""
    return Column("project", Text, ForeignKey("project.id"), nullable=False, **options)


def pseudonym_column(**options: Any) -> Column[bytes]:
    """The person that a row is about."""
    return Column("pseudonym", LargeBinary, nullable=False, **options)


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over some rows, on either engine."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


class Removal:
    """Removes rows that have had their time: found by a look that holds nothing, and removed each in its place.

    Shape: those that somebody holds, or that have changed since the look, are left for the next time.
    """

    def __init__(self, table: Table, *where: ColumnElement[bool] | TextClause) -> None:
        keys = list(table.primary_key.columns)
        same = [key == bindparam(f"key_{key.name}") for key in keys]
        free = select(*keys).where(*same, *where).with_for_update(skip_locked=True)
        self._look = select(*(key.label(f"key_{key.name}") for key in keys)).where(*where).limit(bindparam("limit"))
        self._remove = delete(table).where(*same, tuple_(*keys).in_(free))

    def some(self, connection: Connection, limit: int, given: Mapping[str, datetime]) -> int:
        """Remove at most so many rows; how many they were."""
        found = connection.execute(self._look, {**given, "limit": limit}).mappings().all()
        return connection.execute(self._remove, [{**given, **row} for row in found]).rowcount if found else 0


def version_columns() -> list[Column[Any]]:
    """The columns by which facts are versions."""
    return [
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("recorded_at", Instant, nullable=False),
        Column("superseded_at", Instant),
    ]
