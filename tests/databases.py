"""A fresh PostgreSQL database for each test, without making one for each: what a test left is taken out again.

Shape: one database per template and process, lent to one test at a time. Where a test changed more than rows (a table,
a right, a setting), or wrote very many of them, the database is dropped, and the next test gets a new copy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import psycopg
from psycopg import sql

MOST_DELETED = 20_000
"""Deleted rows stay on their pages, where every later test would step over them."""

_NUMBERS = count()
_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname"
_SHAPE = """
    SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
        SELECT 'class' || oid || '.' || xmin AS line FROM pg_class
            WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT 'attribute' || attrelid || '.' || attnum || '.' || a.xmin FROM pg_attribute a
            JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT 'constraint' || oid || '.' || xmin FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT 'trigger' || oid || '.' || xmin FROM pg_trigger
        UNION ALL SELECT 'policy' || oid || '.' || xmin FROM pg_policy
        UNION ALL SELECT 'schema' || oid || '.' || xmin FROM pg_namespace WHERE nspname NOT LIKE 'pg_%'
        UNION ALL SELECT 'routine' || oid || '.' || xmin FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT 'setting' || setrole || '.' || xmin FROM pg_db_role_setting
            WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        UNION ALL SELECT 'database' || xmin FROM pg_database WHERE datname = current_database()) AS lines"""
"""Every change of a table, right or setting writes a row of the system's tables anew, under another transaction."""
_OTHERS = """FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend'"""


def named(url: str, database: str) -> str:
    """The URL of another database of the same server."""
    return url.rsplit("/", 1)[0] + f"/{database}"


def run(url: str, statement: str) -> None:
    """A statement in a transaction of its own."""
    with _connected(url) as connection:
        connection.execute(statement.encode())


def _connected(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def tables_of(url: str) -> list[str]:
    """The tables of a database."""
    with _connected(url) as connection:
        return [str(row[0]) for row in connection.execute(_TABLES)]


@dataclass
class Lent:
    """One database, and what is in it before a test.

    Shape: `before` are statements that go before what puts its rows back.
    """

    url: str
    before: tuple[str, ...] = ()
    content: dict[str, bytes] = field(default_factory=dict)
    shape: str = ""
    deleted: int = 0

    def look(self) -> None:
        """Remember rows and shape."""
        with _connected(self.url) as connection:
            self.shape = _one(connection, _SHAPE)
            for table in _filled(connection):
                with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as rows:
                    self.content[table] = b"".join(bytes(row) for row in rows)

    def is_as_before(self) -> bool:
        """Put everything back; False when it cannot be."""
        try:
            with _connected(self.url) as connection:
                _await_the_others(connection)
                return _one(connection, _SHAPE) == self.shape and self._put(connection)
        except psycopg.OperationalError:
            return False

    def _put(self, connection: psycopg.Connection) -> bool:
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")  # triggers and references, in any order
            for statement in self.before:
                connection.execute(statement.encode())
            for table in _filled(connection):
                deleted = connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
                self.deleted += deleted.rowcount
            for table, rows in self.content.items():
                with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as filled:
                    filled.write(rows)
        return self.deleted < MOST_DELETED


def _await_the_others(connection: psycopg.Connection) -> None:
    """Wait until nobody else is connected: those who leave need a moment, those who stay are sent away."""
    for tries in range(400):
        if _one(connection, f"SELECT count(*) {_OTHERS}") == "0":
            return
        if tries == 100:
            connection.execute(f"SELECT pg_terminate_backend(pid) {_OTHERS}".encode())
        time.sleep(0.002)
    raise psycopg.OperationalError("somebody stays connected")


def _one(connection: psycopg.Connection, query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def _filled(connection: psycopg.Connection) -> list[str]:
    """The tables that are not empty."""
    tables = [str(row[0]) for row in connection.execute(_TABLES)]
    each = [sql.SQL("(SELECT {} FROM {} LIMIT 1)").format(sql.Literal(one), sql.Identifier(one)) for one in tables]
    return [str(row[0]) for row in connection.execute(sql.SQL(" UNION ALL ").join(each))]


class Databases:
    """The databases of one server that wait for a test."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._waiting: dict[str, list[Lent]] = {}

    @contextmanager
    def lent(self, template: str) -> Iterator[str]:
        """The URL of a database that is as its template is."""
        waiting = self._waiting.setdefault(template, [])
        one = waiting.pop() if waiting else self._made(template)
        try:
            yield one.url
        finally:
            if one.is_as_before():
                waiting.append(one)
            else:
                run(self._server, f"DROP DATABASE {one.url.rsplit('/', 1)[1]} WITH (FORCE)")

    def _made(self, template: str) -> Lent:
        name = f"{template}_{next(_NUMBERS)}"
        run(self._server, f"CREATE DATABASE {name} TEMPLATE {template}")
        made = Lent(named(self._server, name))
        made.look()
        return made
