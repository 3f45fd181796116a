"""The one file in which the stand-in keeps what must outlive its process."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from weakref import finalize

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS ledger ("
    "position INTEGER PRIMARY KEY, message_id TEXT NOT NULL, kind TEXT NOT NULL, received_at TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS register ("
    "position INTEGER PRIMARY KEY, message_id TEXT NOT NULL UNIQUE, input_reference TEXT NOT NULL, "
    "output_reference TEXT NOT NULL, kind TEXT NOT NULL, project TEXT NOT NULL, reference TEXT NOT NULL, "
    "month TEXT NOT NULL, received_at TEXT NOT NULL, received_count INTEGER NOT NULL, outcome TEXT NOT NULL, "
    "code TEXT, put_off INTEGER NOT NULL, fault TEXT)",
    "CREATE INDEX IF NOT EXISTS register_month ON register (project, month, position)",
    "CREATE TABLE IF NOT EXISTS mailbox ("
    "position INTEGER PRIMARY KEY, output_reference TEXT NOT NULL UNIQUE, message_id TEXT NOT NULL, "
    "input_reference TEXT NOT NULL, outcome TEXT NOT NULL, code TEXT, member TEXT, scenario TEXT NOT NULL, "
    "due_at REAL NOT NULL, wanted INTEGER NOT NULL, confirmed INTEGER NOT NULL, is_taken INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS mailbox_waiting ON mailbox (position) WHERE confirmed < wanted",
    "CREATE TABLE IF NOT EXISTS scenario (only INTEGER PRIMARY KEY CHECK (only = 1), name TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS owner (domain TEXT PRIMARY KEY, public_key TEXT NOT NULL, version INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS secret (only INTEGER PRIMARY KEY CHECK (only = 1), bytes BLOB NOT NULL)",
)


@dataclass(slots=True)
class _Group:
    """Transactions that share a commit; `failure` is why it could not be done."""

    is_over: Event = field(default_factory=Event)
    failure: sqlite3.Error | None = None


class Storage:
    """One SQLite connection for all threads of one process, used by one thread at a time.

    A lock costs a waiting thread less than SQLite's busy handler would, which sleeps between attempts, and those that
    wait for it (`waiting` of them) share one commit. What was committed survives kill -9 and a power cut:
    `synchronous=FULL` with a rollback journal, never WAL (its reset bug is in the SQLite that CPython links).
    """

    def __init__(self, path: Path) -> None:
        """Open the file at `path` and make the tables that are missing."""
        self._turn = Lock()
        self._count = Lock()
        self.waiting = 0
        self._group: _Group | None = None
        self._connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        finalize(self, self._connection.close)
        self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.execute("PRAGMA synchronous = FULL")
        with self.transaction() as tx:
            for statement in SCHEMA:
                tx.execute(statement)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for a block that is whole, or undone when it raises; committed when this returns."""
        with self._taken():
            group = self._group = self._group or self._begin()
            try:
                with self._savepoint():
                    yield self._connection
            except sqlite3.Error as error:  # SQLite may have undone more than this block
                group.failure = error
                raise
            finally:
                if group.failure is not None or not self.waiting:
                    self._end(group)
        group.is_over.wait()
        if group.failure is not None:
            raise group.failure

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._connection.execute("SAVEPOINT block")
        try:
            yield
        except sqlite3.Error:
            raise
        except BaseException:
            self._connection.execute("ROLLBACK TO block")
            self._connection.execute("RELEASE block")
            raise
        self._connection.execute("RELEASE block")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for queries; each sees all that was committed before it, and nothing else."""
        with self._taken():
            if self._group is not None:
                self._end(self._group)
            yield self._connection

    @contextmanager
    def _taken(self) -> Iterator[None]:
        """The turn, for which others see this thread wait."""
        with self._count:
            self.waiting += 1
        with self._turn:
            with self._count:
                self.waiting -= 1
            yield

    def _begin(self) -> _Group:
        self._connection.execute("BEGIN IMMEDIATE")
        return _Group()

    def _end(self, group: _Group) -> None:
        """Commit a group, or undo it; nobody is left waiting for it."""
        self._group = None
        try:
            self._connection.execute("COMMIT" if group.failure is None else "ROLLBACK")
        except sqlite3.Error as error:
            group.failure = error
            self._connection.rollback()
        finally:
            group.is_over.set()
