"""What differs between the engines: refused journals, one writer at a time, a lock that was not had."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.store.dialects import OneWriter, UnsafeStore, check_journal_mode, open_engine
from gateway.store.schema import Instant
from gateway.store.transaction import Store
from tests.builders import instant
from tests.conftest import LegalClock

UNSAFE, SAFE = (3, 51, 2), (3, 51, 3)


@pytest.mark.parametrize(("mode", "version"), [("wal", UNSAFE), ("wal", (3, 40, 1)), ("off", SAFE), ("memory", SAFE)])
def test_journal_that_may_lose_commits_is_refused(mode: str, version: tuple[int, ...]) -> None:
    with pytest.raises(UnsafeStore, match=mode):
        check_journal_mode(mode, version)


@pytest.mark.parametrize(("mode", "version"), [("delete", UNSAFE), ("truncate", UNSAFE), ("wal", SAFE)])
def test_journal_that_keeps_commits_is_taken(mode: str, version: tuple[int, ...]) -> None:
    check_journal_mode(mode, version)


@pytest.mark.skipif(sqlite3.sqlite_version_info >= SAFE, reason="the WAL of this SQLite is safe")
def test_file_in_wal_mode_is_refused_when_it_is_opened(tmp_path: Path, legal_clock: LegalClock) -> None:
    path = tmp_path / "register.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    store = Store(f"sqlite:///{path}", legal_clock)

    with pytest.raises(UnsafeStore, match="PRAGMA journal_mode = DELETE"):
        store.check()

    store.close()


def test_sqlite_syncs_fully_and_checks_foreign_keys(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'register.sqlite3'}", 1)

    with engine.connect() as connection:
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
        foreign_keys = connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one()

    assert (synchronous, foreign_keys) == (2, 1)
    engine.dispose()


def test_postgresql_bounds_every_wait(postgres_url: str) -> None:
    engine = open_engine(postgres_url, 1)

    with engine.connect() as connection:
        bounds = [
            connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "timezone")
        ]

    assert bounds == ["5s", "1min", "1min", "UTC"]
    engine.dispose()


def test_writer_of_another_process_is_waited_for_and_its_death_frees_the_queue(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from gateway.store.dialects import OneWriter\nimport time\n"
            f"queue = OneWriter({str(tmp_path / 'register')!r})\nqueue.acquire()\n"
            f"print('held', flush=True)\ntime.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    queue, is_inside = OneWriter(str(tmp_path / "register")), threading.Event()

    def write() -> None:
        queue.acquire()
        is_inside.set()
        queue.release()

    writer = threading.Thread(target=write)
    writer.start()
    assert not is_inside.wait(0.3)
    holder.kill()

    assert is_inside.wait(10)
    writer.join()
    queue.close()
    holder.stdout.close()
    holder.wait()


def test_instant_without_zone_is_refused(store: Store) -> None:
    dialect = store._engine.dialect

    with pytest.raises(ValueError, match="zone"):
        Instant().process_bind_param(instant("2022-01-15T09:00"), dialect)


def test_instant_is_kept_in_utc_and_nothing_stays_nothing(store: Store) -> None:
    dialect = store._engine.dialect

    kept = Instant().process_bind_param(instant("2022-01-15T09:30+01:00"), dialect)

    assert str(kept) == "2022-01-15 08:30:00+00:00"
    assert Instant().process_bind_param(None, dialect) is None
    assert Instant().process_result_value(None, dialect) is None
    assert Instant().process_result_value(instant("2022-01-15T09:30"), dialect) == instant("2022-01-15T09:30Z")
