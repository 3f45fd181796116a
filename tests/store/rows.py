"""The rows of a database as they are, past the register's own code."""

from __future__ import annotations

from typing import Any

from sqlalchemy import NullPool, Table, create_engine, select

from gateway.store.pulse_tables import lane_beat, latency, pulse
from gateway.store.tables import audit_chain, metadata

_COUNTS = " UNION ALL ".join(
    f"SELECT '{table.name}', count(*) FROM {table.name}"  # noqa: S608 - our own tables
    for table in metadata.sorted_tables
    if table not in (audit_chain, lane_beat, latency, pulse)
)


def rows(database_url: str, table: Table, *order: str) -> list[dict[str, Any]]:
    """Every row of a table, in an order of columns."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.execute(select(table).order_by(*(table.c[name] for name in order)))
        return [dict(row._mapping) for row in found]


def counts(database_url: str) -> dict[str, int]:
    """How many rows each table has, but for counters of work and ends of chains, which are no effect of anything."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        return {str(name): int(number) for name, number in connection.exec_driver_sql(_COUNTS)}


def added(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """How many rows came to which table."""
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}
