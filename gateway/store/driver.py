"""How a statement reaches its engine: past SQLAlchemy, on the driver's own cursor, and in as few round trips as can be.

What is asked is sent at once, and its answer waited for. What is only told waits for the next question, or for the
commit, and goes with it: on PostgreSQL in one pipeline. To SQLite, to which there is no journey, all is sent at once.
Shape: statements arrive in the order in which they were told and asked, SQLAlchemy's own among them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import RootTransaction
from sqlalchemy.exc import DBAPIError

from gateway.store.patience import PatientConnection

DRIVER_ERRORS = (sqlite3.Error, psycopg.Error)
MOST_AT_ONCE = 32
"""How many questions go in one round trip, whose answers are waited for together."""
_TOLD = "chroniccare_told"
"""Of a connection in a transaction that can wait: what was told and is not sent yet."""


def ask(connection: Connection, sql: str, values: Any) -> list[Any]:
    """Execute a statement now; its rows, as the driver gives them."""
    cursor = send(connection, sql, values)
    try:
        rows: list[Any] = cursor.fetchall()
    except DRIVER_ERRORS as error:
        _fail(connection, sql, error)
    return rows


def ask_each(connection: Connection, sql: str, values: Sequence[Any]) -> list[list[Any]]:
    """Execute a statement now with each of several values, many of them in one round trip; the rows of each."""
    found: list[list[Any]] = []
    try:
        for first in range(0, len(values), MOST_AT_ONCE):
            some = values[first : first + MOST_AT_ONCE]
            with _with_what_was_told(connection, len(some)):
                cursors = [_execute(connection, sql, one) for one in some]
            found += [cursor.fetchall() for cursor in cursors]
    except DRIVER_ERRORS as error:
        _fail(connection, sql, error)
    return found


def tell(connection: Connection, sql: str, values: Any, *, is_many: bool = False) -> None:
    """Execute a statement, once or with each of several values, at the latest before the transaction is committed.

    Not: told at once of what keeps it from being executed.
    """
    told = connection.info.get(_TOLD)
    if told is None:
        send(connection, sql, values, is_many=is_many)
        return
    _let_hear(connection, None, sql, values, is_many)
    told += [(sql, one) for one in values] if is_many else [(sql, values)]


def send(connection: Connection, sql: str, values: Any, *, is_many: bool = False) -> Any:
    """Execute a statement now; its cursor."""
    try:
        with _with_what_was_told(connection):
            return _execute(connection, sql, values, is_many=is_many)
    except DRIVER_ERRORS as error:
        _fail(connection, sql, error)


def _execute(connection: Connection, sql: str, values: Any, *, is_many: bool = False) -> Any:
    cursor: Any = connection.connection.cursor()
    _let_hear(connection, cursor, sql, values, is_many)
    if is_many:
        cursor.executemany(sql, values)
    else:
        cursor.execute(sql, values)
    return cursor


@contextmanager
def telling(connection: Connection, begun: RootTransaction) -> Iterator[None]:
    """A block of a transaction in which what is told may wait; committed when it ends well."""
    info = connection.info
    info[_TOLD] = []
    try:
        yield
        _commit(connection, begun)
    except DRIVER_ERRORS as error:
        _fail(connection, "COMMIT", error)
    finally:
        info.pop(_TOLD, None)


def _commit(connection: Connection, begun: RootTransaction) -> None:
    """Send what was told with the commit, and leave no failed transaction behind on a connection that others get."""
    try:
        if told := connection.info[_TOLD]:
            driver: PatientConnection = connection.connection.driver_connection  # type: ignore[assignment]  # ours
            sent = list(told)
            told.clear()
            driver.commit_with(sent)
        begun.commit()  # nothing is left of it on the server where it was committed already
    except BaseException:
        if not connection.invalidated:
            with suppress(*DRIVER_ERRORS):  # of a connection that is gone, SQLAlchemy finds out by itself
                connection.connection.rollback()
        raise


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """A block of a transaction that is undone on its own when it raises.

    Plain statements, because SQLAlchemy compiles its own for savepoints anew each time, which costs more than a write.
    They are told: a block that asks nothing costs no journey, and neither does undoing one that has not asked yet.
    Shape: may hold another one; of two with one name the inner one is meant. What a block told and cannot be done is
    known at the next question or at the commit, and then nothing of the transaction is done.
    """
    tell(connection, "SAVEPOINT block", ())
    began = next(reversed(connection.info.get(_TOLD, ())), None)
    try:
        yield
        tell(connection, "RELEASE SAVEPOINT block", ())
    except BaseException:
        if not connection.invalidated and not _forget_since(connection, began):
            send(connection, "ROLLBACK TO SAVEPOINT block", ())
            tell(connection, "RELEASE SAVEPOINT block", ())
        raise


def _forget_since(connection: Connection, began: tuple[str, Any] | None) -> bool:
    """Forget what was told in a block and is not sent; whether the block's own beginning was not sent either."""
    told = connection.info.get(_TOLD, [])
    place = next((place for place, one in enumerate(told) if one is began), None)
    del told[place:]
    return place is not None


def settle(connection: Connection) -> None:
    """Send what was told."""
    if connection.info.get(_TOLD):
        try:
            with _with_what_was_told(connection):
                pass
        except DRIVER_ERRORS as error:
            _fail(connection, "what was told", error)


def keep_order(engine: Engine) -> None:
    """Send what was told before whatever SQLAlchemy executes by itself."""

    def settle_first(connection: Connection, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool) -> None:
        if context is not None:
            settle(connection)

    event.listen(engine, "before_cursor_execute", settle_first)


def _let_hear(connection: Connection, cursor: Any, sql: str, values: Any, is_many: bool) -> None:
    """Tell those who listen to an engine; without a context, as the statement is none of SQLAlchemy's."""
    for listen in connection.engine.dispatch.before_cursor_execute:
        listen(connection, cursor, sql, values, None, is_many)


@contextmanager
def _with_what_was_told(connection: Connection, more: int = 1) -> Iterator[None]:
    """A block that sends so many statements more, in the same round trip."""
    told = connection.info.get(_TOLD)
    driver: Any = connection.connection.driver_connection
    if told is None or not (told or more > 1 or driver.info.transaction_status is TransactionStatus.IDLE):
        yield
        return
    sent = list(told)
    told.clear()
    with driver.pipeline():
        for sql, values in sent:
            driver.execute(sql, values)
        yield


def _fail(connection: Connection, sql: str, error: Exception) -> NoReturn:
    """Raise what SQLAlchemy would have made of a driver's error, and give up a connection that is gone as it would."""
    dialect: Any = connection.dialect
    is_gone = dialect.is_disconnect(error, connection.connection.driver_connection, None)
    if is_gone:
        connection.invalidate(error)
    base = dialect.loaded_dbapi.Error
    raise DBAPIError.instance(
        sql, None, error, base, hide_parameters=True, connection_invalidated=is_gone, dialect=dialect
    ) from error
