"""The ladder of extracts: how finely the records of an anonymised extract may be cut, finest rung first.

A record is (project, period, pseudocode, traits) with protected figures; an insurer's record is of own members, so
its insurer is one trait more. Rungs that are nodes of the lattice copy its cells; the others are drawn once, at the
close of their period, like any cell.

Source: DISCLOSURE 7; C 5 §3 and §5.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import ceil

from gateway.domain.disclosure import FEWEST_BENEFICIARIES, sigma
from gateway.domain.lattice import (
    AGE_GROUP,
    DISTRICT,
    INSURER,
    PROJECT,
    PSEUDOCODE,
    SEX,
    Measure,
    Node,
    PeriodKind,
    nodes,
)

VERSION = "v1"
FEWEST_PSEUDOCODES = 3
COVERAGE = Fraction(85, 100)


class Recipient(StrEnum):
    """For whom an extract is made: an insurer, of own members alone, or policy makers."""

    INSURER = "insurer"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Rung:
    """One fineness of records: a kind of period and the traits beside project and pseudocode."""

    name: str
    period: PeriodKind
    traits: tuple[str, ...]

    def dims(self, recipient: Recipient) -> tuple[str, ...]:
        """The dimensions of its records.

        >>> LADDER[2].dims(Recipient.INSURER)
        ('project', 'pseudocode', 'insurer', 'sex')
        """
        return (PROJECT, PSEUDOCODE, *self.class_dims(recipient)[1:])

    def class_dims(self, recipient: Recipient) -> tuple[str, ...]:
        """The dimensions of a class of records: all but the pseudocode."""
        return (PROJECT, *((INSURER,) if recipient is Recipient.INSURER else ()), *self.traits)


LADDER = (
    Rung("R1", PeriodKind.QUARTER, (DISTRICT, AGE_GROUP, SEX)),
    Rung("R2", PeriodKind.QUARTER, (AGE_GROUP, SEX)),
    Rung("R3", PeriodKind.QUARTER, (SEX,)),
    Rung("R4", PeriodKind.QUARTER, ()),
    Rung("R5", PeriodKind.YEAR, (AGE_GROUP, SEX)),
    Rung("R6", PeriodKind.YEAR, ()),
    Rung("R7", PeriodKind.CONVENTION, ()),
)


def rungs_of(kind: PeriodKind) -> tuple[Rung, ...]:
    """The rungs over a kind of period, finest first.

    >>> [rung.name for rung in rungs_of(PeriodKind.YEAR)]
    ['R5', 'R6']
    """
    return tuple(rung for rung in LADDER if rung.period is kind)


def rung_nodes(kind: PeriodKind, measure: Measure) -> tuple[Node, ...]:
    """What a close draws for extracts beside the lattice: the rungs that no node of it copies.

    Shape: dimensions in the order of the lattice, those of extracts last; empty for inclusion measures.

    >>> [node.dims[2:] for node in rung_nodes(PeriodKind.YEAR, Measure.ACTIONS)]
    [('insurer', 'sex', 'age_group'), ('sex', 'age_group')]
    """
    if measure.is_of_inclusions:
        return ()
    known = {frozenset(node.dims) for node in nodes(kind, measure)}
    found = [
        Node(kind, tuple(sorted(rung.dims(recipient), key=_ORDER.index)))
        for rung in rungs_of(kind)
        for recipient in Recipient
    ]
    return tuple(node for node in found if frozenset(node.dims) not in known)


_ORDER = (PROJECT, PSEUDOCODE, INSURER, SEX, DISTRICT, AGE_GROUP)


def fewest_own(kind: PeriodKind, dims: Collection[str]) -> int:
    """The own beneficiaries that a cell needs to be a record of an extract: two sigma above ten, rounded up.

    >>> fewest_own(PeriodKind.CONVENTION, ["project", "pseudocode"])
    19
    >>> fewest_own(PeriodKind.QUARTER, ["project", "pseudocode"])
    18

    Source: DISCLOSURE 7.
    """
    return ceil(FEWEST_BENEFICIARIES + 2 * sigma(kind, dims))


def is_covered(records: int, parent: int) -> bool:
    """Whether the published records hold enough of the protected actions of their parent cell.

    >>> is_covered(85, 100), is_covered(84, 100)
    (True, False)
    """
    return records >= COVERAGE * parent
