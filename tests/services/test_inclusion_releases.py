"""Inclusion measures close on their own calendar; progress shows them beside the yardstick."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from gateway.domain import errors
from gateway.domain.access import Role
from gateway.domain.lattice import Measure, Period, PeriodKind
from gateway.domain.ledger import release_rho
from gateway.domain.periods import Interval
from gateway.services import close_period as closing
from gateway.services.close_period import Group, close_period, due_periods, release_period
from gateway.services.next_step import Question
from gateway.services.release_aggregate import get_aggregates
from gateway.services.show_progress import show_progress
from gateway.store.tables import cell, release
from tests.builders import PROJECT, a_caller, an_inclusion, day, days
from tests.services.desk import Desk
from tests.store.rows import rows
from tests.store.seeds import OTHER_PROJECT, SEEDED_AT, a_project_document

POLICY_MAKER, COORDINATOR = a_caller(Role.POLICY_MAKER), a_caller(Role.COORDINATOR)
MONTH, QUARTER, YEAR = (
    Period(PeriodKind.MONTH, "2022-02"),
    Period(PeriodKind.QUARTER, "2022-Q2"),
    Period(PeriodKind.YEAR, "2022"),
)
JOINED, LEFT, INCLUDED, ACTIONS = Measure.JOINED, Measure.LEFT, Measure.INCLUDED, Measure.ACTIONS


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that draw no noise at all."""
    monkeypatch.setattr(closing, "release_key", lambda: lambda label: 2**63)


@pytest.fixture
def crowd(desk: Desk, quiet: None) -> Desk:
    """Thirty people joined in February in one project, five in the other."""
    with desk.context.store.transaction() as tx:
        for number in range(35):
            project = PROJECT if number < 30 else OTHER_PROJECT
            tx.inclusions.add(an_inclusion(id=UUID(int=number + 1), project=project, pseudonym=bytes([number]) * 32))
    return desk


def released(desk: Desk, period: Period, group: Group | None = None) -> list[str]:
    return [one.release.id for one in release_period(desk.context, period, group)]


def asked(measure: Measure, kind: PeriodKind, label: str, by: tuple[str, ...] = (), **filters: str) -> Question:
    return Question(by, filters, kind, False, measure, label, label)


@pytest.mark.parametrize(
    ("period", "first_day", "ids"),
    [
        (MONTH, "2022-02-01", ["joined-month-2022-02-1", "left-month-2022-02-1"]),
        (QUARTER, "2022-04-01", ["included-quarter-2022-Q2-1"]),
        (YEAR, "2022-01-01", ["included-year-2022-1"]),
    ],
    ids=["month", "quarter", "year"],
)
def test_inclusion_measures_close_together_on_the_first_day(
    desk: Desk, period: Period, first_day: str, ids: list[str]
) -> None:
    desk.at(f"{day(first_day).replace(day=1)}T00:00+01:00" if first_day < "2022-03" else f"{first_day}T00:00+02:00")
    assert period in due_periods(desk.context, group="inclusions")
    assert released(desk, period, "inclusions") == ids
    assert period not in due_periods(desk.context, group="inclusions")

    before = desk.counts()
    with pytest.raises(errors.AlreadyReleased):
        release_period(desk.context, period, "inclusions")
    assert desk.counts() == before


def test_inclusion_measures_are_not_due_a_second_before(desk: Desk) -> None:
    desk.at("2022-01-31T23:59:59+01:00")

    with pytest.raises(errors.NotDue) as refused:
        release_period(desk.context, MONTH, "inclusions")

    assert refused.value.available_from == day("2022-02-01")
    assert MONTH not in due_periods(desk.context, group="inclusions")


def test_without_a_group_all_is_due_when_actions_are(desk: Desk) -> None:
    desk.at("2022-03-09T23:59+01:00")
    with pytest.raises(errors.NotDue) as refused:
        release_period(desk.context, MONTH)
    assert (refused.value.available_from, rows(desk.database_url, release)) == (day("2022-03-10"), [])

    desk.at("2022-03-10T00:00+01:00")
    ids = ["joined-month-2022-02-1", "left-month-2022-02-1", "actions-month-2022-02-1"]
    assert released(desk, MONTH) == ids
    with pytest.raises(errors.AlreadyReleased):
        release_period(desk.context, MONTH)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("inclusions", None, ["actions-month-2022-02-1"]),
        ("actions", None, ["joined-month-2022-02-1", "left-month-2022-02-1"]),
        ("actions", "inclusions", ["joined-month-2022-02-1", "left-month-2022-02-1"]),
        ("inclusions", "actions", ["actions-month-2022-02-1"]),
    ],
)
def test_what_is_released_already_is_left_alone(
    desk: Desk, first: Group, second: Group | None, expected: list[str]
) -> None:
    desk.at("2022-03-10T09:00+01:00")
    release_period(desk.context, MONTH, first)

    assert released(desk, MONTH, second) == expected


