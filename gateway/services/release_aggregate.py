"""Answer a question with released figures, and list all that was released.

Stage: anonymous. Nothing here reads the register.
Cost: one look by key per cell of the answer, however large the register is (S5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product

from gateway.domain.access import Role, check_project
from gateway.domain.calendar import due_on
from gateway.domain.errors import ForeignProject, NotInLattice, NotReleased, UnknownProject
from gateway.domain.lattice import (
    CODES,
    DISTRICTS,
    INSURER,
    MUNICIPALITY,
    PROJECT,
    PSEUDOCODE,
    Measure,
    Period,
    PeriodKind,
    cell_dims,
    check_in_lattice,
    periods_between,
)
from gateway.domain.project import Catalogue, closes_on
from gateway.domain.traits import district_of
from gateway.services.close_period import with_days
from gateway.services.context import Work
from gateway.services.next_step import Cell, Question, Step, next_step
from gateway.store.releases import Release, Releases, dims_key

PERIODS_AT_ONCE = 24


@dataclass(frozen=True, slots=True)
class Figures:
    """The answer: every declared cell once, with the releases it comes from."""

    question: Question
    cells: list[Cell]
    releases: list[Release]
    audience: str
    next_step: Step | None


def get_aggregates(work: Work, question: Question, *, with_step: bool = True) -> Figures:
    """The released figures that answer a question, with the next step where it is wanted.

    Raises: RoleNotAllowed, ForeignProject, NotInLattice, NotReleased.
    """
    project, catalogue = question.filters.get(PROJECT), work.catalogue
    _check_may_see(work, question, project)
    if question.surplus is not None:
        raise NotInLattice(question.surplus)
    check_in_lattice(question.kind, [*question.by, *question.filters], question.measure)
    if project is not None and project not in catalogue.projects:
        raise UnknownProject
    audience = "own" if work.caller.role is Role.COORDINATOR else "general"
    with work.tx.as_reader() as reader:
        releases = _released(reader, catalogue, question, _periods(reader, question))
        cells = _cells(reader, question, releases, audience)
        step = next_step(reader, question, cells, releases, audience) if with_step else None
    return Figures(question, cells, releases, audience, step)


def _check_may_see(work: Work, question: Question, project: str | None) -> None:
    """A coordinator sees the own project, an insurer the own members."""
    check_project(work.caller, "get_aggregates", project)
    if work.caller.role is Role.INSURER and question.filters.get(INSURER) != work.caller.insurer:
        raise ForeignProject


def _periods(reader: Releases, question: Question) -> Sequence[Period]:
    """The periods asked for; every released one when none is named."""
    if question.kind is PeriodKind.CONVENTION and question.first is not None:
        return [Period(question.kind, question.first)]
    if question.first is not None and question.last is not None:
        return periods_between(question.kind, question.first, question.last)
    released = reader.periods(question.measure, question.kind)
    if question.first is None and question.last is None:
        return [Period(question.kind, label) for label in released]
    first = question.first or min([*released, str(question.last)])
    return periods_between(question.kind, first, question.last or max([*released, first]))


def _released(reader: Releases, catalogue: Catalogue, question: Question, periods: Sequence[Period]) -> list[Release]:
    """The releases in force; some are looked for at a time, as a question may name centuries."""
    found: list[Release] = []
    for first in range(0, len(periods), PERIODS_AT_ONCE):
        some = periods[first : first + PERIODS_AT_ONCE]
        in_force = reader.find_each(question.measure, question.kind, [period.label for period in some])
        for period in some:
            if period.label not in in_force:
                raise NotReleased(_available_from(catalogue, period, question.measure))
            found.append(in_force[period.label])
    return found


def _available_from(catalogue: Catalogue, period: Period, measure: Measure) -> date:
    whole = with_days(catalogue, period)
    closes = closes_on(catalogue.project(period.label)) if period.kind is PeriodKind.CONVENTION else None
    return due_on(whole, measure, closes_on=closes)


def _cells(reader: Releases, question: Question, releases: Sequence[Release], audience: str) -> list[Cell]:
    """Every declared cell of each release, published or not, in order of the dimensions asked for."""
    declared: dict[str, list[tuple[str, Period, dict[str, str]]]] = {}
    for release in releases:
        period = Period(question.kind, release.period)
        values = product(*(_declared(question, release, name) for name in question.by))
        named = [{**dict(zip(question.by, each, strict=True)), **question.filters} for each in values]
        declared[release.id] = [(dims_key(cell_dims(period, names)), period, names) for names in named]
    keys = {release_id: [key for key, *_ in each] for release_id, each in declared.items()}
    published = reader.cells(audience, keys)
    return [
        Cell(period, names, published.get((release_id, key)))
        for release_id, each in declared.items()
        for key, period, names in each
    ]


def _declared(question: Question, release: Release, name: str) -> list[str]:
    """The declared values of a dimension at the close, never the values observed."""
    if name in CODES:
        return list(CODES[name])
    if name == PROJECT:
        return sorted(release.declared)
    project = question.filters.get(PROJECT)
    own = [release.declared[project]] if project in release.declared else []
    declared = own if project else list(release.declared.values())
    if name == PSEUDOCODE:
        return sorted({code for one in declared for code in one["pseudocodes"]})
    municipalities = {nis for one in declared for nis in one["municipalities"]}
    if name == MUNICIPALITY:
        return sorted(municipalities)
    return sorted({*DISTRICTS, *map(district_of, municipalities)})


def list_releases(work: Work) -> list[Release]:
    """The ledger of everything released, oldest first."""
    return work.tx.releases.list()
