"""Answer a question with released figures, and list all that was released.

Stage: anonymous. Nothing here reads the register.
Cost: one look by key per cell of the answer, however large the register is (S5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Any

from gateway.domain.access import Role, check_project
from gateway.domain.calendar import due_on
from gateway.domain.errors import ForeignProject, NotInLattice, NotReleased, UnknownProject
from gateway.domain.lattice import (
    CODES,
    PROJECT,
    PSEUDOCODE,
    Measure,
    Period,
    PeriodKind,
    check_in_lattice,
    periods_between,
)
from gateway.domain.project import closes_on
from gateway.services.close_period import cell_dims, with_days
from gateway.services.context import Work
from gateway.store.releases import Release, dims_key


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the lattice.

    Shape: `by` and `filters` hold every dimension but the period, `order` is `by` as asked, the period included;
    `surplus` names a dimension that no lattice holds.
    """

    by: tuple[str, ...]
    filters: Mapping[str, str]
    kind: PeriodKind
    is_period_grouped: bool
    measure: Measure = Measure.ACTIONS
    first: str | None = None
    last: str | None = None
    surplus: str | None = None
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """The answer: every declared cell once, with the releases it comes from."""

    question: Question
    cells: list[tuple[dict[str, str], Any | None]]
    releases: list[Release]
    audience: str


def get_aggregates(work: Work, question: Question) -> Figures:
    """The released figures that answer a question.

    Raises: RoleNotAllowed, ForeignProject, NotInLattice, NotReleased.
    """
    project = question.filters.get(PROJECT)
    _check_may_see(work, question, project)
    if question.surplus is not None:
        raise NotInLattice(question.surplus)
    check_in_lattice(question.kind, [*question.by, *question.filters], question.measure)
    if project is not None and project not in work.catalogue.projects:
        raise UnknownProject
    releases = [_released(work, question, period) for period in _periods(work, question)]
    audience = "own" if work.caller.role is Role.COORDINATOR else "general"
    cells = [cell for release in releases for cell in _cells(work, question, release, audience)]
    return Figures(question, cells, releases, audience)


def _check_may_see(work: Work, question: Question, project: str | None) -> None:
    """A coordinator sees the own project, an insurer the own members."""
    check_project(work.caller, "get_aggregates", project)
    if work.caller.role is Role.INSURER and question.filters.get("insurer") != work.caller.insurer:
        raise ForeignProject


def _periods(work: Work, question: Question) -> Sequence[Period]:
    """The periods asked for; every released one when none is named."""
    if question.first is None and question.last is None:
        return [
            Period(question.kind, release.period) for release in work.tx.releases.list(question.measure, question.kind)
        ]
    if question.kind is PeriodKind.CONVENTION:
        return [Period(question.kind, str(question.first))]
    released = [one.period for one in work.tx.releases.list(question.measure, question.kind)]
    first = question.first or min([*released, str(question.last)])
    last = question.last or max([*released, first])
    return periods_between(question.kind, first, last)


def _released(work: Work, question: Question, period: Period) -> Release:
    found = work.tx.releases.find(question.measure, period.kind, period.label)
    if found is None:
        raise NotReleased(_available_from(work, period, question.measure))
    return found


def _available_from(work: Work, period: Period, measure: Measure) -> date:
    whole = with_days(work.catalogue, period)
    closes = closes_on(work.catalogue.project(period.label)) if period.kind is PeriodKind.CONVENTION else None
    return due_on(whole, measure, closes_on=closes)


def _cells(work: Work, question: Question, release: Release, audience: str) -> Iterable[tuple[dict[str, str], Any]]:
    """Every declared cell of one release, published or not, in order of the dimensions asked for."""
    period = Period(question.kind, release.period)
    named = [
        {**dict(zip(question.by, values, strict=True)), **question.filters}
        for values in product(*(_declared(question, release, name) for name in question.by))
    ]
    keys = [dims_key(cell_dims(period, names)) for names in named]
    published = work.tx.releases.cells(release.id, audience, keys)
    for names, key in zip(named, keys, strict=True):
        shown = {name: names[name] for name in question.by}
        if question.is_period_grouped:
            shown[question.kind.value] = period.label
        yield shown, published.get(key)


def _declared(question: Question, release: Release, name: str) -> list[str]:
    """The declared values of a dimension at the close, never the values observed."""
    if name in CODES:
        return list(CODES[name])
    if name == PROJECT:
        return sorted(release.declared)
    if name == PSEUDOCODE:
        project = question.filters.get(PROJECT)
        lists = [release.declared.get(project, [])] if project else release.declared.values()
        return sorted({code for codes in lists for code in codes})
    raise NotInLattice(name)


def list_releases(work: Work) -> list[Release]:
    """The ledger of everything released, oldest first."""
    return work.tx.releases.list()
