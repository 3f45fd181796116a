"""The register and its transactions: one per verb, committed whole or not at all.

Source: GUARANTEES 3; RULES, "Time".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.domain.errors import CommitTooLate, StoreUnavailable
from gateway.store import dialects, driver
from gateway.store.actions import Actions
from gateway.store.audit import Audit
from gateway.store.batches import Batches
from gateway.store.beneficiaries import Beneficiaries
from gateway.store.catalogue import CatalogueCache, Catalogues
from gateway.store.chains import Chains
from gateway.store.deliveries import Deliveries
from gateway.store.denied_keys import DeniedKeys
from gateway.store.extracts import Extracts
from gateway.store.failures import Failures
from gateway.store.figures import Figures
from gateway.store.group_commit import GroupCommit
from gateway.store.idempotency import Idempotency
from gateway.store.inclusions import Inclusions
from gateway.store.moves import Moves
from gateway.store.outbox import Outbox
from gateway.store.pulses import Pulses
from gateway.store.rates import Rates
from gateway.store.releases import Releases
from gateway.store.renaming import Renaming
from gateway.store.seals import Seals
from gateway.store.sides import Sides
from gateway.store.statistics import Statistics
from gateway.store.tables import catalogue_version
from gateway.store.vault import Vault
from gateway.store.webhooks import Webhooks

STAMP_LIFE_SECONDS = 5.0


class _Discarded(Exception):
    """A transaction that shall leave nothing, although nothing failed."""


class Stamp:
    """When a transaction first took the legal instant, by a clock that nobody moves."""

    def __init__(self) -> None:
        self._taken: float | None = None

    def take(self) -> None:
        """Remember the first time."""
        if self._taken is None:
            self._taken = time.monotonic()

    def check(self) -> None:
        """Refuse to commit what was stamped too long ago.

        Raises: CommitTooLate.
        """
        if self._taken is not None and time.monotonic() - self._taken > STAMP_LIFE_SECONDS:
            raise CommitTooLate


class Transaction:
    """Everything in the register, inside one transaction."""

    def __init__(
        self, connection: Connection, legal_now: Callable[[], datetime], cache: CatalogueCache, stamp: Stamp
    ) -> None:
        self.legal_now = legal_now
        self.is_discarded = False
        self._connection = connection
        self._stamp = stamp
        self.catalogue = Catalogues(connection, cache)
        self.beneficiaries = Beneficiaries(connection)
        self.vault = Vault(connection)
        self.seals = Seals(connection)
        self.renaming = Renaming(connection)
        self.inclusions = Inclusions(connection)
        self.actions = Actions(connection)
        self.outbox = Outbox(connection)
        self.webhooks = Webhooks(connection)
        self.failures = Failures(connection)
        self.deliveries = Deliveries(connection)
        self.moves = Moves(connection)
        self.audit = Audit(connection)
        self.chains = Chains(connection)
        self.idempotency = Idempotency(connection)
        self.batches = Batches(connection)
        self.extracts = Extracts(connection)
        self.releases = Releases(connection)
        self.pulses = Pulses(connection)
        self.rates = Rates(connection)
        self.denied_keys = DeniedKeys(connection)
        self.sides = Sides(connection)
        self.figures = Figures(connection)
        self.statistics = Statistics(connection)

    def see(self, projects: Callable[[], Iterable[str] | None]) -> None:
        """Let the rest of this transaction see the rows of some projects, None for every one."""
        dialects.see(self._connection, projects)

    def freeze(self) -> None:
        """Let every statement see the register as it is at the first one; to be called before any other."""
        dialects.freeze(self._connection)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A block of the transaction that is undone on its own when it fails."""
        with driver.savepoint(self._connection):
            yield

    @contextmanager
    def as_reader(self) -> Iterator[Releases]:
        """The releases, in a block that has no right on anything else in the register.

        Source: DISCLOSURE 5.
        """
        with dialects.as_reader(self._connection):
            yield self.releases

    def stamp(self) -> datetime:
        """The legal instant of this transaction, to be taken after the last lock and before the first write.

        Source: RULES, "Time": the communication is the instant at which the gateway committed it.
        """
        self._stamp.take()
        return self.legal_now()

    def lacks_writing(self) -> str | None:
        """Why this transaction cannot write although it began, as a stable code, or None."""
        return dialects.check_writable(self._connection)

    def server_clock(self) -> datetime | None:
        """The instant on the database's machine, where it has a clock of its own."""
        return dialects.clock_of(self._connection)

    def discard(self) -> None:
        """Roll back at the end, although nothing failed."""
        self.is_discarded = True


class Store:
    """The register: opens transactions on SQLite or PostgreSQL.

    Shape: `legal_now` gives the legal clock; `connections` is how many transactions run at once at most; `role` is
    what it is to PostgreSQL.
    """

    def __init__(
        self, database_url: str, legal_now: Callable[[], datetime], connections: int = 8, role: str = ""
    ) -> None:
        self._engine = dialects.open_engine(database_url, connections, role)
        self._legal_now = legal_now
        self._cache = CatalogueCache()
        self._group = GroupCommit(self._engine) if self._engine.dialect.name == "sqlite" else None

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that commits when its block ends well, and rolls back otherwise.

        Raises: StoreUnavailable for whatever keeps the database from it; CommitTooLate.
        """
        stamp = Stamp()
        try:
            with _as_unavailable(), self._block(stamp.check) as connection:
                opened = Transaction(connection, self._legal_now, self._cache, stamp)
                yield opened
                if opened.is_discarded:
                    driver.settle(connection)
                    raise _Discarded
        except _Discarded:
            return
        except StoreUnavailable:
            self._cache.latest = None  # it may be one that was never committed
            raise

    def _block(self, check: Callable[[], None]) -> AbstractContextManager[Connection]:
        """One transaction, checked right before its commit; on SQLite it shares that with those beside it."""
        return self._group.block(check) if self._group is not None else self._alone(check)

    @contextmanager
    def _alone(self, check: Callable[[], None]) -> Iterator[Connection]:
        with (
            self._engine.connect() as connection,
            dialects.confirmed(connection),
            connection.begin() as begun,
            driver.telling(connection, begun),
        ):
            yield connection
            check()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that writes nothing and waits for no writer."""
        with _as_unavailable(), self._engine.connect() as connection:
            reader = connection.execution_options(**{dialects.READ_ONLY: True})
            with reader.begin() as begun, driver.telling(reader, begun) if self._group is None else nullcontext():
                yield Transaction(reader, self._legal_now, self._cache, Stamp())

    def lacks_standby(self) -> str | None:
        """Why a commit is not on a second node when it returns, as a stable code, or None.

        Raises: StoreUnavailable.
        """
        with _as_unavailable(), self._engine.connect() as connection:
            return dialects.check_standby(connection.execution_options(**{dialects.READ_ONLY: True}))

    def check(self) -> None:
        """Check that the database answers.

        Raises: StoreUnavailable.
        """
        with _as_unavailable(), self._engine.connect() as connection:
            connection.execution_options(**{dialects.READ_ONLY: True}).execute(
                select(catalogue_version.c.version)  # a row, because SQLite opens its file only for one
            )

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        if self._group is not None:
            self._group.close()


@contextmanager
def _as_unavailable() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        raise StoreUnavailable from error
