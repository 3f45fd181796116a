"""Copies of an embedded store, by SQLite's own online backup."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from gateway.store.copying import SCHEMA, BackupFailed

FILE = "register.sqlite3"


def take(database_url: str, target: Path) -> str:
    """Copy the store as it is at one instant; which schema it has.

    Raises: BackupFailed.
    """
    source = _path(database_url)
    try:
        with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live, closing(_made(target)) as copy:
            live.backup(copy)
            _check(copy)
            schema: str = copy.execute(SCHEMA).fetchone()[0]
    except sqlite3.Error:
        raise BackupFailed(f"{source} cannot be copied: is it a register, and is there room for a copy?") from None
    return schema


def put(copy: Path, database_url: str) -> None:
    """Put a copy where the settings look for the store.

    Raises: BackupFailed where there is one already.
    """
    target = _path(database_url)
    taken = [path for path in (target, Path(f"{target}-journal"), Path(f"{target}-wal")) if path.exists()]
    if taken:
        raise BackupFailed(f"{taken[0]} exists, and a register is never overwritten: move it away")
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{target.name}.restoring")
    try:
        shutil.copyfile(copy, beside)
        with closing(sqlite3.connect(beside)) as restored:
            _check(restored)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        os.link(beside, target)  # unlike a rename it never replaces what came there meanwhile
    except sqlite3.Error:
        raise BackupFailed("the backup is damaged: SQLite finds no whole store in it") from None
    except OSError as problem:
        raise BackupFailed(f"{target} cannot be written: {problem.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)


def _path(database_url: str) -> Path:
    return Path(make_url(database_url).database or "").resolve()


def _made(target: Path) -> sqlite3.Connection:
    os.close(os.open(target, os.O_CREAT | os.O_EXCL, 0o600))
    return sqlite3.connect(target)


def _check(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
        raise sqlite3.DatabaseError
