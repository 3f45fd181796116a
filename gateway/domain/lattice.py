"""Lattice `v1`: which figures exist at all, and for which periods.

A *cell* is {one period} x {project | all} x {pseudocode | component | all} x optional dimensions; a *node* is the
family of cells that share their dimensions. What is absent is "all". The lattice is public, finite and versioned:
every change to it is a new version.

| period     | optional dimensions | geography                |
|------------|---------------------|--------------------------|
| month      | at most 1           | district                 |
| quarter    | at most 2           | district                 |
| year       | at most 2           | district or municipality |
| convention | at most 2           | district or municipality |

A convention is one project's: its cells always name the project. "All projects" over each project's convention would
count the same facts once per project, each time with new noise, which could be averaged away.
A component stands in the pseudocode's place, in quarters and longer, without optional dimension; inclusion measures
have neither, and no profession.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import combinations
from types import MappingProxyType

from gateway.domain.errors import NotInLattice
from gateway.domain.periods import add_months, last_of_month

VERSION = "v1"
Dims = tuple[tuple[str, str], ...]
"""The name of a cell: (dimension, value), sorted by dimension, its period among them."""


class PeriodKind(StrEnum):
    """The four lengths of a period; a convention's is the project's whole."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    CONVENTION = "convention"


class Measure(StrEnum):
    """What is counted: actions and their beneficiaries, or inclusions that begin, ended or are valid."""

    ACTIONS = "actions"
    JOINED = "joined"
    LEFT = "left"
    INCLUDED = "included"

    @property
    def is_of_inclusions(self) -> bool:
        """Whether inclusions are counted: no pseudocode, no provider.

        >>> Measure.JOINED.is_of_inclusions, Measure.ACTIONS.is_of_inclusions
        (True, False)
        """
        return self is not Measure.ACTIONS


PROJECT, PSEUDOCODE, COMPONENT, PROFESSION = "project", "pseudocode", "component", "profession"
DISTRICT, MUNICIPALITY = "district", "municipality"
INSURER, AGE_BAND, SEX = "insurer", "age_band", "sex"
OPTIONAL = (PROFESSION, INSURER, AGE_BAND, SEX, DISTRICT, MUNICIPALITY)
DIMENSIONS = (PROJECT, PSEUDOCODE, COMPONENT, *OPTIONAL)
AGE_GROUP = "age_group"
"""Three bands of age in place of six: a trait of extracts, in no question to the lattice."""
TRAITS = (*OPTIONAL, AGE_GROUP)

CODES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        COMPONENT: tuple(str(number) for number in range(1, 15)),
        PROFESSION: (
            "physician", "nurse", "midwife", "physiotherapist", "pharmacist", "dentist", "dietitian",
            "speech_therapist", "occupational_therapist", "psychologist", "social_worker", "case_manager", "other",
        ),
        INSURER: ("100", "200", "300", "400", "500", "600", "900"),
        AGE_BAND: ("0-17", "18-39", "40-59", "60-74", "75-84", "85+"),
        SEX: ("F", "M", "X"),
        AGE_GROUP: ("0-59", "60-74", "75+"),
    }
)  # fmt: skip
FORMS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        PROJECT: re.compile(r"[a-z0-9-]{1,40}"),
        PSEUDOCODE: re.compile(r"[0-9]{6}"),
        DISTRICT: re.compile(r"[0-9]{2}"),
        MUNICIPALITY: re.compile(r"[0-9]{5}"),
    }
)
DISTRICTS = (
    "11", "12", "13", "21", "23", "24", "25", "31", "32", "33", "34", "35", "36", "37", "38", "41",
    "42", "43", "44", "45", "46", "51", "52", "53", "55", "56", "57", "58", "61", "62", "63", "64",
    "71", "72", "73", "81", "82", "83", "84", "85", "91", "92", "93",
)  # fmt: skip
"""The first two digits of the NIS codes of the 43 districts; a project's zone may add others."""
LABELS: Mapping[PeriodKind, re.Pattern[str]] = MappingProxyType(
    {
        PeriodKind.MONTH: re.compile(r"(2[0-9]{3})-(0[1-9]|1[0-2])"),
        PeriodKind.QUARTER: re.compile(r"(2[0-9]{3})-Q([1-4])"),
        PeriodKind.YEAR: re.compile(r"(2[0-9]{3})"),
        PeriodKind.CONVENTION: FORMS[PROJECT],
    }
)
WRITTEN: Mapping[PeriodKind, str] = MappingProxyType(
    {
        PeriodKind.MONTH: "like 2022-03",
        PeriodKind.QUARTER: "like 2022-Q1",
        PeriodKind.YEAR: "like 2022",
        PeriodKind.CONVENTION: "as the id of its project",
    }
)
"""How a label is written, for whoever wrote another one."""
MONTHS_OF: Mapping[PeriodKind, int] = MappingProxyType(
    {PeriodKind.MONTH: 1, PeriodKind.QUARTER: 3, PeriodKind.YEAR: 12}
)
MOST_OPTIONAL: Mapping[PeriodKind, int] = MappingProxyType(
    {PeriodKind.MONTH: 1, PeriodKind.QUARTER: 2, PeriodKind.YEAR: 2, PeriodKind.CONVENTION: 2}
)
PERIODS_OF: Mapping[Measure, tuple[PeriodKind, ...]] = MappingProxyType(
    {
        Measure.ACTIONS: tuple(PeriodKind),
        Measure.JOINED: (PeriodKind.MONTH,),
        Measure.LEFT: (PeriodKind.MONTH,),
        Measure.INCLUDED: (PeriodKind.QUARTER, PeriodKind.YEAR),
    }
)


