"""Ours, and three weak mechanisms that are planted so that the attacker can prove itself on them.

Each brings what its attacker knows of it: how far a published value lies from the truth.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from math import erf, sqrt

from gateway.domain.disclosure import KEYED, ExactCell, Mechanism, ProtectedCell, Uniform, sigma
from gateway.domain.lattice import PROJECT, Dims, Measure, PeriodKind

TINY = 0.05
"""The spread that an attacker takes for "exact", so that nothing is divided by zero."""
Spread = Callable[[float, float], float]
"""From the public sigma of a value and the value, how far it lies from the truth."""


def _as_published(dims: Dims, beneficiaries: int, actions: int | None, providers: int | None) -> list[ProtectedCell]:
    """The same value for both audiences, without margin."""
    margin = None if actions is None else 0
    shown = [ProtectedCell(dims, "general", beneficiaries, actions, providers, 0, margin)]
    if PROJECT in dict(dims):
        shown.append(ProtectedCell(dims, "own", beneficiaries, actions, "1-2", 0, margin))
    return shown


class ThresholdOnly:
    """Exact counts of every cell of ten or more, nothing of the others."""

    at_least = 10

    def actions(self, cell: ExactCell, *, release_id: str, uniform: Uniform) -> list[ProtectedCell]:
        return _as_published(cell.dims, cell.beneficiaries, cell.actions, cell.providers)

    def inclusions(
        self, dims: Dims, measure: Measure, beneficiaries: int, *, release_id: str, uniform: Uniform
    ) -> list[ProtectedCell]:
        return _as_published(dims, beneficiaries, None, None)


class Rounding:
    """Every count rounded to the nearest five, and nothing where that is zero."""

    at_least = 3

    def actions(self, cell: ExactCell, *, release_id: str, uniform: Uniform) -> list[ProtectedCell]:
        return _as_published(cell.dims, to_five(cell.beneficiaries), to_five(cell.actions), to_five(cell.providers))

    def inclusions(
        self, dims: Dims, measure: Measure, beneficiaries: int, *, release_id: str, uniform: Uniform
    ) -> list[ProtectedCell]:
        return _as_published(dims, to_five(beneficiaries), None, None)


def to_five(count: int) -> int:
    """The nearest multiple of five."""
    return 5 * ((count + 2) // 5)


class Seeded:
    """Ours, with a key that is a seed, so that a run can be repeated; each release still draws its own noise."""

    at_least = KEYED.at_least

    def __init__(self, seed: int) -> None:
        self._key = f"seed {seed}".encode()

    def actions(self, cell: ExactCell, *, release_id: str, uniform: Uniform) -> list[ProtectedCell]:
        return KEYED.actions(cell, release_id=release_id, uniform=self._uniform)

    def inclusions(
        self, dims: Dims, measure: Measure, beneficiaries: int, *, release_id: str, uniform: Uniform
    ) -> list[ProtectedCell]:
        return KEYED.inclusions(dims, measure, beneficiaries, release_id=release_id, uniform=self._uniform)

    def _uniform(self, label: str) -> int:
        return int.from_bytes(hmac.digest(self._key, label.encode(), "sha256")[:8], "big")


class NoiseReused(Seeded):
    """Ours, with one key for ever and noise that is bound neither to the release nor to its period."""

    def _uniform(self, label: str) -> int:
        version, _, *kept = label.split("|")
        names = [part for part in kept if part.split("=")[0] not in tuple(PeriodKind)]
        return super()._uniform("|".join((version, *names)))


@dataclass(frozen=True, slots=True)
class Planted:
    """A mechanism, and what its attacker knows of it.

    Shape: `own` and `general` give the spread of a value; `is_fixed` when two releases of a cell bear the same noise;
    cells of fewer than `hides_below` are never published; `has_floors` when ours decides about the others; without
    floors, a value lies within `width` of the truth.
    """

    name: str
    mechanism: Mechanism
    own: Spread
    general: Spread
    is_fixed: bool = False
    hides_below: int = 10
    has_floors: bool = True
    width: int = 0

    def sigma_of(self, name: tuple[Measure, PeriodKind, tuple[str, ...]]) -> float:
        """The public sigma of a node's beneficiaries."""
        measure, kind, dims = name
        return float(sigma(kind, dims, measure))

    def passes_rule_2(self, size: int, missing: int, spread: float) -> float:
        """How likely a group of so many, of whom so many are without the action, is not called homogeneous."""
        if not self.has_floors:
            return 1.0
        return above((0.1 * min(size, 300 - size) - missing) / (spread / 4))

    def is_clear(self, count: int, spread: float) -> float:
        """How likely the value of so many lies clearly above ten."""
        if not self.has_floors:
            return float(count >= self.hides_below)
        return above((10 + 1.5 * spread - count) / spread) if count >= 10 else 0.0


def above(value: float) -> float:
    """How likely a standard normal lies above a value."""
    return 0.5 * (1 - erf(value / sqrt(2)))


def _sigma(spread: float, value: float) -> float:
    return spread


def _sigma_and_share(spread: float, value: float) -> float:
    """Ours to outsiders: a second noise of a tenth of the largest provider, who does about a third."""
    return sqrt(spread**2 + (0.033 * value) ** 2)


def _exact(spread: float, value: float) -> float:
    return TINY


def _of_rounding(spread: float, value: float) -> float:
    return 1.42


def ours(seed: int) -> Planted:
    """The gateway's own mechanism."""
    return Planted("ours", Seeded(seed), _sigma, _sigma_and_share)


THRESHOLD = Planted("threshold only", ThresholdOnly(), _exact, _exact, is_fixed=True, has_floors=False)
ROUNDED = Planted(
    "rounding to 5", Rounding(), _of_rounding, _of_rounding, is_fixed=False, hides_below=3, has_floors=False, width=2
)
REUSED = Planted("noise re-used", NoiseReused(7), _sigma, _sigma_and_share, is_fixed=True)
WEAK = (THRESHOLD, ROUNDED, REUSED)
