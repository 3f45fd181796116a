"""Disclosure control: each rule alone, labels, values, margins; and what holds for every cell and key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.disclosure import (
    Dims,
    ExactCell,
    ProtectedCell,
    protect,
    protect_inclusions,
    sigma,
    within_noise,
)
from gateway.domain.lattice import Measure, PeriodKind, nodes
from gateway.domain.noise import grid, reach, thresholds

DIMS: Dims = (("month", "2022-02"), ("project", "demo-nord"), ("pseudocode", "794010"))
CELL = ExactCell(
    dims=DIMS,
    beneficiaries=40,
    actions=80,
    providers=8,
    largest=20,
    second=10,
    largest_beneficiaries=10,
    cap=2,
    all_pseudocodes=60,
    valid=100,
)
MONTH, QUARTER, YEAR, CONVENTION = PeriodKind


def uniform_for(noise: int, spread: Fraction) -> int:
    """The lowest uniform that draws this noise."""
    j = grid(spread)
    return (0, *thresholds(j))[noise + reach(j)]


def noises(**wanted: tuple[int, Fraction]) -> Callable[[str], int]:
    """A key that draws 0 for every label but those of `measure_audience`."""

    def uniform(label: str) -> int:
        _, _, measure, audience, *_ = label.split("|")
        noise, spread = wanted.get(f"{measure}_{audience}", (0, Fraction(1)))
        return uniform_for(noise, spread) if noise else 2**63

    return uniform


def written_to(labels: list[str]) -> Callable[[str], int]:
    """A key that draws 0 and writes down every label it is asked for."""

    def uniform(label: str) -> int:
        labels.append(label)
        return 2**63

    return uniform


def shown(cell: ExactCell, **wanted: tuple[int, Fraction]) -> dict[str, ProtectedCell]:
    return {one.audience: one for one in protect(cell, release_id="r", uniform=noises(**wanted))}


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


def test_a_cell_with_fewer_than_ten_beneficiaries_is_protected_by_rule_1_alone() -> None:
    nine = replace(CELL, beneficiaries=9)

    assert not shown(nine, beneficiaries_own=(6, Fraction(3)))
    assert set(shown(replace(nine, beneficiaries=10), beneficiaries_own=(5, Fraction(3)))) == {"own", "general"}


@pytest.mark.parametrize(
    ("all_pseudocodes", "valid", "n2", "published"),
    [
        (45, 100, 0, True),  # 5 others >= 4.5
        (44, 100, 0, False),  # 4 others < 4.4
        (44, 100, 1, True),
        (60, 44, 0, False),
        (60, 45, 0, True),
        (45, 100, -1, False),  # one n2 for both
        (60, 45, -1, False),
    ],
)
def test_a_homogeneous_cell_is_protected_by_rule_2_alone(
    all_pseudocodes: int, valid: int, n2: int, published: bool
) -> None:
    cell = replace(CELL, all_pseudocodes=all_pseudocodes, valid=valid)

    assert bool(shown(cell, n2_both=(n2, Fraction(3, 4)))) is published


@pytest.mark.parametrize(
    ("beneficiaries", "valid", "published"),
    [
        (245, 250, True),  # min(250, 50) / 10 = 5
        (246, 250, False),
        (290, 290, False),  # min(290, 10) / 10 = 1
        (289, 290, True),
        (300, 300, True),  # from 300 on everybody may have had it
        (400, 400, True),
    ],
)
def test_a_large_group_needs_fewer_others(beneficiaries: int, valid: int, published: bool) -> None:
    cell = replace(CELL, beneficiaries=beneficiaries, actions=1000, all_pseudocodes=5000, valid=valid)

    assert bool(shown(cell)) is published


def test_a_cell_of_all_pseudocodes_is_compared_with_the_included_alone() -> None:
    dims = (("month", "2022-02"), ("project", "demo-nord"))
    cell = replace(CELL, dims=dims, all_pseudocodes=None, valid=45)

    assert set(shown(cell)) == {"own", "general"}
    assert not shown(replace(cell, valid=44))


@pytest.mark.parametrize(
    ("beneficiaries", "noise", "published"),
    [(14, 0, False), (15, 0, True), (15, -1, False), (10, 4, False), (10, 5, True)],  # 10 + 1.5 x 3 = 14.5
)
def test_an_own_value_near_ten_is_protected_by_rule_3_alone(beneficiaries: int, noise: int, published: bool) -> None:
    cell = replace(CELL, beneficiaries=beneficiaries)

    assert bool(shown(cell, beneficiaries_own=(noise, Fraction(3)))) is published


def test_rule_3_looks_at_the_own_value_and_not_at_the_general_one() -> None:
    cell = replace(CELL, beneficiaries=15, largest_beneficiaries=15)

    seen = shown(cell, beneficiaries_general=(-4, Fraction(3, 2)))

    assert (seen["own"].beneficiaries, seen["general"].beneficiaries) == (15, 11)


@pytest.mark.parametrize(
    ("actions", "n4", "audiences"),
    [
        (37, 0, {"own", "general"}),  # 37 - 20 - 10 - 4 = 3 = C sigma / 2
        (36, 0, {"own"}),
        (36, 1, {"own", "general"}),
        (37, -1, {"own"}),
    ],
)
def test_a_cell_dominated_by_two_providers_is_for_the_own_coordinator_by_rule_4_alone(
    actions: int, n4: int, audiences: set[str]
) -> None:
    cell = replace(CELL, beneficiaries=20, actions=actions)

    assert set(shown(cell, n4_both=(n4, Fraction(3, 2)))) == audiences


def test_a_dominated_cell_of_all_projects_is_for_nobody() -> None:
    dims = (("month", "2022-02"), ("pseudocode", "794010"))
    cell = replace(CELL, dims=dims)

    assert set(shown(cell)) == {"general"}
    assert not shown(replace(cell, largest=60))


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


def test_a_cell_without_known_providers_has_no_second_noise() -> None:
    cell = replace(CELL, largest=0, second=0, largest_beneficiaries=0)

    seen = protect(cell, release_id="r", uniform=lambda label: 0 if "general" in label else 2**63)

    assert [(one.beneficiaries, one.actions) for one in seen] == [(40, 80), (40, 80)]


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
        f"v1|0198-a|n2|both|{cell}",
        f"v1|0198-a|n4|both|{cell}",
        f"v1|0198-a|providers|both|{cell}",
    ]


def test_the_label_of_an_inclusion_measure_names_it() -> None:
    labels: list[str] = []

    for measure in (Measure.JOINED, Measure.LEFT):
        protect_inclusions((("month", "2022-02"),), measure, 40, release_id="r", uniform=written_to(labels))

    assert labels == ["v1|r|joined|own|month=2022-02", "v1|r|left|own|month=2022-02"]


@pytest.mark.parametrize(
    ("beneficiaries", "noise", "published"),
    [(9, 6, False), (10, 5, True), (10, 4, False), (14, 0, False), (15, 0, True), (0, 19, False)],
)
def test_inclusion_measures_obey_rules_1_and_3(beneficiaries: int, noise: int, published: bool) -> None:
    dims = (("month", "2022-02"), ("project", "demo-nord"))

    seen = protect_inclusions(
        dims, Measure.JOINED, beneficiaries, release_id="r", uniform=noises(joined_own=(noise, Fraction(3)))
    )

    value = beneficiaries + noise
    expected = [
        ProtectedCell(dims, "own", value, None, None, 6, None),
        ProtectedCell(dims, "general", value, None, None, 6, None),
    ]
    assert seen == (expected if published else [])


def test_inclusion_measures_of_all_projects_have_no_own_value() -> None:
    seen = protect_inclusions((("year", "2022"),), Measure.INCLUDED, 200, release_id="r", uniform=lambda _: 2**63)

    assert seen == [ProtectedCell((("year", "2022"),), "general", 200, None, None, 34, None)]


@pytest.mark.parametrize(
    "dims",
    [
        (),
        (("project", "demo-nord"),),
        (("month", "2022-02"), ("year", "2022")),
        (("project", "demo-nord"), ("month", "2022-02")),
        (("month", "2022-02"), ("month", "2022-03")),
        (("month", "2022-02"), ("project", "a|b")),
        (("month", "2022-02"), ("project", "a=b")),
    ],
)
def test_a_cell_has_one_period_and_sorted_dimensions(dims: Dims) -> None:
    with pytest.raises(ValueError, match="one period and sorted"):
        replace(CELL, dims=dims)
    with pytest.raises(ValueError, match="one period and sorted"):
        protect_inclusions(dims, Measure.JOINED, 40, release_id="r", uniform=lambda _: 2**63)


def test_a_cell_of_one_pseudocode_cannot_forget_the_others() -> None:
    with pytest.raises(ValueError, match="all_pseudocodes"):
        replace(CELL, all_pseudocodes=None)
    with pytest.raises(ValueError, match="all_pseudocodes"):
        replace(CELL, dims=(("month", "2022-02"),))


@pytest.mark.parametrize(
    ("first", "second", "spread", "within"),
    [
        (40, 48, Fraction(3), True),  # 2 sqrt(2) x 3 = 8.49
        (40, 49, Fraction(3), False),
        (49, 40, Fraction(3), False),
        (40, 40, Fraction(3), True),
        (100, 116, Fraction(6), True),  # 16.97
        (100, 117, Fraction(6), False),
    ],
)
def test_a_change_is_real_from_two_sigmas_of_a_difference(
    first: int, second: int, spread: Fraction, within: bool
) -> None:
    assert within_noise(first, second, spread) is within


def keyed(key: int) -> Callable[[str], int]:
    return lambda label: int.from_bytes(sha256(f"{key}|{label}".encode()).digest()[:8], "big")


VALUES = {
    **{"month": "2022-02", "quarter": "2022-Q1", "year": "2022", "convention": "demo-nord", "project": "demo-nord"},
    **{"pseudocode": "794010", "component": "3", "profession": "nurse", "insurer": "100", "age_band": "85+"},
    **{"sex": "F", "district": "25", "municipality": "25112"},
}
NODES = [node for kind in PeriodKind for node in nodes(kind, Measure.ACTIONS)]


@st.composite
def cells(draw: st.DrawFn) -> ExactCell:
    node = draw(st.sampled_from(NODES))
    beneficiaries = draw(st.integers(0, 200))
    actions = draw(st.integers(beneficiaries, 2 * beneficiaries))
    largest = draw(st.integers(0, actions))
    everybody = beneficiaries + draw(st.integers(0, 200))
    return ExactCell(
        dims=tuple(sorted((name, VALUES[name]) for name in (node.period.value, *node.dims))),
        beneficiaries=beneficiaries,
        actions=actions,
        providers=draw(st.integers(0, 30)),
        largest=largest,
        second=draw(st.integers(0, min(largest, actions - largest))),
        largest_beneficiaries=draw(st.integers(0, min(largest, beneficiaries))),
        cap=2,
        all_pseudocodes=everybody if {"pseudocode", "component"} & set(node.dims) else None,
        valid=everybody + draw(st.integers(0, 200)),
    )


@settings(deadline=None, max_examples=300)
@given(cells(), st.integers(0, 10**9))
def test_what_holds_for_every_cell_and_key(cell: ExactCell, key: int) -> None:
    seen = protect(cell, release_id="r", uniform=keyed(key))

    assert protect(cell, release_id="r", uniform=keyed(key)) == seen
    audiences = [one.audience for one in seen]
    assert audiences in ([[], ["own"], ["own", "general"]] if "project" in dict(cell.dims) else [[], ["general"]])
    assert cell.beneficiaries >= 10 or not seen
    for one in seen:
        assert one.actions is not None
        assert 1 <= one.beneficiaries <= one.actions
        assert one.margin_actions is not None
        assert 0 < one.margin_beneficiaries <= one.margin_actions


@settings(deadline=None)
@given(st.integers(0, 9), st.integers(0, 2**64 - 1))
def test_fewer_than_ten_are_never_published_whatever_the_key(beneficiaries: int, uniform: int) -> None:
    cell = replace(CELL, beneficiaries=beneficiaries, all_pseudocodes=1000, valid=1000)

    assert protect(cell, release_id="r", uniform=lambda _: uniform) == []
    dims = (("month", "2022-02"),)
    assert protect_inclusions(dims, Measure.LEFT, beneficiaries, release_id="r", uniform=lambda _: uniform) == []
