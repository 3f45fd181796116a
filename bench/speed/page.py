"""The page: what was aimed at and what was measured, as `bench/RESULTS.md`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median

from bench.speed.bulk import FIGURES, WRITTEN
from bench.speed.machine import description
from bench.speed.profile import Profile
from bench.speed.rounds import EMBEDDED, LIMIT, OURS, PEERS, Found, Sample
from bench.speed.stage import ROOT, SETTINGS, THREADS, WORKERS

HEAD = """\
# Speed, measured

Written by `make bench`. Aims are ratios of two figures of the same round, as the machine drifts and both drift with it.
Shown are medians of {rounds} rounds of {seconds:g} seconds each, with the lowest and the highest.

{machine}; load average {load}, these measurements and the work of others included.
PostgreSQL {postgresql} ({settings}),
{versions}.
Each server has {workers} workers with {threads} threads or connections each. Measured on {today}.
"""
BUSY = """
**The machine was busy**, by the load itself, which shares it with what it measures, and by whatever else ran. A system
of few processes then gets less of it than one of many, like PostgreSQL under pgbench. CPU for each answer says more
than ratios of this run.
"""
WHAT = """\
A registration is `POST /v1/inclusions` of somebody new: token (ES256) verified, body checked, SSIN pseudonymised (HMAC)
and sealed (AES-GCM), rules, one durable transaction, signed receipt (ES256). *pgbench* runs the gateway's own SQL, as
the server logged it, with other people in it: statement by statement as the gateway sends it, and in one round trip,
which is the limit of the aims. The peers write into the same tables of the same database, and verify each token anew as
their documentation has it; the gateway knows one it has seen. Afterwards the register held exactly the {registered:,}
registrations that were answered, each with all that belongs to it. The load is one thread with kept connections, one
request at a time on each; *load* is its share of a core. *CPU* is for each answer: of the system itself, and of
PostgreSQL. *Memory* is of all its processes, what they share counted once. *Refused* is all but the hoped-for answer.
"""
BULK = """\
*Lines*: a batch of {lines:,} lines over HTTP on PostgreSQL, each an inclusion of somebody new, from its first byte
until the worker has done its last line; beside it COPY of the rows that they left in {tables},
into the same tables with their indexes, empty, in one transaction. *Rows*: a CSV extract of {rows:,} records, from its
order to the last byte of its file; beside it COPY TO of the same released cells. *Question*: 24 pseudocodes of a
project in four quarters, over one connection; it reads released cells alone, so stored actions do not come into it.
Those cells were written by SQL.
"""
PROFILE = """\
{count} registrations on PostgreSQL, one after another, by the application without its server: {microseconds:.0f} µs of
CPU each, waiting not counted, sampled by the timer of that; what is compiled counts for the package that calls it.
"""
SMALLEST_SHARE = 0.01
LATER = """\
## Not measured here

