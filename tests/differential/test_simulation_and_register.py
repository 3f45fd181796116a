"""100 000 random timelines, simulated and registered: the same dates, the same refusals, and no trace of the former.

Each timeline is an inclusion, perhaps its exit, perhaps an action, in a project with a convention of its own. The
register's side runs the very verbs of the doors on a real database, many timelines to a transaction.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.clock import real_now
from gateway.domain.access import Caller, Role
from gateway.domain.errors import Refusal
from gateway.domain.explanation import Simulation, Supposition, simulate
from gateway.domain.identity import Ssin
from gateway.domain.inclusion import Agreement
from gateway.domain.periods import day_of
from gateway.domain.project import Convention
from gateway.domain.submissions import ActionSubmission, InclusionSubmission
from gateway.pseudonyms.veil import Veil
from gateway.services import explain
from gateway.services.change_inclusion import register_exit
from gateway.services.context import Call, Context, Work
from gateway.services.perform import perform
from gateway.services.register_action import register_action
from gateway.services.register_inclusion import register_inclusion
from gateway.store.idempotency import KeptAnswer
from gateway.store.transaction import Store, Transaction

TIMELINES = 100_000
SHARDS = 20
PROJECTS = 60
PROVIDER = "10000107"
CODE = "794010"
FIRST = date(2018, 1, 1)


@dataclass(frozen=True)
class Timeline:
    """What happens to one person, and in which project."""

    project: str
    convention: Convention
    included_at: datetime
    exited_at: datetime | None
    performed_on: date | None


@dataclass
class Clock:
    """A legal clock that a timeline sets."""

    now: datetime = datetime(2018, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def conventions(random: Random) -> list[Convention]:
    """Conventions of one month to five years."""
    starts = [FIRST + timedelta(days=random.randrange(1500)) for _ in range(PROJECTS)]
    return [Convention(start, start + timedelta(days=random.randrange(30, 1800))) for start in starts]


def timelines(random: Random, known: list[Convention], count: int) -> Iterator[Timeline]:
    """Random timelines that crowd around the ends of months and of conventions."""
    for _ in range(count):
        number = random.randrange(len(known))
        convention = known[number]
        length = (convention.last_day - convention.effective_from).days
        included_at = instant(random, convention.effective_from + timedelta(days=random.randrange(-40, length + 40)))
        exited_at = None
        if random.random() < 0.6:
            exited_at = max(included_at, instant(random, day_of(included_at) + timedelta(days=random.randrange(500))))
        performed_on = None
        if random.random() < 0.8:
            performed_on = day_of(included_at) + timedelta(days=random.randrange(-30, 500))
        yield Timeline(f"p-{number}", convention, included_at, exited_at, performed_on)


def instant(random: Random, day: date) -> datetime:
    """An instant of about that day, often close to midnight in Brussels and to the month's end."""
    if random.random() < 0.4:
        day = (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=random.randrange(2))
    hour = random.choice([0, 11, 21, 22, 23])
    return datetime(day.year, day.month, day.day, hour, random.choice([0, 59]), random.randrange(60), tzinfo=UTC)


@contextmanager
def registers(path: Path, known: list[Convention]) -> Iterator[tuple[Store, Clock]]:
    """A migrated register with a project for each convention."""
    clock = Clock()
    store = Store(f"sqlite:///{path}", clock, connections=2)
    with store.transaction() as tx:
        fill(tx, known)
    yield store, clock
    store.close()


def fill(tx: Transaction, known: list[Convention]) -> None:
    """Projects, one pseudocode, one partner, all of them valid for ever."""
    names = {"fr": "essai", "nl": "proef"}
    now = datetime(2018, 1, 1, tzinfo=UTC)
    code = {"code": CODE, "label": names, "level": "population", "components": [3], "cap": 2, "tariff": None}
    tx.catalogue.add_pseudocode(code, now)
    for number, convention in enumerate(known):
        project = f"p-{number}"
        tx.catalogue.add_project(
            {
                "id": project,
                "name": names,
                "nihii": "94999127000",
                "contractor": {"name": "essai", "cbe": "0999999130"},
                "zone": [{"nis": f"{10000 + number}", "population": 1000}],
                "convention": {"effective_from": convention.effective_from, "last_day": convention.last_day},
                "registration_closes_on": date(2199, 1, 1),
            },
            now,
        )
        days = {"valid_from": date(1990, 1, 1), "valid_until": None, "planned": None}
        tx.catalogue.put_assignment({"project": project, "code": CODE, **days}, now)
        partner = {"nihii": PROVIDER, "category": "first_line", "discipline": "nurse"}
        since = {"member_from": date(1990, 1, 1), "member_until": None}
        tx.catalogue.put_partner({"project": project, "provider": PROVIDER, **partner, **since}, now)


