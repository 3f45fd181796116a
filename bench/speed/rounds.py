"""What is measured in turn, round after round: the limits, the gateway and its peers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

from bench.speed.load import Drive, drive, milliseconds, request
from bench.speed.machine import cpu_seconds, own_mib
from bench.speed.replay import registrations, script
from bench.speed.stage import Stage, enter_catalogue
from bench.speed.systems import System, gateway, peer, pgbench
from gateway.store.migrate import migrate

CLIENTS = (1, 16, 64)
WARM_SECONDS, WARM_ANSWERS, WARM_TIMES = 2.0, 1_000, 10
"""Before the first round each system is asked until it gave so many answers, so many times at most."""
LIMIT, STATEMENTS = "pgbench, one round trip", "pgbench, statement by statement"
OURS, EMBEDDED = "gateway on PostgreSQL", "gateway on SQLite"
PEERS = {"fastapi": "FastAPI, SQLAlchemy async", "django": "Django REST framework"}
HELLOS = {"gunicorn": "hello, gunicorn gthread", "granian": "hello, granian"}
BELONGING = {
    **{name: f"FROM {name}" for name in ("inclusion", "beneficiary", "vault", "outbox")},
    "idempotency": "FROM idempotency WHERE status = 201 AND headers ->> 'Location' LIKE '/v1/inclusions/%'",
    "audit_entry": "FROM audit_entry WHERE verb = 'register_inclusion' AND outcome = 'done'",
}
"""How to count what registrations leave, by table."""
IMPORT = "import time; began = time.perf_counter(); import gateway.cli; print(time.perf_counter() - began)"


@dataclass(frozen=True, slots=True)
class Sample:
    """One system under one load in one round.

    Units: milliseconds; CPU in microseconds for each answer, of the system itself and of PostgreSQL; `load` is the
    share of one core that the load used; MiB of all its processes.
    """

    per_second: float
    p50: float
    p95: float
    p99: float
    own_cpu: float
    store_cpu: float
    load: float
    memory: float
    refused: int


@dataclass(slots=True)
class Found:
    """Everything that was measured: samples by what they are of, and single figures, one of each round."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    figures: dict[str, list[float]] = field(default_factory=dict)
    registered: int = 0
    server: str = ""

    def note(self, name: str, figure: float) -> None:
        """Keep a figure of a round."""
        self.figures.setdefault(name, []).append(figure)


Measure = Callable[[float], tuple[Drive, float, System | None]]
"""Measures for so many seconds: what came of it, the CPU seconds that the system used, and the system or None."""


def measure_rounds(stage: Stage, found: Found, rounds: int, seconds: float, say: Callable[[str], None]) -> None:
    """Measure everything in turn, as often as there are rounds; each round begins with another one.

    Raises: RuntimeError when what was answered is not what the register holds.
    """
    found.registered, one_trip, by_itself = _taken(stage)
    with ExitStack() as stack:
        turns = list(_turns(stage, stack, one_trip, by_itself).items())
        for name, measure in turns:
            _warm(stage, found, name, measure)
        for number in range(rounds):
            first = number * 3 % len(turns)
            for name, measure in [*turns[first:], *turns[:first]]:
                sample = _sampled(stage, found, name, measure, seconds)
                found.samples.setdefault(name, []).append(sample)
                say(f"round {number + 1}: {name}: {sample.per_second:.0f}/s, p99 {sample.p99:.1f} ms")
            _start(stage, found)
            found.note("load average", os.getloadavg()[0])
    _check(stage, found.registered)


def _taken(stage: Stage) -> tuple[int, Path, Path]:
    """How many were registered to take the gateway's SQL from, and that SQL as two scripts for pgbench."""
    database = stage.dsn.rpartition("/")[2]
    stage.run(f"ALTER DATABASE {database} SET log_statement = 'all'")
    with gateway(stage, workers=1) as system:
        enter_catalogue(stage, system.port)
        taken = drive(system.port, 1, 1.0, stage.registrations(system.port), 201)
    stage.run(f"ALTER DATABASE {database} RESET log_statement")
    one, other = registrations(stage.log())[-2:]
    one_trip, by_itself = stage.folder / "one-trip.sql", stage.folder / "by-itself.sql"
    one_trip.write_text(script(one, other, in_one_trip=True), encoding="utf-8")
    by_itself.write_text(script(one, other, in_one_trip=False), encoding="utf-8")
    return taken.all_statuses[201], one_trip, by_itself


