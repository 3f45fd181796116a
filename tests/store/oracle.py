"""Small random registers as plain lists, counted by hand: the oracle of the exact statistics."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from uuid import UUID

from gateway.domain import action as actions
from gateway.domain.action import Action
from gateway.domain.inclusion import Exit, Inclusion, annulled, exited, rejected, validity
from gateway.domain.lattice import Measure, Period, PeriodKind
from gateway.store.statistics import Counts, Values
from gateway.store.transaction import Store
from tests.builders import PROJECT, a_project, an_action, an_inclusion, day, instant
from tests.store.seeds import FOREIGN_PSEUDOCODE, LATER_PSEUDOCODE, OTHER_PROJECT, a_pseudocode_document, seed

CAPS = {"794010": 2, LATER_PSEUDOCODE: 2, FOREIGN_PSEUDOCODE: 2, "794043": 1, "794054": 5}
PROVIDERS = [f"1000{number:04d}" for number in range(6)]
LATE = instant("2022-11-30T10:00+01:00")


@dataclass
class Register:
    """A small register as plain lists, to be counted by hand."""

    inclusions: list[Inclusion] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)

    def counting(self, period: Period) -> list[Action]:
        """The actions of a period that count."""
        living = {one.id for one in self.inclusions if one.status in ("open", "exited")}
        return [
            one
            for one in self.actions
            if one.status == "recorded"
            and one.inclusion in living
            and period.first <= one.performed_on <= period.last
            and (period.kind is not PeriodKind.CONVENTION or one.project == period.label)
        ]

    def of_actions(self, period: Period, dims: tuple[str, ...]) -> dict[Values, Counts]:
        cells = defaultdict(list)
        for one in self.counting(period):
            cells[tuple(getattr(one, name) for name in dims)].append(one)
        return {values: _counts(found) for values, found in cells.items()}

    def of_valid(self, period: Period, dims: tuple[str, ...]) -> dict[Values, int]:
        is_project = period.kind is PeriodKind.CONVENTION and period.label
        return self._people(
            dims,
            lambda one, first, last: (
                first <= period.last and last >= period.first and is_project in (False, one.project)
            ),
        )

    def of_inclusions(self, period: Period, measure: Measure, dims: tuple[str, ...]) -> dict[Values, int]:
        counted: dict[Measure, Callable[[Inclusion, date, date], bool]] = {
            Measure.JOINED: lambda _, first, last: first == period.first,
            Measure.LEFT: lambda _, first, last: last + timedelta(days=1) == period.first,
            Measure.INCLUDED: lambda _, first, last: first <= period.first <= last,
        }
        return self._people(dims, counted[measure])

    def _people(self, dims: tuple[str, ...], counts: Callable[[Inclusion, date, date], bool]) -> dict[Values, int]:
        """Distinct people whose inclusion, with its first and last day, counts."""
        cells = defaultdict(set)
        for one in self.inclusions:
            days = validity(one, a_project())
            if days is None or days.is_empty or days.last is None or not counts(one, days.first, days.last):
                continue
            cells[tuple(getattr(one, name) for name in dims)].add((one.project, one.pseudonym))
        return {values: len(people) for values, people in cells.items()}


def _counts(found: list[Action]) -> Counts:
    by_person = Counter((one.project, one.pseudonym, one.performed_on.month, one.pseudocode) for one in found)
    by_provider = Counter(
        (one.performed_by, one.project, one.pseudonym, one.performed_on.month, one.pseudocode) for one in found
    )
    clipped: Counter[str] = Counter()
    people = defaultdict(set)
    for (provider, project, pseudonym, _, code), count in by_provider.items():
        clipped[provider] += min(count, CAPS[code])
        people[provider].add((project, pseudonym))
    ranked = sorted(((clipped[one], len(people[one])) for one in clipped), reverse=True)
    return Counts(
        beneficiaries=len({key[:2] for key in by_person}),
        actions=sum(min(count, CAPS[key[3]]) for key, count in by_person.items()),
        cap=max(CAPS[one.pseudocode] for one in found),
        providers=len(ranked),
        largest=ranked[0][0],
        second=ranked[1][0] if len(ranked) > 1 else 0,
        largest_beneficiaries=ranked[0][1],
    )


def a_register(chance: random.Random, people: int) -> Register:
    """A register of so many people in two projects."""
    register = Register()
    for number in range(1, people + 1):
        project = chance.choice([PROJECT, PROJECT, OTHER_PROJECT])
        communicated_at = instant("2021-11-20T10:00+01:00") + timedelta(days=chance.randint(0, 120))
        person = {"bucket": number % 5, "project": project, "pseudonym": number.to_bytes(32, "big")}
        joined = an_inclusion(communicated_at.isoformat(), id=UUID(int=number), **person)
        fate = chance.choices(["open", "exited", "annulled", "rejected"], [6, 3, 1, 1])[0]
        if fate == "exited":
            joined = exited(joined, Exit("moved", communicated_at + timedelta(days=chance.randint(0, 200))))
        if fate == "annulled":
            joined = annulled(joined, "duplicate")
        if fate == "rejected":
            joined = rejected(joined, "not-insured")
        register.inclusions.append(joined)
        for _ in range(chance.randint(0, 12)):
            register.actions.append(_an_action_of(chance, joined, len(register.actions)))
    return register


def _an_action_of(chance: random.Random, joined: Inclusion, number: int) -> Action:
    one = an_action(
        id=UUID(int=1000 + number),
        bucket=joined.bucket,
        project=joined.project,
        pseudonym=joined.pseudonym,
        inclusion=joined.id,
        pseudocode=chance.choice(list(CAPS)),
        performed_on=day("2021-12-25") + timedelta(days=chance.choice([0, 10, 38, 40, 64, 66, 67, 90, 99, 200])),
        performed_by=chance.choice(PROVIDERS[: chance.randint(1, 6)]),
        occurrence=number + 1,
    )
    return chance.choices([one, actions.annulled(one, "why"), actions.rejected(one, "why")], [8, 1, 1])[0]


def write(store: Store, register: Register) -> None:
    """Put it into a store, with its catalogue."""
    with store.transaction() as tx:
        seed(tx)
        for code in ("794043", "794054"):
            tx.catalogue.add_pseudocode(a_pseudocode_document(code, cap=CAPS[code]), LATE)
        for joined in register.inclusions:
            tx.inclusions.add(replace(joined, status="open", exit=None, annulment_reason=None, rejection_code=None))
            if joined.status != "open":
                tx.inclusions.supersede(joined, LATE)
        for one in register.actions:
            tx.actions.add(replace(one, status="recorded", annulment_reason=None, rejection_code=None))
            if one.status != "recorded":
                tx.actions.supersede(one, LATE)
