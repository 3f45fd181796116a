"""Lattice v1: which nodes exist, what is refused and by which name, and the four kinds of period."""

from __future__ import annotations

from datetime import date
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import NotInLattice
from gateway.domain.lattice import (
    CODES,
    DIMENSIONS,
    DISTRICTS,
    OPTIONAL,
    Measure,
    Period,
    PeriodKind,
    cell_dims,
    check_in_lattice,
    coarser,
    is_declared,
    longer,
    measures_of,
    nodes,
    periods_between,
)

MONTH, QUARTER, YEAR, CONVENTION = PeriodKind
ACTIONS, JOINED, LEFT, INCLUDED = Measure


@pytest.mark.parametrize(
    ("period", "measure", "count"),
    [
        # {project | all} x {pseudocode | all} x optional, and {project | all} x component
        (MONTH, ACTIONS, 4 * (1 + 5)),
        (QUARTER, ACTIONS, 4 * (1 + 5 + 10) + 2),
        (YEAR, ACTIONS, 4 * (1 + 6 + 14) + 2),
        (CONVENTION, ACTIONS, 2 * (1 + 6 + 14) + 1),
        # {project | all} x optional without profession
        (MONTH, JOINED, 2 * (1 + 4)),
        (MONTH, LEFT, 2 * (1 + 4)),
        (MONTH, INCLUDED, 0),
        (QUARTER, INCLUDED, 2 * (1 + 4 + 6)),
        (YEAR, INCLUDED, 2 * (1 + 5 + 9)),
        (CONVENTION, INCLUDED, 0),
        (QUARTER, JOINED, 0),
        (YEAR, LEFT, 0),
    ],
)
def test_number_of_nodes(period: PeriodKind, measure: Measure, count: int) -> None:
    held = nodes(period, measure)

    assert len(held) == len(set(held)) == count
    assert all(node.period is period for node in held)


@pytest.mark.parametrize(
    ("period", "measure", "used", "named"),
    [
        (MONTH, ACTIONS, ["colour"], "colour"),
        (MONTH, ACTIONS, ["month"], "month"),
        (MONTH, ACTIONS, ["project", "colour", "beneficiary"], "beneficiary"),
        (MONTH, ACTIONS, ["pseudocode", "pseudocode"], "pseudocode"),
        (MONTH, ACTIONS, ["component"], "component"),
        (MONTH, ACTIONS, ["municipality"], "municipality"),
        (MONTH, ACTIONS, ["insurer", "sex"], "sex"),
        (MONTH, ACTIONS, ["sex", "insurer"], "sex"),
        (QUARTER, ACTIONS, ["municipality"], "municipality"),
        (QUARTER, ACTIONS, ["sex", "insurer", "profession"], "sex"),
        (QUARTER, ACTIONS, ["component", "pseudocode"], "component"),
        (QUARTER, ACTIONS, ["component", "sex"], "sex"),
        (YEAR, ACTIONS, ["municipality", "district"], "municipality"),
        (YEAR, ACTIONS, ["municipality", "sex", "insurer"], "municipality"),
        (CONVENTION, ACTIONS, ["pseudocode"], "convention"),
        (MONTH, JOINED, ["pseudocode"], "pseudocode"),
        (MONTH, LEFT, ["profession"], "profession"),
        (QUARTER, INCLUDED, ["component"], "component"),
        (QUARTER, JOINED, [], "quarter"),
        (MONTH, INCLUDED, [], "month"),
        (CONVENTION, INCLUDED, ["project"], "convention"),
    ],
)
def test_what_the_lattice_does_not_hold_is_refused_by_name(
    period: PeriodKind, measure: Measure, used: list[str], named: str
) -> None:
    with pytest.raises(NotInLattice) as refusal:
        check_in_lattice(period, used, measure)

    assert refusal.value.dimension == named
    assert type(refusal.value.dimension) is str


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("period", PeriodKind)
def test_check_holds_exactly_the_nodes(period: PeriodKind, measure: Measure) -> None:
    held = {frozenset(node.dims) for node in nodes(period, measure)}

    for dims in chain.from_iterable(combinations(DIMENSIONS, count) for count in range(5)):
        if frozenset(dims) in held:
            check_in_lattice(period, dims, measure)
        else:
            with pytest.raises(NotInLattice):
                check_in_lattice(period, dims, measure)


def test_measures_of_a_kind_of_period_have_those_of_inclusions_first() -> None:
    assert {kind: measures_of(kind) for kind in PeriodKind} == {
        MONTH: (JOINED, LEFT, ACTIONS),
        QUARTER: (INCLUDED, ACTIONS),
        YEAR: (INCLUDED, ACTIONS),
        CONVENTION: (ACTIONS,),
    }


