"""The omniscient attacker: knows everybody's data but one fact, and every sigma; was the fact there?

Both exact registers, with and without the fact, are known, so every cell that the fact enters has two known sets of
exact counts, and every published value has a known probability under both: that of the discrete Gaussian on the grid,
and of the floors 2, 3 and 4. The likelihood ratio over all of the lattice is the best possible evidence. Noise is drawn
again many times from the domain's own tables. With even odds beforehand, the attacker is right with the mean
probability of the likelier answer.

An outsider sees general values alone. A coalition sees own and general values, and so which cells fail rule 4. Values
are given to the attacker before they are cut off at one or at the beneficiaries, which can only help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import ceil, log

import numpy as np

from gateway.domain.disclosure import sigma
from gateway.domain.lattice import COMPONENT, PROJECT, TRAITS, PeriodKind
from tests.attacks.grids import (
    NEVER,
    NONE,
    at_least,
    draws,
    grid_of,
    log_of,
    looked_up,
    summed,
    summed_above,
)
from tests.attacks.inference import Floats
from tests.attacks.lattice_cells import Counts, Pair
from tests.attacks.register import CAP, Flags, Ints
from tests.attacks.view import Actor

EDGES = np.array([2, 5, 10])
"""The last number of each band of providers."""


@dataclass(frozen=True, slots=True)
class Level:
    """What is public about a node: points of the grid for each draw, and the floors."""

    j: int
    j_actions: int
    j_n2: int
    j_n4: int
    floor: int
    rest: Fraction
    has_providers: bool
    is_of_project: bool


@cache
def level_of(kind: str, dims: tuple[str, ...], factor: Fraction) -> Level:
    """What is public about a node, with every sigma multiplied by a factor."""
    spread = factor * sigma(PeriodKind(kind), dims)
    return Level(
        j=grid_of(spread),
        j_actions=grid_of(CAP * spread),
        j_n2=grid_of(spread / 4),
        j_n4=grid_of(CAP * spread / 4),
        floor=ceil(10 + spread * 3 / 2),
        rest=CAP * spread / 2,
        has_providers=not any(name in TRAITS or name == COMPONENT for name in dims),
        is_of_project=PROJECT in dims,
    )


@cache
def second_noise(count: int) -> int:
    """The grid point of the general value's second draw, by the largest provider's beneficiaries or actions."""
    return grid_of(max(Fraction(1), Fraction(count, 10)))


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell in one of the two registers: its counts, and the probabilities of rules 1 and 2, of 3, and of 4."""

    counts: Counts
    level: Level
    is_allowed: float
    is_clear: float
    is_not_dominated: float


def probabilities(level: Level, counts: Counts) -> Cell:
    """A cell with its exact counts, and how likely each rule lets it pass."""
    groups = (counts.valid,) if counts.wider is None else (counts.valid, counts.wider)
    needed = max(ceil(min(one, 300 - one) / 10) - (one - counts.beneficiaries) for one in groups)
    rest = counts.actions - counts.largest - counts.second - Fraction(counts.largest, 5)
    return Cell(
        counts=counts,
        level=level,
        is_allowed=_is_large(level.j_n2, counts.beneficiaries) * at_least(level.j_n2, needed),
        is_clear=at_least(level.j, level.floor - counts.beneficiaries),
        is_not_dominated=at_least(level.j_n4, ceil(level.rest - rest)),
    )


def _is_large(j: int, beneficiaries: int) -> float:
    """How likely rule 1 lets a cell pass: its draw has the spread of rule 2's."""
    return 0.0 if beneficiaries < 10 else 1 - 2 * at_least(j, beneficiaries - 9)


def accuracies(
    pairs: Sequence[Pair], actors: Sequence[Actor], redraws: int, seed: int, factor: Fraction = Fraction(1)
) -> list[float]:
    """How often each actor is right about some facts, by the cells that they enter, with and without them.

    Shape: `factor` multiplies every sigma; half a coin's throw is 0.5. All see the same draws.
    """
    chance = np.random.default_rng(seed)
    ratios = np.zeros((len(actors), redraws))
    there = chance.random(redraws) < 0.5
    for pair in pairs:
        if pair.with_it.beneficiaries >= 10 and pair.with_it != pair.without:
            level = level_of(pair.kind, pair.dims, factor)
            ratios += _evidence(
                probabilities(level, pair.without), probabilities(level, pair.with_it), there, actors, chance
            )
    return [float(np.mean(1 / (1 + np.exp(-np.minimum(np.abs(ratio), 50))))) for ratio in ratios]


