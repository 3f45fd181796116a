"""Hold leases: a heartbeat lengthens them while their holder is at work, however long that takes.

claim ─ hold ┬ send … send … send ┬ let go
             └ beat … beat … beat ┘   what another worker took over meanwhile is no longer ours

Stage: pseudonymous.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from gateway.domain.delivery import Message
from gateway.domain.errors import StoreUnavailable
from gateway.services.context import Context

BEATS_PER_LEASE = 3


class Hold:
    """The leases on some claimed messages."""

    def __init__(self, context: Context, messages: Sequence[Message], lease: timedelta, until: datetime) -> None:
        self._context = context
        self._lease = lease
        self._held = {message.id: message for message in messages}
        self._until = until
        self._lock = threading.Lock()

    def is_ours(self, message_id: UUID) -> bool:
        """Whether a message is nobody else's: its lease was not taken over, and has not run out."""
        with self._lock:
            return message_id in self._held and self._context.real_now() < self._until

    def drop(self, message_ids: Sequence[UUID]) -> None:
        """Lengthen the leases on some messages no more."""
        with self._lock:
            for message_id in message_ids:
                self._held.pop(message_id, None)

    def beat(self) -> None:
        """Lengthen every lease that is still ours; while the register is away they run on."""
        with self._lock:
            held, until = list(self._held.values()), self._context.real_now() + self._lease
        try:
            with self._context.store.transaction() as tx:
                lost = tx.outbox.beat(held, until)
        except StoreUnavailable:
            return
        self.drop(lost)
        with self._lock:
            self._until = until


@contextmanager
def hold(context: Context, messages: Sequence[Message], lease: timedelta, until: datetime) -> Iterator[Hold]:
    """Hold the leases on messages, claimed until an instant, for the length of a block."""
    held, is_over = Hold(context, messages, lease, until), threading.Event()

    def beat_on() -> None:
        while not is_over.wait(lease.total_seconds() / BEATS_PER_LEASE):
            held.beat()

    thread = threading.Thread(target=beat_on, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield held
    finally:
        is_over.set()
        thread.join()
