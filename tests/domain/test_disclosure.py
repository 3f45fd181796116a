"""Disclosure control: what is published, each rule alone; and what holds for every cell and key."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.disclosure import ExactCell, ProtectedCell, is_too_small, protect, protect_inclusions
from gateway.domain.ladder import rung_nodes
from gateway.domain.lattice import Dims, Measure, PeriodKind, nodes
from tests.domain.cells import CELL, keyed, noises, shown


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


VALUES = {
    **{"month": "2022-02", "quarter": "2022-Q1", "year": "2022", "convention": "demo-nord", "project": "demo-nord"},
    **{"pseudocode": "794010", "component": "3", "profession": "nurse", "insurer": "100", "age_band": "85+"},
    **{"sex": "F", "district": "25", "municipality": "25112", "age_group": "75+"},
}
NODES = [node for kind in PeriodKind for node in (*nodes(kind, Measure.ACTIONS), *rung_nodes(kind, Measure.ACTIONS))]


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


@pytest.mark.parametrize(
    ("beneficiaries", "noise", "small"),
    [(9, 0, True), (10, 0, False), (10, 1, True), (10, -1, True), (11, -1, False), (12, 3, True), (40, 30, False)],
)
def test_rule_1_is_ten_and_only_ever_rises(beneficiaries: int, noise: int, small: bool) -> None:
    assert is_too_small(beneficiaries, noise) is small
