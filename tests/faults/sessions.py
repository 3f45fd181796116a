"""Sessions with the rig's PostgreSQL, past every gateway, whether it is one server or several nodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

DATABASE = "register"


class Asked(ABC):
    """A PostgreSQL that can be asked."""

    @abstractmethod
    def asked_at(self) -> int:
        """The port of the server that takes writes."""

    @contextmanager
    def session(self, database: str = DATABASE) -> Iterator[psycopg.Connection]:
        """A session of its own, past every gateway and relay."""
        dsn = f"postgresql://postgres@127.0.0.1:{self.asked_at()}/{database}"
        with psycopg.connect(dsn, autocommit=True, connect_timeout=5, application_name="rig") as opened:
            yield opened

    def run(self, statement: str, database: str = DATABASE) -> None:
        """Run one statement."""
        with self.session(database) as session:
            session.execute(statement.encode())

    def create(self) -> None:
        """Make the register's database, empty."""
        self.run(f"CREATE DATABASE {DATABASE}", "postgres")
