"""`python -m bench.campaign --store sqlite --minutes 5 --seed 1` (`make campaign`): break a deployment, and judge it.

Prints its seed and its progress; writes what it found into `bench/CAMPAIGN.md`, a section for each store. What is sent
and which fault comes when follow from the seed; how far they overlap is the machine's.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import Progress

from tests.faults.campaign import Outcome, Size, campaign
from tests.faults.checker import CLAUSES
from tests.faults.disk import flushing, small_disk
from tests.faults.recovery import interruptions

PAGE = Path(__file__).with_name("CAMPAIGN.md")
TITLES = {
    "sqlite": "SQLite, one gateway",
    "postgresql": "PostgreSQL, two gateways",
    "patroni": "Three PostgreSQL nodes under Patroni, two gateways",
}
PER_SECOND = {"sqlite": 50.0, "postgresql": 200.0, "patroni": 50.0}
DISK_MIB = {"sqlite": 1024, "postgresql": 256}
"""Of the small disk, which holds SQLite's file, or PostgreSQL's journal."""
HEAD = """\
# The campaign, measured

Written by `make campaign STORE=sqlite|postgresql|patroni MINUTES=n SEED=n`: a load that does not wait for answers (open
loop), on gateways, two workers and a mock of MyCareNet that are broken again and again; `tests/faults/kinds.py` and
`tests/faults/cluster_kinds.py` say how, and
`tests/faults/checker.py` judges the clients' history by what is left. Recovery is from the moment at which a fault is
lifted to the first good answer from each gateway that it hit, or to the next message that arrived upstream, less the
time in which another fault was in the way of messages. Where another node has to take over, the longest time is told
too that a gateway gave no good answer, from before the fault.
"""


def main() -> None:
    """Run one campaign; exit 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.campaign")
    parser.add_argument("--store", choices=list(TITLES), default="sqlite")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--rate", type=float, default=0.0, help="writes a second; 0: the target of the store")
    asked = parser.parse_args()
    size = Size(
        asked.store,
        asked.minutes * 60,
        asked.rate or PER_SECOND[asked.store],
        asked.seed,
        people=600,
        clients=32,
        outage=min(60.0, asked.minutes * 6),
        deep=True,
        restores=asked.store != "patroni",
    )
    commit = _commit()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is ended and nothing is left
    console = Console()
    console.print(
        f"campaign on {asked.store}, {asked.minutes:g} minutes, {size.per_second:g} writes/s, seed {asked.seed}"
    )
    outcome = _run(size, console)
    section = "\n".join(_section(outcome, commit))
    console.print(section, markup=False, highlight=False)
    _write(asked.store, section)
    raise SystemExit(1 if outcome.violations or outcome.unanswered else 0)


def _run(size: Size, console: Console) -> Outcome:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chroniccare-campaign-")))
        disk = stack.enter_context(small_disk(DISK_MIB[size.store])) if size.store in DISK_MIB else None
        flushes = stack.enter_context(flushing()) if size.store in DISK_MIB else None
        progress = stack.enter_context(Progress(console=console))
        task = progress.add_task("starting", total=1.0)
        return campaign(
            size,
            folder,
            lambda what, done: progress.update(task, description=what, completed=done),
            disk=disk,
            flushing=flushes,
        )


def _section(outcome: Outcome, commit: str) -> list[str]:
    size, faults = outcome.size, sum(outcome.faults.values())
    kinds = len(outcome.faults)
    attempts = sum(len(one.attempts) for one in outcome.history.requests)
    drained = "not within its time" if outcome.drain_seconds is None else f"in {outcome.drain_seconds:.1f} s"
    return [
        f"## {TITLES[size.store]}",
        "",
        f"**{faults} faults of {kinds} kinds, {outcome.acknowledged:,} acknowledged, "
        f"{outcome.count('acknowledged is stored')} lost, "
        f"{outcome.count('a business key has one row') + outcome.count('an effect has one key')} doubled, "
        f"{outcome.count('a key has one answer')} keys answered in two ways, seed {size.seed}.**",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit}, "
        f"{size.seconds / 60:g} minutes at {size.per_second:g} writes/s wanted, "
        f"{attempts:,} attempts, {outcome.unanswered} requests without an answer at the end, "
        f"{platform.machine()}, {os.cpu_count()} cores (load {os.getloadavg()[0]:.1f} at the end, "
        f"others' work included), Python {platform.python_version()}. "
        f"After an outage with {outcome.backlog:,} messages waiting, the outbox was empty {drained}. "
        f"{_latency(outcome)} {_figures(outcome)}",
        "",
        *_violations(outcome),
        *(f"Not played: {kind}: {why}." for kind, why in outcome.left_out.items()),
        "",
        "| fault | times | recovery, median s | recovery, worst s |",
        "|---|---:|---:|---:|",
        *(
            f"| {kind} | {outcome.faults[kind]} | {median(times):.1f} | {times[-1]:.1f} |"
            for kind, times in outcome.recovery_times().items()
        ),
        "",
        *_interruptions(outcome),
    ]


def _commit() -> str:
    """What was measured: the commit, and whether the code was another one."""
    asked = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(asked, capture_output=True, text=True, check=True, cwd=PAGE.parent).stdout.strip()


def _interruptions(outcome: Outcome) -> list[str]:
    found: dict[str, list[float]] = {}
    for window, seconds in interruptions(outcome.history):
        found.setdefault(window.kind, []).append(seconds)
    if not found:
        return []
    return [
        "| another node takes over | times | without writes, median s | without writes, worst s |",
        "|---|---:|---:|---:|",
        *(
            f"| {kind} | {len(times)} | {median(times):.1f} | {max(times):.1f} |"
            for kind, times in sorted(found.items())
        ),
        "",
    ]


def _figures(outcome: Outcome) -> str:
    said = []
    if outcome.remains.figures and not outcome.count("figures follow from the history"):
        said.append(f"{len(outcome.remains.figures)} published figures agree with the history.")
    if not outcome.remains.figures:
        said.append("No figure was published.")
    if outcome.size.restores:
        said.append(
            f"A backup was put back at the end, and clients sent again {outcome.replayed:,} requests that it lacks."
        )
    return " ".join(said)


def _latency(outcome: Outcome) -> str:
    waits = sorted(
        one.attempts[-1].ended_at - one.due_at for one in outcome.history.requests if one.is_acknowledged and one.due_at
    )
    if not waits:
        return ""
    return (
        f"From the moment a request was due to its answer, faults and repeats included: median {median(waits):.2f} s, "
        f"99 in 100 within {waits[int(len(waits) * 0.99)]:.1f} s."
    )


def _violations(outcome: Outcome) -> list[str]:
    if not outcome.violations:
        return [f"None of the {len(CLAUSES)} clauses of the checker is broken."]
    shown: list[str] = ["Broken:", ""]
    for clause in CLAUSES:
        found = [one.shown_by for one in outcome.violations if one.clause == clause]
        shown += [f"- {clause}: {len(found)} times, first: {found[0]}"] if found else []
    return [*shown, ""]


def _write(store: str, section: str) -> None:
    """Put a store's section in place of the one that was there."""
    kept = _sections(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    kept[TITLES[store]] = section
    PAGE.write_text("\n".join([HEAD, *(kept[title] for title in TITLES.values() if title in kept)]), encoding="utf-8")


def _sections(page: str) -> dict[str, str]:
    pieces: Sequence[str] = page.split("\n## ")[1:]
    return {piece.splitlines()[0]: f"## {piece}" for piece in pieces}


if __name__ == "__main__":
    main()
