"""What differs between SQLite and PostgreSQL: the only file that knows which engine it is.

Source: GUARANTEES 2 (journal mode, one writer, BEGIN IMMEDIATE), SCALE 6 (SQLSTATE).
"""

from __future__ import annotations

import fcntl
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.domain.errors import StoreUnavailable
from gateway.store import driver
from gateway.store.patience import LONGEST_SECONDS, Silence, Unanswered, bound_waits

READ_ONLY = "chroniccare_read_only"
LOCK_NOT_AVAILABLE = "55P03"
WAIT_MILLISECONDS = 5_000
STATEMENT_MILLISECONDS, GATEWAY_STATEMENT_MILLISECONDS = 60_000, 9_000
"""How long a statement runs at most, and how long one that a client waits for."""
ANSWER_MARGIN_SECONDS = 1.0
"""How much longer an answer is waited for than its statement may run."""
_WARNED = "chroniccare_warned"
_FIRST_SAFE_WAL = (3, 51, 3)


class UnsafeStore(Exception):
    """The engine would not keep the gateway's promises as it is configured."""


GATEWAY, WORKER, RELEASE, READER = (f"chroniccare_{one}" for one in ("gateway", "worker", "release", "reader"))
"""The roles of a PostgreSQL register; `store.rights` says what each may."""
PROJECTS, EVERY = "chroniccare.projects", "*"
"""Which projects' rows a connection sees, by a setting of its own: some, or every one."""
_NARROW = "chroniccare_narrow"
_PROJECT_IDS = re.compile(r"[a-z0-9,-]*")


def open_engine(database_url: str, connections: int, role: str = "") -> Engine:
    """An engine with the settings on which the promises rest.

    Shape: `connections` is how many threads may hold one at a time. On PostgreSQL each takes a role when it connects;
    without one it keeps what its login may.
    Raises: UnsafeStore for another engine than SQLite and PostgreSQL.
    """
    try:
        url = make_url(database_url)
    except ArgumentError:
        raise UnsafeStore(
            "CHRONICCARE_DATABASE_URL or CHRONICCARE_REPLICA_URL is no address of a database, like postgresql://host/name"
        ) from None
    match url.get_backend_name():
        case "sqlite":
            return _open_sqlite(url, connections)
        case "postgresql":
            return _open_postgresql(url, connections, role)
        case other:
            raise UnsafeStore(f"the register runs on SQLite or PostgreSQL, not on {other}")


def _open_sqlite(url: URL, connections: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        connect_args={"timeout": 30, "check_same_thread": False},
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        check_journal_mode(mode, sqlite3.sqlite_version_info)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get(READ_ONLY)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def check_journal_mode(mode: str, version: tuple[int, ...]) -> None:
    """Refuse a journal that may lose commits.

    Source: the WAL-reset bug of SQLite 3.7.0 to 3.51.2.
    Raises: UnsafeStore.
    """
    if mode in ("off", "memory") or (mode == "wal" and version < _FIRST_SAFE_WAL):
        raise UnsafeStore(f"journal_mode {mode} may lose commits on this SQLite: PRAGMA journal_mode = DELETE")


def _open_postgresql(url: URL, connections: int, role: str) -> Engine:
    longest = GATEWAY_STATEMENT_MILLISECONDS if role == GATEWAY else STATEMENT_MILLISECONDS
    settings: dict[str, object] = {
        "lock_timeout": WAIT_MILLISECONDS,
        "statement_timeout": longest,
        "idle_in_transaction_session_timeout": 60_000,
        "timezone": "UTC",
    }
    if role:
        settings["role"] = role
    if role != GATEWAY:
        settings[PROJECTS] = EVERY
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=10,
        hide_parameters=True,
        execution_options={_NARROW: role == GATEWAY},
        connect_args={
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            "connect_timeout": 5,
            "application_name": "chroniccare-gateway",
        },
    )
    bound_waits(engine, longest / 1000 + ANSWER_MARGIN_SECONDS, Silence(_check_commits))
    event.listen(engine, "connect", _heed_warnings)
    driver.keep_order(engine)
    return engine


def _check_commits(connection: psycopg.Connection[Any]) -> None:
    """Refuse a connection on which a commit waits for a standby that is not there.

    Raises: Unanswered.
    """
    connection.execute(_AS_LOGIN)
    standing = connection.execute(_STANDBYS).fetchone()
    connection.rollback()
    if standing is None or _lacks(*standing) == "no-standby-streams":
        raise Unanswered("no standby streams")


def _heed_warnings(connection: Any, record: ConnectionPoolEntry) -> None:
    """Remember that a connection was warned; by its severity, because the text is in the server's language."""

    def heed(diagnosis: Any) -> None:
        if diagnosis.severity_nonlocalized == "WARNING":
            record.info[_WARNED] = True

    connection.add_notice_handler(heed)


@contextmanager
def confirmed(connection: Connection) -> Iterator[None]:
    """A block that commits, in which a warning is no success.

    Source: GUARANTEES 2: PostgreSQL only warns when it gives up waiting for a synchronous standby, and answers COMMIT.
    Raises: StoreUnavailable: the effect may be there or not, and a repetition with the same key tells.
    """
    connection.info.pop(_WARNED, None)
    yield
    if connection.info.pop(_WARNED, False):
        raise StoreUnavailable