def _evidence(
    without: Cell, with_it: Cell, there: Flags, actors: Sequence[Actor], chance: np.random.Generator
) -> Floats:
    """What one cell says to each actor, drawn for each throw from the register that is true in it."""
    found = np.zeros((len(actors), len(there)))
    shown = {
        one: _as_coalition if one == "coalition" and with_it.level.is_of_project else _as_outsider for one in actors
    }
    for cell, throws in ((without, np.flatnonzero(~there)), (with_it, np.flatnonzero(there))):
        seen = _draw(cell, len(throws), chance)
        said = {show: show(with_it, seen) - show(without, seen) for show in set(shown.values())}
        for number, actor in enumerate(actors):
            found[number, throws] = said[shown[actor]]
    return found


@dataclass(frozen=True, slots=True)
class _Seen:
    """The outcomes of one cell: what is published to whom, and the values."""

    is_own: Flags
    is_general: Flags
    own: Ints
    actions: Ints
    more: Ints
    more_actions: Ints
    providers: Ints


def _draw(cell: Cell, count: int, chance: np.random.Generator) -> _Seen:
    counts, level = cell.counts, cell.level
    own = counts.beneficiaries + draws(level.j, chance, count)
    is_own = (chance.random(count) < cell.is_allowed) & (own >= level.floor)
    return _Seen(
        is_own=is_own,
        is_general=is_own & (chance.random(count) < cell.is_not_dominated),
        own=own,
        actions=counts.actions + draws(level.j_actions, chance, count),
        more=draws(second_noise(counts.largest_beneficiaries), chance, count),
        more_actions=draws(second_noise(counts.largest), chance, count),
        providers=counts.providers + draws(level.j if level.has_providers else NONE, chance, count),
    )


def _as_coalition(cell: Cell, seen: _Seen) -> Floats:
    """How likely both audiences together see this, up to what both registers share."""
    counts, level = cell.counts, cell.level
    shown = _log(cell.is_allowed) + log_of(level.j, seen.own - counts.beneficiaries)
    shown += log_of(level.j_actions, seen.actions - counts.actions)
    general = _log(cell.is_not_dominated) + log_of(second_noise(counts.largest_beneficiaries), seen.more)
    general += log_of(second_noise(counts.largest), seen.more_actions)
    own_alone = np.full(len(seen.own), _log(1 - cell.is_not_dominated))
    if level.has_providers:
        general += log_of(level.j, seen.providers - counts.providers)
        own_alone += _log_of_band(level.j, counts.providers, seen.providers)
    shown += np.where(seen.is_general, general, own_alone)
    return np.where(seen.is_own, shown, _log(1 - cell.is_allowed * cell.is_clear))


def _as_outsider(cell: Cell, seen: _Seen) -> Floats:
    """How likely the general audience sees this."""
    counts, level = cell.counts, cell.level
    passed = cell.is_allowed * cell.is_not_dominated
    own = summed_above(level.j, second_noise(counts.largest_beneficiaries), level.floor - counts.beneficiaries)
    shown = _log(passed) + looked_up(own, seen.own + seen.more - counts.beneficiaries)
    actions = summed(level.j_actions, second_noise(counts.largest))
    shown += looked_up(actions, seen.actions + seen.more_actions - counts.actions)
    if level.has_providers:
        shown += log_of(level.j, seen.providers - counts.providers)
    return np.where(seen.is_general, shown, _log(1 - passed * cell.is_clear))


def _log_of_band(j: int, providers: int, values: Ints) -> Floats:
    """How likely the noisy number of providers lies in the band in which it was seen."""
    above = np.array([1.0, *(at_least(j, int(edge) + 1 - providers) for edge in EDGES), 0.0])
    found: Floats = np.log(np.maximum(-np.diff(above), 1e-300))[np.searchsorted(EDGES, values, side="left")]
    return found


def _log(share: float) -> float:
    return log(share) if share > 0 else NEVER
