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
from tests.faults.nursery import PLAIN, Nursery
from tests.faults.parts import Part
from tests.faults.relay import Relay, Route
from tests.faults.server import Server, server
from tests.postgres import free_port
from tests.sandboxes import await_that

GATEWAYS = {"sqlite": 1, "postgresql": 2, "patroni": 2}
WORKERS = 2
FREE_MIB = "8"
HEALTHY_SECONDS = 90.0


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
    tokens: dict[str, str] = field(default_factory=dict)

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
        """A token of the mock for a role, kept while the rig runs."""
        name = " ".join([role, *asked.values()])
        if name not in self.tokens:
            answer = requests.post(f"{self.mock_url}/auth/token", json={"role": role, **asked}, timeout=20)
            self.tokens[name] = str(answer.json()["access_token"])
        return self.tokens[name]

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
        answer = requests.put(f"{self.mock_url}/scenario", json={"name": scenario}, timeout=20)
        assert answer.status_code == 200, answer.text

    def unanswered(self) -> float:
        """How many messages MyCareNet has not answered."""
        lines = self.send("GET", "/metrics").text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith("chroniccare_outbox_unanswered "))

    def drain(self, seconds: float = 600.0) -> float:
        """Wait until MyCareNet answered everything; how long that took."""
        began = time.monotonic()
        await_that(lambda: self.unanswered() == 0, "the outbox is drained", seconds)
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
    prepare: Callable[[str], None] = lambda _: None,
) -> Iterator[Rig]:
    """A rig on a store, healthy and empty; ended with the block.

    Shape: gateways and workers run as `variant` plants them; `settings` are the database server's, `prepare` gets the
    address of the migrated register; `disk` is where SQLite's file lies, when it shall be one that can be full.
    """
    with ExitStack() as stack:
        made = _planned(stack, store, folder, variant, settings or {}, disk)
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
    stack: ExitStack, store: str, folder: Path, variant: str, settings: Mapping[str, str], disk: Path | None
) -> Rig:
    data_dir = folder / "data"
    data_dir.mkdir(parents=True)
    mock_port, ports = free_port(), [free_port() for _ in range(GATEWAYS[store])]
    database = _database(stack, store, settings)
    url = database.url() if database is not None else f"sqlite:///{(disk or data_dir) / 'register.sqlite3'}"
    routes = _routes(database, ports[0], mock_port)
    relay = Relay(routes)
    stack.callback(relay.close)
    nursery = Nursery()
    stack.callback(nursery.close)
    plan = Plan(data_dir, ports[0], mock_port, url)
    clocks = Clocks(folder / "clock-shift")
    usual = {**plan.environment(), "CHRONICCARE_FREE_MIB": FREE_MIB}
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
        Part(
            nursery,
            "mock",
            ["mock", PLAIN, "--port", str(mock_port), "--data-dir", str(data_dir / "mock")],
            usual,
            folder,
        ),
        [_gateway(nursery, number, port, variant, serving[number], folder) for number, port in enumerate(ports)],
        [Part(nursery, f"worker{number}", ["deliver", variant], sending, folder) for number in range(WORKERS)],
        relay,
        ports,
        mock_port,
        clocks,
        database,
        disk,
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


def _database(stack: ExitStack, store: str, settings: Mapping[str, str]) -> Server | Cluster | None:
    match store:
        case "postgresql":
            return stack.enter_context(server(settings))
        case "patroni":
            return stack.enter_context(cluster())  # started later: its ways go through the relay
        case _:
            return None


def _gateway(
    nursery: Nursery, number: int, port: int, variant: str, environment: Mapping[str, str], folder: Path
) -> Part:
    return Part(nursery, f"gateway{number}", ["serve", variant, "--port", str(port)], environment, folder)
