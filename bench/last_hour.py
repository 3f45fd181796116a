"""The last hour of a month (S11): registrations at their own pace, with delivery, a close and extracts beside.

`python -m bench.last_hour --rate 100 --minutes 10` runs gateway, worker and mock as in production on one PostgreSQL, on
a register of so many actions, and writes `bench/LAST_HOUR.md`. Requests come when they are due, whatever becomes of
those before them (open loop); at once a close of the month of all these actions begins, and extracts are ordered one
after another.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import getloadavg
from pathlib import Path

import psycopg
import requests

from bench.close import ACTIONS, CODES, MONTH, PEOPLE, PER_PERSON, PROVIDERS
from bench.speed.bulk import release_by_sql
from bench.speed.load import Drive, drive_open, milliseconds
from bench.speed.machine import cpu_seconds, description
from bench.speed.stage import ROOT, SETTINGS, Stage, enter_catalogue, prepared
from bench.speed.systems import LOWER, System, gateway, running, worker
from tests.http.issuer import an_issuer
from tests.postgres import free_port, postgres
from tests.sandboxes import await_that

TARGET = Path(__file__).with_name("LAST_HOUR.md")
CONNECTIONS, DISTRICTS = 64, 5
PROJECTS = 19
"""And the one of the registrations: there are twenty at most."""
DRAIN_SECONDS = 1_800.0


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.last_hour")
    parser.add_argument("--rate", type=float, default=100.0, help="registrations a second")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--actions", type=int, default=1_000_000, help="of the month that closes")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chroniccare-bench-")))
        url = stack.enter_context(postgres(**SETTINGS))
        stage = prepared(folder, url, stack.enter_context(an_issuer()))
        _fill(stage, asked.actions)
        upstream = stack.enter_context(_mock(stage))
        sender = stack.enter_context(worker(stage, f"http://127.0.0.1:{upstream.port}", lower=True))
        served = stack.enter_context(gateway(stage))
        enter_catalogue(stage, served.port)
        parts = {"gateway": served, "worker": sender, "mock": upstream}
        found = _hour(stage, parts, asked.rate, asked.minutes * 60)
    text = _page(found, asked.rate, asked.minutes, asked.actions)
    TARGET.write_text(text, encoding="utf-8")
    print(text)


@dataclass
class Beside:
    """What went on beside the registrations: seconds of the close, and how many extracts of so many records were made.

    Shape: `failed` is what did not end well.
    """

    close: float | None = None
    extracts: int = 0
    records: int = 0
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured: `waiting` messages were not answered when the load ended, and took `drain` seconds."""

    drive: Drive
    beside: Beside
    waiting: int
    drain: float
    cpu: dict[str, float]


