"""A process of the rig: started, killed, frozen and started again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.nursery import Nursery
from tests.sandboxes import group_of

STOP_SECONDS = 20.0


class Part:
    """One process with its children, and how it is started again."""

    def __init__(
        self, nursery: Nursery, name: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self._nursery, self._arguments, self._environment = nursery, arguments, environment
        self._log = folder / f"{name}.log"
        self._pid = 0

    def start(self) -> None:
        """Start it, unless it runs."""
        if not self.is_running():
            self._pid = self._nursery.begin(self._arguments, self._environment, self._log)

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return bool(self._pid and group_of(self._pid))

    def kill(self) -> None:
        """kill -9, children and all."""
        while self.is_running():
            self._signal(signal.SIGKILL)
            time.sleep(0.01)

    def kill_child(self) -> None:
        """kill -9 of one child alone, which its parent replaces; of the process where it has none."""
        with suppress(ProcessLookupError):
            os.kill(next((pid for pid in group_of(self._pid) if pid != self._pid), self._pid), signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it and its children where they stand."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def tell_to_stop(self) -> None:
        """Tell it to end in good order."""
        self.wake()
        if self.is_running():
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)

    def await_end(self, seconds: float = STOP_SECONDS) -> None:
        """Wait until it has ended by itself, or end it."""
        deadline = time.monotonic() + seconds
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.kill()

    def _signal(self, number: int) -> None:
        if self._pid:
            with suppress(ProcessLookupError):
                os.killpg(self._pid, number)
