"""A synchronous standby that is demanded: as the database is told, and as it is at the moment."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from gateway.app import build_context
from gateway.clock import real_now
from gateway.domain.audit import Entry
from gateway.domain.errors import StoreUnavailable
from gateway.pseudonyms.keyring import Keyring, write_keyring
from gateway.pseudonyms.veil import Veil
from gateway.settings import Settings
from gateway.store.dialects import GATEWAY, UnsafeStore
from gateway.store.patience import PAUSE_SECONDS
from gateway.store.transaction import Store
from tests.postgres import client_program
from tests.sandboxes import await_that
from tests.store.rows import counts

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@contextmanager
def told(server: str, name: str) -> Iterator[None]:
    """A server that waits for one standby of a name, as long as the block lasts."""
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'".encode())
        connection.execute("SELECT pg_reload_conf()")
        yield
        connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
        connection.execute("SELECT pg_reload_conf()")


@contextmanager
def streaming(server: str, folder: Path) -> Iterator[None]:
    """Somebody who takes the journal of a server and flushes it, as a standby does."""
    command = [str(client_program("pg_receivewal")), "--synchronous", "--no-loop", "--directory", str(folder)]
    address = server.replace("+psycopg", "")
    with subprocess.Popen([*command, "--dbname", address], stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def test_standby_is_demanded_of_the_database_and_looked_for(postgres_url: str, tmp_path: Path) -> None:
    with closing(Store(postgres_url, real_now)) as store:
        assert store.lacks_standby() == "no-standby-named"
        with told(postgres_url, "pg_receivewal"):
            await_that(lambda: store.lacks_standby() == "no-standby-streams", "the server was told")
            with streaming(postgres_url, tmp_path):
                await_that(lambda: store.lacks_standby() is None, "the standby is synchronous")
            await_that(lambda: store.lacks_standby() == "no-standby-streams", "the standby is gone")


def test_commit_that_waits_for_nobody_is_named(postgres_url: str) -> None:
    with closing(Store(f"{postgres_url}?options=-c%20synchronous_commit%3Dlocal", real_now)) as store:
        assert store.lacks_standby() is not None


@pytest.mark.parametrize("database", ["", "postgresql"])
def test_gateway_that_demands_a_standby_does_not_start_where_none_is_named(
    request: pytest.FixtureRequest, keyring: Keyring, tmp_path: Path, database: str
) -> None:
    write_keyring(keyring, tmp_path / "keys.json")
    url = request.getfixturevalue("postgres_url") if database else ""

    with pytest.raises(UnsafeStore, match="CHRONICCARE_STANDBY is 1, and the database says no-standby-named"):
        build_context(Settings(data_dir=tmp_path, database_url=url, standby=True))


def test_gateway_that_demands_a_standby_starts_while_its_database_is_away(keyring: Keyring, tmp_path: Path) -> None:
    write_keyring(keyring, tmp_path / "keys.json")

    context = build_context(Settings(data_dir=tmp_path, database_url="postgresql://127.0.0.1:9/away", standby=True))

    context.store.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_commit_that_stopped_waiting_for_its_standby_is_no_success(database_url: str, veil: Veil) -> None:
    entry = Entry(veil.identifiers.new(0), 0, real_now(), "auditor", "", "", "nothing", "done", "request")

    with closing(Store(database_url, real_now)) as store, ThreadPoolExecutor(1) as beside:
        with told(database_url, "nobody"):
            await_that(lambda: store.lacks_standby() == "no-standby-streams", "the server was told")
            stopped = beside.submit(await_that, lambda: stop_waiting(database_url), "a commit waited and was stopped")
            with pytest.raises(StoreUnavailable), store.transaction() as tx:
                tx.audit.add(entry)
            stopped.result()
        with store.transaction() as tx:
            tx.audit.add(replace(entry, id=veil.identifiers.new(0)))

    assert counts(database_url)["audit_entry"] == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_commit_without_its_standby_is_given_up_and_those_behind_it_do_not_even_wait(
    database_url: str, veil: Veil
) -> None:
    def add(store: Store) -> Entry:
        entry = Entry(veil.identifiers.new(0), 0, real_now(), "auditor", "", "", "nothing", "done", "request")
        with store.transaction() as tx:
            tx.audit.add(entry)
        return entry

    with closing(Store(database_url, real_now, role=GATEWAY)) as store:
        with told(database_url, "nobody"):
            await_that(lambda: store.lacks_standby() == "no-standby-streams", "the server was told")
            for _ in range(3):
                with pytest.raises(StoreUnavailable):
                    add(store)
                time.sleep(PAUSE_SECONDS)
            waiting = asked(database_url, WAITING)
        await_that(lambda: waits_for_nobody(database_url), "the commit that was given up is done")
        time.sleep(PAUSE_SECONDS)
        add(store)

    assert waiting == 1
    assert counts(database_url)["audit_entry"] == 2


def waits_for_nobody(server: str) -> bool:
    """Whether no commit waits for a standby."""
    return asked(server, WAITING) == 0


def asked(server: str, query: str) -> object:
    """The one answer to a question, past every store."""
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def stop_waiting(server: str) -> bool:
    """Whether a commit waited for a standby, and was told to wait no longer."""
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        waiting = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        return connection.execute(waiting).fetchone() is not None
