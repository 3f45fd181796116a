"""Time and memory of closing one month over the whole lattice, beside one SQL COUNT(DISTINCT) per node.

`python -m bench.close 1000000` measures whole closes: the register is synthetic and made by SQL on a PostgreSQL of its
own. Beyond a million actions the counts in SQL, which are there to be compared with, would take hours and are left out;
beyond ten million the actions are written without indexes, for want of disk.
`python -m bench.close --columns 10000000` measures the columns alone, filled from memory: what a close does once the
facts have left the register. Each runs in a process of its own, whose peak memory is that of the whole job. Both keep
what they measured in `bench/close.json` and write `bench/CLOSE.md` from it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from itertools import pairwise
from math import log
from os import getloadavg
from pathlib import Path
from random import Random

import psycopg

from bench import capacity
from gateway.domain.disclosure import FEWEST_BENEFICIARIES, protect
from gateway.domain.lattice import CODES as LISTS
from gateway.domain.lattice import Measure, Period, PeriodKind, nodes
from gateway.pseudonyms.keyring import new_keys
from gateway.pseudonyms.release_key import release_key
from gateway.pseudonyms.veil import veil_of
from gateway.services.close_period import close_period
from gateway.services.context import Context
from gateway.store.columns import Columns
from gateway.store.migrate import migrate
from gateway.store.transaction import Store
from tests.postgres import postgres

MONTH = Period(PeriodKind.MONTH, "2022-02")
PROJECTS, CODES, PROVIDERS = 20, 24, 2_000
NOW = datetime(2022, 3, 15, tzinfo=UTC)
TARGET, KEPT = Path(__file__).parent / "CLOSE.md", Path(__file__).parent / "close.json"
COUNTED_UP_TO, INDEXED_UP_TO = 1_000_000, 10_000_000
"""Up to how many actions SQL counts them too, and up to how many the table has its indexes."""
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
           (ARRAY['F', 'M'])[1 + (n / 7) %% 2], DATE '1930-01-01' + (n::bigint * 7919 %% 32000)::int,
           (21000 + n * 31 %% 580)::text
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
WITHOUT_INDEXES = """
DO $$ DECLARE one text; BEGIN
    FOR one IN SELECT conname FROM pg_constraint WHERE conrelid = 'action'::regclass AND contype = 'p' LOOP
        EXECUTE 'ALTER TABLE action DROP CONSTRAINT ' || one;
    END LOOP;
    FOR one IN SELECT indexname FROM pg_indexes WHERE tablename = 'action' LOOP EXECUTE 'DROP INDEX ' || one; END LOOP;
END $$;
ALTER TABLE action SET UNLOGGED;
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


Measured = dict[str, float]
"""One size: `actions`, `people`, `cells`, seconds of each step and of CPU, and `memory`, the peak in MiB."""


