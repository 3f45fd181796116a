"""Extracts: which released cells become records, at which rung of the ladder, and what is checked of them.

Stage: anonymous. Nothing here counts anything: a record is a copy of a published cell.
Which records a release gives depends on the releases up to it and on nothing else: not on who asks, when, or for which
range. So what is new since an earlier extract is what was released since, and both together are the full one.

    quarter     the finest of R1..R4 that covers 85 % of its parent; else the coarsest that publishes something
    year        R5, R6 by the same rule, where the quarters of the year do not all cover
    convention  R7, where a year of it does not cover either

Source: DISCLOSURE 7; C 5 §3 and §5.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from operator import attrgetter

from gateway.domain.disclosure import FEWEST_BENEFICIARIES, sigma
from gateway.domain.ladder import FEWEST_PSEUDOCODES, Recipient, Rung, fewest_own, is_covered, rungs_of
from gateway.domain.lattice import AGE_GROUP, DISTRICT, INSURER, PROJECT, PSEUDOCODE, SEX, Period, PeriodKind
from gateway.domain.periods import last_of_month

TRAITS = (INSURER, DISTRICT, AGE_GROUP, SEX)
KINDS = (PeriodKind.QUARTER, PeriodKind.YEAR, PeriodKind.CONVENTION)
"""The kinds of period that have rungs, in the order in which they are decided."""


@dataclass(frozen=True, slots=True)
class Published:
    """One published cell of actions: its name without its period, the general values, and the own beneficiaries.

    Shape: `own_beneficiaries` is None where no own value is published.
    """

    dims: Mapping[str, str]
    beneficiaries: int
    actions: int
    margin_beneficiaries: int
    margin_actions: int
    own_beneficiaries: int | None


@dataclass(frozen=True, slots=True)
class Record:
    """One record of an extract; a trait that its rung does not have is None.

    Units: `sigma_beneficiaries` is decimal text; margins are plus or minus.
    """

    project: str
    period_kind: str
    period: str
    pseudocode: str
    rung: str
    insurer: str | None
    district: str | None
    age_group: str | None
    sex: str | None
    beneficiaries: int
    actions: int
    sigma_beneficiaries: str
    margin_beneficiaries: int
    margin_actions: int
    release: str

    @property
    def class_key(self) -> tuple[str | None, ...]:
        """What the records of a class share: all but the pseudocode and its figures."""
        return _class_key(self)


_class_key = attrgetter("project", "period_kind", "period", *TRAITS)


@dataclass(frozen=True, slots=True)
class Closed:
    """A release of actions as extracts look at it.

    Shape: `period` is a convention with its days; `projects` are those of the catalogue at the close.
    """

    id: str
    period: Period
    revision: int
    released_at: str
    projects: tuple[str, ...]

    @property
    def order(self) -> tuple[str, int, str, int]:
        """Where it stands among all releases: by instant, and shorter periods first within one."""
        return (self.released_at, KINDS.index(self.period.kind), self.period.label, self.revision)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for a project in one release.

    Shape: `rung` is None where nothing is published or nothing is needed; `coverage` is None where the parent is
    protected; `is_needed` is False where shorter periods cover already.
    """

    project: str
    rung: Rung | None
    coverage: Fraction | None
    is_covered: bool
    is_needed: bool = True


def decimal(value: Fraction) -> str:
    """A sigma as decimal text; every one of them ends.

    >>> decimal(Fraction(65, 8)), decimal(Fraction(3))
    ('8.125', '3')
    """
    return f"{float(value):.10f}".rstrip("0").rstrip(".")


def share(value: Fraction) -> str:
    """A share as text with four decimals, rounded down.

    >>> share(Fraction(85, 100)), share(Fraction(2, 3))
    ('0.8500', '0.6666')
    """
    return f"{int(value * 10_000) / 10_000:.4f}"


def is_within(period: Period, first_month: str, last_month: str) -> bool:
    """Whether a period lies wholly in a range of months, both inclusive.

    >>> quarter = Period(PeriodKind.QUARTER, "2022-Q1")
    >>> is_within(quarter, "2022-01", "2022-03"), is_within(quarter, "2022-02", "2022-12")
    (True, False)
    """
    first, last = date.fromisoformat(f"{first_month}-01"), last_of_month(date.fromisoformat(f"{last_month}-01"))
    return first <= period.first and period.last <= last