Outcome = tuple[Any, ...]


def simulated(timeline: Timeline) -> Outcome:
    """What the simulation says."""
    supposed = Supposition(timeline.included_at, timeline.exited_at, timeline.performed_on, timeline.convention)
    try:
        found = simulate(supposed)
    except Refusal as refusal:
        return refused(refusal)
    return "dates", found.valid_from, found.valid_until


def registered(work: Work, clock: Clock, timeline: Timeline, ssin: str) -> Outcome:
    """What the register says, verb by verb."""
    try:
        clock.now = timeline.included_at
        agreement = Agreement(day_of(timeline.included_at))
        view = register_inclusion(work, InclusionSubmission(timeline.project, Ssin(ssin), agreement))
        if timeline.exited_at is not None:
            clock.now = timeline.exited_at
            view = register_exit(work, view.known.inclusion.id, "other", None)
        if timeline.performed_on is not None:
            later = datetime.combine(timeline.performed_on, datetime.min.time(), UTC) + timedelta(days=2)
            clock.now = max(clock.now, later)
            register_action(work, ActionSubmission(timeline.project, Ssin(ssin), CODE, timeline.performed_on, PROVIDER))
    except Refusal as refusal:
        return refused(refusal)
    inclusion = view.known.inclusion
    last = None if inclusion.exit is None or view.valid is None else view.valid.last
    return "dates", inclusion.valid_from, last


def refused(refusal: Refusal) -> Outcome:
    """A refusal with its facts."""
    return (refusal.code, refusal.rule, *(getattr(refusal, name, None) for name in ("allowed_from", "allowed_until")))


@pytest.mark.parametrize("shard", range(SHARDS))
def test_simulation_and_register_say_the_same(shard: int, tmp_path: Path, sqlite_template: Path, veil: Veil) -> None:
    random = Random(20210901 + shard)
    known = conventions(random)
    seen: dict[str, int] = {}

    with registers(Path(shutil.copy(sqlite_template, tmp_path)), known) as (store, clock):
        asked = list(timelines(random, known, TIMELINES // SHARDS))
        for start in range(0, len(asked), 500):
            with store.transaction() as tx:
                for place, timeline in enumerate(asked[start : start + 500]):
                    caller = Caller("issuer", "someone", Role.PROJECT_ADMIN, project=timeline.project)
                    work = Work(caller, tx, veil, real_now(), veil.identifiers.new(0))
                    expected = simulated(timeline)
                    assert registered(work, clock, timeline, f"{start + place:011}") == expected, timeline
                    seen[expected[0]] = seen.get(expected[0], 0) + 1
                tx.discard()

    assert sum(seen.values()) == TIMELINES // SHARDS
    assert set(seen) == {
        "dates",
        "convention-not-in-force",
        "valid-after-convention-end",
        "not-included",
        "outside-validity",
        "outside-convention",
    }


def test_a_simulation_leaves_no_row_and_no_message(context: Context) -> None:
    with context.store.reading() as tx:
        before = tx.outbox.backlog()
    caller = Caller("issuer", "someone", Role.AUDITOR)
    supposed = Supposition(datetime(2022, 1, 15, 9, tzinfo=UTC), performed_on=date(2022, 2, 14))

    def dump(found: Simulation) -> KeptAnswer:
        return KeptAnswer(200, {}, str(found.valid_from).encode())

    performed = perform(context, Call(caller, "simulate", "r"), lambda work: explain.simulate(work, supposed), dump)

    assert performed.answer.body == b"2022-02-01"
    with context.store.reading() as tx:
        assert tx.outbox.backlog() == before
        assert tx.inclusions.of_person(0, "p-0", b"") == []
