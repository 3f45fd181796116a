"""Time and memory of closing one month over the whole lattice, beside one SQL COUNT(DISTINCT) per node.

`python -m bench.close 1000000 8000000` writes `bench/CLOSE.md`. The register is synthetic and made by SQL on a
PostgreSQL of its own; each close runs in a process of its own, whose peak memory is that of the whole job.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from math import log
from pathlib import Path
from types import SimpleNamespace

import psycopg

from gateway.domain.lattice import Measure, Period, PeriodKind, nodes
from gateway.services.close_period import close_period
from gateway.store.migrate import migrate
from gateway.store.transaction import Store
from tests.postgres import postgres

MONTH = Period(PeriodKind.MONTH, "2022-02")
PROJECTS, CODES, PROVIDERS = 20, 24, 2_000
NOW = datetime(2022, 3, 15, tzinfo=UTC)
TARGET = Path(__file__).parent / "CLOSE.md"
PER_PERSON = 26
"""Facts of a person in the month: 8 million facts are the 300 000 people of the law's ceiling."""

CATALOGUE = """
INSERT INTO project (id, version, name, nihii, contractor, effective_from, last_day)
    SELECT 'project-' || p, 1, '{}', '10000000001', '{}', '2021-09-01', '2022-12-31'
    FROM generate_series(0, %(p)s - 1) p;
INSERT INTO pseudocode (code, label, level, components, cap)
    SELECT lpad((700000 + c)::text, 6, '0'), '{}', 'population', ('[' || 1 + c %% 14 || ']')::json, 2
    FROM generate_series(0, %(c)s - 1) c;
INSERT INTO assignment (project, code, valid_from) SELECT p.id, c.code, '2021-09-01' FROM project p, pseudocode c;
INSERT INTO partner (project, provider, nihii, category, discipline, member_from)
    SELECT 'project-' || n %% %(p)s, lpad(n::text, 8, '0'), lpad(n::text, 11, '0'), 'first_line',
           (ARRAY['physician', 'nurse', 'pharmacist', 'physiotherapist', 'case_manager'])[1 + n %% 5], '2021-09-01'
    FROM generate_series(1, %(v)s) n;
"""
PEOPLE = """
CREATE TABLE person AS
    SELECT n, (n %% 4096)::smallint AS bucket, 'project-' || (power(random(), 2) * %(p)s)::int %% %(p)s AS project,
           decode(md5(n::text) || md5('x' || n), 'hex') AS pseudonym, gen_random_uuid() AS inclusion
    FROM generate_series(1, %(n)s) n;
INSERT INTO beneficiary (bucket, project, pseudonym, sequence, insurer, sex, birth_date, municipality)
    SELECT bucket, project, pseudonym, 1,
           (ARRAY['100', '300', '100', '300', '500', '200', '400', '600', '900'])[1 + n %% 9],
           (ARRAY['F', 'M'])[1 + (n / 7) %% 2], DATE '1930-01-01' + (n * 7919 %% 32000), (21000 + n * 31 %% 580)::text
    FROM person;
INSERT INTO inclusion
    (bucket, id, version, recorded_at, project, pseudonym, status, communicated_at, agreed_on, valid_from)
    SELECT bucket, inclusion, 1, '2021-12-01Z', project, pseudonym, 'open', '2021-12-01Z', '2021-12-01', '2022-01-01'
    FROM person;
"""
ACTIONS = """
INSERT INTO action
    (bucket, id, version, recorded_at, project, pseudonym, inclusion, pseudocode, performed_on, performed_by,
     occurrence, communicated_at, status)
    SELECT bucket, gen_random_uuid(), 1, '2022-02-20Z', project, pseudonym, inclusion,
           lpad((700000 + (power(random(), 2) * %(c)s)::int %% %(c)s)::text, 6, '0'), DATE '2022-02-01' + k %% 28,
           lpad((1 + (power(random(), 3) * %(v)s)::int %% %(v)s)::text, 8, '0'), k, '2022-02-20Z', 'recorded'
    FROM person, generate_series(1, %(k)s) k;
ANALYZE;
"""
NAMES = {
    "project": "a.project",
    "pseudocode": "a.pseudocode",
    "profession": "m.discipline",
    "insurer": "b.insurer",
    "age_band": "extract(year FROM age(DATE '2022-02-01', b.birth_date))::int / 15",
    "sex": "b.sex",
    "district": "left(b.municipality, 2)",
}
JOINED = """
    FROM action a JOIN beneficiary b USING (bucket, project, pseudonym)
    LEFT JOIN partner m ON m.project = a.project AND m.provider = a.performed_by
    WHERE a.superseded_at IS NULL AND a.status = 'recorded' AND a.performed_on BETWEEN '2022-02-01' AND '2022-02-28'"""