def measures_of(kind: PeriodKind) -> tuple[Measure, ...]:
    """What is counted over a kind of period: inclusions first, actions last.

    >>> [measure.value for measure in measures_of(PeriodKind.MONTH)], len(measures_of(PeriodKind.CONVENTION))
    (['joined', 'left', 'actions'], 1)
    """
    counted = [measure for measure in Measure if kind in PERIODS_OF[measure]]
    return tuple(sorted(counted, key=lambda measure: not measure.is_of_inclusions))


def is_declared(dimension: str, value: str) -> bool:
    """Whether a dimension may have a value: one of its code list, or of the form of the catalogue's codes.

    >>> is_declared("sex", "F"), is_declared("sex", "f"), is_declared("district", "25"), is_declared("colour", "red")
    (True, False, True, False)

    Not: whether the catalogue knows that project or pseudocode.
    """
    form = FORMS.get(dimension)
    return value in CODES.get(dimension, ()) if form is None else form.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Period:
    """One month, quarter, year or convention, by its label: `2022-02`, `2022-Q1`, `2022`, or a project's id.

    Shape: `days` are a convention's first and last day, both inclusive, and of no other kind; they take no part in
    equality, so a convention can be asked for by its project's id alone.

    Raises: ValueError for an ill-formed label, or a year outside 2000 to 2999.
    """

    kind: PeriodKind
    label: str
    days: tuple[date, date] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if LABELS[self.kind].fullmatch(self.label) is None:
            raise ValueError(f"not a {self.kind}, which is written {WRITTEN[self.kind]}")
        if self.days is not None and self.kind is not PeriodKind.CONVENTION:
            raise ValueError("only a convention brings its own days")

    @classmethod
    def parse(cls, kind: str, text: str) -> Period:
        """The period that a text names.

        >>> Period.parse("quarter", "2022-Q1").last
        datetime.date(2022, 3, 31)

        Raises: ValueError for an unknown kind or an ill-formed text.
        """
        return cls(PeriodKind(kind), text)

    @classmethod
    def of(cls, kind: PeriodKind, day: date) -> Period:
        """The month, quarter or year in which a day falls.

        >>> str(Period.of(PeriodKind.QUARTER, date(2022, 12, 31)))
        '2022-Q4'

        Raises: ValueError for a convention, which no day names.
        """
        match kind:
            case PeriodKind.MONTH:
                return cls(kind, f"{day.year:04}-{day.month:02}")
            case PeriodKind.QUARTER:
                return cls(kind, f"{day.year:04}-Q{(day.month + 2) // 3}")
            case PeriodKind.YEAR:
                return cls(kind, f"{day.year:04}")
        raise ValueError("a day does not name a convention")

    def __str__(self) -> str:
        """The label."""
        return self.label

    @property
    def first(self) -> date:
        """The first day.

        >>> Period(PeriodKind.MONTH, "2022-02").first
        datetime.date(2022, 2, 1)

        Raises: ValueError for a convention known by its project's id alone.
        """
        if self.kind is PeriodKind.CONVENTION:
            return self._days_of_convention()[0]
        year, ordinal = int(self.label[:4]), int(self.label[5:].removeprefix("Q") or 1)
        return date(year, (ordinal - 1) * MONTHS_OF[self.kind] + 1, 1)

    @property
    def last(self) -> date:
        """The last day, inclusive.

        >>> Period(PeriodKind.MONTH, "2024-02").last, Period(PeriodKind.YEAR, "2022").last
        (datetime.date(2024, 2, 29), datetime.date(2022, 12, 31))

        Raises: ValueError for a convention known by its project's id alone.
        """
        if self.kind is PeriodKind.CONVENTION:
            return self._days_of_convention()[1]
        return last_of_month(add_months(self.first, MONTHS_OF[self.kind] - 1))

    def _days_of_convention(self) -> tuple[date, date]:
        if self.days is None:
            raise ValueError("a convention's days are its project's")
        return self.days

    def is_before(self, other: Period) -> bool:
        """Whether another period of its kind follows at once; never of a convention.

        >>> february = Period(PeriodKind.MONTH, "2022-02")
        >>> february.is_before(Period(PeriodKind.MONTH, "2022-03")), february.is_before(february)
        (True, False)
        """
        return self.kind is not PeriodKind.CONVENTION and add_months(self.last, 1).replace(day=1) == other.first

    def months(self) -> tuple[Period, ...]:
        """The months that it touches, in order.

        >>> [str(month) for month in Period(PeriodKind.QUARTER, "2022-Q1").months()]
        ['2022-01', '2022-02', '2022-03']

        Raises: ValueError for a convention known by its project's id alone.
        """
        return _periods(PeriodKind.MONTH, self.first, self.last)