@pytest.mark.parametrize(
    ("period", "dims", "measure", "expected"),
    [
        (MONTH, [], ACTIONS, {(QUARTER, ())}),
        (MONTH, ["project"], ACTIONS, {(QUARTER, ("project",)), (MONTH, ())}),
        (QUARTER, ["component"], ACTIONS, {(YEAR, ("component",)), (QUARTER, ())}),
        (YEAR, ["project", "pseudocode"], ACTIONS, {(YEAR, ("project",)), (YEAR, ("pseudocode",))}),
        (
            QUARTER,
            ["project", "insurer", "sex"],
            ACTIONS,
            {
                (YEAR, ("project", "insurer", "sex")),
                (QUARTER, ("insurer", "sex")),
                (QUARTER, ("project", "sex")),
                (QUARTER, ("project", "insurer")),
            },
        ),
        (CONVENTION, ["project"], ACTIONS, set()),  # never of all projects, and nothing is longer
        (CONVENTION, ["project", "sex"], ACTIONS, {(CONVENTION, ("project",))}),
        (MONTH, ["project"], JOINED, {(MONTH, ())}),  # not counted over quarters
        (QUARTER, ["sex"], INCLUDED, {(YEAR, ("sex",)), (QUARTER, ())}),
    ],
)
def test_coarser_nodes_are_one_step_away_and_in_the_lattice(
    period: PeriodKind, dims: list[str], measure: Measure, expected: set[tuple[PeriodKind, tuple[str, ...]]]
) -> None:
    found = coarser(period, dims, measure)

    assert {(node.period, node.dims) for node in found} == expected
    assert len(found) == len(expected)
    assert all(node in nodes(node.period, measure) for node in found)


@pytest.mark.parametrize(
    ("kind", "label", "expected"),
    [
        (MONTH, "2022-01", "2022-Q1"),
        (MONTH, "2022-03", "2022-Q1"),
        (MONTH, "2021-12", "2021-Q4"),
        (QUARTER, "2021-Q4", "2021"),
        (YEAR, "2022", None),
        (CONVENTION, "demo-nord", None),
    ],
)
def test_next_longer_period(kind: PeriodKind, label: str, expected: str | None) -> None:
    found = longer(Period(kind, label))

    assert (None if found is None else str(found)) == expected


@pytest.mark.parametrize(
    ("kind", "first", "second", "follows"),
    [
        (MONTH, "2022-02", "2022-03", True),
        (MONTH, "2021-12", "2022-01", True),
        (MONTH, "2022-02", "2022-04", False),
        (MONTH, "2022-03", "2022-02", False),
        (MONTH, "2022-02", "2022-02", False),
        (QUARTER, "2021-Q4", "2022-Q1", True),
        (QUARTER, "2021-Q4", "2022-Q2", False),
        (YEAR, "2021", "2022", True),
        (YEAR, "2021", "2023", False),
        (CONVENTION, "demo-nord", "demo-sud", False),
    ],
)
def test_period_is_before_the_one_that_follows_at_once(
    kind: PeriodKind, first: str, second: str, follows: bool
) -> None:
    assert Period(kind, first).is_before(Period(kind, second)) is follows


def test_name_of_a_cell_is_sorted_and_holds_its_period() -> None:
    named = {"sex": "F", "project": "demo-nord", "age_band": "85+"}

    assert cell_dims(Period(QUARTER, "2022-Q1"), named) == (
        ("age_band", "85+"),
        ("project", "demo-nord"),
        ("quarter", "2022-Q1"),
        ("sex", "F"),
    )


@pytest.mark.parametrize(
    ("dimension", "value", "declared"),
    [
        ("component", "14", True),
        ("component", "15", False),
        ("component", "01", False),
        ("profession", "nurse", True),
        ("profession", "Nurse", False),
        ("insurer", "900", True),
        ("insurer", "700", False),
        ("age_band", "85+", True),
        ("sex", "X", True),
        ("district", "25", True),
        ("district", "٢٥", False),
        ("municipality", "25112", True),
        ("municipality", "25112\n", False),
        ("project", "demo-nord", True),
        ("project", "Demo", False),
        ("pseudocode", "794010", True),
        ("month", "2022-02", False),
        ("age_group", "75+", True),
        ("age_group", "75-84", False),
    ],
)
def test_declared_values(dimension: str, value: str, declared: bool) -> None:
    assert is_declared(dimension, value) is declared