def _turns(stage: Stage, stack: ExitStack, one_trip: Path, by_itself: Path) -> dict[str, Measure]:
    """What is measured, by name, with every system started."""
    turns: dict[str, Measure] = {}
    ours = stack.enter_context(gateway(stage))
    for clients in CLIENTS:
        turns[f"{LIMIT}, {clients}"] = _benched(stage, one_trip, clients)
        turns[f"{STATEMENTS}, {clients}"] = _benched(stage, by_itself, clients)
        turns[f"{OURS}, {clients}"] = _registering(stage, ours, clients)
    embedded = stack.enter_context(_embedded(stage))
    turns[f"{EMBEDDED}, 16"] = _registering(stage, embedded, 16)
    for name, title in PEERS.items():
        system = stack.enter_context(peer(stage, name))
        turns[f"{title}, 64"] = _registering(stage, system, 64)
    for name, title in HELLOS.items():
        turns[f"{title}, 64"] = _greeting(stack.enter_context(peer(stage, name)), 64)
    return turns


@contextmanager
def _embedded(stage: Stage) -> Iterator[System]:
    url = f"sqlite:///{stage.folder / 'register.sqlite3'}"
    migrate(url)
    with gateway(stage, url) as system:
        enter_catalogue(stage, system.port)
        yield system


def _benched(stage: Stage, file: Path, clients: int) -> Measure:
    return lambda seconds: (pgbench(stage, file, clients, seconds), 0.0, None)


def _registering(stage: Stage, system: System, connections: int) -> Measure:
    return _driven(system, connections, stage.registrations(system.port), 201)


def _greeting(system: System, connections: int) -> Measure:
    return _driven(system, connections, repeat(request("GET", "/live", system.port, {})), 200)


def _driven(system: System, connections: int, requests: Iterator[bytes], hoped_for: int) -> Measure:
    def measure(seconds: float) -> tuple[Drive, float, System]:
        before = cpu_seconds(system.pids())
        drove = drive(system.port, connections, seconds, requests, hoped_for)
        return drove, cpu_seconds(system.pids()) - before, system

    return measure


def _sampled(stage: Stage, found: Found, name: str, measure: Measure, seconds: float) -> Sample:
    """One measurement, with what it cost whom."""
    server = cpu_seconds(stage.server())
    drove, used, system = measure(seconds)
    answers = sum(drove.all_statuses.values())
    if not (+drove.all_statuses).keys() & {200, 201}:
        raise RuntimeError(f"{name}: no answer that was hoped for: {dict(drove.all_statuses)}")
    if not name.startswith((EMBEDDED, *HELLOS.values())):
        found.registered += drove.all_statuses[201]
    return Sample(
        drove.per_second,
        p50=milliseconds(drove.latencies, 0.5),
        p95=milliseconds(drove.latencies, 0.95),
        p99=milliseconds(drove.latencies, 0.99),
        own_cpu=used / answers * 1e6,
        store_cpu=(cpu_seconds(stage.server()) - server) / answers * 1e6,
        load=drove.load,
        memory=sum(own_mib(pid) for pid in system.pids()) if system else 0.0,
        refused=sum(drove.statuses.values()) - len(drove.latencies),
    )


def _warm(stage: Stage, found: Found, name: str, measure: Measure) -> None:
    """Let connections, caches and compiled statements be there, wherever each worker makes its own."""
    answers = 0.0
    for _ in range(WARM_TIMES):
        if answers < WARM_ANSWERS:
            answers += _sampled(stage, found, name, measure, WARM_SECONDS).per_second * WARM_SECONDS


def _start(stage: Stage, found: Found) -> None:
    """How long the gateway takes to load its code, and to be ready; its schema is current and its keys are there."""
    loaded = subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True)
    found.note("import", float(loaded.stdout))
    began = time.perf_counter()
    with gateway(stage, workers=1):
        found.note("ready", time.perf_counter() - began)


def _check(stage: Stage, registered: int) -> None:
    """Check that every registration that was answered is in the register with all that belongs to it."""
    counted = {name: stage.run(f"SELECT count(*) {which}")[0][0] for name, which in BELONGING.items()}
    if set(counted.values()) != {registered}:
        raise RuntimeError(f"{registered} registrations were answered, and the register holds {counted}")
