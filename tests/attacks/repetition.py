"""Attacks by asking again: equivalent questions, other accounts, both audiences, the next month, a revision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import sqrt

from gateway.domain.lattice import AGE_BAND, INSURER, PROJECT, PSEUDOCODE, SEX, Measure, PeriodKind
from tests.attacks.inference import Knowledge, Target, Term, actions, attack_choices, attack_counts, normal
from tests.attacks.mechanisms import TINY, Planted
from tests.attacks.register import PSEUDOCODES
from tests.attacks.score import Tally
from tests.attacks.truth import Values
from tests.attacks.view import Actor, Name, Shelf, Shown, View, shelf_of
from tests.attacks.world import Row, World, periods

MONTH, QUARTER, YEAR, _ = PeriodKind
CODE = (PROJECT, PSEUDOCODE)
ACCOUNTS = 5
MIDDLING = range(10, 41)
Asked = dict[Values, list[Shown]]


def ask_again(world: World, view: View) -> Asked:
    """Every distinct answer for the months of a project and pseudocode, over equivalent questions and accounts."""
    name = actions(MONTH, *CODE)
    found: Asked = {key: [shown] for key, shown in view.shelves[name].items()}
    role = "coordinator" if view.actor == "coalition" else "policy_maker"
    for project in world.register.projects:
        claims = {"project": project} if role == "coordinator" else {}
        for account in range(ACCOUNTS):
            for query in _equivalent(project, periods(world.register, MONTH)[0].label):
                for row in world.ask(query, role, sub=f"account-{account}", **claims):
                    _keep(found, project, row)
    return found


def _equivalent(project: str, month: str) -> Iterator[str]:
    yield f"by=month,pseudocode&project={project}"
    yield f"by=pseudocode,month&project={project}&from={month}"
    yield f"by=pseudocode,month&project={project}&measure=actions"
    yield from (f"by=month&project={project}&pseudocode={code}" for code in PSEUDOCODES[-2:])


def _keep(found: Asked, project: str, row: Row) -> None:
    key = (row["month"], project, row.get("pseudocode", ""))
    if row["status"] == "published" and key in found:
        other = replace(found[key][0], beneficiaries=int(row["beneficiaries"]), actions=int(row["actions"]))
        if other not in found[key]:
            found[key].append(other)


def averaging(view: View, known: Knowledge, asked: Asked) -> Tally:
    """Guess the exact count of a published cell by the mean of all that was ever answered for it."""
    name = actions(MONTH, *CODE)
    shelf = {key: _mean(values) for key, values in asked.items()}
    averaged = View(view.actor, {name: shelf})
    targets = [Target(name, key, ((Term(name, key),),)) for key in shelf]
    return replace(_exact("averaging over questions and accounts", averaged, known, targets), actor=view.actor)


def _mean(values: list[Shown]) -> Shown:
    count = len(values)
    return replace(
        values[0],
        beneficiaries=round(sum(one.beneficiaries for one in values) / count),
        spread_b=max(TINY, values[0].spread_b / sqrt(count)),
    )


def _exact(name: str, view: View, known: Knowledge, targets: list[Target]) -> Tally:
    return attack_counts(name, view, known, targets, MIDDLING)


def both_audiences(general: View, own: View, known: Knowledge) -> Tally:
    """The own and the general value of a cell, taken together: guess its exact count."""
    shelves: dict[Name, Shelf] = {}
    targets = []
    for trait in ((), (SEX,), (AGE_BAND,), (INSURER,)):
        name = actions(QUARTER, *CODE, *trait)
        both = shelves.setdefault(name, {})
        for key, shown in general.shelves[name].items():
            mine = own.shelves[name][key]
            mean = round((shown.beneficiaries + mine.beneficiaries) / 2)
            both[key] = replace(mine, beneficiaries=mean)
            targets.append(Target(name, key, ((Term(name, key),),)))
    return _exact("both audiences together", View("coalition", shelves), known, targets)


def from_month_to_month(view: View, known: Knowledge, planted: Planted) -> Tally:
    """Guess by how much a cell grew since the month before, below ten either way."""
    attempts = hits = baseline = 0
    for trait in ((), (SEX,), (AGE_BAND,)):
        name = actions(MONTH, *CODE, *trait)
        shelf, months = view.shelves[name], periods(known.register, MONTH)
        following = {one.label: two.label for one, two in pairwise(months)}
        for key, shown in shelf.items():
            later = (following.get(key[0], ""), *key[1:])
            true = known.whole(name).get(later, (0, 0))[0] - known.whole(name)[key][0]
            if later in shelf and abs(true) < 10:
                attempts += 1
                half = known.half(name).get(later, (0, 0))[0] - known.half(name).get(key, (0, 0))[0]
                before = normal(range(-9, 10), 2 * half, sqrt(4 * known.half(name).get(key, (0, 0))[0] + 4))
                spread = TINY if planted.is_fixed else sqrt(2) * shown.spread_b
                after = before + normal(range(-9, 10), shelf[later].beneficiaries - shown.beneficiaries, spread)
                hits += int(after.argmax()) - 9 == true
                baseline += int(before.argmax()) - 9 == true
    return Tally("change from month to month", view.actor, attempts, hits, baseline)


def months_now(world: World, actor: Actor) -> Shelf:
    """The months of a project and pseudocode as an actor sees them now."""
    general = shelf_of(world, MONTH, CODE, Measure.ACTIONS, "general")
    return {**general, **shelf_of(world, MONTH, CODE, Measure.ACTIONS, "own")} if actor == "coalition" else general


def late_record(view: View, revised: Shelf, known: Knowledge, planted: Planted) -> Tally:
    """Did one record of a cell arrive late? By what a revision changed."""
    before, odds, truths = view.shelves[actions(MONTH, *CODE)], [], []
    arrived = _late_cells(known)
    for key, shown in before.items():
        if key in revised:
            spread = max(TINY, 0.0 if planted.is_fixed else sqrt(2) * shown.spread_b)
            spread_a = max(TINY, 0.0 if planted.is_fixed else sqrt(2) * shown.spread_a)
            people = normal((0, 1), revised[key].beneficiaries - shown.beneficiaries, spread)
            acts = normal((0, 1), revised[key].actions - shown.actions, spread_a)
            odds.append(float(people[1] - people[0] + acts[1] - acts[0]))
            truths.append(arrived[key] > 0)
    return attack_choices("one record arriving late", view, odds, truths)


def _late_cells(known: Knowledge) -> dict[Values, int]:
    facts, values = known.register.facts, known.register.values
    found: dict[Values, int] = defaultdict(int)
    late = facts["late"] == 1
    months = periods(known.register, MONTH)
    for month, project, code in zip(
        facts["month"][late].tolist(), facts[PROJECT][late].tolist(), facts[PSEUDOCODE][late].tolist(), strict=True
    ):
        found[(months[month - 1].label, values[PROJECT][project], values[PSEUDOCODE][code])] += 1
    return found
