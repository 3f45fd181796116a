"""What a registration costs on a register of many actions beside one of few, in turn on one PostgreSQL.

`python -m bench.flat 1000000 10000000` makes both registers by SQL (`tests/store/large.py`), registers inclusions and
actions through the frame of every door, one at a time, keeps what it measured in `bench/flat.json`, and writes
`bench/FLAT.md` and `docs/capacity.md` from it. Ratios alone count: both registers share machine, server and minute.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Engine

from bench import capacity
from gateway.clock import real_now
from gateway.pseudonyms.keyring import new_keys
from gateway.pseudonyms.veil import veil_of
from gateway.services.context import Context
from gateway.store import dialects
from gateway.store.migrate import migrate
from gateway.store.transaction import Store
from tests.conftest import LegalClock
from tests.databases import named, run
from tests.postgres import postgres
from tests.services.desk import Desk
from tests.store.large import Large, fill
from tests.store.seeds import seeded

ROUNDS, EACH = 7, 100
TARGET, KEPT = Path(__file__).parent / "FLAT.md", Path(__file__).parent / "flat.json"
AIM = 1.25
TABLES = ("beneficiary", "vault", "inclusion", "action", "outbox", "audit_entry")
"""What a registration adds to and what is never removed."""
_BYTES = "SELECT pg_total_relation_size('{0}')::float / count(*) FROM {0}"
_WIDTH = "SELECT avg(pg_column_size(t)) FROM (SELECT * FROM {} WHERE get_byte(pseudonym, 0) {} 48 LIMIT 10000) t"
"""Of rows that were made by SQL, whose pseudonyms begin with the digit 0, or of others."""

Measured = dict[str, list[float]]
"""Of each kind of registration: milliseconds of its median in each round, and of CPU, the server's included."""


def main(sizes: list[int]) -> None:
    """Make a register of each size, register on them in turn, and write the pages."""
    with postgres(shared_buffers="512MB", max_wal_size="8GB") as url, ExitStack() as stack:
        benches = []
        for size in sizes:
            began = time.perf_counter()
            benches.append(stack.enter_context(closing(Bench(url, size))))
            print(f"{size:,} actions made in {time.perf_counter() - began:.0f} s", flush=True)
        for number in range(ROUNDS + 1):
            for bench in benches:
                bench.round(is_warm=number > 0)
            print(f"round {number}", flush=True)
        found = {
            "on": str(datetime.now(UTC).date()),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end",
            "registers": [{"actions": one.size, **one.measured} for one in benches],
            "bytes": benches[0].bytes_of_rows(),
        }
    KEPT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    TARGET.write_text(page(found), encoding="utf-8")
    capacity.write()


class Bench:
    """A register of one size, and what was measured on it."""

    def __init__(self, server: str, size: int) -> None:
        self.size, self._next = size, 0
        self.measured: Measured = {}
        run(server, f"CREATE DATABASE register_{size}")
        url = named(server, f"register_{size}")
        migrate(url)
        clock = LegalClock()
        with closing(Store(url, clock)) as store:
            seeded(store)
        self._engine = dialects.open_engine(url, 1)
        with self._engine.begin() as connection:
            dialects.take_time(connection)
            fill(connection, Large(size))
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql("VACUUM ANALYZE")
            connection.exec_driver_sql("CHECKPOINT")
        self._store = Store(url, clock, connections=1, role=dialects.GATEWAY)
        self._desk = Desk(Context(self._store, veil_of(new_keys()), real_now), clock, url)

    def round(self, *, is_warm: bool) -> None:
        """Register new people, and an action of each."""
        numbers = range(self._next, self._next + EACH)
        self._next += EACH
        for kind, at, register in (
            ("inclusion", "2022-01-15T09:00+01:00", self._desk.include),
            ("action", "2022-03-01T09:00+01:00", self._desk.act),
        ):
            self._desk.at(at)
            used, waits = _cpu(self._engine), []
            for number in numbers:
                began = time.perf_counter()
                register(number)
                waits.append(1_000 * (time.perf_counter() - began))
            if is_warm:
                self.measured.setdefault(f"{kind}, ms", []).append(median(waits))
                cpu = 1_000 * (_cpu(self._engine) - used) / EACH
                self.measured.setdefault(f"{kind}, ms of CPU", []).append(cpu)

    def bytes_of_rows(self) -> dict[str, float]:
        """Bytes of a row of each table with its share of the indexes, as wide as those that were registered."""
        with self._engine.connect() as connection:

            def ask(query: str) -> float:
                return float(connection.exec_driver_sql(query).scalar_one())

            return {
                table: ask(_BYTES.format(table)) + ask(_WIDTH.format(table, "<>")) - ask(_WIDTH.format(table, "="))
                for table in TABLES
            }

    def close(self) -> None:
        """Let go of the register."""
        self._store.close()
        self._engine.dispose()


def _cpu(engine: Engine) -> float:
    """Seconds of CPU that this process and the backends of a database have used."""
    with engine.connect() as connection:
        pids = connection.exec_driver_sql(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
        ).scalars()
        ticks = sum(sum(map(int, _fields(pid)[11:13])) for pid in pids)
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


def _fields(pid: int) -> list[str]:
    """What the kernel tells of a process, from its state on."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()


def page(found: dict[str, Any]) -> str:
    """The page of what was measured."""
    small, *others = found["registers"]
    rows = [_row(name, small, other) for other in others for name in small if name != "actions"]
    rounds = len(small["inclusion, ms"])
    return TEXT.format(
        rounds=rounds, each=EACH, aim=AIM, rows="\n".join(rows), on=found["on"], machine=found["machine"]
    )


TEXT = """\
# A registration on a large register, measured

Written by `python -m bench.flat`: inclusions and actions, one at a time through the frame of every door, in turn on
registers of one PostgreSQL with fsync on, {rounds} rounds of {each} of each after one that is not counted. CPU is that
of the process and of its backends. A ratio is that of two medians of one round, shown with its lowest and highest. S8
aims at {aim} at most, at 100 million actions beside one million.

{on}, {machine}, the work of others included.

| what | on actions: median | on actions: median | ratio |
|---|---|---|---|
{rows}
"""


def _row(name: str, small: dict[str, Any], large: dict[str, Any]) -> str:
    ratios = sorted(there / here for here, there in zip(small[name], large[name], strict=True))
    medians = [f"{one['actions']:,}: {median(one[name]):.2f}" for one in (small, large)]
    return f"| {name} | {' | '.join(medians)} | {median(ratios):.2f} ({ratios[0]:.2f} .. {ratios[-1]:.2f}) |"


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
