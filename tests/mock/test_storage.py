"""Transactions of the stand-in: each whole or undone on its own, although those that wait share one commit."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mock_mycarenet.storage import Storage

ADD = "INSERT INTO ledger (message_id, kind, received_at) VALUES (?, 'exit', '')"
Turn = Callable[[], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mock.sqlite3"


@pytest.fixture
def storage(path: Path) -> Storage:
    return Storage(path)


def _add(storage: Storage, name: str, then: Turn = lambda: None) -> None:
    with storage.transaction() as tx:
        tx.execute(ADD, [name])
        then()


def _fail() -> None:
    raise LookupError


def _fill() -> None:
    raise sqlite3.OperationalError("disk full")


def _committed(path: Path) -> list[str]:
    """What another connection sees."""
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT message_id FROM ledger ORDER BY position")]


@contextmanager
def _one_at_a_time(storage: Storage, first: Turn) -> Iterator[Callable[[Turn], Future[None]]]:
    """Gives what asks for further turns while a first one lasts, which ends with the block; then all of them."""
    goes_on, is_in = threading.Event(), threading.Event()

    def begin() -> None:
        is_in.set()
        goes_on.wait(20)
        first()

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(_add, storage, "first", begin)]
        assert is_in.wait(20)

        def ask(turn: Turn) -> Future[None]:
            asked.append(threads.submit(turn))
            while storage.waiting < len(asked) - 1:
                threading.Event().wait(0.001)
            return asked[-1]

        yield ask
        goes_on.set()


def test_transaction_shares_the_commit_of_the_one_that_waits_for_it(storage: Storage, path: Path) -> None:
    seen: list[list[str]] = []

    with _one_at_a_time(storage, lambda: None) as ask:
        ask(lambda: _add(storage, "second", lambda: seen.append(_committed(path))))

    assert seen == [[]]
    assert _committed(path) == ["first", "second"]


def test_block_that_fails_is_undone_alone(storage: Storage, path: Path) -> None:
    with _one_at_a_time(storage, lambda: None) as ask:
        failed = ask(lambda: _add(storage, "second", _fail))
        ask(lambda: _add(storage, "third"))

    assert isinstance(failed.exception(), LookupError)
    assert sorted(_committed(path)) == ["first", "third"]


def test_fault_of_the_file_undoes_whoever_shares_the_commit_and_nobody_after(storage: Storage, path: Path) -> None:
    with _one_at_a_time(storage, _fill) as ask:
        ask(lambda: _add(storage, "second"))

    assert _committed(path) == ["second"]


def test_reader_sees_nothing_that_is_not_committed(storage: Storage, path: Path) -> None:
    seen: list[list[str]] = []

    def read() -> None:
        with storage.reading() as connection:
            connection.execute("SELECT 1 FROM ledger").fetchall()
            seen.append(_committed(path))

    with _one_at_a_time(storage, lambda: None) as ask:
        ask(read)

    assert seen == [["first"]]


def test_commit_that_fails_is_told_to_everybody_in_it(storage: Storage, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout = 0")
        with storage.reading() as connection:
            connection.execute("PRAGMA busy_timeout = 0")
        with _one_at_a_time(storage, lambda: None) as ask:
            second = ask(lambda: _add(storage, "second"))
            other.execute("BEGIN")
            other.execute("SELECT * FROM ledger").fetchall()

        assert isinstance(second.exception(), sqlite3.OperationalError)
    assert _committed(path) == []
    _add(storage, "third")
    assert _committed(path) == ["third"]
