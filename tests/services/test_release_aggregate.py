"""Questions to what was released: every declared cell once, and nothing that tells zero from protected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from gateway.domain import errors, lattice
from gateway.domain.access import Role
from gateway.domain.delivery import Member
from gateway.domain.lattice import Measure, Period, PeriodKind
from gateway.services.close_period import close_period
from gateway.services.next_step import Question
from gateway.services.release_aggregate import PERIODS_AT_ONCE, Figures, get_aggregates, list_releases
from gateway.store.tables import cell
from tests.builders import PROJECT, PROJECT_LEVEL_PSEUDOCODE, PSEUDOCODE, a_caller, an_action, an_inclusion, day
from tests.services.desk import Desk
from tests.services.test_latency import statements
from tests.store.rows import rows
from tests.store.seeds import (
    FOREIGN_PSEUDOCODE,
    LATER_PSEUDOCODE,
    OTHER_PROJECT,
    a_project_document,
    an_assignment_document,
    zone_of,
)

POLICY_MAKER, COORDINATOR = a_caller(Role.POLICY_MAKER), a_caller(Role.COORDINATOR)
INSURER = a_caller(Role.INSURER)
MONTHS = ("2022-02", "2022-03")
BOTH = (PROJECT, OTHER_PROJECT)
CODES = [PSEUDOCODE, LATER_PSEUDOCODE, PROJECT_LEVEL_PSEUDOCODE]
ALL_CODES = sorted([*CODES, FOREIGN_PSEUDOCODE])


def about_a_month(*by: str, month: str = "2022-02", **filters: str) -> Question:
    return Question(by, filters, PeriodKind.MONTH, False, first=month, last=month, order=by)


def by_month(*by: str, first: str | None = None, last: str | None = None, **filters: str) -> Question:
    return Question(by, filters, PeriodKind.MONTH, True, first=first, last=last, order=("month", *by))


@pytest.fixture
def register(desk: Desk) -> Desk:
    """A register with figures, long after everything is due."""
    return desk.at("2024-01-15T09:00Z")


def _fill(desk: Desk) -> None:
    """February: fifty people of the first project with one pseudocode, fifty with another, five with a third."""
    with desk.context.store.transaction() as tx:
        tx.catalogue.put_assignment(an_assignment_document(code=FOREIGN_PSEUDOCODE), desk.clock.now)
        for number in range(1, 151):
            pseudonym = number.to_bytes(32, "big")
            tx.inclusions.add(an_inclusion(id=UUID(int=number), pseudonym=pseudonym))
            codes = [PSEUDOCODE] * (number <= 50) + [FOREIGN_PSEUDOCODE] * (50 < number <= 100)
            for code in codes + [LATER_PSEUDOCODE] * (number <= 5):
                person = {"pseudonym": pseudonym, "inclusion": UUID(int=number)}
                act = {"pseudocode": code, "performed_by": f"1000{number % 9:04}"}
                tx.actions.add(an_action(id=UUID(bytes=pseudonym[24:] + code.encode() + b"--"), **person, **act))


def _close(desk: Desk, *periods: Period) -> None:
    for period in periods or tuple(Period(PeriodKind.MONTH, month) for month in MONTHS):
        close_period(desk.context, period, Measure.ACTIONS)


def _ask(desk: Desk, question: Question, caller: Any = POLICY_MAKER) -> Figures:
    return desk.ask(caller, get_aggregates, question)


def _named(figures: Figures) -> list[tuple[str, ...]]:
    """The values of every cell, in the order asked for."""
    order, kind = figures.question.order, figures.question.kind.value
    return [tuple({**one.named, kind: one.period.label}[name] for name in order) for one in figures.cells]


def _shown(figures: Figures) -> dict[tuple[str, ...], int | None]:
    values = [None if one.row is None else one.row.beneficiaries for one in figures.cells]
    return dict(zip(_named(figures), values, strict=True))


def test_every_declared_cell_is_answered_once_in_order(register: Desk) -> None:
    _fill(register)
    _close(register)

    figures = _ask(register, about_a_month("project", "pseudocode"))

    assert _named(figures) == [(project, code) for project in BOTH for code in ALL_CODES]
    assert [release.id for release in figures.releases] == ["actions-month-2022-02-1"]


def test_declared_pseudocodes_are_those_of_the_project_at_the_close(register: Desk) -> None:
    _close(register)
    with register.context.store.transaction() as tx:
        tx.catalogue.put_assignment(an_assignment_document(code=FOREIGN_PSEUDOCODE), register.clock.now)

    figures = _ask(register, about_a_month("pseudocode", project=PROJECT))

    assert _named(figures) == [(code,) for code in CODES]


@pytest.mark.parametrize("caller", [POLICY_MAKER, COORDINATOR], ids=["policy maker", "coordinator"])
def test_protected_cell_looks_like_zero(register: Desk, caller: Any) -> None:
    _fill(register)
    _close(register)

    figures = _ask(register, about_a_month("pseudocode", project=PROJECT), caller)

    shown = _shown(figures)
    assert shown.pop((PSEUDOCODE,)) is not None
    assert shown.pop((FOREIGN_PSEUDOCODE,)) is not None
    assert shown == {(LATER_PSEUDOCODE,): None, (PROJECT_LEVEL_PSEUDOCODE,): None}
    assert len(rows(register.database_url, cell)) > 0


def test_own_coordinator_sees_the_own_value_and_others_the_general_one(register: Desk) -> None:
    _fill(register)
    _close(register)

    own = _ask(register, about_a_month(project=PROJECT), COORDINATOR)
    general = _ask(register, about_a_month(project=PROJECT), POLICY_MAKER)

    by_audience = {
        row["audience"]: (row["beneficiaries"], row["providers"])
        for row in rows(register.database_url, cell)
        if row["dims"] == f"month=2022-02|project={PROJECT}"
    }
    for figures, audience in ((own, "own"), (general, "general")):
        row: Any = figures.cells[0].row
        assert (row.beneficiaries, row.providers) == by_audience[audience]
        assert figures.audience == audience
    assert str(by_audience["own"][1]) in {"1-2", "3-5", "6-10", "11+"}


def test_question_asked_again_gives_the_same_answer(register: Desk) -> None:
    _fill(register)
    _close(register)

    first, again = (_ask(register, about_a_month("project")) for _ in range(2))

    assert first == again


def test_all_projects_is_a_cell_of_its_own(register: Desk) -> None:
    _fill(register)
    _close(register)

    figures = _ask(register, about_a_month())

    (found,) = figures.cells
    published = {one["dims"]: one["beneficiaries"] for one in rows(register.database_url, cell)}
    assert found.named == {}
    assert (None if found.row is None else found.row.beneficiaries) == published.get("month=2022-02")


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, None, ["2022-02", "2022-03"]),
        ("2022-02", None, ["2022-02", "2022-03"]),
        ("2022-03", None, ["2022-03"]),
        (None, "2022-02", ["2022-02"]),
        ("2022-02", "2022-03", ["2022-02", "2022-03"]),
        ("2022-03", "2022-02", []),
    ],
)
def test_periods_asked_for_are_answered_one_by_one(
    register: Desk, first: str | None, last: str | None, expected: list[str]
) -> None:
    _close(register)

    figures = _ask(register, by_month("project", first=first, last=last))

    assert _named(figures) == [(month, project) for month in expected for project in BOTH]
    assert [release.period for release in figures.releases] == expected


def test_nothing_released_is_an_empty_answer_to_an_open_question(register: Desk) -> None:
    assert _ask(register, by_month("project")).cells == []


@pytest.mark.parametrize(
    ("kind", "label", "available_from"),
    [
        (PeriodKind.MONTH, "2022-04", "2022-05-10"),
        (PeriodKind.QUARTER, "2022-Q1", "2022-05-15"),
        (PeriodKind.YEAR, "2022", "2023-03-01"),
        (PeriodKind.CONVENTION, PROJECT, "2023-03-14"),
    ],
)
def test_period_that_is_not_released_says_from_when_it_can_be(
    register: Desk, kind: PeriodKind, label: str, available_from: str
) -> None:
    question = Question((), {"project": PROJECT}, kind, False, first=label, last=label)

    with pytest.raises(errors.NotReleased) as refused:
        _ask(register, question)

    assert refused.value.available_from == day(available_from)


def test_gap_among_the_months_asked_for_is_not_released(register: Desk) -> None:
    _close(register, Period(PeriodKind.MONTH, "2022-02"), Period(PeriodKind.MONTH, "2022-04"))

    with pytest.raises(errors.NotReleased) as refused:
        _ask(register, by_month(first="2022-02"))

    assert refused.value.available_from == day("2022-04-10")


def test_question_that_names_centuries_is_refused_after_a_few_looks(register: Desk) -> None:
    with statements() as seen, pytest.raises(errors.NotReleased):
        _ask(register, by_month(first="2022-02", last="2999-12"))

    assert len(seen) < 2 * PERIODS_AT_ONCE


@pytest.mark.parametrize(
    ("kind", "label"),
    [(PeriodKind.QUARTER, "2022-Q1"), (PeriodKind.YEAR, "2022"), (PeriodKind.CONVENTION, PROJECT)],
)
def test_longer_periods_answer_like_months(register: Desk, kind: PeriodKind, label: str) -> None:
    _fill(register)
    _close(register, Period(kind, label))

    question = Question(
        ("pseudocode",), {"project": PROJECT}, kind, False, first=label, last=label, order=("pseudocode",)
    )
    shown = _shown(_ask(register, question))

    assert list(shown) == [(code,) for code in ALL_CODES]
    assert shown[PSEUDOCODE,] is not None
    assert shown[PROJECT_LEVEL_PSEUDOCODE,] is None


def test_conventions_are_answered_for_every_released_one(register: Desk) -> None:
    _close(register, *(Period(PeriodKind.CONVENTION, project) for project in BOTH))

    question = Question(("project",), {}, PeriodKind.CONVENTION, True, order=("convention", "project"))
    figures = _ask(register, question)

    assert set(_named(figures)) >= {(one, one) for one in BOTH}


def test_inclusion_measures_are_released_apart(register: Desk) -> None:
    _fill(register)
    close_period(register.context, Period(PeriodKind.MONTH, "2022-02"), Measure.JOINED)

    question = replace(about_a_month("project"), measure=Measure.JOINED)
    shown = _shown(_ask(register, question))

    assert shown[PROJECT,] is not None
    assert shown[OTHER_PROJECT,] is None
    with pytest.raises(errors.NotReleased):
        _ask(register, about_a_month("project"))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("insurer", ["100", "200", "300", "400", "500", "600", "900"]),
        ("age_band", ["0-17", "18-39", "40-59", "60-74", "75-84", "85+"]),
        ("sex", ["F", "M", "X"]),
        ("profession", list(lattice.CODES["profession"])),
    ],
)
def test_traits_are_answered_by_their_code_lists_whoever_there_is(register: Desk, name: str, values: list[str]) -> None:
    _fill(register)
    _close(register)

    shown = _shown(_ask(register, about_a_month(name, project=PROJECT)))

    assert list(shown) == [(value,) for value in values]
    assert {value for (value,), count in shown.items() if count is not None} <= {"X", "other"}


def test_declared_places_are_those_of_the_zones_at_the_close(register: Desk) -> None:
    year = Period(PeriodKind.YEAR, "2022")
    _close(register, year)
    with register.context.store.transaction() as tx:
        zone = [{"nis": "11002", "population": 5000}]
        tx.catalogue.replace_project(a_project_document(zone=zone), 1, register.clock.now)
    others = [part["nis"] for part in zone_of(OTHER_PROJECT)]

    def places(name: str, **filters: str) -> list[str]:
        question = Question((name,), filters, year.kind, False, first=year.label, last=year.label, order=(name,))
        return [value for (value,) in _named(_ask(register, question))]

    assert places("municipality") == sorted(["25014", "25112", *others])
    assert places("municipality", project=PROJECT) == ["25014", "25112"]
    assert places("district", project=PROJECT) == sorted(lattice.DISTRICTS)
    assert places("district") == sorted({*lattice.DISTRICTS, *(nis[:2] for nis in others)})


def test_components_are_answered_by_their_list(register: Desk) -> None:
    _fill(register)
    with register.context.store.transaction() as tx:
        for number in range(101, 141):
            person = {"pseudonym": number.to_bytes(32, "big"), "inclusion": UUID(int=number)}
            act = {"pseudocode": PROJECT_LEVEL_PSEUDOCODE, "performed_by": f"1000{number % 9:04}"}
            tx.actions.add(an_action(id=UUID(int=10_000 + number), **person, **act))
    _close(register, Period(PeriodKind.QUARTER, "2022-Q1"))

    question = Question(
        ("component",), {"project": PROJECT}, PeriodKind.QUARTER, False, first="2022-Q1", last="2022-Q1",
        order=("component",),
    )  # fmt: skip
    shown = _shown(_ask(register, question))

    assert list(shown) == [(str(number),) for number in range(1, 15)]
    assert {value for (value,), count in shown.items() if count is not None} == {"3", "6", "14"}


def test_insurer_sees_the_own_members(register: Desk) -> None:
    _fill(register)
    with register.context.store.transaction() as tx:
        for number in range(1, 151):
            pseudonym = number.to_bytes(32, "big")
            tx.beneficiaries.lock_or_add(0, PROJECT, pseudonym)
            member = Member("100" if number % 3 else "300", "F", day("1950-01-01"), "25112")
            tx.beneficiaries.describe([((0, PROJECT, pseudonym), member)])
    _close(register)

    own = _ask(register, about_a_month(project=PROJECT, insurer="100"), INSURER)
    of_policy_maker = _ask(register, about_a_month(project=PROJECT, insurer="100"))

    assert (own.audience, own.cells) == ("general", of_policy_maker.cells)


Case = tuple[type[errors.Problem], Any, Question]
REFUSED: dict[str, Case] = {
    "provider": (errors.RoleNotAllowed, a_caller(Role.PROVIDER), about_a_month()),
    "administrative responsible": (errors.RoleNotAllowed, a_caller(Role.PROJECT_ADMIN), about_a_month()),
    "coordinator of another": (errors.ForeignProject, COORDINATOR, about_a_month(project=OTHER_PROJECT)),
    "coordinator of all": (errors.ForeignProject, COORDINATOR, about_a_month("project")),
    "insurer without filter": (errors.ForeignProject, INSURER, about_a_month()),
    "insurer of others": (errors.ForeignProject, INSURER, about_a_month(insurer="300")),
    "insurer who groups by insurer": (errors.ForeignProject, INSURER, about_a_month("insurer")),
    "two traits in a month": (errors.NotInLattice, POLICY_MAKER, about_a_month("sex", insurer="100")),
    "band of extracts": (errors.NotInLattice, POLICY_MAKER, about_a_month("age_group")),
    "surplus": (errors.NotInLattice, POLICY_MAKER, replace(about_a_month(), surplus="colour")),
    "convention of all": (
        errors.NotInLattice,
        POLICY_MAKER,
        Question((), {}, PeriodKind.CONVENTION, False, first=PROJECT, last=PROJECT),
    ),
    "unknown project": (errors.UnknownProject, POLICY_MAKER, about_a_month(project="demo-ouest")),
    "unknown convention": (
        errors.UnknownProject,
        POLICY_MAKER,
        Question(("project",), {}, PeriodKind.CONVENTION, False, first="demo-ouest", last="demo-ouest"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_question_that_is_not_the_callers_or_the_lattices_is_refused(register: Desk, case: str) -> None:
    problem, caller, question = REFUSED[case]
    _close(register)

    with pytest.raises(problem):
        _ask(register, question, caller)

    assert register.outcomes()[-1] == ("get_aggregates", problem.code)


def test_ledger_lists_everything_that_was_released(register: Desk) -> None:
    _close(register)

    listed = register.ask(COORDINATOR, list_releases)

    assert [release.period for release in listed] == list(MONTHS)
    with pytest.raises(errors.RoleNotAllowed):
        register.ask(INSURER, list_releases)
