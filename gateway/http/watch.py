"""Looks at a gateway's needs at most once a second, whoever asks, and never keeps an asker waiting for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from gateway.domain.errors import Finding
from gateway.services.check_readiness import Looked

FRESH_SECONDS = 1.0
PATIENCE_SECONDS = 5.0
SLOW = Looked([Finding("database", False, "slow")])


class Watch:
    """Gives what the latest look found.

    Shape: one look at a time, on a thread of its own, so that a register that hangs holds no other thread for longer
    than `PATIENCE_SECONDS`.
    """

    def __init__(self, look: Callable[[], Looked]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._latest: Future[Looked] | None = None
        self._stale_at = 0.0

    def __call__(self) -> Looked:
        """What was found, at most a second ago; or that finding out takes too long."""
        with self._lock:
            if self._latest is None or (self._latest.done() and time.monotonic() >= self._stale_at):
                self._latest = self._start()
            latest = self._latest
        try:
            return latest.result(PATIENCE_SECONDS)
        except TimeoutError:
            return SLOW

    def _start(self) -> Future[Looked]:
        found: Future[Looked] = Future()

        def run() -> None:
            try:
                found.set_result(self._look())
            except Exception as error:  # noqa: BLE001 - raised again by whoever asks
                found.set_exception(error)

        self._stale_at = time.monotonic() + FRESH_SECONDS
        threading.Thread(target=run, daemon=True).start()
        return found
