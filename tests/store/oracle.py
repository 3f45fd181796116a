"""Small random registers as plain lists, counted by hand: the oracle of the exact statistics."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import product
from typing import Any
from uuid import UUID

from gateway.domain import action as actions
from gateway.domain.action import Action
from gateway.domain.delivery import Member
from gateway.domain.disclosure import ExactCell
from gateway.domain.inclusion import Exit, Inclusion, annulled, exited, rejected, validity
from gateway.domain.lattice import AGE_GROUP, COMPONENT, PROFESSION, PSEUDOCODE, Dims, Measure, Period, PeriodKind
from gateway.domain.traits import age_band
from gateway.store.transaction import Store
from tests.builders import PROJECT, a_project, an_action, an_inclusion, day, instant
from tests.store.seeds import (
    FOREIGN_PSEUDOCODE,
    LATER_PSEUDOCODE,
    OTHER_PROJECT,
    a_partner_document,
    a_pseudocode_document,
    an_assignment_document,
    seed,
)

CAPS = {"794010": 2, LATER_PSEUDOCODE: 2, FOREIGN_PSEUDOCODE: 2, "794043": 1, "794054": 5}
COMPONENTS = {"794010": (3, 6), LATER_PSEUDOCODE: (3, 6), FOREIGN_PSEUDOCODE: (3, 6), "794043": (6, 9), "794054": (5,)}
PROVIDERS = [f"1000{number:04d}" for number in range(6)]
MEMBERSHIPS = [
    (PROJECT, PROVIDERS[0], "physician", day("2021-09-01"), None),
    (PROJECT, PROVIDERS[1], "nurse", day("2021-09-01"), day("2022-02-28")),
    (PROJECT, PROVIDERS[1], "case_manager", day("2022-03-01"), None),
    (PROJECT, PROVIDERS[2], "nurse", day("2022-03-01"), day("2022-06-30")),
    (OTHER_PROJECT, PROVIDERS[0], "pharmacist", day("2021-09-01"), None),
    (OTHER_PROJECT, PROVIDERS[3], "nurse", day("2021-09-01"), None),
]
"""Who is of which discipline where, and when; the others are of none."""

MUNICIPALITIES = ("25112", "25014", "62063", "11002")
LATE = instant("2022-11-30T10:00+01:00")
Person = tuple[str, bytes]


@dataclass
class Register:
    """A small register as plain lists, to be counted by hand."""

    inclusions: list[Inclusion] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    members: dict[Person, Member] = field(default_factory=dict)
    _found: dict[tuple[Person, date], dict[str, str | None]] = field(default_factory=dict)

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

    def cells(self, period: Period, dims: tuple[str, ...]) -> dict[Dims, ExactCell]:
        """Every cell of actions of a node."""
        found: dict[tuple[str, ...], list[Action]] = defaultdict(list)
        groups: dict[tuple[str, ...], set[Person]] = defaultdict(set)
        for one in self.counting(period):
            traits = self._traits(_person(one), period.first)
            for values in self._values(one, traits, dims):
                found[values].append(one)
            for values in self._values(one, traits, _without(dims, PSEUDOCODE, COMPONENT)):
                groups[values].add(_person(one))
        standing = self.people(period, _without(dims, PSEUDOCODE, COMPONENT, PROFESSION), _touches(period))
        cells = {}
        for values, of_cell in found.items():
            named = dict(zip(dims, values, strict=True))
            is_narrow = PSEUDOCODE in named or COMPONENT in named
            wider = tuple(named[name] for name in _without(dims, PSEUDOCODE, COMPONENT))
            traits_alone = _dims(
                period, {name: named[name] for name in _without(dims, PSEUDOCODE, COMPONENT, PROFESSION)}
            )
            cell = _counted(_dims(period, named), of_cell)
            cells[cell.dims] = replace(
                cell,
                all_pseudocodes=len(groups[wider]) if is_narrow else None,
                valid=standing.get(traits_alone, 0),
            )
        return cells

    def of_inclusions(self, period: Period, measure: Measure, dims: tuple[str, ...]) -> dict[Dims, int]:
        """Every cell of an inclusion measure of a node."""
        counted: dict[Measure, Callable[[date, date], bool]] = {
            Measure.JOINED: lambda first, _: first == period.first,
            Measure.LEFT: lambda _, last: last + timedelta(days=1) == period.first,
            Measure.INCLUDED: lambda first, last: first <= period.first <= last,
        }
        return self.people(period, dims, counted[measure])

    def people(self, period: Period, dims: tuple[str, ...], counts: Callable[[date, date], bool]) -> dict[Dims, int]:
        """Distinct people of whom one inclusion, by its first and last day, counts."""
        cells = defaultdict(set)
        for one in self.inclusions:
            if period.kind is PeriodKind.CONVENTION and one.project != period.label:
                continue
            days = validity(one, a_project())
            if days is None or days.is_empty or days.last is None or not counts(days.first, days.last):
                continue
            named = {"project": one.project, **self._traits(_person(one), period.first)}
            values = {name: named[name] for name in dims}
            if None not in values.values():
                cells[_dims(period, values)].add(_person(one))
        return {name: len(people) for name, people in cells.items()}

    def _values(self, one: Action, traits: dict[str, str | None], dims: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """In which cells of a node an action counts: one, several of its components, or none."""
        named: dict[str, tuple[str | None, ...]] = {name: (value,) for name, value in traits.items()}
        named |= {"project": (one.project,), PSEUDOCODE: (one.pseudocode,), PROFESSION: (_profession(one),)}
        named[COMPONENT] = tuple(str(component) for component in COMPONENTS[one.pseudocode])
        for values in product(*(named[name] for name in dims)):
            known = tuple(value for value in values if value is not None)
            if len(known) == len(values):
                yield known

    def _traits(self, person: Person, on: date) -> dict[str, str | None]:
        """What a person is counted under, found once."""
        if (person, on) not in self._found:
            self._found[person, on] = self._find_traits(person, on)
        return self._found[person, on]

    def _find_traits(self, person: Person, on: date) -> dict[str, str | None]:
        """What the member register knows, and the place of the latest inclusion, else the member register's."""
        member = self.members.get(person)
        at_home = None if member is None else member.municipality
        places = [
            (one.valid_from, one.exit_valid_until or date.max, one.municipality or at_home)
            for one in self.inclusions
            if _person(one) == person and one.status in ("open", "exited")
        ]
        municipality = max((place for place in places if place[2] is not None), default=(None, None, None))[2]
        return {
            "insurer": None if member is None else member.insurer,
            "sex": "X" if member is None else member.sex,
            "age_band": age_band(None if member is None else member.birth_date, on),
            "age_group": age_band(None if member is None else member.birth_date, on, AGE_GROUP),
            "district": None if municipality is None else municipality[:2],
            "municipality": municipality,
        }


