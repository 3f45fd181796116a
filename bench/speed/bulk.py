"""What moves much at once: a batch beside COPY, an extract beside COPY TO, and questions for released figures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice, repeat
from math import prod
from typing import Any

import psycopg
import requests

from bench.close import CATALOGUE
from bench.speed.load import drive, milliseconds, request
from bench.speed.machine import forget_peak, peak_mib
from bench.speed.rounds import Found
from bench.speed.stage import PROJECT, Stage, enter_catalogue
from bench.speed.systems import System, gateway, worker
from gateway.domain.lattice import AGE_GROUP, CODES, DISTRICTS, SEX
from tests.live.catalogue import NIHII, an_inclusion
from tests.sandboxes import await_that, synthetic_ssin

PROJECTS, PSEUDOCODES, YEARS = 20, 24, (2022, 2023)
WRITTEN = ("beneficiary", "vault", "inclusion", "outbox", "audit_entry", "batch", "batch_line")
"""What lines of a batch leave, table by table."""
FIGURES = {
    "batch lines": "lines a second",
    "batch lines of COPY": "lines a second by COPY",
    "batch memory": "memory of the worker above idle during a batch, MiB",
    "extract rows": "rows a second",
    "extract rows of COPY": "rows a second by COPY TO",
    "extract memory": "memory of the worker above idle during an extract, MiB",
    "question p50": "question, p50 ms",
    "question p99": "question, p99 ms",
}
"""What is noted in each round, and how the page calls it."""
QUESTION = "/v1/aggregates?by=pseudocode,quarter&project=project-3&from=2022-Q1&to=2022-Q4"
LONGEST_SECONDS = 3600.0
RELEASES = """
INSERT INTO release (id, lattice, measure, kind, period, revision, released_at, rho, declared)
    SELECT 'bench-' || y || q, '1', 'actions', 'quarter', y || '-Q' || q, 1, '2026-01-01Z', 0.1,
           (SELECT json_object_agg('project-' || p, json_build_object('municipalities', '[]'::json, 'pseudocodes',
                (SELECT json_agg(code ORDER BY code) FROM pseudocode))) FROM generate_series(0, %(projects)s - 1) p)
    FROM unnest(%(years)s::int[]) y, generate_series(1, 4) q;
INSERT INTO cell (release, audience, dims, beneficiaries, actions, margin_beneficiaries, margin_actions)
    SELECT r.id, a, 'age_group=' || g || '|district=' || d || '|project=' || p.id || '|pseudocode=' || c.code
           || '|quarter=' || r.period || '|sex=' || s, 60, 100, 9, 17
    FROM release r, project p, pseudocode c, unnest(%(age_groups)s::text[]) g, unnest(%(districts)s::text[]) d,
         unnest(%(sexes)s::text[]) s, unnest(ARRAY['own', 'general']) a;
INSERT INTO cell (release, audience, dims, beneficiaries, actions, margin_beneficiaries, margin_actions)
    SELECT r.id, a, 'project=' || p.id || '|quarter=' || r.period, 9000, %(total)s, 9, 17
    FROM release r, project p, unnest(ARRAY['own', 'general']) a;
INSERT INTO cell (release, audience, dims, beneficiaries, actions, margin_beneficiaries, margin_actions)
    SELECT r.id, a, 'project=' || p.id || '|pseudocode=' || c.code || '|quarter=' || r.period, 2000, 3000, 9, 17
    FROM release r, project p, pseudocode c, unnest(ARRAY['own', 'general']) a;