def test_half_a_month_is_completed(desk: Desk) -> None:
    desk.at("2022-02-01T09:00+01:00")
    close_period(desk.context, MONTH, LEFT)

    assert released(desk, MONTH, "inclusions") == ["joined-month-2022-02-1"]


@pytest.mark.parametrize(
    ("period", "measure", "named"),
    [
        (MONTH, INCLUDED, "month"),
        (QUARTER, JOINED, "quarter"),
        (Period(PeriodKind.CONVENTION, PROJECT), LEFT, "convention"),
    ],
    ids=["included by month", "joined by quarter", "left by convention"],
)
def test_measure_that_is_not_counted_over_a_period_is_refused(
    desk: Desk, period: Period, measure: Measure, named: str
) -> None:
    with pytest.raises(errors.NotInLattice) as refused:
        close_period(desk.context, period, measure)

    assert refused.value.dimension == named


def test_convention_has_no_inclusion_measure_to_release(desk: Desk) -> None:
    desk.at("2023-03-14T09:00+01:00")
    convention = Period(PeriodKind.CONVENTION, PROJECT)

    with pytest.raises(errors.NotInLattice):
        release_period(desk.context, convention, "inclusions")

    assert released(desk, convention) == ["actions-convention-demo-nord-1"]


def test_close_of_several_measures_is_whole_or_not_at_all(crowd: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd.at("2022-03-10T09:00+01:00")
    before, keys = crowd.counts(), iter(range(2))

    def second_key_fails() -> Any:
        next(keys)  # joined
        return lambda label: 2**63

    monkeypatch.setattr(closing, "release_key", second_key_fails)
    with pytest.raises((StopIteration, RuntimeError)):
        release_period(crowd.context, MONTH)

    assert crowd.counts() == before


def test_due_periods_of_inclusions_reach_the_period_that_has_begun(desk: Desk) -> None:
    desk.at("2021-10-01T00:00+02:00")

    due = due_periods(desk.context, group="inclusions")

    assert [str(period) for period in due] == ["2021-09", "2021-10", "2021-Q3", "2021-Q4", "2021"]


def test_cells_of_inclusions_have_one_value_for_every_audience(crowd: Desk) -> None:
    crowd.at("2022-02-01T09:00+01:00")
    release_period(crowd.context, MONTH, "inclusions")

    found = {
        (row["dims"], row["audience"]): (row["beneficiaries"], row["actions"], row["providers"], row["margin_actions"])
        for row in rows(crowd.database_url, cell)
    }
    assert found == {
        ("month=2022-02", "general"): (35, None, None, None),
        ("month=2022-02|sex=X", "general"): (35, None, None, None),
        (f"month=2022-02|project={PROJECT}", "own"): (30, None, None, None),
        (f"month=2022-02|project={PROJECT}", "general"): (30, None, None, None),
        (f"month=2022-02|project={PROJECT}|sex=X", "own"): (30, None, None, None),
        (f"month=2022-02|project={PROJECT}|sex=X", "general"): (30, None, None, None),
    }
    assert {row["measure"]: row["rho"] for row in rows(crowd.database_url, release)} == {
        measure.value: float(release_rho(PeriodKind.MONTH, measure)) for measure in (JOINED, LEFT)
    }


@pytest.mark.parametrize("caller", [POLICY_MAKER, COORDINATOR], ids=["policy maker", "coordinator"])
def test_released_inclusion_measures_are_answered(crowd: Desk, caller: Any) -> None:
    crowd.at("2022-02-01T09:00+01:00")
    release_period(crowd.context, MONTH, "inclusions")

    (shown,) = crowd.ask(caller, get_aggregates, asked(JOINED, MONTH.kind, "2022-02", project=PROJECT)).cells
    (hidden,) = crowd.ask(caller, get_aggregates, asked(LEFT, MONTH.kind, "2022-02", project=PROJECT)).cells

    row: Any = shown.row
    assert (row.beneficiaries, row.actions, row.providers) == (30, None, None)
    assert (hidden.named, hidden.row) == ({"project": PROJECT}, None)


def test_inclusion_measures_by_project_name_every_declared_project(crowd: Desk) -> None:
    crowd.at("2022-02-01T09:00+01:00")
    release_period(crowd.context, MONTH, "inclusions")

    found = crowd.ask(POLICY_MAKER, get_aggregates, asked(JOINED, MONTH.kind, "2022-02", ("project",)))

    assert [(one.named["project"], one.row and one.row.beneficiaries) for one in found.cells] == [
        (PROJECT, 30),
        (OTHER_PROJECT, None),
    ]


def test_inclusion_measures_are_released_by_trait(crowd: Desk) -> None:
    crowd.at("2022-02-01T09:00+01:00")
    release_period(crowd.context, MONTH, "inclusions")

    found = crowd.ask(POLICY_MAKER, get_aggregates, asked(JOINED, MONTH.kind, "2022-02", ("sex",), project=PROJECT))

    assert [(one.named["sex"], one.row and one.row.beneficiaries) for one in found.cells] == [
        ("F", None),
        ("M", None),
        ("X", 30),
    ]


@pytest.mark.parametrize(
    ("question", "available_from"),
    [
        (asked(JOINED, PeriodKind.MONTH, "2022-02"), "2022-02-01"),
        (asked(INCLUDED, PeriodKind.QUARTER, "2022-Q2"), "2022-04-01"),
        (asked(INCLUDED, PeriodKind.YEAR, "2023"), "2023-01-01"),
        (asked(ACTIONS, PeriodKind.MONTH, "2022-02"), "2022-03-10"),
    ],
)
def test_measure_that_is_not_released_says_from_when(desk: Desk, question: Question, available_from: str) -> None:
    with pytest.raises(errors.NotReleased) as refused:
        desk.ask(POLICY_MAKER, get_aggregates, question)

    assert refused.value.available_from == day(available_from)


@pytest.mark.parametrize(
    ("question", "named"),
    [
        (asked(INCLUDED, PeriodKind.MONTH, "2022-02"), "month"),
        (asked(JOINED, PeriodKind.YEAR, "2022"), "year"),
        (asked(LEFT, PeriodKind.CONVENTION, PROJECT, project=PROJECT), "convention"),
        (asked(JOINED, PeriodKind.MONTH, "2022-02", pseudocode="794010"), "pseudocode"),
        (asked(JOINED, PeriodKind.MONTH, "2022-02", profession="nurse"), "profession"),
        (asked(JOINED, PeriodKind.MONTH, "2022-02", component="3"), "component"),
        (asked(JOINED, PeriodKind.MONTH, "2022-02", ("sex",), insurer="100"), "sex"),
        (asked(INCLUDED, PeriodKind.QUARTER, "2022-Q2", municipality="25112"), "municipality"),
    ],
)
def test_question_that_no_inclusion_measure_answers_is_outside_the_lattice(
    desk: Desk, question: Question, named: str
) -> None:
    with pytest.raises(errors.NotInLattice) as refused:
        desk.ask(POLICY_MAKER, get_aggregates, question)

    assert refused.value.dimension == named


def test_progress_shows_the_last_released_figure_of_each_period(crowd: Desk) -> None:
    with crowd.context.store.transaction() as tx:
        tx.catalogue.replace_project(a_project_document(started_on=day("2018-01-01")), 1, SEEDED_AT)
    crowd.at("2022-06-01T09:00+02:00")
    release_period(crowd.context, Period(PeriodKind.YEAR, "2021"), "inclusions")
    release_period(crowd.context, YEAR, "inclusions")
    release_period(crowd.context, QUARTER, "inclusions")

    found = crowd.ask(POLICY_MAKER, show_progress, PROJECT)

    assert (found.project, found.zone_population, len(found.periods)) == (PROJECT, 47_000, 5)
    assert [(one.yardstick.percentage, one.yardstick.target) for one in found.periods] == [
        (1, 470),
        (3, 1410),
        (6, 2820),
        (10, 4700),
        (None, None),
    ]
    assert [one.status for one in found.periods] == ["not-released"] * 3 + ["protected", "published"]
    fourth, fifth = found.periods[3:]
    assert (fourth.as_of, fourth.included, fourth.margin) == (day("2021-01-01"), None, None)
    assert fifth.yardstick.days == days("2022-01-01 .. 2022-12-31")
    assert (fifth.as_of, fifth.included, fifth.margin) == (day("2022-04-01"), 30, 8)


def test_coordinator_sees_the_own_margin_and_a_small_project_is_protected(crowd: Desk) -> None:
    crowd.at("2022-06-01T09:00+02:00")
    release_period(crowd.context, QUARTER, "inclusions")

    own = crowd.ask(COORDINATOR, show_progress, PROJECT).periods[0]
    small = crowd.ask(POLICY_MAKER, show_progress, OTHER_PROJECT).periods[0]

    assert own.yardstick.days == Interval(day("2021-09-01"), day("2022-08-31"))
    assert (own.status, own.included, own.margin) == ("published", 30, 8)
    assert (small.status, small.included, small.as_of) == ("protected", None, day("2022-04-01"))


@pytest.mark.parametrize(
    ("caller", "project", "refusal"),
    [
        (POLICY_MAKER, "demo-ouest", errors.UnknownProject),
        (COORDINATOR, "demo-ouest", errors.UnknownProject),
        (COORDINATOR, OTHER_PROJECT, errors.ForeignProject),
        (a_caller(Role.INSURER), PROJECT, errors.RoleNotAllowed),
        (a_caller(Role.PROJECT_ADMIN), PROJECT, errors.RoleNotAllowed),
    ],
)
def test_progress_is_refused(desk: Desk, caller: Any, project: str, refusal: type[errors.Problem]) -> None:
    with pytest.raises(refusal):
        desk.ask(caller, show_progress, project)