def main(kind: str, sizes: list[int]) -> None:
    """Measure each size, one kind of measure at a time, and write the page."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {"closes": [], "columns": []}
    for size in sizes:
        if kind == "columns":
            found = _ran("--fill", str(size))
        else:
            with postgres(max_wal_size="8GB", shared_buffers="2GB", fsync="off", autovacuum="off") as url:
                found = _measure(url, size)
        print(found, flush=True)
        others = [one for one in kept[kind] if one["actions"] != found["actions"]]
        kept[kind] = sorted([*others, found], key=lambda one: one["actions"])
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        TARGET.write_text(_page(kept), encoding="utf-8")
        capacity.write()


def _ran(*arguments: str) -> Measured:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.close", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    found: Measured = json.loads(ran.stdout)
    return found


def _measure(url: str, size: int) -> Measured:
    migrate(url)
    people = max(1, size // PER_PERSON)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        asked = {"p": PROJECTS, "c": CODES, "v": PROVIDERS, "n": people, "k": PER_PERSON}
        cursor = psycopg.ClientCursor(connection)
        cursor.execute("SET session_replication_role = replica")  # what is made here fits together: no need to look
        if size > INDEXED_UP_TO:
            cursor.execute(WITHOUT_INDEXES)
        for script in (CATALOGUE, PEOPLE, ACTIONS):
            cursor.execute(script, asked)
        counts = {"counts": _counts(cursor)} if size <= COUNTED_UP_TO else {}
    return {**_ran("--one", url), "actions": people * PER_PERSON, "people": people, **counts}


def _counts(cursor: psycopg.ClientCursor) -> float:
    """Seconds of one COUNT(DISTINCT) per node, all of them."""
    began = time.perf_counter()
    for node in nodes(MONTH.kind, Measure.ACTIONS):
        keys = ", ".join(NAMES[name] for name in node.dims)
        grouped = f" GROUP BY {keys}" if keys else ""
        cursor.execute(f"SELECT count(DISTINCT (a.project, a.pseudonym)){', ' + keys if keys else ''}{JOINED}{grouped}")
        cursor.fetchall()
    return time.perf_counter() - began


def _one(url: str) -> Measured:
    """One close in this process."""
    store = Store(url, lambda: NOW)
    began = time.perf_counter()
    closed = close_period(Context(store, veil_of(new_keys()), lambda: NOW), MONTH, Measure.ACTIONS)
    ended = time.perf_counter()
    store.close()
    times = {"close": ended - began, "cpu": time.process_time(), "load": getloadavg()[0]}
    return {**times, "memory": _memory(), "cells": closed.published}


def _fill(size: int) -> Measured:
    """The columns in this process: filled and sealed, every node counted and protected."""
    people, uniform, cells = max(1, size // PER_PERSON), release_key(), 0
    began = time.perf_counter()
    with Columns(MONTH) as columns:
        _fill_all(columns, people)
        filled = time.perf_counter()
        for node in nodes(MONTH.kind, Measure.ACTIONS):
            for cell in columns.cells(node, FEWEST_BENEFICIARIES):
                cells += len(protect(cell, release_id="bench", uniform=uniform))
    ended = time.perf_counter()
    times = {"fill": filled - began, "count": ended - filled, "cpu": time.process_time(), "load": getloadavg()[0]}
    return {**times, "actions": people * PER_PERSON, "people": people, "cells": cells, "memory": _memory()}


def _fill_all(columns: Columns, people: int) -> None:
    """Synthetic rows from a seed, as skewed as those of the register."""
    chance, first, last = Random(1), date(2022, 1, 1), date(2022, 12, 31)
    projects = [f"project-{int(chance.random() ** 2 * PROJECTS)}" for _ in range(people)]
    codes, days = [f"{700000 + n}" for n in range(CODES)], [date(2022, 2, 1 + n) for n in range(28)]
    providers = [f"{n:08}" for n in range(PROVIDERS)]
    bands, groups, insurers = (LISTS[name] for name in ("age_band", "age_group", "insurer"))
    columns.fill(
        "inclusion",
        (
            (project, n.to_bytes(32, "big"), first, last, insurers[n % 7], "FM"[n % 2], bands[n % 6], groups[n % 3],
             f"{21 + n % 40}", f"{21000 + n % 580}")
            for n, project in enumerate(projects)
        ),
    )  # fmt: skip
    columns.fill("code", ((code, 2) for code in codes))
    columns.fill("part", ((code, str(1 + n % 14)) for n, code in enumerate(codes)))
    members = ((f"project-{n % PROJECTS}", one, "nurse", date(2021, 9, 1), date.max) for n, one in enumerate(providers))
    columns.fill("membership", members)
    columns.seal(
        (project, pseudonym, codes[int(chance.random() ** 2 * CODES)],
         providers[int(chance.random() ** 3 * PROVIDERS)], days[k % 28])
        for n, project in enumerate(projects)
        for pseudonym in [n.to_bytes(32, "big")]
        for k in range(PER_PERSON)
    )  # fmt: skip


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _page(kept: dict[str, list[Measured]]) -> str:
    closes = [
        f"| {one['actions']:,} | {one['people']:,} | {one['close']:.1f} | {one['cpu']:.1f} | {one['load']:.1f} | "
        f"{one['memory']:.0f} | {_compared(one)} | {one['cells']:,} |"
        for one in kept["closes"]
    ]
    columns = [
        f"| {one['actions']:,} | {one['people']:,} | {one['fill']:.1f} | {one['count']:.1f} | {one['cpu']:.1f} | "
        f"{one['load']:.1f} | {one['memory']:.0f} | {one['cells']:,} |"
        for one in kept["columns"]
    ]
    return "\n".join(
        [
            "# Closing a month, measured",
            "",
            "Written by `python -m bench.close`: one month, the 24 nodes of its lattice, synthetic registers.",
            "",
            "## Whole closes, from PostgreSQL on the same machine",
            "",
            "*SQL counts* is one `COUNT(DISTINCT)` per node, which counts beneficiaries alone and protects nothing;",
            f"not run beyond {COUNTED_UP_TO:,} actions. Beyond {INDEXED_UP_TO:,} the table of actions has no indexes,",
            "for want of disk; a close reads the whole month. CPU time and memory are those of the closing process,",
            "without PostgreSQL's. *Load* is how many processes wanted the two cores when it ended.",
            "",
            "| actions | people | close, s | CPU, s | load | peak, MiB | SQL counts, s | ratio | published cells |",
            "|---|---|---|---|---|---|---|---|---|",
            *closes,
            "",
            f"Growth exponents of the CPU time from size to size: {_growth(kept['closes'])}.",
            "",
            "## The columns alone, filled from memory",
            "",
            "| actions | people | fill, s | count and protect, s | CPU, s | load | peak, MiB | published cells |",
            "|---|---|---|---|---|---|---|---|",
            *columns,
            "",
            f"Growth exponents of the CPU time from size to size: {_growth(kept['columns'])}.",
            "",
        ]
    )


def _compared(one: Measured) -> str:
    return f"{one['counts']:.1f} | {one['counts'] / one['close']:.1f}" if "counts" in one else "not run |"


def _growth(measured: list[Measured]) -> str:
    pairs = pairwise((one["actions"], one["cpu"]) for one in measured)
    found = [f"{log(cpu / before) / log(size / smaller):.2f}" for (smaller, before), (size, cpu) in pairs]
    return ", ".join(found) or "one size only"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--one", url]:
            print(json.dumps(_one(url)))
        case ["--fill", size]:
            print(json.dumps(_fill(int(size))))
        case ["--columns", *sizes]:
            main("columns", [int(size) for size in sizes])
        case sizes:
            main("closes", [int(size) for size in sizes])
