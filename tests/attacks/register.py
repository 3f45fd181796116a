"""A synthetic register: seeded, skewed as in life, nobody's real data. Its truth stays in memory, to score attacks.

Everything is a column of small integers; `VALUES` says what they stand for. Ages change on 1 January, so a person's
band is the same on the first day of every period.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.lattice import (
    AGE_BAND,
    AGE_GROUP,
    CODES,
    DISTRICT,
    DISTRICTS,
    INSURER,
    MUNICIPALITY,
    PROFESSION,
    PROJECT,
    PSEUDOCODE,
    SEX,
)

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
YEAR = 2022
CAP = 2
PSEUDOCODES = tuple(f"{794010 + 10 * number}" for number in range(12))
COMPONENTS_OF = ((1,), (2,), (2,), (3,), (3, 4), (4,), (5,), (5, 6), (5, 7), (6,), (7,), (7,))
"""Components of each pseudocode: 1 is of one pseudocode alone, the others of two or three."""
POPULARITY = np.array([0.55, 0.40, 0.30, 0.20, 0.15, 0.12, 0.10, 0.07, 0.05, 0.03, 0.02, 0.01])
DOMINATED = (3, 5, 8)
"""Pseudocodes of which one provider does most."""
FOR_WOMEN, COMMON = [1, 2, 4], 9
"""Pseudocodes for women, with a few exceptions; and how many pseudocodes homogeneous groups may have."""
ACTIVE = 0.6
PROVIDERS, TOWNS = 25, 5
SHARES: dict[str, tuple[float, ...]] = {
    INSURER: (0.42, 0.06, 0.28, 0.05, 0.15, 0.02, 0.02),
    SEX: (0.56, 0.43, 0.01),
    AGE_BAND: (0.05, 0.10, 0.17, 0.28, 0.25, 0.15),
    MUNICIPALITY: (0.45, 0.25, 0.15, 0.10, 0.05),
}
GROUP_OF_BAND = np.array([0, 0, 0, 1, 2, 2])
BIRTH_YEARS = (2012, 1992, 1972, 1955, 1942, 1932)
TRAITS = (INSURER, SEX, AGE_BAND, AGE_GROUP, DISTRICT, MUNICIPALITY)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a register is: people per project, months from January, and how much is done for people."""

    people: tuple[int, ...]
    months: int = 12
    activity: float = 1.0


@dataclass(frozen=True)
class Register:
    """People and facts, column by column.

    Shape: `people` has project, traits, `first` and `last` (months, inclusive; `last` is 99 while open); `facts` has
    person, month, pseudocode, provider, `rows` (actions), `n` (clipped), `late` (registered after the months closed)
    and the columns of its person. A (person, month, pseudocode) is one fact.
    """

    seed: int
    size: Size
    people: dict[str, Ints]
    facts: dict[str, Ints]
    values: dict[str, tuple[str, ...]]

    @property
    def projects(self) -> tuple[str, ...]:
        return self.values[PROJECT]

    def where(self, kept: Flags) -> Register:
        """The same with some of its facts."""
        facts = {name: column[kept] for name, column in self.facts.items()}
        return Register(self.seed, self.size, self.people, facts, self.values)

    def in_time(self) -> Register:
        """What was registered when the months closed."""
        return self.where(self.facts["late"] == 0)


def a_register(size: Size, seed: int) -> Register:
    """A register with dominant providers, homogeneous groups, late records, joins and exits."""
    chance = np.random.default_rng(seed)
    people = _people(size, chance)
    acts = _acts(people, size, chance)
    _plant_homogeneous_groups(people, acts, chance)
    late = _late(people, acts, chance)
    return _assembled(size, seed, people, acts, late, chance)