ANALYZE;
"""
READ = "COPY (SELECT * FROM cell WHERE audience = 'general' AND dims LIKE 'age_group=%') TO STDOUT (FORMAT csv)"


def measure_bulk(
    stage: Stage, found: Found, rounds: int, lines: int, districts: int, say: Callable[[str], None]
) -> None:
    """Measure all of it, as often as there are rounds, with figures of so many districts."""
    with ExitStack() as stack:
        figured, people, copied = (stage.another(name) for name in ("figures", "people", "copied"))
        release_by_sql(figured, districts)
        asked = stack.enter_context(gateway(figured))
        taken = stack.enter_context(gateway(people))
        enter_catalogue(people, taken.port)
        copied.run("TRUNCATE catalogue_version")
        _copy(people, copied, ("catalogue_version", "project", "pseudocode", "assignment", "partner"))
        builders = [_Builder.of(stack.enter_context(worker(place))) for place in (figured, people)]
        for number in range(rounds):
            _ask(figured, asked, found)
            _extract(figured, asked, builders[0], found)
            _batch(people, copied, taken, builders[1], found, lines)
            said = ", ".join(f"{name} {figures[-1]:.1f}" for name, figures in found.figures.items())
            say(f"round {number + 1}: {said}")


@dataclass(frozen=True, slots=True)
class _Builder:
    """A worker, and what it held before it had anything to do; units: MiB."""

    leader: int
    idle: float

    @classmethod
    def of(cls, system: System) -> _Builder:
        return cls(system.leader, peak_mib(system.leader))

    def grown(self) -> float:
        """The most that it held since its peak was forgotten, above that."""
        return peak_mib(self.leader) - self.idle


def release_by_sql(stage: Stage, districts: int, projects: int = PROJECTS) -> None:
    """Fill catalogue and ledger by SQL, with cells of which extracts take the finest."""
    cells = {"age_groups": CODES[AGE_GROUP], "districts": DISTRICTS[:districts], "sexes": CODES[SEX]}
    total = PSEUDOCODES * 100 * prod(len(values) for values in cells.values())
    asked: dict[str, Any] = {name: list(values) for name, values in cells.items()}
    with psycopg.connect(stage.dsn, autocommit=True) as connection:
        cursor = psycopg.ClientCursor(connection)
        cursor.execute(CATALOGUE, {"p": projects, "c": PSEUDOCODES, "v": 1})
        cursor.execute(RELEASES, {**asked, "projects": projects, "years": list(YEARS), "total": total})


def _ask(stage: Stage, system: System, found: Found) -> None:
    """Questions for released figures, one after another."""
    token = stage.issuer.token("policy_maker")
    question = request("GET", QUESTION, system.port, {"Authorization": f"Bearer {token}"})
    drove = drive(system.port, 1, 2.0, repeat(question), 200)
    found.note("question p50", milliseconds(drove.latencies, 0.5))
    found.note("question p99", milliseconds(drove.latencies, 0.99))


def _extract(stage: Stage, system: System, builder: _Builder, found: Found) -> None:
    """An extract from its order to the last byte of its file, and the same cells by COPY TO."""
    forget_peak(builder.leader)
    began = time.perf_counter()
    wanted = {"kind": "policy", "from": "2022-01", "to": "2023-12", "format": "csv", "purpose": "policy"}
    ordered = stage.ask(system.port, "POST", "/v1/extracts", wanted, "policy_maker")
    place, manifests = ordered.headers["Content-Location"], list[dict[str, Any]]()

    def is_done() -> bool:
        answer = stage.ask(system.port, "GET", place, None, "policy_maker")
        manifests[:] = [answer.json()] if answer.status_code == requests.codes.ok else []
        return bool(manifests)

    await_that(is_done, "the extract is done", LONGEST_SECONDS)
    file = next(one for one in manifests[0]["output"] if one.get("rows"))
    stage.ask(system.port, "GET", file["url"].replace(f"http://127.0.0.1:{system.port}", ""), None, "policy_maker")
    found.note("extract rows", file["rows"] / (time.perf_counter() - began))
    found.note("extract records", file["rows"])
    found.note("extract memory", builder.grown())
    began = time.perf_counter()
    with psycopg.connect(stage.dsn) as connection, connection.cursor().copy(READ.encode()) as copy:
        rows = sum(bytes(piece).count(b"\n") for piece in copy)
    found.note("extract rows of COPY", rows / (time.perf_counter() - began))
    if rows != file["rows"]:
        raise RuntimeError(f"an extract of {file['rows']} records, and {rows} cells that it is made of")


def _batch(stage: Stage, copied: Stage, system: System, builder: _Builder, found: Found, count: int) -> None:
    """A batch from its first byte to its last line, and the rows that it left by COPY into the same tables, empty."""
    for place in (stage, copied):
        place.run(f"TRUNCATE {', '.join(WRITTEN)}, idempotency")
    forget_peak(builder.leader)
    body = b"".join(islice(_lines(stage), count))
    headers = {
        "Authorization": f"Bearer {stage.issuer.token('provider', nihii=NIHII)}",
        "Content-Type": "application/x-ndjson",
        "Idempotency-Key": f"bench-{time.monotonic_ns()}",
    }
    began = time.perf_counter()
    url = f"http://127.0.0.1:{system.port}/v1/batches"
    location = requests.post(url, data=body, headers=headers, timeout=LONGEST_SECONDS).headers["Location"]

    def told() -> dict[str, Any]:
        answer: dict[str, Any] = stage.ask(system.port, "GET", location, None, "provider", nihii=NIHII).json()
        return answer

    await_that(lambda: told()["status"] == "done", "the batch is done", LONGEST_SECONDS, pause=0.2)
    found.note("batch lines", count / (time.perf_counter() - began))
    found.note("batch memory", builder.grown())
    if told()["accepted"] != count:
        raise RuntimeError(f"of {count} lines not all were accepted: {told()}")
    found.note("batch lines of COPY", count / _copy(stage, copied, WRITTEN))


def _lines(stage: Stage) -> Iterator[bytes]:
    for number in stage.people:
        yield json.dumps({"type": "inclusion", **an_inclusion(PROJECT, synthetic_ssin(number))}).encode() + b"\n"


def _copy(stage: Stage, copied: Stage, tables: Sequence[str]) -> float:
    """The seconds of copying all rows of some tables into another register, in one transaction."""
    kept: dict[str, list[bytes]] = {}
    with psycopg.connect(stage.dsn) as connection:
        for table in tables:
            with connection.cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)".encode()) as reading:
                kept[table] = [bytes(piece) for piece in reading]
    began = time.perf_counter()
    with psycopg.connect(copied.dsn) as connection:
        for table, pieces in kept.items():
            with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)".encode()) as writing:
                for piece in pieces:
                    writing.write(piece)
    return time.perf_counter() - began