def rung_of(dims: Iterable[str], kind: PeriodKind, recipient: Recipient) -> Rung | None:
    """The rung whose records have those dimensions, the period not among them; None when no rung's have.

    >>> rung_of(["pseudocode", "project", "sex"], PeriodKind.QUARTER, Recipient.POLICY).name
    'R3'
    """
    names = frozenset(dims)
    return next((rung for rung in rungs_of(kind) if frozenset(rung.dims(recipient)) == names), None)


def may_be_shown(cell: Published, fewest: int) -> bool:
    """Whether a cell is high enough above ten for a record: its own value by two sigma, and what is shown at least ten.

    Shape: `fewest` own beneficiaries are two sigma above ten.
    Source: DISCLOSURE 7.
    """
    own = cell.own_beneficiaries
    return own is not None and own >= fewest and cell.beneficiaries >= FEWEST_BENEFICIARIES


def whole_classes(cells: Sequence[Published]) -> list[Published]:
    """The cells of one rung whose class has at least three distinct pseudocodes among them."""
    classes = [tuple(map(cell.dims.get, (PROJECT, *TRAITS))) for cell in cells]
    codes: dict[tuple[str | None, ...], set[str]] = defaultdict(set)
    for name, cell in zip(classes, cells, strict=True):
        codes[name].add(cell.dims[PSEUDOCODE])
    return [cell for name, cell in zip(classes, cells, strict=True) if len(codes[name]) >= FEWEST_PSEUDOCODES]


def choose_rung(
    kind: PeriodKind, actions: Mapping[str, int], parent: int | None
) -> tuple[Rung | None, Fraction | None, bool]:
    """The rung to take, how much it covers, and whether that is enough.

    Shape: `actions` are the actions of the records by rung, absent where there is none; a protected `parent` is None.

    >>> rung, coverage, enough = choose_rung(PeriodKind.QUARTER, {"R1": 40, "R2": 90, "R4": 99}, 100)
    >>> rung.name, coverage, enough
    ('R2', Fraction(9, 10), True)
    """
    published = [rung for rung in rungs_of(kind) if actions.get(rung.name)]
    if not published:
        return None, None if parent is None else Fraction(0), False
    covering = [rung for rung in published if parent is not None and is_covered(actions[rung.name], parent)]
    chosen = covering[0] if covering else published[-1]
    coverage = None if not parent else Fraction(actions[chosen.name], parent)
    return chosen, coverage, bool(covering)


@dataclass(slots=True)
class Ladder:
    """The choices made release by release, in their order; what a later one needs to know of earlier ones.

    Shape: `settled` says of each project and period whether it needs no longer one.
    """

    recipient: Recipient
    insurer: str | None = None
    settled: dict[tuple[str, Period], bool] = field(default_factory=dict)

    def climb(self, closed: Closed, cells: Iterable[Published]) -> tuple[list[Choice], list[Record]]:
        """What is chosen for each project in the next release, and the records, ordered by name.

        Shape: `cells` are at least those of the ladder and the parents; others are passed over.
        """
        kind = closed.period.kind
        rungs, parents = self._sorted(kind, cells)
        choices, records = [], []
        projects = [closed.period.label] if kind is PeriodKind.CONVENTION else closed.projects
        for project in sorted(projects):
            if not self._is_needed(project, closed.period):
                self.settled[project, closed.period] = True
                choices.append(Choice(project, None, None, is_covered=False, is_needed=False))
                continue
            found = {name: whole_classes(of.get(project, [])) for name, of in rungs.items()}
            actions = {name: sum(cell.actions for cell in of) for name, of in found.items()}
            rung, coverage, enough = choose_rung(kind, actions, parents.get(project))
            self.settled[project, closed.period] = enough
            choices.append(Choice(project, rung, coverage, enough))
            if rung is not None:
                noise = decimal(sigma(kind, rung.dims(self.recipient)))
                records += sorted((_record(closed, rung, noise, cell) for cell in found[rung.name]), key=_name)
        return choices, records

    def _sorted(
        self, kind: PeriodKind, cells: Iterable[Published]
    ) -> tuple[dict[str, dict[str, list[Published]]], dict[str, int]]:
        """The cells that may be records, by rung and project, and the actions of each project's parent cell."""
        parent_dims = {PROJECT, *((INSURER,) if self.recipient is Recipient.INSURER else ())}
        rungs: dict[str, dict[str, list[Published]]] = {rung.name: {} for rung in rungs_of(kind)}
        parents: dict[str, int] = {}
        known: dict[tuple[str, ...], tuple[Rung | None, int]] = {}
        for cell in cells:
            if cell.dims.get(INSURER) != self.insurer or PROJECT not in cell.dims:
                continue
            names = tuple(cell.dims)
            if names not in known:
                known[names] = rung_of(names, kind, self.recipient), fewest_own(kind, names)
            rung, fewest = known[names]
            if cell.dims.keys() == parent_dims:
                parents[cell.dims[PROJECT]] = cell.actions
            elif rung is not None and may_be_shown(cell, fewest):
                rungs[rung.name].setdefault(cell.dims[PROJECT], []).append(cell)
        return rungs, parents

    def _is_needed(self, project: str, period: Period) -> bool:
        """Whether shorter periods leave something open: one does not cover, or none of them is released."""
        if period.kind is PeriodKind.QUARTER:
            return True
        shorter = KINDS[KINDS.index(period.kind) - 1]
        within = [
            settled
            for (owner, other), settled in self.settled.items()
            if owner == project and other.kind is shorter and other.first <= period.last and period.first <= other.last
        ]
        return not within or not all(within)