def freeze(connection: Connection) -> None:
    """Let every statement of a transaction see the register as it is at the first one.

    On SQLite they do, as nobody else writes meanwhile.
    Not: after a statement; it has to be the first.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def has_row_locks(connection: Connection) -> bool:
    """Whether rows have to be locked before they are changed; on SQLite a transaction that writes is alone.

    Nor would it find several of them by an index that has more than one column: it looks at every row for `(a, b) IN`.
    """
    return connection.dialect.name == "postgresql"


def take_time(connection: Connection) -> None:
    """Let the statements of a transaction run as long as they need, and what is done with them between take a while."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '10min'")
        driver: Any = connection.connection.driver_connection
        driver.patience = LONGEST_SECONDS


def see(connection: Connection, projects: Callable[[], Iterable[str] | None]) -> None:
    """Let the rest of a transaction see the rows of some projects, None for every one; until then a gateway sees none.

    Shape: of a gateway's connection to PostgreSQL alone; everywhere else nothing happens, and nobody is asked which.
    Cost: a statement that reads nothing.
    """
    if not connection.get_execution_options().get(_NARROW):
        return
    named = projects()
    seen = EVERY if named is None else ",".join(named)
    if seen != EVERY and not _PROJECT_IDS.fullmatch(seen):
        raise AssertionError("the id of a project is of a-z, 0-9 and hyphen")
    driver.tell(connection, f"SET LOCAL {PROJECTS} = '{seen}'", ())


READABLE = frozenset({"release", "cell"})


@contextmanager
def as_reader(connection: Connection) -> Iterator[None]:
    """Give up every right but that of reading released figures, for the length of a block.

    On PostgreSQL by the role of the migration, on SQLite by an authorizer that knows the same tables. A block that
    fails leaves the rights to the end of the transaction, which it ends too.
    """
    if connection.dialect.name == "postgresql":
        driver.tell(connection, f"SET LOCAL ROLE {READER}", ())
        yield
        driver.tell(connection, "RESET ROLE", ())
        return
    embedded: Any = connection.connection.driver_connection
    embedded.set_authorizer(_may_read)
    try:
        yield
    finally:
        embedded.set_authorizer(None)


def _may_read(deed: int, table: str | None, *_: object) -> int:
    allowed = deed in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION) or (
        deed == sqlite3.SQLITE_READ and table in READABLE
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


class OneWriter:
    """The queue of SQLite's writers, over all processes of one host.

    SQLite's own busy handler polls with growing sleeps; waiting for a lock of the operating system is fair and wakes
    at once. The kernel frees it with its process.
    """

    def __init__(self, database: str) -> None:
        self._file = open(f"{database}.writer", "ab")  # noqa: SIM115 - open as long as the store

    def acquire(self) -> None:
        """Wait until nobody else writes."""
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def release(self) -> None:
        """Let the next one write."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave the queue for good."""
        self._file.close()


def is_lock_timeout(error: DBAPIError) -> bool:
    """Whether a statement waited too long for a lock."""
    return getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE


_CAUSES = {
    sqlite3.SQLITE_FULL: "disk-full",
    "53100": "disk-full",
    sqlite3.SQLITE_READONLY: "read-only",
    "25006": "read-only",
    sqlite3.SQLITE_BUSY: "locked",
    LOCK_NOT_AVAILABLE: "locked",
    sqlite3.SQLITE_ERROR: "schema-missing",
    "42P01": "schema-missing",
    "42501": "right-missing",
}


def cause_of(error: BaseException | None) -> str:
    """Why a statement failed, as a stable code; `no-answer` where the engine says nothing that is known."""
    engine_error = getattr(error, "orig", None)
    code = getattr(engine_error, "sqlstate", None) or getattr(engine_error, "sqlite_errorcode", 0) & 0xFF
    return _CAUSES.get(code, "no-answer")


def check_writable(connection: Connection) -> str | None:
    """Why a transaction that was opened for writing cannot write, or None.

    On SQLite the transaction would not have begun.
    """
    if connection.dialect.name == "sqlite":
        return None
    refused = connection.exec_driver_sql("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool")
    return "read-only" if refused.scalar_one() else None


def clock_of(connection: Connection) -> datetime | None:
    """What time it is on the database's machine, or None for an engine that is within this process."""
    if connection.dialect.name == "sqlite":
        return None
    shown: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return shown


NEVER_A_STANDBY = ("commit-not-synchronous", "no-standby-named")
"""What a database lacks by its configuration."""
_AS_LOGIN = "SET LOCAL ROLE NONE"
"""The login may see standbys where the role may not."""
_STANDBYS = """SELECT current_setting('synchronous_commit'), current_setting('synchronous_standby_names') <> '',
    count(*), count(state), count(*) FILTER (WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum'))
    FROM pg_stat_replication"""


def check_standby(connection: Connection) -> str | None:
    """Why a commit is not on a second node when it returns, as a stable code, or None.

    Shape: `commit-not-synchronous` and `no-standby-named` are a matter of configuration, the others of the moment.
    Source: GUARANTEES G1, G11.
    """
    if connection.dialect.name == "sqlite":
        return "no-standby-named"
    connection.exec_driver_sql(_AS_LOGIN)
    return _lacks(*connection.exec_driver_sql(_STANDBYS).one())


def _lacks(commit: str, is_named: bool, all_of_them: int, visible: int, synchronous: int) -> str | None:
    if commit not in ("on", "remote_apply"):
        return "commit-not-synchronous"
    if not is_named:
        return "no-standby-named"
    if all_of_them and not visible:
        return "standbys-not-visible"
    return None if synchronous else "no-standby-streams"
