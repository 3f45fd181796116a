"""The systems under test: the gateway, its peers, servers that say hello, and pgbench."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.speed.load import Drive
from bench.speed.stage import ROOT, THREADS, WORKERS, Stage
from gateway.store.dialects import GATEWAY
from tests.faults.rig import answers
from tests.postgres import client_program, free_port
from tests.sandboxes import await_that, group_of

PEERS = ROOT / ".tools" / "bench" / "bin"
START_SECONDS = 120.0
LOWER = ("nice", "-n", "10")
"""Before a command whose process leaves the processor to others."""


@dataclass(frozen=True, slots=True)
class System:
    """A running system under test: its port, and the process that leads the others of it."""

    port: int
    leader: int

    def pids(self) -> list[int]:
        """All of its processes."""
        return group_of(self.leader)


@contextmanager
def started(stage: Stage, command: Sequence[str | Path], environment: Mapping[str, str]) -> Iterator[Begun]:
    """A program with its log; ended with the block, with all of its processes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHRONICCARE_")}
    log = stage.folder / f"{Path(command[0]).name}-{time.monotonic_ns()}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [str(one) for one in command],
            env={**kept, **environment},
            cwd=ROOT,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        yield Begun(process, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass(frozen=True, slots=True)
class Begun:
    """A program that was started, and what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def await_ready(self, is_ready: Callable[[], bool]) -> None:
        """Wait until it is ready.

        Raises: RuntimeError when it ends instead.
        """
        await_that(lambda: self.process.poll() is not None or is_ready(), f"{self.log.name}: ready", START_SECONDS)
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.log.name}: {self.log.read_text(encoding='utf-8')[-2000:]}")


@contextmanager
def running(
    stage: Stage, command: Sequence[str | Path], port: int, environment: Mapping[str, str], ready: str
) -> Iterator[System]:
    """A server, from its first good answer on."""
    with started(stage, command, environment) as begun:
        begun.await_ready(lambda: answers(port, ready))
        yield System(port, begun.process.pid)


@contextmanager
def worker(stage: Stage, mycarenet: str = "", *, lower: bool = False) -> Iterator[System]:
    """The gateway's worker, from the first lane on that told of itself; MyCareNet is away unless it is named.

    Shape: one that is `lower` leaves the processor to whoever wants it.
    """
    settings = {
        **stage.environment(),
        "CHRONICCARE_MYCARENET_URL": mycarenet or f"http://127.0.0.1:{free_port()}",
    }
    with started(stage, [*(LOWER if lower else ()), sys.executable, "-m", "gateway", "deliver"], settings) as begun:
        begun.await_ready(lambda: stage.run("SELECT count(*) FROM lane_beat")[0][0] > 0)
        yield System(0, begun.process.pid)


@contextmanager
def gateway(stage: Stage, url: str | None = None, workers: int = WORKERS) -> Iterator[System]:
    """The gateway as it is served in production."""
    port = free_port()
    command = [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--workers", str(workers)]
    with running(stage, command, port, stage.environment(url), "/ready") as system:
        yield system


@contextmanager
def peer(stage: Stage, name: str) -> Iterator[System]:
    """A peer of that name, with as many workers, and threads where it has any."""
    port = free_port()
    workers, threads = ["--workers", str(WORKERS)], str(THREADS)
    gunicorn = ["gunicorn", *workers, "--worker-class", "gthread", "--threads", threads, "--keep-alive", "30"]
    gunicorn += ["--no-control-socket", "--bind", f"127.0.0.1:{port}"]
    address = ["--host", "127.0.0.1", "--port", str(port), *workers, "--no-access-log"]
    granian = ["granian", *address, "--interface", "wsgi", "--blocking-threads", threads, "--backpressure", "128"]
    command = {
        "fastapi": ["uvicorn", *address, "--timeout-keep-alive", "30", "bench.peers.fastapi_peer:app"],
        "django": [*gunicorn, "bench.peers.django_peer.wsgi:application"],
        "gunicorn": [*gunicorn, "bench.peers.hello:app"],
        "granian": [*granian, "bench.peers.hello:app"],
    }[name]
    settings = {
        "DATABASE_URL": stage.dsn,
        "ISSUER": stage.issuer.url,
        "PEER_SECRET": stage.secret,
        "POOL_SIZE": str(THREADS),
        "PGOPTIONS": f"-c role={GATEWAY} -c chroniccare.projects=* -c timezone=UTC",
        "PYTHONPATH": str(ROOT),
    }
    with running(stage, [PEERS / command[0], *command[1:]], port, settings, "/live") as system:
        yield system


def pgbench(stage: Stage, file: Path, clients: int, seconds: float) -> Drive:
    """Transactions that pgbench ran with so many clients."""
    prefix = stage.folder / "pgbench"
    address = urlsplit(stage.dsn)
    used, began = _used_by_children(), time.perf_counter()
    subprocess.run(
        [
            client_program("pgbench"),
            *("--host", str(address.hostname), "--port", str(address.port), "--username", str(address.username)),
            *("--client", str(clients), "--jobs", str(min(clients, 2)), "--time", str(max(1, round(seconds)))),
            *("--no-vacuum", "--protocol", "prepared", "--file", str(file)),
            *("--define", f"instant={time.time_ns() // 1_000_000 << 16}"),
            *("--log", "--log-prefix", str(prefix), address.path[1:]),
        ],
        env={**os.environ, "PGOPTIONS": f"-c role={GATEWAY} -c lock_timeout=5000 -c timezone=UTC"},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    load = (_used_by_children() - used) / (time.perf_counter() - began)
    logs = list(stage.folder.glob(f"{prefix.name}.*"))
    latencies = sorted(int(line.split()[2]) / 1e6 for one in logs for line in one.read_text().splitlines())
    for one in logs:
        one.unlink()
    count = Counter({201: len(latencies)})
    return Drive(max(1, round(seconds)), tuple(latencies), count, count, load)


def _used_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
