"""A real sandbox for tests: gateway, worker and mock as processes of their own, reached over HTTP."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import requests

from gateway.sandbox.supervisor import end_with_parent
from tests.nursery import PLAIN, Nursery
from tests.postgres import free_port
from tests.unmeasured import unmeasured

SERIALS = range(950, 998)
STORES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Copy:
    """A sandbox that began as a copy of a process that has loaded the code; how it ends is not told."""

    pid: int

    def poll(self) -> int | None:
        """None while it runs."""
        return None if Path(f"/proc/{self.pid}").exists() else 0

    def terminate(self) -> None:
        """Tell it to end."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def wait(self, seconds: float = 40.0) -> int:
        """Wait until it has ended."""
        await_that(lambda: self.poll() is not None, "it has ended", seconds, pause=0.02)
        return 0


@dataclass
class Sandbox:
    """A running sandbox and a small client for it."""

    gateway: str
    mock: str
    data_dir: Path
    process: subprocess.Popen[str] | Copy
    database_url: str = ""

    @property
    def store_url(self) -> str:
        """The database of the register, to look into it past the gateway."""
        return self.database_url or f"sqlite:///{self.data_dir / 'register.sqlite3'}"

    @property
    def ports(self) -> tuple[int, int]:
        """On which ports gateway and mock listen."""
        return int(self.gateway.rsplit(":", 1)[1]), int(self.mock.rsplit(":", 1)[1])

    @property
    def errors(self) -> str:
        """What the supervisor said on standard error."""
        return errors_of(self.data_dir).read_text(encoding="utf-8")

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

    def play(self, scenario: str) -> None:
        """Choose how the mock behaves."""
        answer = requests.put(f"{self.mock}/scenario", json={"name": scenario}, timeout=20)
        assert answer.status_code == 200, answer.text

    def ledger(self) -> list[dict[str, str]]:
        """What arrived at the mock, in order of receipt, repeats included."""
        items: list[dict[str, str]] = requests.get(f"{self.mock}/ledger", timeout=20).json()["items"]
        return items

    def metric(self, name: str) -> float:
        """One sample of the gateway's metrics, by its name without prefix."""
        lines = self.send("GET", "/metrics").text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"chroniccare_{name} "))

    def drain(self) -> None:
        """Wait until MyCareNet answered every message."""
        await_that(lambda: self.metric("outbox_unanswered") == 0, "the outbox is drained")

    def part(self, name: str) -> int:
        """The process of one part that began as a copy of the supervisor."""
        return next(pid for pid in group_of(self.pid) if name_of(pid) == name and _parent(pid) == self.pid)

    @property
    def pid(self) -> int:
        """The supervisor's process, whose group the others share."""
        return self.process.pid

    def kill(self) -> None:
        """kill -9 everything at once, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def sandbox(
    data_dir: Path,
    database_url: str = "",
    *,
    ports: tuple[int, int] | None = None,
    workers: int = 1,
    empty: bool = True,
    environment: dict[str, str] | None = None,
    covered: bool = False,
    copied: bool = True,
) -> Iterator[Sandbox]:
    """A sandbox, empty unless told otherwise, on the embedded store or a database named by its URL; ended at the end.

    Shape: what it says on standard error is in a file beside its data directory. Its processes are `covered` only
    where their own lines are what is tested: measuring makes them half as fast. One that is not `copied` is the command
    as an operator types it, and tells how it ends.
    """
    inherited = dict(os.environ) if covered else unmeasured()
    port, mock_port = ports or (free_port(), free_port())
    arguments = ["--data-dir", str(data_dir), "--port", str(port), "--mock-port", str(mock_port)]
    arguments += ["--workers", str(workers), *(["--database-url", database_url] if database_url else [])]
    arguments += ["--empty"] if empty else []
    begin = _copy if copied and not covered else _command
    process = begin(arguments, {**inherited, **(environment or {})}, data_dir)
    try:
        line = _first_line(process, data_dir)
        assert line.startswith("ready "), line + errors_of(data_dir).read_text(encoding="utf-8")
        named = dict(part.split("=", 1) for part in line.split()[1:])
        yield Sandbox(named["gateway"], named["mock"], data_dir, process, database_url)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(40)


def _command(arguments: Sequence[str], environment: Mapping[str, str], data_dir: Path) -> subprocess.Popen[str]:
    output = _output_of(data_dir)
    with output.open("w", encoding="utf-8") as said, errors_of(data_dir).open("a", encoding="utf-8") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "gateway", "sandbox", *arguments],
            stdout=said,
            stderr=errors,
            text=True,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - a test run that is killed leaves no sandbox behind
            env=environment,
        )


def _copy(arguments: Sequence[str], environment: Mapping[str, str], data_dir: Path) -> Copy:
    _output_of(data_dir).write_text("", encoding="utf-8")
    return Copy(
        _nursery().begin(["sandbox", PLAIN, *arguments], environment, _output_of(data_dir), errors_of(data_dir))
    )


@cache
def _nursery() -> Nursery:
    """Where this process's sandboxes begin."""
    opened = Nursery({})
    atexit.register(opened.close)
    return opened