def _fill(stage: Stage, actions: int) -> None:
    release_by_sql(stage, DISTRICTS, PROJECTS)
    asked = {"p": PROJECTS, "c": CODES, "v": PROVIDERS, "n": max(1, actions // PER_PERSON), "k": PER_PERSON}
    with psycopg.connect(stage.dsn, autocommit=True) as connection:
        cursor = psycopg.ClientCursor(connection)
        cursor.execute("SET session_replication_role = replica")  # what is made here fits together: no need to look
        for script in (PEOPLE, ACTIONS, "DROP TABLE person", "VACUUM ANALYZE", "CHECKPOINT"):
            cursor.execute(script, asked)


@contextmanager
def _mock(stage: Stage) -> Iterator[System]:
    port = free_port()
    command = [sys.executable, "-m", "mock_mycarenet", "--port", str(port), "--data-dir", str(stage.folder / "mock")]
    with running(stage, command, port, {}, "/live") as system:
        yield system


def _hour(stage: Stage, parts: dict[str, System], rate: float, seconds: float) -> Found:
    beside, is_over = Beside(), threading.Event()
    threads = [threading.Thread(target=_close, args=(stage, beside))]
    threads += [threading.Thread(target=_extract, args=(stage, parts["gateway"].port, beside, is_over))]
    groups = {**{name: part.pids() for name, part in parts.items()}, "PostgreSQL": stage.server()}
    used = {name: cpu_seconds(pids) for name, pids in groups.items()}
    for thread in threads:
        thread.start()
    port = parts["gateway"].port
    drive = drive_open(port, CONNECTIONS, rate, seconds, stage.registrations(port), 201)
    is_over.set()
    waiting, began = _unanswered(stage), time.perf_counter()
    for thread in threads:
        thread.join()
    await_that(lambda: _unanswered(stage) == 0, "every message is answered", DRAIN_SECONDS, pause=0.5)
    drain = time.perf_counter() - began
    groups["PostgreSQL"] = stage.server()
    return Found(drive, beside, waiting, drain, {name: cpu_seconds(pids) - used[name] for name, pids in groups.items()})


def _unanswered(stage: Stage) -> int:
    return int(stage.run("SELECT count(*) FROM outbox WHERE state IN ('pending', 'sent')")[0][0])


def _close(stage: Stage, beside: Beside) -> None:
    """Close the month by the command, as the scheduler does."""
    began = time.perf_counter()
    command = [*LOWER, sys.executable, "-m", "gateway", "release", "--month", MONTH.label, "--measures", "actions"]
    ended = subprocess.run(command, env=stage.environment(), cwd=ROOT, capture_output=True, text=True, check=False)
    beside.close = time.perf_counter() - began
    if ended.returncode != 0:
        beside.failed.append(f"the close: {ended.stderr.strip()[-300:]}")


def _extract(stage: Stage, port: int, beside: Beside, is_over: threading.Event) -> None:
    """Order one extract after another, and take its file."""
    wanted = {"kind": "policy", "from": "2022-01", "to": "2023-12", "format": "csv", "purpose": "policy"}
    try:
        while not is_over.is_set():
            place = stage.ask(port, "POST", "/v1/extracts", wanted, "policy_maker").headers["Content-Location"]
            while (answer := stage.ask(port, "GET", place, None, "policy_maker")).status_code != requests.codes.ok:
                time.sleep(0.5)
            file = next(one for one in answer.json()["output"] if one.get("rows"))
            stage.ask(port, "GET", file["url"].replace(f"http://127.0.0.1:{port}", ""), None, "policy_maker")
            beside.extracts, beside.records = beside.extracts + 1, file["rows"]
    except Exception as problem:  # noqa: BLE001 - told on the page
        beside.failed.append(f"an extract: {problem}")


def _page(found: Found, rate: float, minutes: float, actions: int) -> str:
    drive, beside = found.drive, found.beside
    p50, p99, worst = (milliseconds(drive.latencies, share) for share in (0.5, 0.99, 1.0))
    refused = sum(count for status, count in drive.statuses.items() if status != 201)
    is_reached = p99 <= 100 and not refused and not beside.failed
    return TEXT.format(
        rate=rate, minutes=minutes, actions=actions, on=datetime.now(UTC).date(), machine=description(),
        load=getloadavg()[0], sent=sum(drive.statuses.values()), refused=refused, p50=p50, p99=p99, worst=worst,
        close=beside.close, extracts=beside.extracts, records=beside.records, waiting=found.waiting, drain=found.drain,
        failed="; ".join(beside.failed) or "nothing", is_reached="reached" if is_reached else "not reached",
        cpu=", ".join(f"{name} {seconds:.0f}" for name, seconds in found.cpu.items()), driver=100 * drive.load,
    )  # fmt: skip


TEXT = """\
# The last hour of a month, measured

Written by `python -m bench.last_hour`: {rate:g} registrations a second for {minutes:g} minutes, sent when they are
due whatever became of those before (open loop, at most 64 at once), to a gateway of two processes with PostgreSQL,
fsync on; a worker brings every message to the mock of MyCareNet meanwhile, a month of {actions:,} actions is
closed, and extracts are made one after another; worker and close run with `nice -n 10`, as
RUNBOOK says. A latency counts from the moment at which the request was due. S11 aims at a p99 of 100 ms and nothing
refused.

{on}, {machine}, load {load:.1f} at the end.

| what | measured |
|---|---|
| registrations sent | {sent:,} |
| not answered 201 | {refused:,} |
| p50, p99, worst, ms | {p50:.0f}, {p99:.0f}, {worst:.0f} |
| the close, s | {close:.0f} |
| extracts made, of {records:,} records each | {extracts} |
| messages not answered when the load ended | {waiting:,} |
| until all of them were, s | {drain:.0f} |
| CPU, s | {cpu} |
| the load's share of a core | {driver:.0f} % |
| failed beside | {failed} |
| S11 | {is_reached} |
"""


if __name__ == "__main__":
    main()
