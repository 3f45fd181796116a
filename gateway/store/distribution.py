"""How the register is spread over several machines by Citus: which tables by which column, which wholly on each.

Everything about one person has one bucket, so a registration touches one machine, and one more for its key.

Stage: none.
Source: SCALE 1, 3, 4, 7 and 12.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import Connection

from gateway.store import dialects
from gateway.store.dialects import EVERY, GATEWAY, PROJECTS, READER, RELEASE, WAIT_MILLISECONDS, WORKER, UnsafeStore

BY_BUCKET = (
    *("inclusion", "action", "beneficiary", "vault", "former_pseudonym", "outbox", "delivery_failure", "moved"),
    *("audit_entry", "audit_chain", "webhook_event"),
)
BY_SHARD = ("idempotency", "rate", "batch", "batch_line", "extract")
PLACES: Mapping[str, str] = {**dict.fromkeys(BY_BUCKET, "bucket"), **dict.fromkeys(BY_SHARD, "shard")}
"""The column by which each table is spread; both are 0 to 4095, so equal values of either are in one place."""
ON_EVERY_NODE = (
    *("catalogue_version", "project", "zone", "pseudocode", "assignment", "partner", "catalogue_history"),
    *("denied_key", "webhook", "release", "cell", "pulse", "latency", "lane_beat"),
)
"""Tables that are written rarely or by workers alone; a table stands behind those that it refers to."""
_EXTENSION = "SELECT 1 FROM pg_extension WHERE extname = 'citus'"
_SPREAD = "SELECT relname FROM pg_dist_partition JOIN pg_class ON oid = logicalrelid"


def statements(database: str, spread: Collection[str] = ()) -> Iterator[str]:
    """What spreads a migrated register, in order, but for the tables that are spread already.

    Shape: reference tables, then inclusions, then everything else in the same places. The name of the database is
    quoted as it has to be. The machines ask each other in the role of who asks, so the roles can log in there, and have
    there what a process says of itself when it connects; what a transaction says of itself goes along with it.
    """
    yield f"ALTER DATABASE {database} SET citus.propagate_set_commands = 'local'"
    for role in (WORKER, RELEASE):
        yield f"ALTER ROLE {role} SET {PROJECTS} = '{EVERY}'"
    for role in (GATEWAY, WORKER, RELEASE, READER):
        yield f"ALTER ROLE {role} LOGIN"
        yield f"ALTER ROLE {role} SET lock_timeout = {WAIT_MILLISECONDS}"
    for table in ON_EVERY_NODE:
        if table not in spread:
            yield f"SELECT create_reference_table('{table}')"
    first, *_ = PLACES
    for table, column in PLACES.items():
        if table not in spread:
            beside = "" if table == first else f", colocate_with => '{first}'"
            yield f"SELECT create_distributed_table('{table}', '{column}'{beside})"


def is_spread(connection: Connection) -> bool:
    """Whether a register is spread already."""
    return _has_citus(connection) and not _spread(connection).isdisjoint(PLACES)


def begin_to_spread(connection: Connection) -> None:
    """Let a transaction change tables that others refer to on every machine, which it does on one after the other.

    Raises: UnsafeStore where the database cannot be spread; it is as it was.
    """
    if not _has_citus(connection):
        raise UnsafeStore(
            "migrate --distributed needs PostgreSQL with Citus, in this database on each machine (docs/beyond.md); "
            "nothing was changed"
        )
    connection.exec_driver_sql("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")


def spread(connection: Connection) -> None:
    """Spread a migrated register, or what a later migration added to one that is spread."""
    dialects.take_time(connection)
    database = connection.dialect.identifier_preparer.quote(str(connection.engine.url.database))
    for statement in statements(database, _spread(connection)):
        connection.exec_driver_sql(statement)


def _has_citus(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql" and bool(connection.exec_driver_sql(_EXTENSION).first())


def _spread(connection: Connection) -> set[str]:
    return set(connection.exec_driver_sql(_SPREAD).scalars())
