"""The campaign: a load on a rig that is broken again and again, and the checker's judgement of what happened.

`python -m tests.faults.campaign --store sqlite --minutes 5 --seed 1` (`make campaign`) prints its seed and its progress
and writes what it found to `bench/CAMPAIGN.md`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.breaking import Kind
from tests.faults.checker import LONGEST_RECOVERY_SECONDS, violations
from tests.faults.collect import collected
from tests.faults.history import History, Remains, Violation, Window
from tests.faults.journal import Journal
from tests.faults.kinds import KINDS
from tests.faults.load import MONTHS, Load, Plan, seeded
from tests.faults.recovery import recoveries
from tests.faults.restoring import Backup, again, count_since, take
from tests.faults.rig import Rig, rig
from tests.faults.schedule import Turn, schedule
from tests.live.catalogue import NIHII, enter
from tests.sandboxes import await_that, synthetic_ssin

SEEDING_INSTANT, LOAD_INSTANT = "2021-09-15T09:00:00Z", "2022-02-20T09:00:00Z"
FINISH_SECONDS = 120.0
LATEST_SECONDS = 120.0
"""How long before the end of the load the backup is made."""
TOKEN_SECONDS = 1800.0
"""How long the load uses one token, which lives twice as long."""
Report = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How large a campaign is.

    Units: `seconds` of load with faults; `per_second` writes; `outage` is how long MyCareNet is away at the end.
    Shape: without `kinds`, all that the store and the machine allow; `deep` lets some faults last long;
    `closes` lets figures be released at the end, and compared; with `restores`, a backup from before the end of the
    load is put back when all is judged, clients send again what they had sent since, and that is judged as well.
    """

    store: str
    seconds: float
    per_second: float
    seed: int
    people: int = 120
    clients: int = 16
    pause: float = 0.5
    outage: float = 5.0
    deep: bool = False
    kinds: Sequence[str] = ()
    drain: float = 600.0
    months: Sequence[str] = MONTHS
    closes: bool = True
    restores: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a campaign showed."""

    size: Size
    history: History
    remains: Remains
    violations: tuple[Violation, ...]
    backlog: int
    drain_seconds: float | None
    left_out: dict[str, str] = field(default_factory=dict)
    replayed: int = 0

    @property
    def acknowledged(self) -> int:
        """How many requests were acknowledged."""
        return sum(one.is_acknowledged for one in self.history.requests)

    @property
    def unanswered(self) -> int:
        """How many never got an answer for good."""
        return sum(one.is_unknown for one in self.history.requests)

    @property
    def faults(self) -> Counter[str]:
        """How many faults there were, by kind."""
        return Counter(window.kind for window in self.history.windows)

    def recovery_times(self) -> dict[str, list[float]]:
        """How long after each fault all was well again, by kind, in rising order."""
        times: dict[str, list[float]] = {}
        for window, seconds in recoveries(self.history, self.remains):
            times.setdefault(window.kind, []).append(float("inf") if seconds is None else seconds)
        return {kind: sorted(found) for kind, found in sorted(times.items())}

    def count(self, clause: str) -> int:
        """How often a promise was broken."""
        return sum(one.clause == clause for one in self.violations)


def campaign(size: Size, folder: Path, report: Report = lambda what, done: None, **options: Any) -> Outcome:
    """Run a campaign in a folder, and judge it; `options` are the rig's."""
    with closing(Journal(folder / "history")) as journal, rig(size.store, folder / "rig", **options) as broken:
        included = _seed(broken, size, journal)
        load = Load(broken.client_ports, broken.token("provider", nihii=NIHII), journal, size.clients)
        load.start(iter(Plan(size.seed, included, size.months)), size.per_second)
        kinds, left_out = _kinds(broken, size)
        windows, backup = _break(broken, size, kinds, report, load)
        _outage(broken, size, windows)
        load.finish(FINISH_SECONDS)
        backlog = int(broken.unanswered())
        broken.play("accept")
        drained = _drain(broken, size.drain)
        requests, reads = journal.requests()
        people = sorted({synthetic_ssin(int(one.person)) for one in requests})
        history = History(requests, tuple(windows), reads)
        months = size.months if size.closes else ()
        remains = collected(broken, people, months)
        found = violations(history, remains)
        replayed = 0
        if backup is not None:
            report("an old backup is put back, and clients send again", 1.0)
            since = again(broken, backup, history, Plan(size.seed, included, size.months), load.token, people, months)
            found += [one._replace(shown_by=f"after the restore: {one.shown_by}") for one in violations(*since)]
            replayed = count_since(backup, history)
    return Outcome(size, history, remains, tuple(found), backlog, drained, left_out, replayed)