def _touches(period: Period) -> Callable[[date, date], bool]:
    return lambda first, last: first <= period.last and last >= period.first


def _person(one: Inclusion | Action) -> Person:
    return one.project, one.pseudonym


def _without(dims: tuple[str, ...], *dropped: str) -> tuple[str, ...]:
    return tuple(name for name in dims if name not in dropped)


def _dims(period: Period, named: dict[str, Any]) -> Dims:
    return tuple(sorted([(period.kind.value, period.label), *named.items()]))


def _profession(one: Action) -> str:
    """The discipline of a performer on the day."""
    for project, provider, discipline, first, last in MEMBERSHIPS:
        if (project, provider) == (one.project, one.performed_by) and first <= one.performed_on <= (last or date.max):
            return discipline
    return "other"


def _counted(dims: Dims, found: list[Action]) -> ExactCell:
    """P, A, C, V, x1, x2 and xp of one cell, by hand."""
    by_person = Counter((*_person(one), one.performed_on.month, one.performed_on.year, one.pseudocode) for one in found)
    by_provider = Counter(
        (one.performed_by, *_person(one), one.performed_on.month, one.performed_on.year, one.pseudocode)
        for one in found
    )
    clipped: Counter[str] = Counter()
    people = defaultdict(set)
    for (provider, project, pseudonym, _, _, code), count in by_provider.items():
        clipped[provider] += min(count, CAPS[code])
        people[provider].add((project, pseudonym))
    ranked = sorted(((clipped[one], len(people[one])) for one in clipped), reverse=True)
    return ExactCell(
        dims=dims,
        beneficiaries=len({key[:2] for key in by_person}),
        actions=sum(min(count, CAPS[key[4]]) for key, count in by_person.items()),
        providers=len(ranked),
        largest=ranked[0][0],
        second=ranked[1][0] if len(ranked) > 1 else 0,
        largest_beneficiaries=max(served for _, served in ranked),
        cap=max(CAPS[one.pseudocode] for one in found),
        all_pseudocodes=0 if PSEUDOCODE in dict(dims) or COMPONENT in dict(dims) else None,
        valid=0,
    )


