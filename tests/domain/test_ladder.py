"""The ladder of extracts: its rungs, what a close draws for it, and when a record may be published."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gateway.domain.disclosure import sigma
from gateway.domain.ladder import LADDER, Recipient, fewest_own, is_covered, rung_nodes, rungs_of
from gateway.domain.lattice import CODES, DIMENSIONS, Measure, PeriodKind, nodes

MONTH, QUARTER, YEAR, CONVENTION = PeriodKind
INSURER, POLICY = Recipient


def test_rungs_are_those_of_the_page() -> None:
    assert [(rung.name, rung.period.value, *rung.traits) for rung in LADDER] == [
        ("R1", "quarter", "district", "age_group", "sex"),
        ("R2", "quarter", "age_group", "sex"),
        ("R3", "quarter", "sex"),
        ("R4", "quarter"),
        ("R5", "year", "age_group", "sex"),
        ("R6", "year"),
        ("R7", "convention"),
    ]


@pytest.mark.parametrize(
    ("kind", "names"), [(MONTH, []), (QUARTER, ["R1", "R2", "R3", "R4"]), (YEAR, ["R5", "R6"]), (CONVENTION, ["R7"])]
)
def test_rungs_over_a_kind_of_period_are_finest_first(kind: PeriodKind, names: list[str]) -> None:
    assert [rung.name for rung in rungs_of(kind)] == names


def test_rungs_of_one_kind_of_period_lose_traits_downwards() -> None:
    for kind in PeriodKind:
        for finer, coarser in pairwise(rungs_of(kind)):
            assert set(coarser.traits) < set(finer.traits)


@pytest.mark.parametrize(
    ("recipient", "dims", "class_dims"),
    [
        (INSURER, ("project", "pseudocode", "insurer", "age_group", "sex"), ("project", "insurer", "age_group", "sex")),
        (POLICY, ("project", "pseudocode", "age_group", "sex"), ("project", "age_group", "sex")),
    ],
)
def test_record_of_an_insurer_names_the_insurer_and_no_other_does(
    recipient: Recipient, dims: tuple[str, ...], class_dims: tuple[str, ...]
) -> None:
    rung = LADDER[1]

    assert (rung.dims(recipient), rung.class_dims(recipient)) == (dims, class_dims)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (MONTH, set()),
        (
            QUARTER,
            {
                ("project", "pseudocode", "insurer", "sex", "district", "age_group"),
                ("project", "pseudocode", "sex", "district", "age_group"),
                ("project", "pseudocode", "insurer", "sex", "age_group"),
                ("project", "pseudocode", "sex", "age_group"),
            },
        ),
        (
            YEAR,
            {("project", "pseudocode", "insurer", "sex", "age_group"), ("project", "pseudocode", "sex", "age_group")},
        ),
        (CONVENTION, set()),
    ],
)
def test_close_draws_for_extracts_what_the_lattice_does_not_hold(
    kind: PeriodKind, expected: set[tuple[str, ...]]
) -> None:
    found = rung_nodes(kind, Measure.ACTIONS)

    assert {node.dims for node in found} == expected
    assert len(found) == len(expected)
    assert all(node.period is kind for node in found)


@pytest.mark.parametrize("kind", PeriodKind)
def test_every_rung_is_drawn_once_as_a_node_or_for_extracts(kind: PeriodKind) -> None:
    drawn = [frozenset(node.dims) for node in (*nodes(kind, Measure.ACTIONS), *rung_nodes(kind, Measure.ACTIONS))]

    wanted = {frozenset(rung.dims(recipient)) for rung in rungs_of(kind) for recipient in Recipient}

    assert wanted <= set(drawn)
    assert len(drawn) == len(set(drawn))


@pytest.mark.parametrize("measure", [Measure.JOINED, Measure.LEFT, Measure.INCLUDED])
@pytest.mark.parametrize("kind", PeriodKind)
def test_inclusion_measures_have_no_extract(kind: PeriodKind, measure: Measure) -> None:
    assert rung_nodes(kind, measure) == ()


def test_band_of_extracts_is_in_no_question() -> None:
    assert "age_group" in CODES
    assert "age_group" not in DIMENSIONS


@pytest.mark.parametrize(
    ("kind", "dims", "lowest"),
    [
        (QUARTER, ("project", "pseudocode"), 18),  # 10 + 2 x 3.75 = 17.5
        (YEAR, ("project", "pseudocode"), 19),
        (CONVENTION, ("project", "pseudocode"), 19),
        (QUARTER, ("project", "pseudocode", "sex", "age_group"), 27),  # 10 + 2 x 8.125 = 26.25
        (YEAR, ("project", "pseudocode", "insurer", "sex", "age_group"), 30),  # 10 + 2 x 9.75 = 29.5
    ],
)
def test_record_lies_two_sigma_above_ten(kind: PeriodKind, dims: tuple[str, ...], lowest: int) -> None:
    assert fewest_own(kind, dims) == lowest
    assert lowest - 1 < 10 + 2 * sigma(kind, dims) <= lowest


@pytest.mark.parametrize(
    ("records", "parent", "covered"),
    [(85, 100, True), (84, 100, False), (17, 20, True), (169, 200, False), (120, 100, True), (0, 1, False)],
)
def test_rung_is_covered_from_eighty_five_percent_on(records: int, parent: int, covered: bool) -> None:
    assert is_covered(records, parent) is covered
