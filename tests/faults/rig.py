"""The rig: gateways, workers, mock and register as processes of their own, with a relay on every way between them.

    clients ─ front1 ─ gateway 0 ─ store ┐
    clients ───────── gateway 1 ─────────┤ register      workers ─ out ─ mock

One gateway and its file on SQLite, two on one PostgreSQL or on three nodes of it under Patroni; two workers and one
mock on any.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from gateway.pseudonyms.keyring import new_keys, write_keyring
from gateway.sandbox.supervisor import Plan
from gateway.store.migrate import migrate
from tests.faults.clocks import Clocks
from tests.faults.cluster import Cluster, cluster
from tests.faults.disk import Flushing
from tests.faults.parts import Part
from tests.faults.relay import Relay, Route
from tests.faults.server import Server, server
from tests.nursery import PLAIN, Nursery
from tests.postgres import free_port
from tests.sandboxes import await_that

GATEWAYS = {"sqlite": 1, "postgresql": 2, "patroni": 2}
WORKERS = 2
FREE_MIB = "8"
HEALTHY_SECONDS = 90.0
NIGHTS = (
    ("2022-02-28T22:59:59Z", "2022-02-28T23:00:00Z"),
    ("2022-03-27T00:59:59Z", "2022-03-27T01:00:00Z"),
    ("2022-03-31T21:59:59Z", "2022-03-31T22:00:00Z"),
)
"""Nights of the legal clock between the load's day and the close: a month's end in winter time and one in summer time,
and the night between both times."""


@dataclass
class Rig:
    """A running deployment that can be broken."""

    store: str
    data_dir: Path
    database_url: str
    mock: Part
    gateways: list[Part]
    workers: list[Part]
    relay: Relay
    gateway_ports: list[int]
    mock_port: int
    clocks: Clocks
    server: Server | Cluster | None = None
    disk: Path | None = None
    flushing: Flushing | None = None
    nights: list[tuple[str, str]] = field(default_factory=lambda: list(NIGHTS))
    tokens: list[str] = field(default_factory=list)

    @property
    def parts(self) -> list[Part]:
        """Every process of ours."""
        return [self.mock, *self.gateways, *self.workers]

    @property
    def cluster(self) -> Cluster:
        """The register's nodes, where it has several."""
        assert isinstance(self.server, Cluster)
        return self.server

    @property
    def client_ports(self) -> list[int]:
        """Where the clients of each gateway send to."""
        return [self.relay.routes["front"][0], *self.gateway_ports[1:]]

    @property
    def mock_url(self) -> str:
        """Where the mock answers."""
        return f"http://127.0.0.1:{self.mock_port}"

    @property
    def keyring(self) -> Path:
        """The key ring file."""
        return self.data_dir / "keys.json"

    def token(self, role: str, **asked: Any) -> str:
        """A new token of the mock for a role."""
        answer = requests.post(f"{self.mock_url}/auth/token", json={"role": role, **asked}, timeout=20)
        self.tokens.append(str(answer.json()["access_token"]))
        return self.tokens[-1]

    def send(self, method: str, path: str, body: Any = None, *, token: str | None = None, key: str = "") -> Any:
        """A request to the first gateway, past its relay."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if method == "POST":
            headers["Idempotency-Key"] = key or f"rig-{time.monotonic_ns()}"
        url = f"http://127.0.0.1:{self.gateway_ports[0]}{path}"
        return requests.request(method, url, json=body, headers=headers, timeout=120)

    def move_clock(self, now: str) -> None:
        """Move the legal clock."""
        answer = self.send("PUT", "/sandbox/clock", {"now": now})
        assert answer.status_code == 200, answer.text

    def play(self, scenario: str) -> None:
        """Choose how the mock behaves."""
        answer = requests.put(f"{self.mock_url}/scenario", json={"name": scenario}, timeout=120)
        assert answer.status_code == 200, answer.text

    def unanswered(self) -> float:
        """How many messages MyCareNet has not answered; waits until the gateway can say it."""
        deadline = time.monotonic() + HEALTHY_SECONDS
        while (found := self._unanswered()) is None:
            assert time.monotonic() < deadline, "the metrics do not tell the outbox"
            time.sleep(0.5)
        return found

    def _unanswered(self) -> float | None:
        lines = self.send("GET", "/metrics").text.splitlines()
        told = (float(line.split()[-1]) for line in lines if line.startswith("chroniccare_outbox_unanswered "))
        return next(told, None)

    def drain(self, seconds: float = 600.0) -> float:
        """Wait until MyCareNet answered everything; how long that took."""
        began = time.monotonic()
        await_that(lambda: self.unanswered() == 0, "the outbox is drained", seconds, pause=0.5)
        return time.monotonic() - began

    def await_healthy(self) -> None:
        """Wait until every node of the register is well, the mock answers and every gateway is ready."""
        if isinstance(self.server, Cluster):
            self.server.await_whole()
        for port, path in [(self.mock_port, "/live"), *((port, "/ready") for port in self.gateway_ports)]:
            await_that(lambda port=port, path=path: answers(port, path), f"{path} on {port}", HEALTHY_SECONDS)  # type: ignore[misc]  # mypy infers no lambda with defaults

    def stop(self) -> None:
        """End every process of ours; the register stays."""
        for part in self.parts:
            part.tell_to_stop()
        for part in self.parts:
            part.await_end()


def answers(port: int, path: str) -> bool:
    """Whether a server answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=8)
    with suppress(OSError, http.client.HTTPException):
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        finally:
            connection.close()
    return False