def _first_line(process: subprocess.Popen[str] | Copy, data_dir: Path) -> str:
    """What a sandbox says first, or that it ended without a word."""

    def said() -> str:
        return _output_of(data_dir).read_text(encoding="utf-8")

    await_that(lambda: "\n" in said() or process.poll() is not None, "it is ready", 120, pause=0.02)
    return said().partition("\n")[0]


@contextmanager
def live_database(request: pytest.FixtureRequest, store: str = "") -> Iterator[str]:
    """The URL for a sandbox on a store, or of a fixture with `params=STORES`: the embedded one's, or a database's."""
    if (store or request.param) == "sqlite":
        yield ""
        return
    server: str = request.getfixturevalue("postgres_url")
    name = f"live_{uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE migrated")
    yield server.rsplit("/", 1)[0] + f"/{name}"
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def live_sandbox(
    request: pytest.FixtureRequest, temporary: pytest.TempPathFactory, store: str = ""
) -> Iterator[Sandbox]:
    """A sandbox on a store, or for a fixture with `params=STORES`; shared by whatever the fixture's scope is."""
    data_dir = temporary.mktemp("live") / "sandbox"
    with live_database(request, store) as database_url, sandbox(data_dir, database_url) as box:
        yield box


def _administer(server: str, statement: str) -> None:
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(statement.encode())


def _output_of(data_dir: Path) -> Path:
    return data_dir.with_name(f"{data_dir.name}.stdout")


def errors_of(data_dir: Path) -> Path:
    """Where the standard error of a sandbox on a data directory goes."""
    return data_dir.with_name(f"{data_dir.name}.stderr")


def group_of(leader: int) -> list[int]:
    """The processes of a group that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(ProcessLookupError, FileNotFoundError):
                state, _, group = _stat(int(entry.name))
                if group == leader and state != "Z":
                    found.append(int(entry.name))
    return sorted(found)


def children_of(parent: int) -> list[int]:
    """The processes that a process began, and that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(ProcessLookupError, FileNotFoundError):
                state, begun_by, _ = _stat(int(entry.name))
                if begun_by == parent and state != "Z":
                    found.append(int(entry.name))
    return found


def name_of(pid: int) -> str:
    """The name of a process."""
    return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()


def _parent(pid: int) -> int:
    return _stat(pid)[1]


def _stat(pid: int) -> tuple[str, int, int]:
    """State, parent and group."""
    state, parent, group = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[:3]
    return state, int(parent), int(group)


def await_that(is_so: Callable[[], bool], what: str, seconds: float = 60.0, pause: float | None = None) -> None:
    """Wait until something is so; without a pause of its own, the longer it takes the more seldom it looks."""
    begun = time.monotonic()
    while not is_so():
        waited = time.monotonic() - begun
        assert waited < seconds, f"not within {seconds:.0f} seconds: {what}"
        time.sleep(min(0.05 + waited / 10, 0.5) if pause is None else pause)


def synthetic_ssin(number: int) -> str:
    """The so-manieth of a row of SSINs that nobody has: right check digits, serial numbers from 950 to 997."""
    day, serial = divmod(number, len(SERIALS))
    nine = f"{30 + day // 28 % 60:02}{1 + day // 28 // 60 % 12:02}{1 + day % 28:02}{SERIALS[serial]}"
    return f"{nine}{97 - int(nine) % 97:02}"
