"""Connections to PostgreSQL that wait for an answer only so long.

The server's own limits bound what it does. They say nothing while it stands still, or while nothing comes back from it:
then whoever waits gives the connection up, and nobody knows whether what was asked is done.

    wait ─ answer
      └─ none: given up ─ silent ─ one at a time asks again, the others are told at once ─ an answer: as before
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

PING_SECONDS = 3.0
"""For an answer on a connection that lay unused."""
RESTED_SECONDS = 0.5
"""A connection that lay unused for longer is asked whether it is there, before it is lent.

Source: HikariCP does the same, within the same time.
"""
PAUSE_SECONDS = 1.0
"""For how long nobody asks again after nothing was answered."""
LONGEST_SECONDS = 3_600.0
"""For what may need as long as it needs."""

_USED = "chroniccare_used"
"""Of a connection that lies there: when it was given back, by a clock that nobody moves."""
Result = TypeVar("Result")


class Unanswered(psycopg.OperationalError):
    """The server did not answer in time, or did not a moment ago: nobody knows what became of what was asked."""


class PatientConnection(psycopg.Connection[Any]):
    """A connection that is given up when an answer takes longer than its patience.

    Units: seconds.
    """

    patience = PING_SECONDS
    silence: Silence

    def wait(self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        """What the server answers.

        Raises: Unanswered.
        """
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except errors._WaitTimeout as error:
            self.pgconn.finish()
            self.silence.begin()
            raise Unanswered("no answer") from error

    def commit(self) -> None:
        """Commit.

        Raises: Unanswered: it may be committed or not.
        """
        with self._unsure():
            super().commit()

    def commit_with(self, statements: Sequence[tuple[Any, Any]]) -> None:
        """Execute statements with their values and commit, all in one round trip.

        Raises: Unanswered: it may be committed or not.
        """
        with self._unsure(), self.pipeline():
            for sql, values in statements:
                self.execute(sql, values)
            self.execute("COMMIT", prepare=False)

    @contextmanager
    def _unsure(self) -> Iterator[None]:
        try:
            yield
        except Unanswered:
            self.silence.is_unsure = True
            raise


class Silence:
    """Since when a server gives one process no answer, and what the process does meanwhile.

    Shape: `is_unsure` says that a commit was not answered; then `check` is asked about each new connection until it
    takes one, and raises for one on which commits would not be answered either.
    """

    def __init__(self, check: Callable[[psycopg.Connection[Any]], None]) -> None:
        self.is_unsure = False
        self._check = check
        self._until: float | None = None
        self._asking = threading.Lock()

    def begin(self) -> None:
        """Remember that nothing was answered."""
        self._until = time.monotonic() + PAUSE_SECONDS

    def connect(self, *where: Any, **how: Any) -> PatientConnection:
        """A new connection.

        Raises: psycopg.OperationalError.
        """
        with self._turn():
            try:
                made = PatientConnection.connect(*where, **how)
            except psycopg.errors.ConnectionTimeout:
                self.begin()
                raise
            made.silence = self
            if self.is_unsure:
                self._look(made)
            self._until = None
        return made

    def _look(self, made: PatientConnection) -> None:
        """Find out whether a commit would be answered, so that none is left behind for each that asks."""
        try:
            self._check(made)
        except psycopg.Error:
            made.close()
            self.begin()
            raise
        self.is_unsure = False

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._until is None:
            yield
            return
        if time.monotonic() < self._until or not self._asking.acquire(blocking=False):
            raise Unanswered("no answer a moment ago")
        try:
            yield
        finally:
            self._asking.release()


def bound_waits(engine: Engine, seconds: float, silence: Silence) -> None:
    """Let the connections of an engine wait for so long, and those that nobody uses for less.

    Shape: one that lay unused is lent only when it answers; when it does not, all that lie there are given up.
    """

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, where: Sequence[Any], how: dict[str, Any]) -> PatientConnection:
        return silence.connect(*where, **how)

    @event.listens_for(engine, "checkout")
    def lend(connection: PatientConnection, record: ConnectionPoolEntry, _lent: object) -> None:
        if time.monotonic() - record.info.get(_USED, math.inf) > RESTED_SECONDS:
            try:
                engine.dialect.do_ping(connection)  # type: ignore[arg-type]  # a driver's connection is one of DBAPI
            except psycopg.Error as error:
                raise InvalidatePoolError from error
        connection.patience = seconds

    @event.listens_for(engine, "checkin")
    def take_back(connection: PatientConnection | None, record: ConnectionPoolEntry) -> None:
        if connection is not None:
            connection.patience = PING_SECONDS
            record.info[_USED] = time.monotonic()
