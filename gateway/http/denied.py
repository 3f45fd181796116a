"""Which keys of the issuer are denied, as one gateway remembers it.

Cost: one short read per `READ_AGAIN_SECONDS`, by whichever request comes first; nothing for the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from gateway.domain.errors import StoreUnavailable

READ_AGAIN_SECONDS = 15.0
OLDEST_SECONDS = 60.0


class Denied:
    """The denied kids, never older than `OLDEST_SECONDS`."""

    def __init__(self, read: Callable[[], frozenset[str]]) -> None:
        self._read = read
        self._kids: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    def __contains__(self, kid: object) -> bool:
        """Whether a key is denied.

        Raises: StoreUnavailable when nobody could tell for too long.
        """
        age = time.monotonic() - self._read_at
        if age >= OLDEST_SECONDS:
            with self._lock:
                if time.monotonic() - self._read_at >= OLDEST_SECONDS:
                    self._refresh()
        elif age >= READ_AGAIN_SECONDS and self._lock.acquire(blocking=False):
            try:
                with suppress(StoreUnavailable):
                    self._refresh()
            finally:
                self._lock.release()
        return kid in self._kids

    def _refresh(self) -> None:
        now = time.monotonic()
        self._kids, self._read_at = self._read(), now