@dataclass
class Measured:
    """One size: seconds of the close, its peak memory in MiB, and seconds of one count per node in SQL."""

    actions: int
    close: float
    memory: float
    counts: float
    cells: int


def main(sizes: list[int]) -> None:
    """Measure each size and write the page."""
    found = []
    for size in sizes:
        with postgres() as url:
            found.append(_measure(url, size))
            print(found[-1], flush=True)
    TARGET.write_text(_page(found), encoding="utf-8")


def _measure(url: str, size: int) -> Measured:
    migrate(url)
    people = max(1, size // PER_PERSON)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        asked = {"p": PROJECTS, "c": CODES, "v": PROVIDERS, "n": people, "k": PER_PERSON}
        cursor = psycopg.ClientCursor(connection)
        for script in (CATALOGUE, PEOPLE, ACTIONS):
            cursor.execute(script, asked)
        counts = _counts(cursor)
    ran = subprocess.run(
        [sys.executable, "-m", "bench.close", "--one", url], check=True, capture_output=True, text=True
    )
    return Measured(people * PER_PERSON, counts=counts, **json.loads(ran.stdout))


def _counts(cursor: psycopg.ClientCursor) -> float:
    """Seconds of one COUNT(DISTINCT) per node, all of them."""
    began = time.perf_counter()
    for node in nodes(MONTH.kind, Measure.ACTIONS):
        keys = ", ".join(NAMES[name] for name in node.dims)
        grouped = f" GROUP BY {keys}" if keys else ""
        cursor.execute(f"SELECT count(DISTINCT (a.project, a.pseudonym)){', ' + keys if keys else ''}{JOINED}{grouped}")
        cursor.fetchall()
    return time.perf_counter() - began


def _one(url: str) -> None:
    """One close in this process; its figures on standard output."""
    store = Store(url, lambda: NOW)
    began = time.perf_counter()
    closed = close_period(SimpleNamespace(store=store), MONTH, Measure.ACTIONS)
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"close": seconds, "memory": memory, "cells": closed.published}))
    store.close()


def _page(found: list[Measured]) -> str:
    rows = [
        f"| {one.actions:,} | {one.actions // PER_PERSON:,} | {one.close:.1f} | {one.memory:.0f} | {one.counts:.1f} | "
        f"{one.counts / one.close:.1f} | {one.cells:,} |"
        for one in found
    ]
    growth = ""
    if len(found) > 1:
        logs = [
            log(found[n + 1].close / found[n].close) / log(found[n + 1].actions / found[n].actions)
            for n in range(len(found) - 1)
        ]
        growth = f"\nGrowth exponents from size to size: {', '.join(f'{one:.2f}' for one in logs)}.\n"
    return "\n".join(
        [
            "# Closing a month, measured",
            "",
            "Written by `python -m bench.close`: one month, 24 nodes of the lattice, PostgreSQL on the same machine.",
            "The register is synthetic. The last but one column is how many times faster the whole close is than one",
            "`COUNT(DISTINCT)` per node in SQL, which counts beneficiaries alone and protects nothing.",
            "",
            "| actions | people | close, s | peak memory, MiB | SQL counts, s | ratio | published cells |",
            "|---|---|---|---|---|---|---|",
            *rows,
            growth,
        ]
    )


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        _one(sys.argv[2])
    else:
        main([int(size) for size in sys.argv[1:]])