def _periods(kind: PeriodKind, first: date, last: date) -> tuple[Period, ...]:
    """The months, quarters or years from one first day to the last day, in order."""
    step = MONTHS_OF[kind]
    count = (last.year * 12 + last.month - first.year * 12 - first.month) // step + 1
    return tuple(Period.of(kind, add_months(first, step * index)) for index in range(count))


def periods_between(kind: PeriodKind, first_label: str, last_label: str) -> tuple[Period, ...]:
    """The periods from one label to another, both inclusive.

    Shape: in order; empty when the last lies before the first.

    >>> [str(quarter) for quarter in periods_between(PeriodKind.QUARTER, "2021-Q4", "2022-Q2")]
    ['2021-Q4', '2022-Q1', '2022-Q2']

    Raises: ValueError for an ill-formed label, and for conventions, which have no order.
    """
    if kind is PeriodKind.CONVENTION:
        raise ValueError("conventions have no order")
    return _periods(kind, Period(kind, first_label).first, Period(kind, last_label).first)


def cell_dims(period: Period, named: Mapping[str, str]) -> Dims:
    """The name of a cell from its period and the values of its other dimensions.

    >>> cell_dims(Period(PeriodKind.MONTH, "2022-02"), {"sex": "F", "project": "demo-nord"})
    (('month', '2022-02'), ('project', 'demo-nord'), ('sex', 'F'))
    """
    return tuple(sorted({period.kind.value: period.label, **named}.items()))


LONGER: Mapping[PeriodKind, PeriodKind] = MappingProxyType(
    {PeriodKind.MONTH: PeriodKind.QUARTER, PeriodKind.QUARTER: PeriodKind.YEAR}
)


def longer(period: Period) -> Period | None:
    """The next longer period that holds a period; None for years and conventions.

    >>> str(longer(Period(PeriodKind.MONTH, "2022-02")))
    '2022-Q1'
    """
    kind = LONGER.get(period.kind)
    return None if kind is None else Period.of(kind, period.first)