def a_small_project(seed: int, people: int = 400, months: int = 12) -> Register:
    """The steady small project: everybody has one action a month, of pseudocodes ever rarer."""
    chance = np.random.default_rng(seed)
    size = Size((people,), months)
    members = _people(size, chance)
    members["first"][:], members["last"][:] = 1, 99
    shares = 1 / np.arange(1, len(PSEUDOCODES) + 1)
    chosen = chance.choice(len(PSEUDOCODES), p=shares / shares.sum(), size=(people, months))
    acts = chosen[:, None, :] == np.arange(len(PSEUDOCODES))[None, :, None]
    return _assembled(size, seed, members, acts, np.zeros_like(acts), chance, extra=0.0, dominated=())


def _people(size: Size, chance: np.random.Generator) -> dict[str, Ints]:
    count = sum(size.people)
    people = {PROJECT: np.repeat(np.arange(len(size.people)), size.people)}
    for name in (INSURER, SEX, AGE_BAND):
        people[name] = chance.choice(len(SHARES[name]), p=SHARES[name], size=count)
    people[AGE_GROUP] = GROUP_OF_BAND[people[AGE_BAND]]
    town = chance.choice(TOWNS, p=SHARES[MUNICIPALITY], size=count)
    people[MUNICIPALITY] = people[PROJECT] * TOWNS + town
    people[DISTRICT] = people[PROJECT] * 2 + town % 2
    joins = chance.integers(2, size.months + 1, count)
    people["first"] = np.where(chance.random(count) < 0.75, 1, joins)
    leaves = people["first"] + chance.integers(1, size.months + 1, count)
    people["last"] = np.where((chance.random(count) < 0.10) & (leaves < size.months), leaves, 99)
    return people


def _acts(people: dict[str, Ints], size: Size, chance: np.random.Generator) -> Flags:
    """Who had which action in which month: [person, pseudocode, month]."""
    count, codes, months = len(people[PROJECT]), len(PSEUDOCODES), size.months
    tendency = size.activity * chance.gamma(2.0, 0.5, count)
    uses = chance.random((count, codes)) < np.minimum(0.95, POPULARITY * tendency[:, None])
    season = 0.85 + 0.15 * np.sin(np.arange(months))
    active = np.broadcast_to(ACTIVE * season, (count, codes, months)).copy()
    women = people[SEX] == 0
    for code in FOR_WOMEN:
        uses[:, code] = np.where(women, uses[:, code], chance.random(count) < 2 / _project_sizes(people))
        active[~women, code] = 0.2
    acts = uses[:, :, None] & (chance.random((count, codes, months)) < active)
    valid: Flags = acts & _valid(people, months)[:, None, :]
    return valid


def _project_sizes(people: dict[str, Ints]) -> Ints:
    """How many people each person's project has."""
    sizes: Ints = np.bincount(people[PROJECT])[people[PROJECT]]
    return sizes


def _valid(people: dict[str, Ints], months: int) -> Flags:
    numbers = np.arange(1, months + 1)
    inside: Flags = (people["first"][:, None] <= numbers) & (numbers <= people["last"][:, None])
    return inside


def _plant_homogeneous_groups(people: dict[str, Ints], acts: Flags, chance: np.random.Generator) -> None:
    """Small groups that all have one pseudocode in every quarter; in half of them one or two people do not."""
    months = acts.shape[2]
    valid = _valid(people, months)
    for project in range(int(people[PROJECT].max()) + 1):
        groups = _small_groups(people, project, chance)
        for number, (code, members) in enumerate(zip(chance.permutation(COMMON), groups, strict=False)):
            for first in range(0, months, 3):
                quarter = slice(first, min(first + 3, months))
                missing = members[valid[members, quarter].any(axis=1) & ~acts[members, code, quarter].any(axis=1)]
                acts[missing, code, first + valid[missing, quarter].argmax(axis=1)] = True
            if number % 2:
                acts[chance.choice(members, int(chance.integers(1, 3)), replace=False), code] = False


def _small_groups(people: dict[str, Ints], project: int, chance: np.random.Generator) -> list[Ints]:
    """Groups of 12 to 45 members of one project, by one or two traits."""
    found: list[Ints] = []
    inside = people[PROJECT] == project
    for one, two in ((MUNICIPALITY, SEX), (INSURER, SEX), (AGE_BAND, SEX), (INSURER, AGE_BAND), (MUNICIPALITY, "")):
        pairs = people[one] * 100 + (people[two] if two else 0)
        for pair in np.unique(pairs[inside]):
            members = np.flatnonzero(inside & (pairs == pair))
            if 12 <= len(members) <= 45:
                found.append(members)
    chance.shuffle(found)
    return found


