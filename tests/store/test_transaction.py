"""One transaction: whole or not at all, in time or not at all, and plainly unavailable when the database is."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import event, text

from gateway.domain.errors import CommitTooLate, StoreUnavailable
from gateway.store import transaction as transactions
from gateway.store.migrate import migrate
from gateway.store.transaction import Store
from tests.builders import PROJECT, an_action, an_inclusion, instant
from tests.citus import SERVERS
from tests.conftest import LegalClock
from tests.postgres import postgres
from tests.store.away import cut
from tests.store.rows import counts
from tests.store.seeds import seed, seeded

PERSON = (0, PROJECT, b"\x01" * 32)


def _write_something(store: Store) -> None:
    with store.transaction() as tx:
        tx.beneficiaries.lock_or_add(*PERSON)
        tx.vault.put(*PERSON, b"sealed")
        tx.inclusions.add(an_inclusion())
        tx.actions.add(an_action())


def test_block_that_ends_well_is_kept_whole(register: Store, database_url: str) -> None:
    before = counts(database_url)

    _write_something(register)

    after = counts(database_url)
    assert {name for name in after if after[name] > before[name]} == {"beneficiary", "vault", "inclusion", "action"}


def test_block_that_fails_leaves_nothing(register: Store, database_url: str) -> None:
    before = counts(database_url)

    def fail() -> None:
        with register.transaction() as tx:
            tx.beneficiaries.lock_or_add(*PERSON)
            tx.inclusions.add(an_inclusion())
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert counts(database_url) == before


def test_discarded_block_leaves_nothing(register: Store, database_url: str) -> None:
    before = counts(database_url)

    with register.transaction() as tx:
        tx.inclusions.add(an_inclusion())
        tx.discard()

    assert counts(database_url) == before


def test_stamp_is_the_legal_instant(store: Store, legal_clock: LegalClock) -> None:
    legal_clock.now = instant("2022-03-01T08:00+01:00")

    with store.transaction() as tx:
        stamped = tx.stamp()

    assert stamped == instant("2022-03-01T07:00Z")


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The readings of the machine's monotonic clock, one after the other."""
    readings: list[float] = []
    monkeypatch.setattr(transactions, "time", SimpleNamespace(monotonic=lambda: readings.pop(0)))
    return readings


def test_commit_more_than_five_seconds_after_the_stamp_is_refused(
    register: Store, database_url: str, ticks: list[float]
) -> None:
    before = counts(database_url)
    ticks[:] = [100.0, 105.01]

    def dawdle() -> None:
        with register.transaction() as tx:
            tx.stamp()
            tx.inclusions.add(an_inclusion())

    with pytest.raises(CommitTooLate):
        dawdle()

    assert counts(database_url) == before


def test_commit_five_seconds_after_the_first_stamp_is_in_time(
    register: Store, database_url: str, ticks: list[float]
) -> None:
    ticks[:] = [100.0, 105.0]

    with register.transaction() as tx:
        tx.stamp()
        tx.stamp()
        tx.inclusions.add(an_inclusion())

    assert counts(database_url)["inclusion"] == 1


def test_reading_sees_what_is_committed_and_keeps_nothing(register: Store, database_url: str) -> None:
    _write_something(register)
    before = counts(database_url)

    with register.reading() as tx:
        found = tx.inclusions.find(0, an_inclusion().id)

    assert found is not None
    assert counts(database_url) == before


def test_reading_waits_for_no_writer(register: Store) -> None:
    with register.transaction() as writer:
        writer.inclusions.add(an_inclusion())

        with register.reading() as reader:
            found = reader.inclusions.find(0, an_inclusion().id)

    assert found is None


def test_store_that_answers_is_checked_in_silence(store: Store) -> None:
    store.check()


def test_store_without_its_schema_is_found_out(tmp_path: Path, legal_clock: LegalClock) -> None:
    store = Store(f"sqlite:///{tmp_path / 'empty.sqlite3'}", legal_clock)

    with pytest.raises(StoreUnavailable):
        store.check()

    store.close()


@pytest.fixture
def impatient(tmp_path: Path, sqlite_template: Path, legal_clock: LegalClock) -> Iterator[tuple[Store, Path]]:
    """A register on SQLite that waits a tenth of a second for a lock, not half a minute."""
    path = tmp_path / "register.sqlite3"
    shutil.copy(sqlite_template, path)
    store = Store(f"sqlite:///{path}", legal_clock)
    event.listen(store._engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 100"))
    yield seeded(store), path
    store.close()


def test_sqlite_file_locked_by_another_is_unavailable_until_it_is_free(impatient: tuple[Store, Path]) -> None:
    store, path = impatient
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StoreUnavailable):
        _write_something(store)
    with pytest.raises(StoreUnavailable):
        store.check()

    other.execute("ROLLBACK")
    other.close()
    _write_something(store)
    assert counts(f"sqlite:///{path}")["inclusion"] == 1


def test_sqlite_commit_that_a_reader_keeps_waiting_leaves_nothing(impatient: tuple[Store, Path]) -> None:
    store, path = impatient
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM project").fetchall()

    with pytest.raises(StoreUnavailable):
        _write_something(store)

    other.execute("ROLLBACK")
    other.close()
    assert counts(f"sqlite:///{path}")["inclusion"] == 0


def test_more_readers_than_connections_are_unavailable(legal_clock: LegalClock, postgres_url: str) -> None:
    store = Store(postgres_url, legal_clock, connections=1)
    store._engine.pool._timeout = 0.1  # type: ignore[attr-defined] # of the queue pool

    with store.reading(), pytest.raises(StoreUnavailable), store.reading():
        pass

    with store.reading():
        pass
    store.close()


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
def test_connection_cut_in_the_middle_leaves_nothing(register: Store, database_url: str) -> None:
    before = counts(database_url)

    def go_on() -> None:
        with register.transaction() as tx:
            tx.inclusions.add(an_inclusion())
            cut(database_url)
            tx.actions.add(an_action())

    with pytest.raises(StoreUnavailable):
        go_on()

    assert counts(database_url) == before
    _write_something(register)


def test_stopped_postgresql_is_unavailable(legal_clock: LegalClock) -> None:
    with postgres() as url:
        migrate(url)
        store = Store(url, legal_clock)
        with store.transaction() as tx:
            seed(tx)
        store.check()

    with pytest.raises(StoreUnavailable):
        _write_something(store)
    with pytest.raises(StoreUnavailable):
        store.check()

    store.close()


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
def test_wait_for_another_transactions_lock_ends_as_unavailable(register: Store) -> None:
    _write_something(register)
    is_held, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with register.transaction() as tx:
            tx.beneficiaries.lock(*PERSON)
            is_held.set()
            is_over.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait(20)
    event.listen(register._engine, "begin", lambda connection: connection.execute(text("SET LOCAL lock_timeout = 200")))
    with pytest.raises(StoreUnavailable), register.transaction() as tx:
        tx.beneficiaries.lock(*PERSON)
    is_over.set()
    holder.join()
