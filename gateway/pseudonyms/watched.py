"""The veil under a key ring that may change while the process runs: the file is looked at again and again.

Shape: whoever asks gets the veil of a ring that was read, or found unchanged, within the last second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from gateway.pseudonyms.keyring import Kek, Keyring, KeyringError, read_keyring
from gateway.pseudonyms.veil import Veil

LOOK_SECONDS = 1.0
Look = tuple[int, int, int]
log = structlog.get_logger("chroniccare.keys")


class WatchedVeil:
    """Gives the veil of the ring as it is now; of the last one that could be read, where it cannot be any more."""

    def __init__(self, path: Path, veil_of: Callable[[Keyring], Veil], kek: Kek | None = None) -> None:
        self._path = path
        self._veil_of = veil_of
        self._lock = threading.Lock()
        self._look = _look(path)
        self._kek = kek
        self._veil = veil_of(read_keyring(path, kek))
        self._looked_at = time.monotonic()

    def __call__(self) -> Veil:
        """The veil.

        Cost: a look at the file's entry once a second; the file is read when that has changed.
        """
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            with self._lock:
                self._renew()
        return self._veil

    def _renew(self) -> None:
        looked_at, look = time.monotonic(), _look(self._path)
        if look != self._look:
            try:
                self._veil = self._veil_of(read_keyring(self._path, self._kek))
            except KeyringError as problem:
                log.warning("key_ring_unusable", reason=str(problem))
            else:
                log.info("key_ring_read")
            self._look = look
        self._looked_at = looked_at


def _look(path: Path) -> Look | None:
    """What changes when the file does; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns, found.st_size