def _late(people: dict[str, Ints], acts: Flags, chance: np.random.Generator) -> Flags:
    """One late record in half of the cells of a project, pseudocode and month that have 15 or more people."""
    late = np.zeros_like(acts)
    valid = _valid(people, acts.shape[2])
    for project in range(int(people[PROJECT].max()) + 1):
        members = np.flatnonzero(people[PROJECT] == project)
        for code, month in np.ndindex(*acts.shape[1:]):
            free = members[valid[members, month] & ~acts[members, code, month]]
            if acts[members, code, month].sum() >= 15 and len(free) and chance.random() < 0.5:
                late[chance.choice(free), code, month] = True
    return late


def _assembled(
    size: Size,
    seed: int,
    people: dict[str, Ints],
    acts: Flags,
    late: Flags,
    chance: np.random.Generator,
    extra: float = 0.25,
    dominated: tuple[int, ...] = DOMINATED,
) -> Register:
    person, code, month = np.nonzero(acts | late)
    is_late = late[person, code, month]
    rows = 1 + (chance.random(len(person)) < extra) + (chance.random(len(person)) < extra / 5)
    rows[is_late] = 1
    facts = {name: people[name][person] for name in (PROJECT, *TRAITS)}
    provider = _providers(people, chance, dominated)[person, code]
    facts |= {"person": person, "month": month + 1, PSEUDOCODE: code, "late": is_late.astype(np.int64)}
    facts |= {"rows": rows, "n": np.minimum(rows, CAP), "provider": provider}
    facts[PROFESSION] = profession_of(provider)
    return Register(seed, size, people, facts, _values(len(size.people)))


def _providers(people: dict[str, Ints], chance: np.random.Generator, dominated: tuple[int, ...]) -> Ints:
    """Who cares for a person, per pseudocode: mostly the same few, and for some pseudocodes mostly one."""
    count, codes = len(people[PROJECT]), len(PSEUDOCODES)
    chosen = np.empty((count, codes), dtype=np.int64)
    for project in range(int(people[PROJECT].max()) + 1):
        members = np.flatnonzero(people[PROJECT] == project)
        for code in range(codes):
            shares = chance.dirichlet(np.full(PROVIDERS, 0.6))
            if code in dominated:
                shares *= 0.25
                shares[chance.integers(PROVIDERS)] += 0.75
            chosen[members, code] = project * PROVIDERS + chance.choice(PROVIDERS, p=shares, size=len(members))
    return chosen


def profession_of(provider: Ints) -> Ints:
    """A provider's discipline: mostly the first few of the list."""
    return np.minimum(provider % PROVIDERS // 3, len(CODES[PROFESSION]) - 1)


def _values(projects: int) -> dict[str, tuple[str, ...]]:
    towns = tuple(
        f"{DISTRICTS[2 * project + town % 2]}{town:03}" for project in range(projects) for town in range(TOWNS)
    )
    values: dict[str, tuple[str, ...]] = {name: CODES[name] for name in (INSURER, SEX, AGE_BAND, AGE_GROUP, PROFESSION)}
    values |= {DISTRICT: DISTRICTS, MUNICIPALITY: towns, PSEUDOCODE: PSEUDOCODES}
    values[PROJECT] = tuple(f"synthetic-{number + 1}" for number in range(projects))
    return values


def skewed_sizes(projects: int, people: int, seed: int) -> tuple[int, ...]:
    """So many projects, a few large and many small, with so many people in all."""
    weights: Any = np.sort(np.random.default_rng(seed).lognormal(0.0, 0.9, projects))[::-1]
    sizes = np.maximum(150, (weights / weights.sum() * people).astype(int))
    sizes[0] += people - int(sizes.sum())
    return tuple(int(size) for size in sizes)
