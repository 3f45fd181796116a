"""The clocks: the only place that asks what time it is.

The *legal* clock governs communication, recording, what was known and what is due; *real* time governs tokens,
leases, backoff and idempotency. In production they are the same; in the sandbox the legal clock is moved by hand.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

SANDBOX_START = datetime(2021, 8, 31, 22, 0, tzinfo=UTC)


def real_now() -> datetime:
    """The instant by the machine's clock, in UTC."""
    return datetime.now(UTC)


class SandboxClock:
    """A legal clock that stands still until it is moved; a file shared by every process of the sandbox.

    Shape: survives kill -9, because each move is one atomic, flushed rename; starts at the first instant of
    1 September 2021 in Brussels.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> datetime:
        """Where the clock stands."""
        try:
            return datetime.fromisoformat(self._path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return SANDBOX_START

    def move(self, now: datetime) -> bool:
        """Move the clock; False, and no move, when `now` lies before where it stands."""
        if now < self():
            return False
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".clock-")
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(now.astimezone(UTC).isoformat())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._path)
        return True
