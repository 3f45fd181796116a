"""Cells to protect, and keys that draw what a test wants."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from hashlib import sha256

from gateway.domain.disclosure import ExactCell, ProtectedCell, protect
from gateway.domain.lattice import Dims
from gateway.domain.noise import grid, reach, thresholds

DIMS: Dims = (("month", "2022-02"), ("project", "demo-nord"), ("pseudocode", "794010"))
CELL = ExactCell(
    dims=DIMS,
    beneficiaries=40,
    actions=80,
    providers=8,
    largest=20,
    second=10,
    largest_beneficiaries=10,
    cap=2,
    all_pseudocodes=60,
    valid=100,
)


def uniform_for(noise: int, spread: Fraction) -> int:
    """The lowest uniform that draws this noise."""
    j = grid(spread)
    return (0, *thresholds(j))[noise + reach(j)]


def noises(**wanted: tuple[int, Fraction]) -> Callable[[str], int]:
    """A key that draws 0 for every label but those of `measure_audience`."""

    def uniform(label: str) -> int:
        _, _, measure, audience, *_ = label.split("|")
        noise, spread = wanted.get(f"{measure}_{audience}", (0, Fraction(1)))
        return uniform_for(noise, spread) if noise else 2**63

    return uniform


def written_to(labels: list[str]) -> Callable[[str], int]:
    """A key that draws 0 and writes down every label it is asked for."""

    def uniform(label: str) -> int:
        labels.append(label)
        return 2**63

    return uniform


def shown(cell: ExactCell, **wanted: tuple[int, Fraction]) -> dict[str, ProtectedCell]:
    """What is published of a cell, by audience."""
    return {one.audience: one for one in protect(cell, release_id="r", uniform=noises(**wanted))}


def keyed(key: int) -> Callable[[str], int]:
    """A key that draws the same for the same label."""
    return lambda label: int.from_bytes(sha256(f"{key}|{label}".encode()).digest()[:8], "big")
