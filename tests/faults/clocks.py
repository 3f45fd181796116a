"""The machine's clock as one process sees it, which can be made to jump.

libfaketime would do it below Python, and breaks `time.sleep` on the versions tried (`clock_nanosleep` says EINVAL); so
the three ways by which the gateway reads a clock are shifted in the process itself, by what a file says.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

VARIABLE = "RIG_CLOCK_SHIFT"
FRESH_SECONDS = 0.2


@dataclass(frozen=True)
class Clocks:
    """The clocks of the processes that were started with one file."""

    shift: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process must be started with."""
        return {VARIABLE: str(self.shift)}

    def jump(self, seconds: int) -> None:
        """Let the clock jump, within a fifth of a second."""
        written = self.shift.with_suffix(".new")
        written.write_text(str(seconds), encoding="ascii")
        written.replace(self.shift)


class _Shift:
    """By how much the clock is off just now.

    Units: seconds.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._stale_at, self._seconds = path, 0.0, 0

    def __call__(self) -> int:
        if time.monotonic() > self._stale_at:
            self._seconds = int(self._path.read_text(encoding="ascii")) if self._path.exists() else 0
            self._stale_at = time.monotonic() + FRESH_SECONDS
        return self._seconds


def shift_clocks() -> None:
    """Let this process see its clock as the file says that its environment names."""
    if VARIABLE not in os.environ:
        return
    from gateway import app, clock  # noqa: PLC0415 - the rig itself has no use for them
    from gateway.pseudonyms import identifiers  # noqa: PLC0415 - as above

    shift, real_time, real_time_ns = _Shift(Path(os.environ[VARIABLE])), time.time, time.time_ns

    def real_now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=shift())

    for module in (app, clock, identifiers):
        setattr(module, "real_now", real_now)  # noqa: B010 - all names of the one clock
    time.time = lambda: real_time() + shift()
    time.time_ns = lambda: real_time_ns() + shift() * 10**9
