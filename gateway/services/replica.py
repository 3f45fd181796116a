"""A replica of the register, which answers for what is released; it may be behind, or away.

Shape: a replica that is away keeps nobody waiting for long, as a circuit opens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from random import SystemRandom

import structlog

from gateway.domain.circuit import Circuit
from gateway.domain.delivery import Backoff
from gateway.domain.errors import StoreUnavailable
from gateway.store.transaction import Store, Transaction

_BACKOFF = Backoff()
_chance = SystemRandom().random
log = structlog.get_logger("chroniccare.replica")


class Replica:
    """Opens transactions on a replica, unless it failed so often that it is left alone for a while."""

    def __init__(self, store: Store, real_now: Callable[[], datetime]) -> None:
        self._store = store
        self._real_now = real_now
        self._circuit = Circuit()
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction on it, which sees the register as it was a moment ago.

        Raises: StoreUnavailable, at once while it is left alone.
        """
        if not self._circuit.most(self._real_now(), 1):
            raise StoreUnavailable
        is_there = True
        try:
            with self._store.reading() as tx:
                yield tx
        except StoreUnavailable:
            is_there = False
            raise
        finally:
            self._learn(is_there)

    def check(self) -> None:
        """Check that it answers.

        Raises: StoreUnavailable.
        """
        self._store.check()

    def strangers(self, register: Store) -> list[str]:
        """The ids of releases here that the register does not have: then it is a replica of something else.

        Raises: StoreUnavailable.
        """
        with self._store.reading() as tx:
            here = [one.id for one in tx.releases.list()]
        with register.reading() as tx:
            there = {one.id for one in tx.releases.list()}
        return sorted(str(one) for one in here if one not in there)

    def close(self) -> None:
        """Close every connection."""
        self._store.close()

    def _learn(self, is_there: bool) -> None:
        """Take an attempt into account; what changes is told to the log."""
        with self._lock:
            before, self._circuit = self._circuit, self._circuit.after(is_there, self._real_now(), _BACKOFF, _chance())
            was_left, is_left = before.open_until is not None, self._circuit.open_until is not None
        if was_left != is_left:
            log.warning("replica_left" if is_left else "replica_back")
