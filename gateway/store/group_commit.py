"""Group commit for SQLite: writers that wait for each other anyway share one flush to disk.

    turn ─ savepoint ─ block ─ release ┐
              turn ─ savepoint ─ block ─ release ┐
                        turn ─ savepoint ─ block ─ release ─ COMMIT ─ all of them return

Each block is whole or undone on its own (savepoint), and no one returns, well or refused, before the commit that holds
whatever it saw. The last of a group commits it: whoever finds nobody waiting, or the group full. No delay is added.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import RootTransaction
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from gateway.domain.errors import StoreUnavailable, Unavailable
from gateway.store.dialects import OneWriter
from gateway.store.driver import savepoint

MOST_BLOCKS = 32


@dataclass(slots=True)
class _Group:
    """The blocks of one commit."""

    connection: Connection
    begun: RootTransaction
    blocks: int = 0
    failure: Exception | None = None
    checks: list[Callable[[], None]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)


class GroupCommit:
    """The one writer of an SQLite file, shared by the threads of a process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = OneWriter(str(engine.url.database))
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self._waiting = 0
        self._group: _Group | None = None

    @contextmanager
    def block(self, check: Callable[[], None]) -> Iterator[Connection]:
        """One transaction of the caller's: committed when this returns, undone when it raises.

        Shape: `check` runs right before the commit; when it raises, nothing of the group is committed.
        Raises: CommitTooLate when a check said so, StoreUnavailable when the commit failed, else what the block raised.
        """
        self._take_turn()
        try:
            group = self._group = self._group or self._open()
        except BaseException:
            self._turn.release()
            raise
        refused: BaseException | None = None
        try:
            with savepoint(group.connection):
                yield group.connection
        except BaseException as error:  # noqa: BLE001 - raised again below, after the commit that it saw
            refused = error
        else:
            group.checks.append(check)
        self._end_block(group, refused)
        group.done.wait()
        if isinstance(group.failure, Unavailable):
            raise type(group.failure)
        if group.failure is not None:
            raise StoreUnavailable from group.failure
        if refused is not None:
            raise refused

    def close(self) -> None:
        """Leave the writers' queue for good."""
        self._writer.close()

    def _take_turn(self) -> None:
        with self._count:
            self._waiting += 1
        self._turn.acquire()
        with self._count:
            self._waiting -= 1

    def _open(self) -> _Group:
        self._writer.acquire()
        try:
            connection = self._engine.connect()
            try:
                return _Group(connection, connection.begin())
            except BaseException:
                connection.close()
                raise
        except BaseException:
            self._writer.release()
            raise

    def _end_block(self, group: _Group, refused: BaseException | None) -> None:
        """Give the turn to the next block of the group, or commit the group and open the way for another."""
        try:
            group.blocks += 1
            if isinstance(refused, SQLAlchemyError) and not isinstance(refused, IntegrityError):
                group.failure = refused  # more than the block may be undone: nothing of the group is sure
            with self._count:
                is_last = self._waiting == 0 or group.blocks >= MOST_BLOCKS or group.failure is not None
            if is_last:
                self._group = None
                self._end(group)
        finally:
            self._turn.release()

    def _end(self, group: _Group) -> None:
        """Commit a group or undo it; whatever happens, nobody is left waiting for it."""
        try:
            if group.failure is None:
                for check in group.checks:
                    check()
                group.begun.commit()
        except (SQLAlchemyError, Unavailable) as error:
            group.failure = error
        finally:
            try:
                _let_go(group)
            finally:
                self._writer.release()
                group.done.set()


def _let_go(group: _Group) -> None:
    """Give the connection back to the pool; one whose group failed is undone first, or given up for good."""
    try:
        if group.failure is not None:
            group.begun.rollback()
        group.connection.close()
    except SQLAlchemyError:
        group.connection.invalidate()
        group.connection.close()
