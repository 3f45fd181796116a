"""Connections that end while they lie there: who lay for long is asked first, who was used a moment ago is not."""

from __future__ import annotations

import psycopg
import pytest

from gateway.domain.errors import StoreUnavailable
from gateway.store import patience
from gateway.store.transaction import Store

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
ENDED = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""


def end_all(database_url: str) -> int:
    """End every connection to a database; how many they were."""
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        return len(connection.execute(ENDED).fetchall())


@on_postgresql
def test_nobody_notices_that_connections_ended_which_lay_unused(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RESTED_SECONDS", 0.0)
    with store.reading(), store.reading():
        store.check()
    assert end_all(database_url) >= 2

    for _ in range(3):
        store.check()


@on_postgresql
def test_connection_that_ended_after_its_use_is_known_for_gone_at_the_next(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RESTED_SECONDS", 60.0)
    store.check()
    assert end_all(database_url) == 1

    with pytest.raises(StoreUnavailable):
        store.check()
    for _ in range(3):
        store.check()
