"""The domain's discrete Gaussians as arrays: probabilities, tails and draws, straight from its integer thresholds."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np

from gateway.domain.noise import grid, reach, thresholds
from tests.attacks.inference import Floats
from tests.attacks.register import Ints

NEVER = -1e9
SCALE = 2.0**64
NONE = -10_000
"""Stands for no noise at all."""


@cache
def grid_of(spread: Fraction) -> int:
    """The point of the grid of a spread; `NONE` for zero."""
    return grid(spread) if spread > 0 else NONE


@cache
def reach_of(j: int) -> int:
    """The largest noise either way."""
    return 0 if j == NONE else reach(j)


@cache
def steps(j: int) -> Floats:
    """The probability of each noise, from the lowest."""
    edges = np.array([0.0, *(float(one) for one in (thresholds(j) if j != NONE else ())), SCALE])
    found: Floats = np.diff(edges) / SCALE
    return found


@cache
def _edges(j: int) -> Floats:
    edges: Floats = np.cumsum(steps(j))[:-1]
    return edges


@cache
def _padded_logs(j: int) -> Floats:
    """The logarithms, with one impossible noise at each end."""
    logs: Floats = np.log(np.maximum(np.concatenate([[0.0], steps(j), [0.0]]), 1e-300))
    return np.where(logs < -600, NEVER, logs)


@cache
def _tails(j: int) -> Floats:
    tails: Floats = np.cumsum(steps(j)[::-1])[::-1]
    return tails


def draws(j: int, chance: np.random.Generator, count: int) -> Ints:
    """So many draws."""
    found: Ints = np.searchsorted(_edges(j), chance.random(count), side="right") - reach_of(j)
    return found


def log_of(j: int, noise: Ints) -> Floats:
    """The logarithm of how likely each noise is."""
    last = reach_of(j) + 1
    found: Floats = _padded_logs(j)[np.minimum(np.maximum(noise, -last), last) + last]
    return found


def at_least(j: int, lowest: int) -> float:
    """How likely the noise is at least a whole number."""
    last = reach_of(j)
    if lowest > last:
        return 0.0
    return float(_tails(j)[max(0, lowest + last)])


@cache
def summed(j: int, other: int) -> tuple[Floats, int]:
    """The distribution of the sum of two draws, and its lowest value."""
    return np.convolve(steps(j), steps(other)), -reach_of(j) - reach_of(other)


@cache
def summed_above(j: int, other: int, lowest: int) -> tuple[Floats, int]:
    """The same where the first draw is at least a whole number: less than one in all."""
    first = steps(j).copy()
    first[: max(0, lowest + reach_of(j))] = 0
    return np.convolve(first, steps(other)), -reach_of(j) - reach_of(other)


def looked_up(table: tuple[Floats, int], values: Ints) -> Floats:
    """The logarithm of how likely each value is in a distribution with its lowest value."""
    found, lowest = table
    places = values - lowest
    inside = (places >= 0) & (places < len(found))
    likely = found[np.minimum(np.maximum(places, 0), len(found) - 1)]
    return np.where(inside & (likely > 0), np.log(np.maximum(likely, 1e-300)), NEVER)
