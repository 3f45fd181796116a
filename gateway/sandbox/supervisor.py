"""The sandbox's processes: mock MyCareNet, gateway and worker, started together and ended together.

Shape: all in one process group; a child whose supervisor dies is told to end by the kernel (Linux).
"""

from __future__ import annotations

import ctypes
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.settings import PREFIX

START_SECONDS = 60.0
STOP_SECONDS = 20.0
_PR_SET_PDEATHSIG = 1


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


class Running:
    """The running processes by name."""

    def __init__(self, processes: Mapping[str, subprocess.Popen[bytes]], log_dir: Path) -> None:
        self.processes = processes
        self._log_dir = log_dir

    def check(self) -> None:
        """Check that all of them run.

        Raises: SandboxFailed.
        """
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise SandboxFailed(f"{name} ended with {process.returncode}: see {self._log_dir / name}.log")


@contextmanager
def started(plan: Plan) -> Iterator[Running]:
    """Start the mock, then gateway and worker; end them all at the end of the block.

    Raises: SandboxFailed.
    """
    log_dir = plan.data_dir / "logs"
    log_dir.mkdir(parents=True, exist_ok=True)
    commands = {
        "mock": _python("mock_mycarenet", "--port", plan.mock_port, "--data-dir", plan.data_dir / "mock"),
        "gateway": _python("gateway", "serve", "--port", plan.port, "--workers", plan.workers),
        "worker": _python("gateway", "deliver"),
    }
    processes: dict[str, subprocess.Popen[bytes]] = {}
    running = Running(processes, log_dir)
    try:
        for name, command in commands.items():
            with (log_dir / f"{name}.log").open("ab") as log:
                processes[name] = subprocess.Popen(  # noqa: S603 - our own command
                    command,
                    stdout=log,
                    stderr=log,
                    env=plan.environment(),
                    preexec_fn=end_with_parent,  # noqa: PLW1509 - the supervisor has no other thread yet
                )
            if name == "mock":
                _await(running, plan.mock_port, "/live")
        _await(running, plan.port, "/ready")
        yield running
    finally:
        _stop(list(processes.values()))


def _python(module: str, *arguments: object) -> Sequence[str]:
    return [sys.executable, "-m", module, *(str(argument) for argument in arguments)]


def end_with_parent() -> None:
    """Ask the kernel to end this child when its parent dies, so that a killed supervisor leaves nothing behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


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


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