def _record(closed: Closed, rung: Rung, noise: str, cell: Published) -> Record:
    kind = closed.period.kind
    return Record(
        project=cell.dims[PROJECT],
        period_kind=kind.value,
        period=closed.period.label,
        pseudocode=cell.dims[PSEUDOCODE],
        rung=rung.name,
        insurer=cell.dims.get(INSURER),
        district=cell.dims.get(DISTRICT),
        age_group=cell.dims.get(AGE_GROUP),
        sex=cell.dims.get(SEX),
        beneficiaries=cell.beneficiaries,
        actions=cell.actions,
        sigma_beneficiaries=noise,
        margin_beneficiaries=cell.margin_beneficiaries,
        margin_actions=cell.margin_actions,
        release=closed.id,
    )


def _name(record: Record) -> tuple[str, ...]:
    traits = (record.insurer, record.district, record.age_group, record.sex)
    return (record.project, record.pseudocode, *(trait or "" for trait in traits))


@dataclass(slots=True)
class Checks:
    """What is measured of the records as they go by, release by release.

    Shape: `fewest_beneficiaries` and `fewest_pseudocodes` are None without records; `at_two_rungs` counts projects
    and periods whose records do not all lie on one rung.
    """

    records: int = 0
    fewest_beneficiaries: int | None = None
    fewest_pseudocodes: int | None = None
    at_two_rungs: int = 0
    _release: str | None = None
    _codes: dict[tuple[str | None, ...], set[str]] = field(default_factory=lambda: defaultdict(set))
    _rungs: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def watch(self, records: Iterable[Record]) -> Iterator[Record]:
        """The same records, measured; those of a release come together."""
        for record in records:
            if record.release != self._release:
                self._settle()
                self._release = record.release
            self.records += 1
            if self.fewest_beneficiaries is None or record.beneficiaries < self.fewest_beneficiaries:
                self.fewest_beneficiaries = record.beneficiaries
            self._codes[_class_key(record)].add(record.pseudocode)
            self._rungs[record.project].add(record.rung)
            yield record
        self._settle()

    def _settle(self) -> None:
        fewest = min(map(len, self._codes.values()), default=None)
        if fewest is not None:
            self.fewest_pseudocodes = min(fewest, self.fewest_pseudocodes or fewest)
        self.at_two_rungs += sum(len(rungs) > 1 for rungs in self._rungs.values())
        self._codes.clear()
        self._rungs.clear()

    def results(self) -> list[dict[str, object]]:
        """The checks with what was measured, the bound, and whether it holds; a check of nothing holds."""
        measured: tuple[tuple[str, int | None, int, str], ...] = (
            ("singling_out", self.fewest_beneficiaries, FEWEST_BENEFICIARIES, "at least"),
            ("linkability", self.at_two_rungs, 0, "at most"),
            ("inference", self.fewest_pseudocodes, FEWEST_PSEUDOCODES, "at least"),
        )
        return [
            {"check": name, "measured": value, "bound": bound, "is": rule, "holds": _holds(value, bound, rule)}
            for name, value, bound, rule in measured
        ]


def _holds(value: int | None, bound: int, rule: str) -> bool:
    return value is None or (value >= bound if rule == "at least" else value <= bound)
