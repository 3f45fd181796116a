"""The sandbox's processes: mock MyCareNet, gateway and worker, started together and ended together.

Shape: all in one process group; a child whose supervisor dies is told to end by the kernel (Linux). Gateway and worker
begin as copies of the supervisor, which has loaded their code already; the mock, which the gateway must not know, is a
program of its own.
"""

from __future__ import annotations

import ctypes
import http.client
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.settings import PREFIX

START_SECONDS = 60.0
STOP_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_COPIES = multiprocessing.get_context("fork")


class SandboxFailed(Exception):
    """A part of the sandbox did not come up, or ended; the message names it and its log."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start: where it listens, where it keeps its data, on which database."""

    data_dir: Path
    port: int = 8080
    mock_port: int = 8081
    database_url: str = ""
    workers: int = 1

    @property
    def gateway_url(self) -> str:
        """Where the gateway answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def mock_url(self) -> str:
        """Where the mock answers."""
        return f"http://127.0.0.1:{self.mock_port}"

    def environment(self) -> dict[str, str]:
        """The settings of gateway and worker; the caller's own CHRONICCARE_ settings do not reach in."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        named = {
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": self.database_url,
            "ISSUER": self.mock_url,
            "MYCARENET_URL": self.mock_url,
            "SANDBOX": "1",
            "LEASE_SECONDS": "10",
            "BACKOFF_SECONDS": "5",
        }
        return {**kept, **{PREFIX + name: value for name, value in named.items()}}


class Part(Protocol):
    """A process that was started."""

    def poll(self) -> int | None:
        """How it ended, or None while it runs."""
        ...

    def terminate(self) -> None:
        """Tell it to end."""
        ...

    def kill(self) -> None:
        """End it."""
        ...

    def wait(self, timeout: float | None = None) -> object:
        """Wait until it has ended.

        Raises: subprocess.TimeoutExpired.
        """
        ...


class Copy:
    """A part that begins as a copy of this process and runs one function."""

    def __init__(self, name: str, run: Callable[[], None], log: Path) -> None:
        self._process = _COPIES.Process(target=_as_part, args=(name, run, log), name=name)
        self._process.start()

    def poll(self) -> int | None:
        """How it ended, or None while it runs."""
        return self._process.exitcode

    def terminate(self) -> None:
        """Tell it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> object:
        """Wait until it has ended.

        Raises: subprocess.TimeoutExpired.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return self._process.exitcode


def _as_part(name: str, run: Callable[[], None], log: Path) -> None:
    """Be a part: with its name, its log and the signals of a fresh process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    end_with_parent()
    _set_name(name)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    run()


class Running:
    """The running processes by name."""

    def __init__(self, processes: Mapping[str, Part], log_dir: Path) -> None:
        self.processes = processes
        self._log_dir = log_dir

    def check(self) -> None:
        """Check that all of them run.

        Raises: SandboxFailed.
        """
        for name, process in self.processes.items():
            status = process.poll()
            if status is not None:
                raise SandboxFailed(f"{name} ended with {status}: see {self._log_dir / name}.log")


@contextmanager
def started(plan: Plan, serve: Callable[[], None], deliver: Callable[[], None]) -> Iterator[Running]:
    """Start the mock, and two copies to serve and to deliver; end them all at the end of the block.

    Shape: nobody delivers before the mock answers, so that a fresh start finds nothing unreachable.
    Raises: SandboxFailed.
    """
    log_dir = plan.data_dir / "logs"
    log_dir.mkdir(parents=True, exist_ok=True)
    processes: dict[str, Part] = {}
    running = Running(processes, log_dir)
    try:
        processes["mock"] = _start_mock(plan, log_dir / "mock.log")
        processes["gateway"] = Copy("gateway", serve, log_dir / "gateway.log")
        _await(running, plan.mock_port, "/live")
        processes["worker"] = Copy("worker", deliver, log_dir / "worker.log")
        _await(running, plan.port, "/ready")
        yield running
    finally:
        _stop(processes)


def _start_mock(plan: Plan, path: Path) -> subprocess.Popen[bytes]:
    arguments = ("--port", str(plan.mock_port), "--data-dir", str(plan.data_dir / "mock"))
    with path.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "mock_mycarenet", *arguments],
            stdout=log,
            stderr=log,
            env=plan.environment(),
            preexec_fn=end_with_parent,  # noqa: PLW1509 - the supervisor has no other thread yet
        )


def end_with_parent() -> None:
    """Ask the kernel to end this child when its parent dies, so that a killed supervisor leaves nothing behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _set_name(name: str) -> None:
    """Let `ps` and `top` tell a copy from the supervisor."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode("ascii"))


def _await(running: Running, port: int, path: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        running.check()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise SandboxFailed(f"nothing answers on port {port} after {START_SECONDS:.0f} seconds")


def _stop(processes: Mapping[str, Part]) -> None:
    """Tell every part to end, and wait for it; one that does not is killed, which is said."""
    for process in processes.values():
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for name, process in processes.items():
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"{name} did not end within {STOP_SECONDS:.0f} seconds and was killed\n")
            process.kill()
            process.wait()
