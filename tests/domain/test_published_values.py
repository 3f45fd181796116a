"""Disclosure control: the values of a published cell, their draws, labels, margins, copies and changes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from gateway.domain.disclosure import Change, ProtectedCell, change, copied, protect, protect_inclusions, sigma
from gateway.domain.lattice import Dims, Measure, PeriodKind
from tests.domain.cells import CELL, DIMS, shown, written_to

MONTH, QUARTER, YEAR, CONVENTION = PeriodKind


@pytest.mark.parametrize(
    ("period", "dims", "measure", "expected"),
    [
        (MONTH, ["project", "pseudocode"], Measure.ACTIONS, "3"),
        (MONTH, ["project"], Measure.ACTIONS, "6"),
        (MONTH, ["pseudocode"], Measure.ACTIONS, "6"),
        (MONTH, [], Measure.ACTIONS, "12"),
        (MONTH, ["project", "pseudocode", "sex"], Measure.ACTIONS, "6.5"),
        (MONTH, ["district"], Measure.ACTIONS, "26"),
        (QUARTER, ["project", "pseudocode"], Measure.ACTIONS, "3.75"),
        (QUARTER, ["project", "component"], Measure.ACTIONS, "3.75"),
        (QUARTER, ["component"], Measure.ACTIONS, "7.5"),
        (QUARTER, ["project", "pseudocode", "sex", "insurer"], Measure.ACTIONS, "8.125"),
        (YEAR, ["project", "pseudocode"], Measure.ACTIONS, "4.5"),
        (YEAR, ["municipality", "sex"], Measure.ACTIONS, "39"),
        (CONVENTION, ["project", "pseudocode"], Measure.ACTIONS, "4.5"),
        (CONVENTION, ["project"], Measure.ACTIONS, "9"),
        (MONTH, ["project"], Measure.JOINED, "3"),
        (MONTH, [], Measure.LEFT, "6"),
        (QUARTER, ["project", "age_band"], Measure.INCLUDED, "8.125"),
        (YEAR, [], Measure.INCLUDED, "9"),
    ],
)
def test_sigma(period: PeriodKind, dims: list[str], measure: Measure, expected: str) -> None:
    assert sigma(period, dims, measure) == Fraction(expected)


def test_a_cell_without_noise_shows_itself_to_both_audiences() -> None:
    assert protect(CELL, release_id="r", uniform=lambda _: 2**63) == [
        ProtectedCell(DIMS, "own", 40, 80, "6-10", 6, 12),
        ProtectedCell(DIMS, "general", 40, 80, 8, 7, 14),  # 17 % of 40 is 6.8, of 80 is 13.6
    ]


def test_both_values_share_the_own_draw_and_the_general_one_has_a_second() -> None:
    seen = shown(
        CELL,
        beneficiaries_own=(-4, Fraction(3)),
        beneficiaries_general=(2, Fraction(1)),
        actions_own=(9, Fraction(6)),
        actions_general=(-5, Fraction(2)),
    )

    assert (seen["own"].beneficiaries, seen["own"].actions) == (36, 89)
    assert (seen["general"].beneficiaries, seen["general"].actions) == (38, 84)


def test_there_are_never_fewer_actions_than_beneficiaries_for_each_audience() -> None:
    seen = shown(replace(CELL, actions=50), actions_own=(-15, Fraction(6)), beneficiaries_general=(5, Fraction(1)))

    assert (seen["own"].beneficiaries, seen["own"].actions) == (40, 40)
    assert (seen["general"].beneficiaries, seen["general"].actions) == (45, 45)


def test_outsiders_see_at_least_one_beneficiary_and_one_provider() -> None:
    cell = replace(CELL, beneficiaries=30, providers=2, largest_beneficiaries=30)

    seen = shown(
        cell,
        beneficiaries_own=(-15, Fraction(3)),
        beneficiaries_general=(-18, Fraction(3)),
        providers_both=(-6, Fraction(3)),
    )

    assert (seen["own"].beneficiaries, seen["own"].providers) == (15, "1-2")
    assert (seen["general"].beneficiaries, seen["general"].providers) == (1, 1)


@pytest.mark.parametrize(("largest", "reach"), [(0, 6), (10, 6), (20, 13), (40, 26)])
def test_the_second_draw_is_a_tenth_of_the_largest_provider_and_at_least_one(largest: int, reach: int) -> None:
    cell = replace(CELL, actions=400, largest=largest, second=0, largest_beneficiaries=largest)

    own, general = protect(cell, release_id="r", uniform=lambda label: 0 if "general" in label else 2**63)

    assert (own.beneficiaries, own.actions) == (40, 400)
    assert (general.beneficiaries, general.actions) == (40 - reach, 400 - reach)


@pytest.mark.parametrize(
    "dims",
    [
        (("month", "2022-02"), ("project", "demo-nord"), ("pseudocode", "794010"), ("sex", "F")),
        (("component", "3"), ("project", "demo-nord"), ("quarter", "2022-Q1")),
    ],
)
def test_no_providers_with_an_optional_dimension_or_for_a_component(dims: Dims) -> None:
    seen = shown(replace(CELL, dims=dims))

    assert [one.providers for one in seen.values()] == [None, None]


def test_margins_are_rounded_up_and_those_of_outsiders_are_the_larger_of_two() -> None:
    dims = (("project", "demo-nord"), ("pseudocode", "794010"), ("quarter", "2022-Q1"), ("sex", "F"))

    seen = shown(replace(CELL, dims=dims, actions=400))  # sigma 8.125

    assert (seen["own"].margin_beneficiaries, seen["own"].margin_actions) == (17, 33)
    assert (seen["general"].margin_beneficiaries, seen["general"].margin_actions) == (17, 68)


def test_labels_of_a_cell_of_actions() -> None:
    labels: list[str] = []

    protect(CELL, release_id="0198-a", uniform=written_to(labels))

    cell = "month=2022-02|project=demo-nord|pseudocode=794010"
    assert sorted(labels) == [
        f"v1|0198-a|actions|general|{cell}",
        f"v1|0198-a|actions|own|{cell}",
        f"v1|0198-a|beneficiaries|general|{cell}",
        f"v1|0198-a|beneficiaries|own|{cell}",
        f"v1|0198-a|n1|both|{cell}",
        f"v1|0198-a|n2|both|{cell}",
        f"v1|0198-a|n4|both|{cell}",
        f"v1|0198-a|providers|both|{cell}",
    ]


def test_the_label_of_an_inclusion_measure_names_it() -> None:
    labels: list[str] = []

    for measure in (Measure.JOINED, Measure.LEFT):
        protect_inclusions((("month", "2022-02"),), measure, 40, release_id="r", uniform=written_to(labels))

    assert labels == [
        f"v1|r|{draw}|month=2022-02" for draw in ("n1-joined|both", "joined|own", "n1-left|both", "left|own")
    ]


def test_inclusion_measures_of_all_projects_have_no_own_value() -> None:
    seen = protect_inclusions((("year", "2022"),), Measure.INCLUDED, 200, release_id="r", uniform=lambda _: 2**63)

    assert seen == [ProtectedCell((("year", "2022"),), "general", 200, None, None, 34, None)]


@pytest.mark.parametrize(
    "traits", [("project", "pseudocode", "age_group"), ("project", "pseudocode", "age_group", "sex")]
)
def test_rung_of_extracts_has_the_noise_of_an_optional_dimension(traits: tuple[str, ...]) -> None:
    assert sigma(YEAR, traits) == Fraction("9.75")


def test_copy_has_the_numbers_of_its_pseudocode_under_the_name_of_its_component() -> None:
    dims = (("project", "demo-nord"), ("pseudocode", "794010"), ("quarter", "2022-Q1"))
    cells = [
        ProtectedCell(dims, "own", 40, 80, "6-10", 8, 15),
        ProtectedCell(dims, "general", 41, 82, 8, 8, 15),
    ]

    copies = copied(cells, "3")

    named = (("component", "3"), ("project", "demo-nord"), ("quarter", "2022-Q1"))
    assert copies == [
        ProtectedCell(named, "own", 40, 80, None, 8, 15),
        ProtectedCell(named, "general", 41, 82, None, 8, 15),
    ]


def test_there_is_no_copy_of_a_protected_cell() -> None:
    assert copied([], "3") == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((40, 6), (48, 6), Change(8, is_real=False)),  # 8.49, two sigma of both
        ((40, 6), (49, 6), Change(9, is_real=True)),
        ((49, 6), (40, 6), Change(-9, is_real=True)),
        ((48, 6), (40, 6), Change(-8, is_real=False)),
        ((40, 6), (40, 6), Change(0, is_real=False)),
        ((100, 12), (116, 12), Change(16, is_real=False)),  # 16.97
        ((100, 12), (117, 12), Change(17, is_real=True)),
        ((40, 6), (50, 8), Change(10, is_real=False)),  # margins that differ: exactly 10
        ((40, 6), (51, 8), Change(11, is_real=True)),
        ((50, 8), (40, 6), Change(-10, is_real=False)),
    ],
)
def test_change_is_real_beyond_what_the_noise_of_both_values_explains(
    before: tuple[int, int], after: tuple[int, int], expected: Change
) -> None:
    assert change(*before, *after) == expected