def _seed(broken: Rig, size: Size, journal: Journal) -> dict[int, str]:
    """A catalogue, and people who are included since long."""
    broken.move_clock(SEEDING_INSTANT)
    enter(broken)
    included = seeded(broken.client_ports, broken.token("provider", nihii=NIHII), journal, size.people)
    broken.move_clock(LOAD_INSTANT)
    if broken.server is not None:
        broken.server.run("CHECKPOINT")  # a server that lies about its commits loses the load's, not the schema
    return included


def _kinds(broken: Rig, size: Size) -> tuple[list[Kind], dict[str, str]]:
    """The kinds to play, and why others are left out."""
    asked = [KINDS[name] for name in size.kinds or KINDS if size.store in KINDS[name].stores]
    left_out = {kind.name: why for kind in asked if (why := kind.needs(broken)) is not None}
    return [kind for kind in asked if kind.name not in left_out], left_out


def _break(
    broken: Rig, size: Size, kinds: Sequence[Kind], report: Report, load: Load
) -> tuple[list[Window], Backup | None]:
    """Break and mend until the time is over; each fault is over and healed before the next begins."""
    windows: list[Window] = []
    backup = None
    began = renewed = time.monotonic()
    for turn in schedule(size.seed, kinds, pause=size.pause, deep=size.deep):
        done = (time.monotonic() - began) / size.seconds
        if done >= 1.0:
            break
        if turn.kind.needs(broken) is not None:
            continue  # it was there when the campaign began, and is used up
        report(f"{len(windows)} faults, {load.journal.acknowledged} acknowledged; next: {turn.kind.name}", done)
        time.sleep(turn.pause)
        _let_clients_see(broken, load.journal)
        windows.append(_play(broken, turn))
        broken.await_healthy()
        if size.restores and backup is None and (1.0 - done) * size.seconds < LATEST_SECONDS:
            backup = take(broken)
        if time.monotonic() - renewed > TOKEN_SECONDS:
            load.token, renewed = broken.token("provider", nihii=NIHII), time.monotonic()
    _let_clients_see(broken, load.journal)
    return windows, backup


def _let_clients_see(broken: Rig, journal: Journal) -> None:
    """Load on until every gateway answers its clients: a fault is to meet writes, and the end to show it healed.

    If one never does, the checker tells.
    """
    since, gateways = time.monotonic(), range(len(broken.gateway_ports))
    with suppress(AssertionError):
        await_that(
            lambda: all(journal.good_at.get(number, 0.0) > since for number in gateways),
            "every gateway answered its clients",
            LONGEST_RECOVERY_SECONDS,
        )


def _play(broken: Rig, turn: Turn) -> Window:
    began = time.monotonic()
    with turn.kind.broken(broken, Random(turn.seed)) as noticed:
        broken_at = time.monotonic()
        time.sleep(turn.seconds)
        silent = (broken_at, time.monotonic()) if noticed.silent else None
    return Window(turn.kind.name, began, time.monotonic(), *noticed[:4], silent)


def _outage(broken: Rig, size: Size, windows: list[Window]) -> None:
    """Let messages pile up while MyCareNet takes none; it does again when the load is over."""
    if size.outage:
        began = time.monotonic()
        broken.play("outage")
        time.sleep(size.outage)
        windows.append(Window("outage with a backlog", began, time.monotonic(), upstream=True))


def _drain(broken: Rig, seconds: float) -> float | None:
    try:
        return broken.drain(seconds)
    except AssertionError:
        return None
