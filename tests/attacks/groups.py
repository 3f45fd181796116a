"""Attacks on what a group tells of its members: small cells, zeros, equal cells, homogeneity, one known beneficiary."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import log

import numpy as np

from gateway.domain.lattice import (
    AGE_BAND,
    DISTRICT,
    INSURER,
    MUNICIPALITY,
    PROFESSION,
    PROJECT,
    PSEUDOCODE,
    SEX,
    PeriodKind,
)
from tests.attacks import truth
from tests.attacks.inference import (
    ALPHA,
    SMALL,
    Knowledge,
    Target,
    Term,
    actions,
    attack_choices,
    evidence,
    normal,
    prior,
)
from tests.attacks.mechanisms import TINY, Planted
from tests.attacks.register import Ints
from tests.attacks.score import Tally
from tests.attacks.truth import Values
from tests.attacks.view import Name, Shown, View

MONTH, QUARTER, YEAR, _ = PeriodKind
CODE = (PROJECT, PSEUDOCODE)
TRAITS = (INSURER, AGE_BAND, SEX)
MOST_MISSING = 4


def small_cells(view: View, known: Knowledge, planted: Planted) -> Tally:
    """Guess a small count from its own cell: its value, or that it is not there."""
    attempts = hits = baseline = 0
    for name in [actions(kind, *CODE, *trait) for kind in (MONTH, QUARTER) for trait in ((), (SEX,), (AGE_BAND,))]:
        shelf = view.shelves[name]
        for key, (true, _) in known.whole(name).items():
            if true in SMALL:
                before = prior(known.half(name).get(key, (0, 0))[0], SMALL)
                after = before + _of_cell(shelf.get(key), planted)
                attempts += 1
                hits += SMALL[int(after.argmax())] == true
                baseline += SMALL[int(before.argmax())] == true
    return Tally("small cells", view.actor, attempts, hits, baseline)


def _of_cell(shown: Shown | None, planted: Planted) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if shown is not None:
        return normal(SMALL, shown.beneficiaries, max(shown.spread_b, 10 * TINY))
    return np.array([0.0 if count < planted.hides_below else -50.0 for count in SMALL])


def zero_against_small(view: View, known: Knowledge) -> Tally:
    """Is a protected group empty, or small? Of the known half nobody is in it; sums tell the rest."""
    odds, truths = [], []
    for kind, trait in product((MONTH, QUARTER), TRAITS):
        name = actions(kind, *CODE, trait)
        for target in _declared_children(known, name, trait):
            true = known.whole(name).get(target.key, (0, 0))[0]
            if true < 10 and target.key not in known.half(name) and target.key not in view.shelves[name]:
                said = evidence(view, known, target)
                if said:
                    odds.append(_odds_of_any(said))
                    truths.append(true > 0)
    return attack_choices("zero against small", view, odds, truths)


def _odds_of_any(said: list[tuple[float, float]]) -> float:
    counts = range(10)
    likely = sum((normal(counts, *one) for one in said), np.zeros(10))
    before = prior(0, SMALL)
    before = before - np.logaddexp.reduce(before)
    return float(np.logaddexp.reduce(likely[1:] + before) - likely[0])


def _declared_children(known: Knowledge, name: Name, trait: str) -> Iterator[Target]:
    """Every declared group of every cell without the trait: the cell less the other groups."""
    kind = name[1]
    parent = actions(kind, *CODE)
    values = known.register.values[trait]
    for key in known.whole(parent):
        for value in values:
            others = [Term(name, (*key, one), -1) for one in values if one != value]
            yield Target(name, (*key, value), ((Term(parent, key), *others),))


def equality(view: View, known: Knowledge) -> Tally:
    """Is everybody of a cell in one of its groups? Then the others have nobody. Both are published, nearly equal."""
    odds, truths = [], []
    for kind in (MONTH, QUARTER, YEAR):
        for outer in ((), (INSURER,), (AGE_BAND,)):
            for trait in (SEX, PROFESSION, DISTRICT, MUNICIPALITY):
                for parent, child, missing in _nearly_equal(view, known, kind, outer, trait):
                    difference = parent.beneficiaries - child.beneficiaries
                    spread = (parent.spread_b**2 + child.spread_b**2) ** 0.5
                    likely = normal(range(MOST_MISSING + 1), difference, spread)
                    odds.append(float(likely[0] - np.logaddexp.reduce(likely[1:]) + log(MOST_MISSING)))
                    truths.append(missing == 0)
    return attack_choices("equality of parent and child", view, odds, truths)


def _nearly_equal(
    view: View, known: Knowledge, kind: PeriodKind, outer: tuple[str, ...], trait: str
) -> Iterator[tuple[Shown, Shown, int]]:
    """Published pairs that differ by a few people at most, none of whom the attacker knows."""
    dims = tuple(sorted((*CODE, *outer, trait), key=_ORDER.index))
    name, wider = actions(kind, *dims), actions(kind, *CODE, *outer)
    place = dims.index(trait) + 1
    for key, child in view.shelves.get(name, {}).items():
        around = key[:place] + key[place + 1 :]
        parent = view.shelves[wider].get(around)
        missing = known.whole(wider)[around][0] - known.whole(name)[key][0]
        unseen = known.half(wider).get(around, (0, 0))[0] == known.half(name).get(key, (0, 0))[0]
        if parent is not None and unseen and missing <= MOST_MISSING:
            yield parent, child, missing


_ORDER = (PROJECT, PSEUDOCODE, PROFESSION, INSURER, AGE_BAND, SEX, DISTRICT, MUNICIPALITY)


def homogeneity(view: View, known: Knowledge, planted: Planted) -> Tally:
    """Has every member of a small group the pseudocode? Who is a member, and that all known ones have it, is known."""
    odds, truths = [], []
    traits = ((MUNICIPALITY, SEX), (INSURER, SEX), (AGE_BAND, SEX), (INSURER, AGE_BAND), (MUNICIPALITY,))
    for kind in (QUARTER, YEAR):
        for group in traits:
            dims = tuple(sorted(group, key=_ORDER.index))
            name = actions(kind, *CODE, *dims)
            if name in view.shelves:
                sizes = truth.valid_in(known.register, kind, (PROJECT, *dims))
                for key, size, missing in _nearly_homogeneous(known, name, sizes):
                    odds.append(_odds_of_all(view.shelves[name].get(key), size, planted, name))
                    truths.append(missing == 0)
    return attack_choices("homogeneity", view, odds, truths)


def _nearly_homogeneous(known: Knowledge, name: Name, sizes: truth.Table) -> Iterator[tuple[Values, int, int]]:
    for key, (with_it, _) in known.whole(name).items():
        size = sizes[(key[0], key[1], *key[3:])][0]
        if 12 <= size <= 60 and size - with_it <= MOST_MISSING:
            yield key, size, size - with_it


def _odds_of_all(shown: Shown | None, size: int, planted: Planted, name: Name) -> float:
    """The odds that nobody of the group is missing, against a few, by the value and by whether there is one."""
    spread = planted.sigma_of(name)
    likely = []
    for missing in range(MOST_MISSING + 1):
        floor = planted.passes_rule_2(size, missing, spread)
        if shown is None:
            likely.append(log(max(1e-9, 1 - floor * planted.is_clear(size - missing, spread))))
        else:
            value = float(normal([size - missing], shown.beneficiaries, max(shown.spread_b, TINY))[0])
            likely.append(log(max(1e-9, floor)) + value)
    return likely[0] - float(np.logaddexp.reduce(likely[1:])) + log(MOST_MISSING)


def singling_out(view: View, known: Knowledge) -> Tally:
    """Had a known beneficiary, of the unknown half, an action in a quarter? By the finest published cell around."""
    register = known.register
    chance = np.random.default_rng(known.seed + 1)
    persons: Ints = np.flatnonzero(~known.is_known & (register.people["first"] == 1))
    tried = hits = baseline = 0
    acted = {
        (person, code)
        for person, code, month in zip(
            register.facts["person"].tolist(),
            register.facts[PSEUDOCODE].tolist(),
            register.facts["month"].tolist(),
            strict=True,
        )
        if month <= 3
    }
    for person in chance.choice(persons, min(400, len(persons)), replace=False).tolist():
        for code in range(6):
            before, after = _rates(view, known, person, code)
            if 0.25 <= before <= 0.75:
                true = (person, code) in acted
                tried += 1
                hits += (after > 0.5) == true
                baseline += (before > 0.5) == true
    return Tally("singling out a known beneficiary", view.actor, tried, hits, baseline)


def _rates(view: View, known: Knowledge, person: int, code: int) -> tuple[float, float]:
    """How many like a person have an action: as the known half says, and with the finest published cell around."""
    register = known.register
    label = truth.label(QUARTER, 0)
    for traits in ((AGE_BAND, SEX), (INSURER, SEX), (INSURER, AGE_BAND), (AGE_BAND,), (INSURER,), (SEX,), ()):
        mine = [register.values[one][register.people[one][person]] for one in (PROJECT, *traits)]
        key = (label, mine[0], register.values[PSEUDOCODE][code], *mine[1:])
        shown = view.shelf(QUARTER, *CODE, *traits).get(key)
        if shown is not None:
            return _rates_in(known, key, (PROJECT, *traits), person, shown)
    return 0.0, 0.0


def _rates_in(known: Knowledge, key: Values, dims: tuple[str, ...], person: int, shown: Shown) -> tuple[float, float]:
    people = known.register.people
    alike = (people["first"] <= 3) & (people["last"] >= 1)
    for name in dims:
        alike = alike & (people[name] == people[name][person])
    known_size, size = int((alike & known.is_known).sum()), int((alike & ~known.is_known).sum())
    half = known.half(actions(QUARTER, *CODE, *dims[1:])).get(key, (0, 0))[0]
    before = (half + ALPHA) / (known_size + 2 * ALPHA)
    variance = before * (1 - before) * (1 / (known_size + 1) + 1 / size)
    said, spread = (shown.beneficiaries - half) / size, (shown.spread_b / size) ** 2
    return before, before + variance / (variance + spread) * (said - before)