def test_code_lists() -> None:
    assert {name: len(codes) for name, codes in CODES.items()} == {
        "component": 14,
        "profession": 13,
        "insurer": 7,
        "age_band": 6,
        "sex": 3,
        "age_group": 3,
    }
    assert "age_group" not in DIMENSIONS
    assert len(set(DISTRICTS)) == 43
    assert set(OPTIONAL) < set(DIMENSIONS)


@pytest.mark.parametrize(
    ("kind", "label", "first", "last"),
    [
        ("month", "2022-02", date(2022, 2, 1), date(2022, 2, 28)),
        ("month", "2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("month", "2021-12", date(2021, 12, 1), date(2021, 12, 31)),
        ("month", "2999-12", date(2999, 12, 1), date(2999, 12, 31)),
        ("quarter", "2022-Q1", date(2022, 1, 1), date(2022, 3, 31)),
        ("quarter", "2022-Q4", date(2022, 10, 1), date(2022, 12, 31)),
        ("year", "2022", date(2022, 1, 1), date(2022, 12, 31)),
    ],
)
def test_days_of_a_period(kind: str, label: str, first: date, last: date) -> None:
    period = Period.parse(kind, label)

    assert (period.first, period.last, str(period)) == (first, last, label)
    assert Period.of(period.kind, first) == Period.of(period.kind, last) == period


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("month", "2022-13"),
        ("month", "2022-00"),
        ("month", "2022-2"),
        ("month", "2022-02 "),
        ("month", "2022-02\n"),
        ("month", "٢٠٢٢-02"),
        ("month", "1999-12"),
        ("month", "2022-Q1"),
        ("quarter", "2022-Q5"),
        ("quarter", "2022-q1"),
        ("year", "22"),
        ("year", ""),
        ("convention", "Demo"),
        ("convention", ""),
        ("convention", "a" * 41),
        ("week", "2022-W01"),
    ],
)
def test_ill_formed_periods(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Period.parse(kind, text)


def test_a_convention_has_the_days_it_brings() -> None:
    period = Period(CONVENTION, "demo-nord", (date(2021, 11, 15), date(2022, 1, 10)))

    assert (period.first, period.last) == (date(2021, 11, 15), date(2022, 1, 10))
    assert [str(month) for month in period.months()] == ["2021-11", "2021-12", "2022-01"]
    assert period == Period.parse("convention", "demo-nord")


def test_a_convention_known_by_its_project_alone_has_no_days() -> None:
    period = Period.parse("convention", "demo-nord")

    for days in (lambda: period.first, lambda: period.last, period.months):
        with pytest.raises(ValueError, match="its project's"):
            days()


def test_only_a_convention_brings_days() -> None:
    with pytest.raises(ValueError, match="only a convention"):
        Period(MONTH, "2022-02", (date(2022, 2, 1), date(2022, 2, 28)))


def test_no_day_names_a_convention_and_conventions_have_no_order() -> None:
    with pytest.raises(ValueError, match="does not name"):
        Period.of(CONVENTION, date(2022, 2, 1))
    with pytest.raises(ValueError, match="no order"):
        periods_between(CONVENTION, "demo-nord", "demo-sud")


@pytest.mark.parametrize(
    ("kind", "first", "last", "labels"),
    [
        (MONTH, "2021-11", "2022-02", ["2021-11", "2021-12", "2022-01", "2022-02"]),
        (MONTH, "2022-02", "2022-02", ["2022-02"]),
        (MONTH, "2022-03", "2022-02", []),
        (QUARTER, "2021-Q4", "2022-Q1", ["2021-Q4", "2022-Q1"]),
        (QUARTER, "2022-Q1", "2021-Q1", []),
        (YEAR, "2021", "2023", ["2021", "2022", "2023"]),
    ],
)
def test_periods_between_two_labels(kind: PeriodKind, first: str, last: str, labels: list[str]) -> None:
    assert [str(period) for period in periods_between(kind, first, last)] == labels


def test_months_of_a_year() -> None:
    assert Period(YEAR, "2022").months() == periods_between(MONTH, "2022-01", "2022-12")


@given(st.dates(date(2000, 1, 1), date(2999, 12, 31)), st.sampled_from([MONTH, QUARTER, YEAR]))
def test_a_period_holds_its_day_and_reads_back(day: date, kind: PeriodKind) -> None:
    period = Period.of(kind, day)

    assert period.first <= day <= period.last
    assert Period.parse(kind.value, str(period)) == period
    assert Period.of(MONTH, day) in period.months()