def a_register(chance: random.Random, people: int) -> Register:
    """A register of so many people in two projects; some came back, some are not known to the member register."""
    register = Register()
    for number in range(1, people + 1):
        project = chance.choice([PROJECT, PROJECT, OTHER_PROJECT])
        communicated_at = instant("2021-11-20T10:00+01:00") + timedelta(days=chance.randint(0, 120))
        person = {"bucket": number % 5, "project": project, "pseudonym": number.to_bytes(32, "big")}
        place = chance.choice([None, None, *MUNICIPALITIES])
        joined = an_inclusion(communicated_at.isoformat(), id=UUID(int=number), municipality=place, **person)
        joined = _with_fate(chance, joined)
        register.inclusions.append(joined)
        if joined.exit is not None and chance.random() < 0.7:
            again = joined.exit.communicated_at + timedelta(days=chance.randint(1, 60))
            place = chance.choice([None, *MUNICIPALITIES])
            back = an_inclusion(again.isoformat(), id=UUID(int=500 + number), municipality=place, **person)
            register.inclusions.append(back)
        if chance.random() < 0.8:
            register.members[project, joined.pseudonym] = _a_member(chance)
        of_person = [one for one in register.inclusions[-2:] if one.pseudonym == joined.pseudonym]
        for _ in range(chance.randint(0, 12)):
            register.actions.append(_an_action_of(chance, chance.choice(of_person), len(register.actions)))
    return register


def _with_fate(chance: random.Random, joined: Inclusion) -> Inclusion:
    fate = chance.choices(["open", "exited", "annulled", "rejected"], [6, 3, 1, 1])[0]
    if fate == "exited":
        return exited(joined, Exit("moved", joined.communicated_at + timedelta(days=chance.randint(0, 200))))
    if fate == "annulled":
        return annulled(joined, "duplicate")
    return rejected(joined, "not-insured") if fate == "rejected" else joined


def _a_member(chance: random.Random) -> Member:
    return Member(
        insurer=chance.choice(["100", "300", "900"]),
        sex=chance.choice("FM"),
        birth_date=day("1930-01-01") + timedelta(days=chance.randint(0, 34_000)),
        municipality=chance.choice(MUNICIPALITIES),
    )


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
            components = list(COMPONENTS[code])
            tx.catalogue.add_pseudocode(a_pseudocode_document(code, cap=CAPS[code], components=components), LATE)
        for project, code in product((PROJECT, OTHER_PROJECT), CAPS):
            tx.catalogue.put_assignment(an_assignment_document(project, code), LATE)
        for project, provider, discipline, first, last in MEMBERSHIPS:
            period = {"discipline": discipline, "member_from": first, "member_until": last}
            tx.catalogue.put_partner(a_partner_document(project, provider, **period), LATE)
        for joined in register.inclusions:
            tx.inclusions.add(replace(joined, status="open", exit=None, annulment_reason=None, rejection_code=None))
            if joined.status != "open":
                tx.inclusions.supersede(joined, LATE)
            tx.beneficiaries.lock_or_add(joined.bucket, joined.project, joined.pseudonym)
            if (joined.project, joined.pseudonym) in register.members:
                member = register.members[joined.project, joined.pseudonym]
                tx.beneficiaries.describe([((joined.bucket, joined.project, joined.pseudonym), member)])
        for one in register.actions:
            tx.actions.add(replace(one, status="recorded", annulment_reason=None, rejection_code=None))
            if one.status != "recorded":
                tx.actions.supersede(one, LATE)
