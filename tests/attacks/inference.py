"""How the attacker guesses: what the known half suggests, corrected by what is published.

The other half of a cell is expected to be like the known one (a Poisson count whose rate is known from the known half:
a negative binomial). Published values that bear on the cell are normal evidence with a public spread. The baseline is
the same guess without evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from math import inf, lgamma, log, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gateway.domain.lattice import AGE_GROUP, Measure, PeriodKind
from tests.attacks import truth
from tests.attacks.mechanisms import TINY
from tests.attacks.register import Flags, Register
from tests.attacks.score import Tally
from tests.attacks.truth import Table, Values
from tests.attacks.view import Name, View

Floats = NDArray[np.float64]
SMALL = range(1, 10)
MOST_PROMISING = 150
"""The attacker tries the most promising tenth of the targets of a register, but at least so many if there are."""
ALPHA, BETA = 0.5, 0.02
Figure = Literal["beneficiaries", "actions"]


@dataclass
class Knowledge:
    """The truth of all, and what the attacker knows of it: half of the people with all their facts."""

    register: Register
    seed: int
    tables: dict[tuple[str, Name], Table] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.register.people["first"])
        self.is_known: Flags = np.random.default_rng(self.seed).random(count) < 0.5

    def whole(self, name: Name) -> Table:
        """The exact cells of a node."""
        return self._table("whole", name)

    def exists(self, kind: PeriodKind, label: str) -> bool:
        """Whether a month or quarter lies in the register."""
        first = 1 if kind is PeriodKind.MONTH else 0
        last = self.register.size.months if kind is PeriodKind.MONTH else (self.register.size.months - 1) // 3
        return label in [truth.label(kind, number) for number in range(first, last + 1)]

    def half(self, name: Name) -> Table:
        """The same of the known half alone."""
        return self._table("half", name)

    def _table(self, part: str, name: Name) -> Table:
        if (part, name) not in self.tables:
            measure, kind, dims = name
            if measure.is_of_inclusions:
                kept = self.is_known if part == "half" else None
                table = truth.flow(self.register, measure, kind, dims, kept)
            else:
                register = self.register.in_time() if kind is PeriodKind.MONTH else self.register
                people = register.facts["person"]
                table = truth.table(register, kind, dims, self.is_known[people] if part == "half" else None)
            self.tables[(part, name)] = table
        return self.tables[(part, name)]


def actions(kind: PeriodKind, *dims: str) -> Name:
    """The name of a node of actions."""
    return (Measure.ACTIONS, kind, dims)


@dataclass(frozen=True, slots=True)
class Term:
    """One count in an equation: its cell and its sign."""

    name: Name
    key: Values
    sign: int = 1


@dataclass(frozen=True, slots=True)
class Target:
    """A count to be guessed, and equations that give it as a sum of other counts."""

    name: Name
    key: Values
    equations: tuple[tuple[Term, ...], ...]
    figure: Figure = "beneficiaries"


def _place(figure: Figure) -> int:
    return 0 if figure == "beneficiaries" else 1


def clustering(kind: PeriodKind, figure: Figure) -> float:
    """How much more a count varies than people would: actions come several per person, more in longer periods."""
    return 1.0 if figure == "beneficiaries" else {"month": 1.3, "quarter": 2.5}.get(kind, 5.0)


def estimate(view: View, known: Knowledge, term: Term, figure: Figure) -> tuple[float, float]:
    """What the attacker takes a count to be, and its variance: published, known, or both together."""
    half = known.half(term.name).get(term.key, (0, 0))[_place(figure)]
    mean, variance = half + (ALPHA + half) / (1 + BETA), 2 * clustering(term.name[1], figure) * (half + ALPHA)
    shown = view.shelves.get(term.name, {}).get(term.key)
    if shown is None:
        is_bounded = figure == "beneficiaries" and AGE_GROUP not in term.name[2] and half < view.hides_below
        return _within(half, 0, view.hides_below - 1, 1.0) if is_bounded else (mean, variance)
    value, spread = (
        (shown.beneficiaries, shown.spread_b) if figure == "beneficiaries" else (shown.actions, shown.spread_a)
    )
    if view.hides_below and half <= value + view.width:
        return _within(half, value - view.width, value + view.width, clustering(term.name[1], figure))
    weight = variance / (variance + spread**2)
    return mean + weight * (value - mean), variance * spread**2 / (variance + spread**2)


@cache
def _within(half: int, low: int, high: int, cluster: float) -> tuple[float, float]:
    """The mean and variance of a count that is known to lie within bounds."""
    counts = np.arange(max(half, low), high + 1)
    logs = prior(half, counts.tolist(), cluster)
    weights = np.exp(logs - logs.max())
    mean = float((weights * counts).sum() / weights.sum())
    return mean, float((weights * (counts - mean) ** 2).sum() / weights.sum()) + TINY**2


def is_anchored(view: View, equation: Sequence[Term]) -> bool:
    """Whether something published stands in an equation's first place, from which the rest is taken off."""
    first = equation[0]
    return first.key in view.shelves.get(first.name, {})


