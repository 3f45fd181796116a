"""Linear reconstruction: every published figure of a project at once, as one system of equations for its finest cells.

The unknown half of each finest cell (month, pseudocode and two traits) is expected to be like the known one; every
published number of actions, over any period and any of these dimensions, is a noisy sum of finest cells. The best
linear estimate uses all of them together, so it is at least as good as any differencing. No cell is smaller than its
known half: what comes out below is put there, and the rest is estimated again.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from gateway.domain.lattice import AGE_BAND, INSURER, PROJECT, PSEUDOCODE, SEX, PeriodKind
from tests.attacks import truth
from tests.attacks.inference import ALPHA, SMALL, Floats, Knowledge, clustering
from tests.attacks.register import PSEUDOCODES, Ints
from tests.attacks.score import Tally
from tests.attacks.view import View

AXES = ((AGE_BAND, SEX), (INSURER, SEX))
ROUNDS = 3
MOST_PROJECTS = 4
"""On a large register the smallest projects are enough: their cells are the ones to fear for."""


def reconstruction(view: View, known: Knowledge) -> Tally:
    """Guess the exact actions of small cells from the whole linked lattice of a project."""
    attempts = hits = baseline = 0
    sizes = np.bincount(known.register.people[PROJECT])
    for project in np.argsort(sizes)[:MOST_PROJECTS].tolist():
        for traits in AXES:
            system = _System(known, project, traits)
            tried = system.score(system.solved(view))
            attempts, hits, baseline = (one + two for one, two in zip((attempts, hits, baseline), tried, strict=True))
    return Tally("linear reconstruction of the lattice", view.actor, attempts, hits, baseline)


class _System:
    """The finest cells of one project, and how published cells sum them up."""

    def __init__(self, known: Knowledge, project: int, traits: tuple[str, str]) -> None:
        self.known, self.project, self.traits = known, project, traits
        register = known.register
        self.dims = (PSEUDOCODE, *traits)
        self.shape = (register.size.months, len(PSEUDOCODES), *(len(register.values[one]) for one in traits))
        facts = register.facts
        inside = facts[PROJECT] == project
        place = np.ravel_multi_index(
            [facts["month"][inside] - 1, *(facts[name][inside] for name in self.dims)], self.shape
        )
        count = int(np.prod(self.shape))
        weights = facts["n"][inside]
        self.whole: Ints = np.bincount(place, weights, count).astype(np.int64)
        mine = weights * known.is_known[facts["person"][inside]]
        self.half: Ints = np.bincount(place, mine, count).astype(np.int64)
        self.axes = np.unravel_index(np.arange(count), self.shape)

    def solved(self, view: View) -> Floats:
        """The best linear estimate of all of the finest cells that is nowhere below what is known.

        Cost: per round, one system with a row per published figure, of which there are fewer than finest cells
        (Woodbury).
        """
        least = self.half.astype(float)
        seen = self._observations(view)
        if not seen:
            return 2 * least
        sums = np.array([cells for cells, _, _ in seen], dtype=float) / np.array([[one] for _, _, one in seen])
        values = np.array([value / spread for _, value, spread in seen])
        expected, variance = 2 * least, 2 * clustering(PeriodKind.MONTH, "actions") * (self.half + ALPHA)
        solved: Floats = expected
        for _ in range(ROUNDS):
            spread = sums * variance
            weights = np.linalg.solve(np.eye(len(sums)) + spread @ sums.T, values - sums @ expected)
            solved = expected + spread.T @ weights
            below = solved < least
            expected, variance = np.where(below, least, expected), np.where(below, 0.0, variance)
        inside: Floats = np.maximum(solved, least)
        return inside

    def _observations(self, view: View) -> list[tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], float, float]]:
        register, found = self.known.register, []
        name = register.projects[self.project]
        for kind in PeriodKind:
            period = truth.period_of(kind, self.axes[0] + 1)
            for count in range(len(self.dims) + 1):
                for kept in combinations(self.dims, count):
                    dims = tuple(sorted((PROJECT, *kept), key=_ORDER.index))
                    for key, shown in view.shelf(kind, *dims).items():
                        named = dict(zip(dims, key[1:], strict=True))
                        if named[PROJECT] == name:
                            cells = np.array([truth.label(kind, one, name) == key[0] for one in range(13)])[period]
                            for one in kept:
                                number = register.values[one].index(named[one])
                                cells &= self.axes[1 + self.dims.index(one)] == number
                            found.append((cells, float(shown.actions), shown.spread_a))
        return found

    def score(self, solved: Floats) -> tuple[int, int, int]:
        """Attempts, hits and hits without the interface, over the small cells of a month and one trait."""
        attempts = hits = baseline = 0
        for axis in (2, 3):
            true = self.whole.reshape(self.shape).sum(axis=axis)
            small = np.isin(true, SMALL)
            after = np.rint(solved.reshape(self.shape).sum(axis=axis))
            before = np.rint(2.0 * self.half.reshape(self.shape).sum(axis=axis))
            attempts += int(small.sum())
            hits += int((after == true)[small].sum())
            baseline += int((before == true)[small].sum())
        return attempts, hits, baseline


_ORDER = (PROJECT, PSEUDOCODE, INSURER, AGE_BAND, SEX)
