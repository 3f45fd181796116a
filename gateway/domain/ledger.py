"""The privacy ledger: how much one fact gives away, computed from the lattice.

A *fact* is one beneficiary, month and pseudocode; by default with two actions, the usual cap. It enters one cell of
every node, and of every rung of extracts that no node copies. `rho` is half the sum of (change / s)^2 over the values
of those cells: beneficiaries, actions, and where they are published providers. It does not grow with questions. The
floors' own draws and rule 1 are outside it.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from gateway.domain.disclosure import sigma
from gateway.domain.ladder import rung_nodes
from gateway.domain.lattice import COMPONENT, MONTHS_OF, TRAITS, Measure, Node, PeriodKind, nodes
from gateway.domain.noise import grid

CAP = 2
PRECISION_BITS = 64


def _inverse_square(spread: Fraction) -> Fraction:
    """`1 / s^2` for the point of the grid that a sigma is rounded up to; itself rounded up to 2^-64.

    >>> _inverse_square(Fraction(2)) - Fraction(1, 4) <= Fraction(1, 2**64)
    True
    """
    root = isqrt(isqrt(1 << (4 * PRECISION_BITS - grid(spread))))
    return Fraction(root + 1, 1 << PRECISION_BITS)


def node_rho(node: Node, measure: Measure, *, actions: int = CAP, cap: int = CAP) -> Fraction:
    """What one fact of so many actions gives away in the one cell of a node that it enters.

    >>> round(float(node_rho(Node(PeriodKind.MONTH, ("project", "pseudocode")), Measure.ACTIONS)), 4)
    0.1577
    """
    spread = sigma(node.period, node.dims, measure)
    one = _inverse_square(spread)
    if measure.is_of_inclusions:
        return one / 2
    providers = 0 if any(name in TRAITS or name == COMPONENT for name in node.dims) else one
    return (one + actions**2 * _inverse_square(cap * spread) + providers) / 2


def release_rho(period: PeriodKind, measure: Measure, *, actions: int = CAP, cap: int = CAP) -> Fraction:
    """What one fact gives away in one release: the sum over its nodes and rungs.

    Shape: 0 where nothing is released.

    >>> round(float(release_rho(PeriodKind.MONTH, Measure.ACTIONS)), 3)
    0.419
    """
    drawn = (*nodes(period, measure), *rung_nodes(period, measure))
    return sum((node_rho(node, measure, actions=actions, cap=cap) for node in drawn), Fraction(0))


def fact_rho() -> Fraction:
    """What one fact gives away in all: its month, quarter, year and convention.

    Shape: a fact whose pseudocode belongs to one component.

    >>> round(float(fact_rho()), 2)
    1.83
    """
    return sum((release_rho(period, Measure.ACTIONS) for period in PeriodKind), Fraction(0))


def person_rho() -> Fraction:
    """What a year of one action a month, of one pseudocode, gives away about a person.

    Shape: the actions of a longer period come together in one cell, so they weigh as one change there; the
    convention is as long as the year.

    >>> round(float(person_rho()), 1)
    21.4
    """
    months = {**MONTHS_OF, PeriodKind.CONVENTION: 12}
    return sum(
        (12 // count * release_rho(period, Measure.ACTIONS, actions=count) for period, count in months.items()),
        Fraction(0),
    )


def inclusion_rho() -> Fraction:
    """What one inclusion gives away in a year: it begins, ends, and is valid in four quarters and the year.

    >>> round(float(inclusion_rho()), 2)
    0.84
    """
    once = release_rho(PeriodKind.MONTH, Measure.JOINED) + release_rho(PeriodKind.MONTH, Measure.LEFT)
    quarters = 4 * release_rho(PeriodKind.QUARTER, Measure.INCLUDED)
    return once + quarters + release_rho(PeriodKind.YEAR, Measure.INCLUDED)