def evidence(view: View, known: Knowledge, target: Target) -> list[tuple[float, float]]:
    """What each equation says of the target, and the spread."""
    found = []
    for equation in target.equations:
        if is_anchored(view, equation):
            parts = [(term.sign, *estimate(view, known, term, target.figure)) for term in equation]
            value = sum(sign * mean for sign, mean, _ in parts)
            found.append((value, sqrt(sum(variance for _, _, variance in parts))))
    return found


def prior(half: int, counts: Sequence[int], cluster: float = 1.0) -> Floats:
    """The logarithm of how likely each count of a cell is, with so many of them in the known half."""
    size = (ALPHA + half) / (2 * cluster - 1 + BETA)
    chance = 1 / (2 * cluster + BETA)
    return np.array(
        [
            -inf
            if count < half
            else lgamma(size + count - half)
            - lgamma(count - half + 1)
            - lgamma(size)
            + (count - half) * log(1 - chance)
            for count in counts
        ]
    )


def _deviation(logs: Floats, counts: Sequence[int]) -> float:
    """How far a count varies by its prior."""
    weights = np.exp(logs - logs.max())
    mean = float((weights * counts).sum() / weights.sum())
    return sqrt(float((weights * (np.asarray(counts) - mean) ** 2).sum() / weights.sum()) + ALPHA**2)


def normal(counts: Sequence[int], value: float, spread: float) -> Floats:
    """The logarithm of the likelihood of each count."""
    return np.asarray(-((np.asarray(counts, dtype=float) - value) ** 2) / (2 * spread**2))


def attack_counts(name: str, view: View, known: Knowledge, targets: Sequence[Target], counts: range = SMALL) -> Tally:
    """Guess exact counts that are known to lie in a range, where the evidence is best."""
    attempts = []
    for target in targets:
        true = known.whole(target.name).get(target.key, (0, 0))[_place(target.figure)]
        said = evidence(view, known, target) if true in counts else []
        if said:
            half = known.half(target.name).get(target.key, (0, 0))[_place(target.figure)]
            before = prior(half, counts, clustering(target.name[1], target.figure))
            after = before + sum((normal(counts, *one) for one in said), np.zeros(len(counts)))
            promise = min(spread for _, spread in said) / _deviation(before, counts)
            attempts.append((promise, counts[int(after.argmax())] == true, counts[int(before.argmax())] == true))
    attempts.sort(key=lambda one: one[0])
    best = attempts[: max(MOST_PROMISING, len(attempts) // 10)]
    return Tally(name, view.actor, len(best), sum(hit for _, hit, _ in best), sum(hit for _, _, hit in best))


def attack_choices(name: str, view: View, odds: Sequence[float], truths: Sequence[bool]) -> Tally:
    """Tell true from false by the odds of the evidence; without it, the more frequent answer is right more often.

    Shape: `odds` are logarithms of the likelihood of the evidence if true, less that if false.
    """
    total, positive = len(truths), sum(truths)
    if not total:
        return Tally(name, view.actor, 0, 0, 0)
    share = min(max(positive / total, 0.01), 0.99)
    guesses = [log(share / (1 - share)) + one > 0 for one in odds]
    hits = sum(guess == true for guess, true in zip(guesses, truths, strict=True))
    return Tally(name, view.actor, total, hits, max(positive, total - positive))
