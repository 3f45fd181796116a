"""A real sandbox for tests: gateway, worker and mock as processes of their own, reached over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from tests.postgres import free_port


@dataclass
class Sandbox:
    """A running sandbox and a small client for it."""

    gateway: str
    mock: str
    data_dir: Path
    process: subprocess.Popen[str]

    def token(self, role: str, **asked: Any) -> str:
        """A token of the mock for a role, with whatever else it shall hold."""
        answer = requests.post(f"{self.mock}/auth/token", json={"role": role, **asked}, timeout=20)
        return str(answer.json()["access_token"])

    def send(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, key: str | None = None
    ) -> requests.Response:
        """A request; a POST bears a fresh idempotency key unless one is given."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if method == "POST":
            headers["Idempotency-Key"] = key or str(uuid4())
        return requests.request(method, self.gateway + path, json=body, headers=headers, timeout=40)

    def move_clock(self, now: str) -> None:
        """Move the legal clock."""
        answer = self.send("PUT", "/sandbox/clock", {"now": now})
        assert answer.status_code == 200, answer.text

    def kill(self) -> None:
        """kill -9 everything at once, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def sandbox(
    data_dir: Path, database_url: str = "", *, ports: tuple[int, int] | None = None, workers: int = 1
) -> Iterator[Sandbox]:
    """A sandbox that is empty, on the embedded store or a database named by its URL; ended with the block."""
    port, mock_port = ports or (free_port(), free_port())
    command = [sys.executable, "-m", "gateway", "sandbox", "--empty", "--data-dir", str(data_dir)]
    command += ["--port", str(port), "--mock-port", str(mock_port), "--workers", str(workers)]
    command += ["--database-url", database_url] if database_url else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), line
        named = dict(part.split("=", 1) for part in line.split()[1:])
        yield Sandbox(named["gateway"], named["mock"], data_dir, process)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(40)
        process.stdout.close() if process.stdout else None
