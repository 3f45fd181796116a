"""Runs: a register, a mechanism, every attack on it, with what it took. Everything comes from seeds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import structlog

from gateway.domain.lattice import PeriodKind
from gateway.pseudonyms.keyring import new_keys
from gateway.pseudonyms.veil import veil_of
from tests.attacks.campaign import attack
from tests.attacks.inference import Knowledge
from tests.attacks.lattice_cells import Cells, Pair, one_fact, one_person, some_facts
from tests.attacks.mechanisms import Planted, ours
from tests.attacks.omniscient import accuracies
from tests.attacks.register import Register, a_small_project
from tests.attacks.score import Tally
from tests.attacks.utility import Utility, utilities
from tests.attacks.view import ACTORS, Actor, download
from tests.attacks.world import Closing, a_world
from tests.http.issuer import an_issuer

log = structlog.get_logger("attacks")
REDRAWS, REDRAWS_OF_THE_WORST, WORST = 250, 3000, 5


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one world."""

    tallies: list[Tally]
    utility: list[Utility]
    closings: list[Closing]
    seconds: float
    asked: int


def run(
    register: Register,
    planted: Planted,
    actors: Sequence[Actor] = ACTORS,
    kinds: Sequence[PeriodKind] = tuple(PeriodKind),
    *,
    served: bool = False,
) -> Run:
    """Close a register's periods with a mechanism, and try every attack."""
    begun = time.perf_counter()
    with (
        TemporaryDirectory() as home,
        an_issuer() as issuer,
        a_world(register, planted, Path(home), veil_of(new_keys()), issuer, served=served) as world,
    ):
        world.close(kinds)
        log.warning("closed", mechanism=planted.name, seconds=round(time.perf_counter() - begun))
        views = download(world, actors, kinds)
        log.warning("downloaded", questions=world.asked, seconds=round(time.perf_counter() - begun))
        known = Knowledge(register, register.seed)
        rows = [row for actor in actors for row in utilities(views[actor], known, kinds)]
        tallies = attack(world, views, actors)
        return Run(tallies, rows, world.closings, time.perf_counter() - begun, world.asked)


def run_small_project(
    seed: int, kinds: Sequence[PeriodKind] = tuple(PeriodKind), months: int = 12, *, served: bool = False
) -> list[Utility]:
    """The utility of a steady small project: 400 beneficiaries, 25 providers, 12 pseudocodes."""
    register = a_small_project(seed, months=months)
    with (
        TemporaryDirectory() as home,
        an_issuer() as issuer,
        a_world(register, ours(seed), Path(home), veil_of(new_keys()), issuer, served=served) as world,
    ):
        world.close(kinds)
        views, known = download(world, kinds=kinds), Knowledge(register, seed)
        return [row for actor in ACTORS for row in utilities(views[actor], known, kinds)]


@dataclass(frozen=True, slots=True)
class Omniscient:
    """How often the omniscient attacker is right, over many facts or people."""

    actor: Actor
    unit: str
    count: int
    median: float
    worst: float


def omniscient_on_facts(register: Register, count: int, seed: int) -> list[Omniscient]:
    """Over facts of a register, a third of them people's only ones; the worst are drawn again more often."""
    cells = Cells(register)
    facts = some_facts(register, np.random.default_rng(seed), count)
    pairs = [list(cells.pairs(one_fact(register, fact))) for fact in facts]
    return _over(pairs, "fact", seed)


def omniscient_on_people(register: Register, count: int, seed: int) -> list[Omniscient]:
    """Over people: all the facts of one of them at once."""
    cells = Cells(register)
    people = np.random.default_rng(seed).choice(np.unique(register.facts["person"]), count, replace=False)
    pairs = [list(cells.pairs(one_person(register, int(person)))) for person in people]
    return _over(pairs, "person in a year", seed)


def _over(pairs: list[list[Pair]], unit: str, seed: int) -> list[Omniscient]:
    by_pair = [accuracies(one, ACTORS, REDRAWS, seed + number) for number, one in enumerate(pairs)]
    return [
        _of_actor(pairs, actor, list(rates), unit, seed)
        for actor, rates in zip(ACTORS, zip(*by_pair, strict=True), strict=True)
    ]


def _of_actor(pairs: list[list[Pair]], actor: Actor, rates: list[float], unit: str, seed: int) -> Omniscient:
    """How often one actor is right; what it is best at is drawn again, more often."""
    for number in sorted(range(len(pairs)), key=lambda number: rates[number])[-WORST:]:
        (rates[number],) = accuracies(pairs[number], [actor], REDRAWS_OF_THE_WORST, seed)
    return Omniscient(actor, unit, len(pairs), median(rates), max(rates))


def accuracy_at(register: Register, factor: Fraction, count: int, seed: int) -> float:
    """The median accuracy of a coalition over facts, with every sigma multiplied."""
    cells = Cells(register)
    facts = some_facts(register, np.random.default_rng(seed), count)
    return median(
        accuracies(list(cells.pairs(one_fact(register, fact))), ["coalition"], REDRAWS, seed, factor)[0]
        for fact in facts
    )


def omniscient_table(rows: Sequence[Omniscient]) -> str:
    """The omniscient attacker as a table in Markdown."""
    lines = ["| unit | actor | tried | median accuracy | worst |", "|---|---|---:|---:|---:|"]
    lines += [f"| one {one.unit} | {one.actor} | {one.count} | {one.median:.3f} | {one.worst:.3f} |" for one in rows]
    return "\n".join(lines)
