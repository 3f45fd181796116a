"""How an attack did: against the same attacker without the interface, with a confidence bound and a limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from math import lgamma, log

import numpy as np
from numpy.typing import NDArray

MARGIN = 0.10
"""How much better than without the interface an attack may be shown to be: in one attempt of ten.

A fact that only one person in ten guesses differently because of the figures is no longer told by them; the margin is
a third of what the omniscient attacker, who knows all but that fact, gains over a coin.
"""
FEWEST_ATTEMPTS = 100
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Tally:
    """Attempts on one register: how many, how many right, how many right without the interface."""

    name: str
    actor: str
    attempts: int
    hits: int
    baseline: int


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack, pooled over registers. `bound` is the lower one of `success`, one-sided, at 95 %."""

    name: str
    actor: str
    attempts: int
    success: float
    baseline: float
    bound: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether it is not shown to be better than the limit."""
        return self.bound <= self.limit

    @property
    def is_enough(self) -> bool:
        """Whether it was tried often enough to say so."""
        return self.attempts >= FEWEST_ATTEMPTS


def pooled(tallies: Iterable[Tally]) -> list[Attack]:
    """The attacks of all registers together, in order of their first appearance."""
    sums: dict[tuple[str, str], list[int]] = {}
    for one in tallies:
        total = sums.setdefault((one.name, one.actor), [0, 0, 0])
        for place, number in enumerate((one.attempts, one.hits, one.baseline)):
            total[place] += number
    return [_attack(name, actor, *numbers) for (name, actor), numbers in sums.items()]


def _attack(name: str, actor: str, attempts: int, hits: int, baseline: int) -> Attack:
    tried = max(1, attempts)
    limit = baseline / tried + MARGIN
    return Attack(name, actor, attempts, hits / tried, baseline / tried, lower_bound(hits, attempts), limit)


@cache
def lower_bound(hits: int, attempts: int) -> float:
    """The exact lower bound of a share (Clopper and Pearson).

    >>> round(lower_bound(50, 100), 3), lower_bound(0, 100)
    (0.414, 0.0)
    """
    return _root(lambda share: at_least(hits, attempts, share) < 1 - CONFIDENCE) if hits else 0.0


def _root(is_below: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return low


def at_least(hits: int, attempts: int, share: float) -> float:
    """The probability of so many hits or more.

    >>> round(at_least(1, 2, 0.5), 6)
    0.75
    """
    if share <= 0 or share >= 1:
        return float(share >= 1 or hits == 0)
    successes = np.arange(hits, attempts + 1)
    logs = _ways(attempts)[hits:] + successes * log(share) + (attempts - successes) * log(1 - share)
    return float(np.exp(logs).sum())


@cache
def _ways(attempts: int) -> NDArray[np.float64]:
    """The logarithm of the number of ways to succeed in 0, 1 .. all of so many attempts."""
    factorials = np.array([lgamma(number + 1) for number in range(attempts + 1)])
    ways: NDArray[np.float64] = factorials[-1] - factorials - factorials[::-1]
    return ways


def as_table(attacks: Iterable[Attack], title: str) -> str:
    """The attacks as a table in Markdown."""
    lines = [
        f"**{title}**",
        "",
        "| attack | actor | attempts | success | without the interface | bound | limit | |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for one in attacks:
        numbers = f"{one.success:.3f} | {one.baseline:.3f} | {one.bound:.3f} | {one.limit:.3f}"
        lines.append(f"| {one.name} | {one.actor} | {one.attempts} | {numbers} | {verdict(one)} |")
    return "\n".join(lines)


def verdict(one: Attack) -> str:
    """In one word."""
    if not one.is_enough:
        return "too few"
    return "holds" if one.holds else "**broken**"
