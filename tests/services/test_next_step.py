"""The next step: the finest neighbour that shows some of what an answer protects, found in published cells alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from gateway.domain.access import Role
from gateway.domain.disclosure import ProtectedCell
from gateway.domain.lattice import Measure, Period, PeriodKind, cell_dims
from gateway.services.next_step import Question, Step
from gateway.services.release_aggregate import get_aggregates
from gateway.store.releases import Declared, Release
from tests.builders import PROJECT, PSEUDOCODE, a_caller, instant
from tests.services.desk import Desk
from tests.store.seeds import LATER_PSEUDOCODE, OTHER_PROJECT

POLICY_MAKER, COORDINATOR = a_caller(Role.POLICY_MAKER), a_caller(Role.COORDINATOR)
MONTH, QUARTER, YEAR, CONVENTION = PeriodKind
DECLARED: dict[str, Declared] = {
    PROJECT: {"pseudocodes": [PSEUDOCODE, LATER_PSEUDOCODE], "municipalities": ["25112"]},
    OTHER_PROJECT: {"pseudocodes": [PSEUDOCODE], "municipalities": ["62063"]},
}


@dataclass
class Released:
    """Keeps releases whose published cells a test names."""

    desk: Desk

    def keep(
        self, kind: PeriodKind, label: str, *named: dict[str, str], measure: Measure = Measure.ACTIONS
    ) -> Released:
        """One release, in which these cells are published for both audiences."""
        period = Period(kind, label)
        kept = Release(
            id=f"{measure}-{kind}-{label}-1",
            lattice="v1",
            measure=measure.value,
            kind=kind.value,
            period=label,
            revision=1,
            released_at=instant("2023-01-10T08:00Z"),
            rho=0.1,
            declared=DECLARED,
        )
        cells = [
            ProtectedCell(cell_dims(period, names), audience, 40, 80, None, 6, 12)
            for names in named
            for audience in (("own", "general") if "project" in names else ("general",))
        ]
        with self.desk.context.store.transaction() as tx:
            tx.releases.add(kept, cells)
        return self

    def step(self, question: Question, caller: Any = POLICY_MAKER) -> Step | None:
        """The next step of an answer."""
        return self.desk.ask(caller, get_aggregates, question).next_step


@pytest.fixture
def released(desk: Desk) -> Released:
    """A catalogue, and nothing released yet."""
    return Released(desk)


def asked(
    kind: PeriodKind, label: str, filters: dict[str, str], *by: str, measure: Measure = Measure.ACTIONS
) -> Question:
    return Question(by, filters, kind, False, measure, label, label, order=by)


def grouped(kind: PeriodKind, first: str | None, last: str | None, *order: str, **filters: str) -> Question:
    by = tuple(name for name in order if name != kind)
    return Question(by, filters, kind, True, first=first, last=last, order=order)


OWN, CODE = {"project": PROJECT}, {"project": PROJECT, "pseudocode": PSEUDOCODE}


def test_answer_that_is_published_needs_no_step(released: Released) -> None:
    released.keep(MONTH, "2022-02", OWN).keep(QUARTER, "2022-Q1", OWN)

    assert released.step(asked(MONTH, "2022-02", OWN)) is None


def test_protected_month_steps_to_its_quarter(released: Released) -> None:
    released.keep(MONTH, "2022-02").keep(QUARTER, "2022-Q1", CODE)

    assert released.step(asked(MONTH, "2022-02", CODE)) == Step(asked(QUARTER, "2022-Q1", CODE), 1)


def test_protected_quarter_steps_to_its_year(released: Released) -> None:
    released.keep(QUARTER, "2022-Q3").keep(YEAR, "2022", CODE)

    assert released.step(asked(QUARTER, "2022-Q3", CODE)) == Step(asked(YEAR, "2022", CODE), 1)


def test_finest_neighbour_comes_first(released: Released) -> None:
    female = {**CODE, "sex": "F"}
    released.keep(QUARTER, "2022-Q1", CODE, OWN, {"project": PROJECT, "sex": "F"}).keep(YEAR, "2022", female)

    # without the sex sigma is 3.75, over the year 9.75, for all pseudocodes 16.25
    assert released.step(asked(QUARTER, "2022-Q1", female)) == Step(asked(QUARTER, "2022-Q1", CODE), 1)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([{"project": PROJECT, "sex": "F"}], asked(QUARTER, "2022-Q1", {**OWN, "sex": "F"})),
        ([{"pseudocode": PSEUDOCODE, "sex": "F"}], asked(QUARTER, "2022-Q1", {"pseudocode": PSEUDOCODE, "sex": "F"})),
    ],
    ids=["all pseudocodes", "all projects"],
)
def test_each_dimension_may_be_the_one_to_leave_out(
    released: Released, others: list[dict[str, str]], expected: Question
) -> None:
    released.keep(QUARTER, "2022-Q1", *others)

    found = released.step(asked(QUARTER, "2022-Q1", {**CODE, "sex": "F"}))

    assert found is not None
    assert found == Step(expected, 1)


def test_neighbour_without_a_published_cell_around_is_no_step(released: Released) -> None:
    elsewhere = {"project": OTHER_PROJECT}
    released.keep(MONTH, "2022-02", elsewhere).keep(QUARTER, "2022-Q1", elsewhere).keep(QUARTER, "2022-Q2", OWN)

    assert released.step(asked(MONTH, "2022-02", OWN)) is None


def test_longer_period_that_is_not_released_is_no_step(released: Released) -> None:
    released.keep(MONTH, "2022-02", OWN)

    assert released.step(asked(MONTH, "2022-02", CODE)) == Step(asked(MONTH, "2022-02", OWN), 1)


def test_protected_cells_that_lie_in_a_published_one_are_counted(released: Released) -> None:
    for month in ("2022-02", "2022-03", "2022-04"):
        released.keep(MONTH, month, {**OWN, "pseudocode": LATER_PSEUDOCODE} if month == "2022-03" else {})
    released.keep(QUARTER, "2022-Q1", CODE, {**OWN, "pseudocode": LATER_PSEUDOCODE}).keep(QUARTER, "2022-Q2")
    question = grouped(MONTH, "2022-02", "2022-04", "pseudocode", "month", **OWN)

    found = released.step(question)

    # both of February and one of March; April lies in a quarter that publishes neither
    assert found == Step(grouped(QUARTER, "2022-Q1", "2022-Q2", "pseudocode", "quarter", **OWN), 3)


def test_step_of_an_open_span_stays_open(released: Released) -> None:
    released.keep(MONTH, "2022-02").keep(QUARTER, "2022-Q1", CODE)

    found = released.step(grouped(MONTH, None, None, "month", "pseudocode", **OWN))

    assert found == Step(grouped(QUARTER, None, None, "quarter", "pseudocode", **OWN), 1)


@pytest.mark.parametrize(
    ("quarters", "span"),
    [
        (["2022-Q1"], ("2022-Q1", "2022-Q1")),
        (["2022-Q1", "2022-Q2"], ("2022-Q1", "2022-Q2")),
        (["2022-Q1", "2022-Q3"], None),
        (["2022-Q2", "2022-Q3"], None),
        ([], None),
    ],
    ids=["the second is not yet", "the third is not yet", "a gap", "not where it would help", "none is yet"],
)
def test_step_asks_for_released_periods_alone(
    released: Released, quarters: list[str], span: tuple[str, str] | None
) -> None:
    for month in ("2022-03", "2022-04", "2022-05", "2022-06", "2022-07"):
        released.keep(MONTH, month)
    for quarter in quarters:
        released.keep(QUARTER, quarter, *([CODE] if quarter == "2022-Q1" else []))

    found = released.step(grouped(MONTH, "2022-03", "2022-07", "month", **CODE))

    assert found == (None if span is None else Step(grouped(QUARTER, *span, "quarter", **CODE), 1))


@pytest.mark.parametrize(("first", "last"), [("2022-02", None), (None, "2022-02")])
def test_step_of_a_span_that_is_open_at_one_end_is_not(released: Released, first: str | None, last: str | None) -> None:
    released.keep(MONTH, "2022-02").keep(QUARTER, "2022-Q1", CODE)

    found = released.step(grouped(MONTH, first, last, "month", **CODE))

    assert found == Step(grouped(QUARTER, "2022-Q1", "2022-Q1", "quarter", **CODE), 1)


def test_question_about_an_insurer_s_members_stays_with_them_whoever_asks(released: Released) -> None:
    own = {**CODE, "insurer": "100"}
    released.keep(MONTH, "2022-02", CODE).keep(QUARTER, "2022-Q1", own)

    found = released.step(asked(MONTH, "2022-02", own), a_caller(Role.INSURER))

    assert found == Step(asked(QUARTER, "2022-Q1", own), 1)
    assert released.step(asked(MONTH, "2022-02", own)) == found


def test_own_coordinator_never_steps_to_all_projects(released: Released) -> None:
    released.keep(MONTH, "2022-02", {"pseudocode": PSEUDOCODE}, {})

    assert released.step(asked(MONTH, "2022-02", CODE), COORDINATOR) is None
    assert released.step(asked(MONTH, "2022-02", CODE)) is not None


def test_own_coordinator_steps_within_the_project(released: Released) -> None:
    released.keep(MONTH, "2022-02", OWN)

    assert released.step(asked(MONTH, "2022-02", CODE), COORDINATOR) == Step(asked(MONTH, "2022-02", OWN), 1)


def test_step_of_a_convention_keeps_its_project(released: Released) -> None:
    released.keep(CONVENTION, PROJECT, OWN)

    assert released.step(asked(CONVENTION, PROJECT, CODE)) == Step(asked(CONVENTION, PROJECT, OWN), 1)
    assert released.step(asked(CONVENTION, PROJECT, OWN)) is None


def test_inclusion_measures_step_over_their_own_periods(released: Released) -> None:
    released.keep(QUARTER, "2022-Q1", measure=Measure.INCLUDED).keep(YEAR, "2022", OWN, measure=Measure.INCLUDED)
    released.keep(MONTH, "2022-02", measure=Measure.JOINED).keep(QUARTER, "2022-Q2", OWN)

    included = released.step(asked(QUARTER, "2022-Q1", OWN, measure=Measure.INCLUDED))

    assert included == Step(asked(YEAR, "2022", OWN, measure=Measure.INCLUDED), 1)
    assert released.step(asked(MONTH, "2022-02", OWN, measure=Measure.JOINED)) is None


def test_step_can_be_asked_and_shows_what_it_says(released: Released) -> None:
    released.keep(MONTH, "2022-02").keep(QUARTER, "2022-Q1", CODE)
    step = released.step(asked(MONTH, "2022-02", OWN, "pseudocode"))
    assert step is not None

    answer = released.desk.ask(POLICY_MAKER, get_aggregates, step.question)

    assert [one.named["pseudocode"] for one in answer.cells if one.row is not None] == [PSEUDOCODE]
    assert step.shown == 1
