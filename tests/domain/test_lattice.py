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
    OPTIONAL,
    RELEASED,
    WHOLE,
    Measure,
    Node,
    Period,
    PeriodKind,
    Subset,
    check_in_lattice,
    is_declared,
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
        check_in_lattice(period, used, measure, WHOLE)

    assert refusal.value.dimension == named
    assert type(refusal.value.dimension) is str


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("period", PeriodKind)
def test_check_holds_exactly_the_nodes(period: PeriodKind, measure: Measure) -> None:
    held = {frozenset(node.dims) for node in nodes(period, measure)}

    for dims in chain.from_iterable(combinations(DIMENSIONS, count) for count in range(5)):
        if frozenset(dims) in held:
            check_in_lattice(period, dims, measure, WHOLE)
        else:
            with pytest.raises(NotInLattice):
                check_in_lattice(period, dims, measure, WHOLE)


@pytest.mark.parametrize(
    ("period", "measure", "used", "named"),
    [
        (MONTH, ACTIONS, ["project", "sex"], "sex"),
        (MONTH, ACTIONS, ["district"], "district"),
        (YEAR, ACTIONS, ["project", "insurer", "municipality"], "insurer"),
        (QUARTER, ACTIONS, ["component"], "component"),
        (MONTH, JOINED, ["project", "sex"], "sex"),
        (YEAR, INCLUDED, ["district"], "district"),
    ],
)
def test_what_is_not_computed_today_is_refused_by_name(
    period: PeriodKind, measure: Measure, used: list[str], named: str
) -> None:
    check_in_lattice(period, used, measure, WHOLE)

    with pytest.raises(NotInLattice) as refusal:
        check_in_lattice(period, used, measure)

    assert refusal.value.dimension == named


def test_a_period_that_is_not_computed_today_is_refused_by_name() -> None:
    months = Subset(frozenset({MONTH}), RELEASED.measures, RELEASED.dims)

    with pytest.raises(NotInLattice) as refusal:
        check_in_lattice(YEAR, ["project"], ACTIONS, months)

    assert refusal.value.dimension == "year"
    assert nodes(YEAR, ACTIONS, months) == ()
    assert nodes(QUARTER, INCLUDED, months) == ()


def test_a_measure_that_is_not_computed_today_is_refused_by_name() -> None:
    actions = Subset(RELEASED.periods, frozenset({ACTIONS}), RELEASED.dims)

    with pytest.raises(NotInLattice) as refusal:
        check_in_lattice(MONTH, ["project"], JOINED, actions)

    assert refusal.value.dimension == "measure"
    assert nodes(MONTH, JOINED, actions) == ()


def test_measures_of_a_kind_of_period_have_those_of_inclusions_first() -> None:
    assert {kind: measures_of(kind) for kind in PeriodKind} == {
        MONTH: (JOINED, LEFT, ACTIONS),
        QUARTER: (INCLUDED, ACTIONS),
        YEAR: (INCLUDED, ACTIONS),
        CONVENTION: (ACTIONS,),
    }


@pytest.mark.parametrize(("period", "measure"), [(MONTH, JOINED), (MONTH, LEFT), (QUARTER, INCLUDED), (YEAR, INCLUDED)])
def test_inclusion_measures_are_computed_by_project_and_for_all(period: PeriodKind, measure: Measure) -> None:
    assert nodes(period, measure, RELEASED) == (Node(period, ()), Node(period, ("project",)))


def test_nodes_computed_today() -> None:
    assert nodes(CONVENTION, ACTIONS, RELEASED) == (
        Node(CONVENTION, ("project",)),
        Node(CONVENTION, ("project", "pseudocode")),
    )
    for node in nodes(MONTH, ACTIONS, RELEASED):
        check_in_lattice(node.period, node.dims, ACTIONS)


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
    }
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