@dataclass(frozen=True, slots=True)
class Node:
    """All cells of one kind of period that share their dimensions.

    Shape: `dims` in the order of `DIMENSIONS`, the period not among them.
    """

    period: PeriodKind
    dims: tuple[str, ...]


def _first_too_many(period: PeriodKind, dims: Collection[str], measure: Measure) -> str | None:
    """The dimension, in the order of `DIMENSIONS`, with which the combination leaves the lattice; None inside."""
    optional = 0
    for name in sorted(dims, key=DIMENSIONS.index):
        optional += name in OPTIONAL
        if (
            (measure.is_of_inclusions and name in (PSEUDOCODE, COMPONENT, PROFESSION))
            or (name == COMPONENT and (period is PeriodKind.MONTH or PSEUDOCODE in dims))
            or (name in OPTIONAL and (COMPONENT in dims or optional > MOST_OPTIONAL[period]))
            or (name == MUNICIPALITY and (DISTRICT in dims or period in (PeriodKind.MONTH, PeriodKind.QUARTER)))
        ):
            return name
    return PeriodKind.CONVENTION if period is PeriodKind.CONVENTION and PROJECT not in dims else None


def nodes(period: PeriodKind, measure: Measure) -> tuple[Node, ...]:
    """The nodes of a kind of period for a measure, those of fewer dimensions first.

    Shape: empty where the lattice does not count that measure over that kind of period.

    >>> [node.dims for node in nodes(PeriodKind.MONTH, Measure.JOINED)][:4]
    [(), ('project',), ('insurer',), ('age_band',)]
    >>> len(nodes(PeriodKind.MONTH, Measure.ACTIONS)), len(nodes(PeriodKind.YEAR, Measure.ACTIONS))
    (24, 86)
    """
    if period not in PERIODS_OF[measure]:
        return ()
    return tuple(
        Node(period, dims)
        for count in range(MOST_OPTIONAL[period] + 3)
        for dims in combinations(DIMENSIONS, count)
        if _first_too_many(period, dims, measure) is None
    )


def check_in_lattice(period: PeriodKind, used: Collection[str], measure: Measure) -> None:
    """Refuse a question that the lattice does not hold.

    Shape: `used` are the dimensions grouped by or filtered on, the period not among them; a name that comes twice is
    too many. The first that fails is named, in an order that does not hang on the client's.

    >>> check_in_lattice(PeriodKind.MONTH, ["pseudocode", "project"], Measure.ACTIONS)
    >>> check_in_lattice(PeriodKind.MONTH, ["sex", "insurer"], Measure.ACTIONS)
    Traceback (most recent call last):
    gateway.domain.errors.refusals.NotInLattice: not-in-lattice

    Source: A2, C 5 §3.
    Raises: NotInLattice, naming the dimension (or the kind of period).
    Not: whether a value is declared, nor whether a period is released.
    """
    foreign = sorted(name for name in used if name not in DIMENSIONS)
    twice = [name for name in DIMENSIONS if list(used).count(name) > 1]
    if foreign or twice:
        raise NotInLattice(dimension=(foreign or twice)[0])
    if period not in PERIODS_OF[measure]:
        raise NotInLattice(dimension=period.value)
    too_many = _first_too_many(period, used, measure)
    if too_many is not None:
        raise NotInLattice(dimension=str(too_many))


def coarser(period: PeriodKind, dims: Collection[str], measure: Measure) -> list[Node]:
    """The nodes one step coarser: a longer period, or one dimension fewer.

    Shape: `dims` in their order, in the lattice; the neighbours in no order of fineness.

    >>> [(node.period.value, node.dims) for node in coarser(PeriodKind.MONTH, ["project", "sex"], Measure.ACTIONS)]
    [('quarter', ('project', 'sex')), ('month', ('sex',)), ('month', ('project',))]
    """
    kept = tuple(dims)
    steps = [Node(LONGER[period], kept)] if period in LONGER else []
    steps += [Node(period, tuple(name for name in kept if name != dropped)) for dropped in kept]
    return [
        node
        for node in steps
        if node.period in PERIODS_OF[measure] and _first_too_many(node.period, node.dims, measure) is None
    ]