Closing a month (S6) is in [CLOSE.md](CLOSE.md), a registration on a large register (S8) in [FLAT.md](FLAT.md), the last
hour of a month under open-loop load (S11) in [LAST_HOUR.md](LAST_HOUR.md), faults under load are in
[CAMPAIGN.md](CAMPAIGN.md), the size of the image is in [docker/README.md](../docker/README.md). Bulk work at a million
lines is not measured yet.
"""
COLUMNS = ("per second", "p50 ms", "p95 ms", "p99 ms", "CPU µs", "PostgreSQL's", "memory MiB", "load", "refused")
DECISIVE = ("fastapi", "uvicorn", "asyncpg", "django", "djangorestframework", "granian")


@dataclass(frozen=True, slots=True)
class Aim:
    """A line of the first table: what is compared, to reach what, and the figure of each round."""

    id: str
    what: str
    wanted: str
    figures: Sequence[float]
    is_reached: Callable[[float], bool]
    form: str = "{:.2f}"

    def row(self) -> str:
        """The line."""
        middle = median(self.figures)
        reached = "yes" if self.is_reached(middle) else "no"
        return f"| {self.id} | {self.what} | {self.wanted} | {spread(self.figures, self.form)} | {reached} |"


def spread(figures: Sequence[float], form: str = "{:.1f}") -> str:
    """A median with the lowest and the highest.

    >>> spread([3.0, 1.0, 2.0])
    '2.0 (1.0 .. 3.0)'
    """
    low, middle, high = (form.format(one) for one in (min(figures), median(figures), max(figures)))
    return f"{middle} ({low} .. {high})"


def ratios(found: Found, name: str, other: str, part: str = "per_second") -> list[float]:
    """One system's figure by another's, round by round."""
    pairs = zip(found.samples[name], found.samples[other], strict=True)
    return [getattr(one, part) / getattr(its_other, part) for one, its_other in pairs]


def at_least(least: float) -> Callable[[float], bool]:
    """Whether a figure is high enough."""
    return lambda figure: figure >= least


def at_most(most: float) -> Callable[[float], bool]:
    """Whether a figure is low enough."""
    return lambda figure: figure <= most


def aims(found: Found) -> Iterator[Aim]:
    """The aims of this bench."""
    fastapi, django = (f"{title}, 64" for title in PEERS.values())
    ours = f"{OURS}, 64"
    yield Aim("S1", "registrations, by pgbench-16", ">= 0.5", ratios(found, ours, f"{LIMIT}, 16"), at_least(0.5))
    p99 = ratios(found, ours, f"{LIMIT}, 64", "p99")
    yield Aim("S1", "p99 at 64 connections, by pgbench-64's", "<= 3", p99, at_most(3))
    yield Aim("S2", "registrations, by FastAPI's", ">= 6", ratios(found, ours, fastapi), at_least(6))
    yield Aim("S2", "registrations, by Django REST framework's", ">= 10", ratios(found, ours, django), at_least(10))
    alone = ratios(found, f"{OURS}, 1", f"{LIMIT}, 1", "p50")
    yield Aim("S3", "latency at 1 connection, by pgbench-1's", "<= 2", alone, at_most(2))
    embedded = [one.per_second for one in found.samples[f"{EMBEDDED}, 16"]]
    by_copy = _by(found, "batch lines", "batch lines of COPY")
    yield Aim("S4", "lines of a batch, by COPY of all their rows", ">= 0.5", by_copy, at_least(0.5), "{:.3f}")
    grown = found.figures["batch memory"]
    yield Aim("S4", "memory of the worker above idle, MiB", "<= 256", grown, at_most(256), "{:.0f}")
    p99 = found.figures["question p99"]
    yield Aim("S5", "p99 of a question for figures, ms", "<= 5", p99, at_most(5), "{:.1f}")
    by_copy = _by(found, "extract rows", "extract rows of COPY")
    yield Aim("S7", "rows of a CSV extract, by COPY TO", ">= 0.7", by_copy, at_least(0.7), "{:.3f}")
    grown = found.figures["extract memory"]
    yield Aim("S7", "memory of the worker above idle, MiB", "<= 100", grown, at_most(100), "{:.0f}")
    yield Aim("S9", "registrations a second on SQLite, 16 connections", ">= 300", embedded, at_least(300), "{:.0f}")
    yield Aim("S10", "start to ready, s", "<= 2", found.figures["ready"], at_most(2))
    memory = [one.memory / WORKERS for one in found.samples[ours]]
    yield Aim("S10", "memory of a worker after the load, MiB", "<= 120", memory, at_most(120), "{:.0f}")


def _by(found: Found, name: str, other: str) -> list[float]:
    return [one / its_other for one, its_other in zip(found.figures[name], found.figures[other], strict=True)]


def page(found: Found, rounds: int, seconds: float, lines: int, profile: Profile) -> str:
    """The whole page."""
    loads = found.figures["load average"]
    head = HEAD.format(
        rounds=rounds,
        seconds=seconds,
        machine=description(),
        load=spread(loads),
        postgresql=found.server,
        settings=", ".join(f"{name} {SETTINGS[name]}" for name in ("fsync", "synchronous_commit", "shared_buffers")),
        versions=", ".join(f"{name} {number}" for name, number in versions()),
        workers=WORKERS,
        threads=THREADS,
        today=f"{datetime.now(UTC):%Y-%m-%d}",
    )
    rows = (aim.row() for aim in aims(found))
    samples = sorted(found.samples.items(), key=_order)
    bulk = [(title, found.figures[name]) for name, title in FIGURES.items()]
    return "\n".join(
        [
            head + (BUSY if median(loads) > (os.cpu_count() or 1) else ""),
            *("## What was aimed at", ""),
            *_table(("id", "what", "to reach", "measured", "reached"), rows, "---"),
            *("", f"Loading the code takes {spread(found.figures['import'], '{:.2f}')} s of the start.", ""),
            *("## What was measured", "", WHAT.format(registered=found.registered)),
            *_table(("what, and how many at once", *COLUMNS), (_row(*one) for one in samples), "---:"),
            *(
                "",
                "## In bulk",
                "",
                BULK.format(
                    lines=lines,
                    rows=round(found.figures["extract records"][-1]),
                    tables=", ".join(f"`{one}`" for one in WRITTEN),
                ),
            ),
            *_table(("what", "measured"), (f"| {name} | {spread(figures)} |" for name, figures in bulk), "---:"),
            *("", "## Where the gateway's time goes", ""),
            PROFILE.format(count=profile.count, microseconds=profile.microseconds),
            *_table(("package", "share", "µs"), _shares(profile), "---:"),
            *("", LATER),
        ]
    )


def _table(names: Sequence[str], rows: Iterable[str], ruler: str) -> list[str]:
    return [f"| {' | '.join(names)} |", f"|---|{f'{ruler}|' * (len(names) - 1)}", *rows]


def _shares(profile: Profile) -> Iterator[str]:
    """Who takes how much, the small ones together."""
    large = [one for one in profile.shares if one[1] >= SMALLEST_SHARE]
    for name, share in [*large, ("all others", 1 - sum(share for _, share in large))]:
        yield f"| {name} | {share:.0%} | {share * profile.microseconds:.0f} |"


def _row(name: str, samples: Sequence[Sample]) -> str:
    def middle(part: str, form: str) -> str:
        figure = median(getattr(one, part) for one in samples)
        return form.format(figure) if figure else ""

    latencies = [middle(one, "{:.1f}") for one in ("p50", "p95", "p99")]
    costs = [middle(one, "{:.0f}") for one in ("own_cpu", "store_cpu", "memory")]
    refused = str(sum(one.refused for one in samples))
    per_second = spread([one.per_second for one in samples], "{:,.0f}")
    return f"| {' | '.join([name, per_second, *latencies, *costs, middle('load', '{:.0%}'), refused])} |"


def _order(item: tuple[str, object]) -> tuple[str, int]:
    name, _, clients = item[0].rpartition(", ")
    return name, int(clients)


def versions() -> Iterator[tuple[str, str]]:
    """What decides about speed, with its version: of ours as installed, of the peers as locked."""
    yield from ((name, version(name)) for name in ("flask", "gunicorn", "sqlalchemy", "psycopg"))
    lock = (ROOT / "requirements" / "bench.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", lock, re.MULTILINE)[::-1])
    yield from ((name, locked[name]) for name in DECISIVE)
