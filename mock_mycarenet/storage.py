"""The one file in which the stand-in keeps what must outlive its process."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
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
)


class Storage:
    """One SQLite connection for all threads of one process, used by one thread at a time.

    A lock costs a waiting thread less than SQLite's busy handler would, which sleeps between attempts. What was
    committed survives kill -9 and a power cut: `synchronous=FULL` with a rollback journal, never WAL (its reset bug
    is in the SQLite that CPython links).
    """

    def __init__(self, path: Path) -> None:
        """Open the file at `path` and make the tables that are missing."""
        self._lock = Lock()
        self._connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        finalize(self, self._connection.close)
        self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.execute("PRAGMA synchronous = FULL")
        with self.transaction() as tx:
            for statement in SCHEMA:
                tx.execute(statement)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside one transaction: committed at the end of the block, undone when it raises."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for queries; each sees all that was committed before it."""
        with self._lock:
            yield self._connection
