"""When a period may close, and when it may be revised."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from gateway.domain.calendar import Calendar, check_due, check_revisable, due_on
from gateway.domain.errors import AlreadyRevised, NotDue
from gateway.domain.lattice import Measure, Period, PeriodKind

CONVENTION = Period(PeriodKind.CONVENTION, "demo-nord", (date(2021, 9, 1), date(2022, 12, 31)))
FASTEST = Calendar(month_day=1, quarter_days=1, year_month=1, convention_days=1)


@pytest.mark.parametrize(
    ("kind", "label", "measure", "day"),
    [
        ("month", "2022-02", Measure.ACTIONS, date(2022, 3, 10)),
        ("month", "2021-12", Measure.ACTIONS, date(2022, 1, 10)),
        ("quarter", "2022-Q1", Measure.ACTIONS, date(2022, 5, 15)),
        ("quarter", "2021-Q4", Measure.ACTIONS, date(2022, 2, 14)),
        ("quarter", "2023-Q4", Measure.ACTIONS, date(2024, 2, 14)),
        ("year", "2022", Measure.ACTIONS, date(2023, 3, 1)),
        ("month", "2022-02", Measure.JOINED, date(2022, 2, 1)),
        ("month", "2022-02", Measure.LEFT, date(2022, 2, 1)),
        ("quarter", "2022-Q2", Measure.INCLUDED, date(2022, 4, 1)),
        ("year", "2022", Measure.INCLUDED, date(2022, 1, 1)),
    ],
)
def test_day_on_which_a_period_may_close(kind: str, label: str, measure: Measure, day: date) -> None:
    period = Period.parse(kind, label)

    assert due_on(period, measure) == day
    check_due(period, measure, day)
    with pytest.raises(NotDue) as refusal:
        check_due(period, measure, day - timedelta(days=1))
    assert refusal.value.available_from == day


def test_a_convention_closes_fourteen_days_after_its_registration_does() -> None:
    assert due_on(CONVENTION, Measure.ACTIONS, closes_on=date(2023, 3, 31)) == date(2023, 4, 14)


def test_a_convention_needs_its_days_and_the_close_of_its_registration() -> None:
    with pytest.raises(ValueError, match="after its registration"):
        due_on(CONVENTION, Measure.ACTIONS)
    with pytest.raises(ValueError, match="its project's"):
        due_on(Period.parse("convention", "demo-nord"), Measure.ACTIONS, closes_on=date(2023, 3, 31))


@pytest.mark.parametrize(
    ("period", "closes_on", "day"),
    [
        (Period(PeriodKind.MONTH, "2022-02"), None, date(2022, 3, 1)),
        (Period(PeriodKind.QUARTER, "2022-Q1"), None, date(2022, 4, 1)),
        (Period(PeriodKind.YEAR, "2022"), None, date(2023, 1, 1)),
        (CONVENTION, date(2022, 6, 30), date(2023, 1, 1)),
        (
            Period(PeriodKind.CONVENTION, "demo-sud", (date(2021, 9, 1), date(2022, 6, 10))),
            date(2022, 6, 10),
            date(2022, 7, 1),
        ),
    ],
)
def test_no_setting_closes_actions_before_the_next_month(period: Period, closes_on: date | None, day: date) -> None:
    assert due_on(period, Measure.ACTIONS, closes_on=closes_on, calendar=FASTEST) == day


def test_settings_move_the_day() -> None:
    slow = Calendar(month_day=28, quarter_days=60, year_month=12, convention_days=30)

    assert due_on(Period(PeriodKind.MONTH, "2022-01"), Measure.ACTIONS, calendar=slow) == date(2022, 2, 28)
    assert due_on(Period(PeriodKind.YEAR, "2022"), Measure.ACTIONS, calendar=slow) == date(2023, 12, 1)


@pytest.mark.parametrize(
    "settings",
    [
        {"month_day": 0},
        {"month_day": 29},
        {"quarter_days": 0},
        {"year_month": 0},
        {"year_month": 13},
        {"convention_days": 0},
    ],
)
def test_settings_out_of_range(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        Calendar(**settings)


@pytest.mark.parametrize(
    ("revision", "released_on", "available_from"),
    [
        (2, date(2022, 3, 11), date(2023, 3, 11)),
        (5, date(2023, 12, 31), date(2024, 12, 31)),
        (2, date(2024, 2, 29), date(2025, 2, 28)),
    ],
)
def test_period_may_be_revised_at_first_and_again_after_a_year(
    revision: int, released_on: date, available_from: date
) -> None:
    check_revisable(1, released_on, released_on)
    check_revisable(revision, released_on, available_from)

    for today in (released_on, available_from - timedelta(days=1)):
        with pytest.raises(AlreadyRevised) as refusal:
            check_revisable(revision, released_on, today)
        assert refusal.value.available_from == available_from
