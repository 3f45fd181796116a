"""What carries a hostile request: the application in this process, or a socket to the production server."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, create_engine, func, literal, select, union_all
from structlog.testing import capture_logs

from gateway.store.tables import metadata
from tests.builders import SSIN
from tests.http.hostile.catalogue import LONG, Case
from tests.http.issuer import Issuer
from tests.http.wire import Gateway
from tests.postgres import free_port
from tests.unmeasured import unmeasured

_COUNTS = union_all(*(select(literal(one.name), func.count()).select_from(one) for one in metadata.sorted_tables))
LINES_OF_A_REQUEST = ("answered", "request_refused")


@dataclass(frozen=True)
class Answer:
    """An answer as it came: 0 and nothing when the connection was only closed."""

    status: int
    head: str
    body: bytes

    @property
    def shown(self) -> str:
        """All of it that a client sees."""
        return self.head + self.body.decode("utf-8", "replace")


class Carrier(Protocol):
    """A way to a gateway, with the register behind it and the log beside it."""

    def send(self, case: Case) -> Answer:
        """The answer to a request."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How many rows every table has."""
        ...

    def lines(self) -> list[dict[str, Any]]:
        """What was logged since this was last asked."""
        ...

    def token(self, role: str) -> str:
        """The token that this way uses for a role."""
        ...


def _counted(connection: Connection) -> Mapping[str, int]:
    return {row[0]: row[1] for row in connection.execute(_COUNTS)}


def filled(template: str, token: str, inclusion: str) -> str:
    """A path or header with its placeholders filled."""
    named = {"{TOKEN}": token, "{ID}": inclusion, "{SSIN}": SSIN, "{LONG}": LONG}
    return re.sub(r"\{[A-Z]+\}", lambda found: named[found[0]], template)


@dataclass
class InProcess:
    """The application in this process."""

    gateway: Gateway
    inclusion: str
    connection: Connection
    logged: list[dict[str, Any]] = field(default_factory=list)

    def send(self, case: Case) -> Answer:
        headers = {name: filled(value, self.token(case.role), self.inclusion) for name, value in case.headers.items()}
        length = {"CONTENT_LENGTH": str(len(case.body))}
        path = filled(case.path, self.token(case.role), self.inclusion)
        with capture_logs() as lines:
            answer = self.gateway.app.test_client().open(
                path, method=case.method, data=case.body, headers=headers, environ_overrides=length
            )
        self.logged += [dict(line) for line in lines]
        return Answer(answer.status_code, str(answer.headers), answer.data)

    def counts(self) -> Mapping[str, int]:
        return _counted(self.connection)

    def lines(self) -> list[dict[str, Any]]:
        taken, self.logged = self.logged, []
        return taken

    def token(self, role: str) -> str:
        return self.gateway.token(role)


@contextmanager
def in_process(gateway: Gateway, inclusion: str) -> Iterator[InProcess]:
    """The way to a gateway in this process."""
    engine = create_engine(gateway.database_url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield InProcess(gateway, inclusion, connection)
    finally:
        engine.dispose()


@dataclass
class Server:
    """The production server with one worker, spoken to in bytes."""

    port: int
    issuer: Issuer
    inclusion: str
    connection: Connection
    log: Path
    process: subprocess.Popen[bytes]
    tokens: dict[str, str] = field(default_factory=dict)
    read: int = 0

    def speak(self, raw: bytes) -> Answer:
        """What comes back until the server closes, having been told that nothing more will come."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(raw)
            with suppress(OSError):  # it may have answered and gone by now
                connection.shutdown(socket.SHUT_WR)
            came = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = came.partition(b"\r\n\r\n")
        return Answer(int(head.split(b" ", 2)[1]) if head else 0, head.decode("latin-1"), body)

    def send(self, case: Case) -> Answer:
        headers = {"Host": "127.0.0.1", "Connection": "close", "Content-Length": str(len(case.body)), **case.headers}
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"{case.method} {case.path} HTTP/1.1", *lines, "", ""])
        return self.speak(filled(head, self.token(case.role), self.inclusion).encode("latin-1") + case.body)

    def counts(self) -> Mapping[str, int]:
        return _counted(self.connection)

    def lines(self) -> list[dict[str, Any]]:
        with self.log.open("rb") as log:
            log.seek(self.read)
            new = log.read()
        self.read += len(new)
        return [json.loads(line) for line in new.splitlines()]

    def token(self, role: str) -> str:
        if role not in self.tokens:
            self.tokens[role] = self.issuer.token(role)
        return self.tokens[role]

    def workers(self) -> dict[int, int]:
        """The worker's process and its resident memory in bytes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text("ascii").split()
        return {int(one): _resident_bytes(int(one)) for one in children}


def _resident_bytes(process: int) -> int:
    pages = Path(f"/proc/{process}/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def served(gateway: Gateway, inclusion: str, home: Path, **more: object) -> Iterator[Server]:
    """The production server on a copy of a gateway's SQLite register."""
    shutil.copy(gateway.database_url.removeprefix("sqlite:///"), home / "register.sqlite3")
    shutil.copy(gateway.clock_path, home / "clock")
    port, log = free_port(), home / "log"
    settings = {"DATA_DIR": home, "ISSUER": gateway.issuer.url, "SANDBOX": 1, "FREE_MIB": 0, **more}
    environment = {**unmeasured(), **{f"CHRONICCARE_{name}": str(value) for name, value in settings.items()}}
    with log.open("wb") as errors:
        command = [sys.executable, "-m", "gateway", "serve", "--port", str(port)]
        process = subprocess.Popen(command, env=environment, stderr=errors)
    engine = create_engine(f"sqlite:///{home / 'register.sqlite3'}", isolation_level="AUTOCOMMIT")
    try:
        _await(port, process)
        with engine.connect() as connection:
            yield Server(port, gateway.issuer, inclusion, connection, log, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait(10)
        engine.dispose()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the server did not listen")
