"""A database that is really away for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


@contextmanager
def away(database_url: str) -> Iterator[None]:
    """The file holds no database; or the server lets nobody into it, and those inside out."""
    if database_url.startswith("sqlite"):
        path = Path(database_url.removeprefix("sqlite:///"))
        content = path.read_bytes()
        path.write_bytes(b"this is no database " * 1000)
        yield
        path.write_bytes(content)
        return
    server, name = database_url.replace("+psycopg", "").rsplit("/", 1)
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false".encode())
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield
        connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true".encode())


def cut(database_url: str) -> None:
    """Cut the connections on which PostgreSQL holds a transaction open."""
    query = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'idle in transaction'"""
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        assert connection.execute(query).fetchall() == [(True,)]