@contextmanager
def rig(
    store: str,
    folder: Path,
    *,
    variant: str = PLAIN,
    settings: Mapping[str, str] | None = None,
    disk: Path | None = None,
    flushing: Flushing | None = None,
    prepare: Callable[[str], None] = lambda _: None,
) -> Iterator[Rig]:
    """A rig on a store, healthy and empty; ended with the block.

    Shape: gateways and workers run as `variant` plants them; `settings` are the database server's,
    `prepare` gets the address of the migrated register; `disk` is where SQLite's file or PostgreSQL's journal lies,
    when it shall be one that can be full; `flushing` can let flushes fail.
    """
    with ExitStack() as stack:
        made = _planned(stack, store, folder, variant, settings or {}, disk, flushing)
        write_keyring(new_keys(), made.keyring)
        if isinstance(made.server, Cluster):
            made.server.start()
            made.server.create()
        migrate(made.database_url)
        prepare(made.database_url)
        stack.callback(made.stop)
        for part in made.parts:
            part.start()
        made.await_healthy()
        yield made


def _planned(
    stack: ExitStack,
    store: str,
    folder: Path,
    variant: str,
    settings: Mapping[str, str],
    disk: Path | None,
    flushing: Flushing | None,
) -> Rig:
    data_dir = folder / "data"
    data_dir.mkdir(parents=True)
    mock_port, ports = free_port(), [free_port() for _ in range(GATEWAYS[store])]
    unflushed = flushing.environment if flushing is not None else {}
    database = _database(stack, store, settings, disk, unflushed)
    url = database.url() if database is not None else f"sqlite:///{(disk or data_dir) / 'register.sqlite3'}"
    routes = _routes(database, ports[0], mock_port)
    relay = Relay(routes)
    stack.callback(relay.close)
    nursery = Nursery(unflushed)
    stack.callback(nursery.close)
    plan = Plan(data_dir, ports[0], mock_port, url)
    clocks = Clocks(folder / "clock-shift")
    usual = {**plan.environment(), "CHRONICCARE_FREE_MIB": FREE_MIB, **unflushed}
    if isinstance(database, Cluster):
        usual["CHRONICCARE_STANDBY"] = "1"
    sending = {**usual, "CHRONICCARE_MYCARENET_URL": f"http://127.0.0.1:{routes['out'][0]}"}
    serving = [dict(usual) for _ in ports]
    if isinstance(database, Server):
        serving[0]["CHRONICCARE_DATABASE_URL"] = database.url(routes["store"][0])
    serving[-1] |= clocks.environment
    sending |= clocks.environment
    return Rig(
        store,
        data_dir,
        url,
        _mock(nursery, mock_port, usual, data_dir),
        [_gateway(nursery, number, port, variant, serving[number], folder) for number, port in enumerate(ports)],
        [Part(nursery, f"worker{number}", ["deliver", variant], sending, folder) for number in range(WORKERS)],
        relay,
        ports,
        mock_port,
        clocks,
        database,
        disk,
        flushing,
    )


def _routes(database: Server | Cluster | None, gateway_port: int, mock_port: int) -> dict[str, Route]:
    """The ways that can be broken."""
    routes: dict[str, Route] = {
        "front": (free_port(), "127.0.0.1", gateway_port),
        "out": (free_port(), "127.0.0.1", mock_port),
    }
    if isinstance(database, Server):
        routes["store"] = (free_port(), "127.0.0.1", database.port)
    return routes | (database.routes if isinstance(database, Cluster) else {})


def _database(
    stack: ExitStack, store: str, settings: Mapping[str, str], disk: Path | None, environment: Mapping[str, str]
) -> Server | Cluster | None:
    match store:
        case "postgresql":
            return stack.enter_context(server(settings, disk, environment))
        case "patroni":
            return stack.enter_context(cluster())  # started later: its ways go through the relay
        case _:
            return None


def _mock(nursery: Nursery, port: int, environment: Mapping[str, str], data_dir: Path) -> Part:
    arguments = ["mock", PLAIN, "--port", str(port), "--data-dir", str(data_dir / "mock")]
    return Part(nursery, "mock", arguments, environment, data_dir.parent)


def _gateway(
    nursery: Nursery, number: int, port: int, variant: str, environment: Mapping[str, str], folder: Path
) -> Part:
    return Part(nursery, f"gateway{number}", ["serve", variant, "--port", str(port)], environment, folder)
