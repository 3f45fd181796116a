"""Which rung is taken, period by period, and what a record needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from gateway.domain.extract import (
    Checks,
    Choice,
    Closed,
    Ladder,
    Published,
    Record,
    choose_rung,
    is_within,
    may_be_shown,
    rung_of,
    whole_classes,
)
from gateway.domain.ladder import LADDER, Recipient, fewest_own
from gateway.domain.lattice import Period, PeriodKind
from tests.builders import PROJECT, day

QUARTER, YEAR, CONVENTION = PeriodKind.QUARTER, PeriodKind.YEAR, PeriodKind.CONVENTION
CODES = ("794010", "794021", "794032")
Q1, Q2 = Period(QUARTER, "2022-Q1"), Period(QUARTER, "2022-Q2")
WHOLE_YEAR = Period(YEAR, "2022")
WHOLE = Period(CONVENTION, PROJECT, (day("2021-09-01"), day("2022-12-31")))


def a_cell(beneficiaries: int = 60, actions: int = 100, own: int | None = None, **named: Any) -> Published:
    seen = beneficiaries if own is None else own
    return Published({"project": PROJECT, **named}, beneficiaries, actions, 8, 16, seen)


def a_class(actions: int = 100, codes: Sequence[str] = CODES, **named: Any) -> list[Published]:
    return [a_cell(actions=actions, pseudocode=code, **named) for code in codes]


def closed(period: Period, at: str = "2022-05-15T08:00:00Z", revision: int = 1) -> Closed:
    return Closed(f"actions-{period.kind}-{period.label}-{revision}", period, revision, at, (PROJECT,))


@pytest.mark.parametrize(
    ("kind", "actions", "parent", "rung", "coverage", "enough"),
    [
        (QUARTER, {"R1": 85, "R2": 90, "R3": 95, "R4": 99}, 100, "R1", "0.85", True),
        (QUARTER, {"R1": 84, "R2": 90, "R3": 95, "R4": 99}, 100, "R2", "0.9", True),
        (QUARTER, {"R1": 1, "R4": 86}, 100, "R4", "0.86", True),
        (QUARTER, {"R1": 84, "R2": 83, "R3": 20}, 100, "R3", "0.2", False),
        (QUARTER, {"R1": 40}, 100, "R1", "0.4", False),
        (QUARTER, {}, 100, None, "0", False),
        (QUARTER, {}, None, None, None, False),
        (QUARTER, {"R1": 100, "R4": 100}, None, "R4", None, False),
        (QUARTER, {"R2": 0, "R4": 0}, 100, None, "0", False),
        (YEAR, {"R5": 84, "R6": 85}, 100, "R6", "0.85", True),
        (YEAR, {"R5": 120, "R6": 85}, 100, "R5", "1.2", True),
        (CONVENTION, {"R7": 10}, 100, "R7", "0.1", False),
    ],
)
def test_rung_is_the_finest_that_covers_else_the_coarsest_that_publishes(
    kind: PeriodKind, actions: dict[str, int], parent: int | None, rung: str | None, coverage: str | None, enough: bool
) -> None:
    chosen = choose_rung(kind, actions, parent)

    assert chosen[0] is None if rung is None else chosen[0] is not None and chosen[0].name == rung
    assert chosen[1:] == (None if coverage is None else Fraction(coverage), enough)


@pytest.mark.parametrize(
    ("codes", "kept"), [(CODES, 3), (CODES[:2], 0), ((CODES[0],) * 3, 0), ((*CODES, "794999"), 4)], ids=str
)
def test_record_needs_three_distinct_pseudocodes_in_its_class(codes: Sequence[str], kept: int) -> None:
    found = whole_classes(a_class(codes=codes, sex="F"))

    assert len(found) == kept


def test_pseudocodes_of_another_class_do_not_count() -> None:
    cells = [*a_class(codes=CODES[:2], sex="F"), *a_class(codes=CODES[2:], sex="M")]

    assert whole_classes(cells) == []


@pytest.mark.parametrize(
    ("beneficiaries", "own", "shown"),
    [(27, 27, True), (40, 26, False), (27, None, False), (9, 60, False), (10, 60, True)],
)
def test_record_needs_an_own_value_two_sigma_above_ten_and_shows_at_least_ten(
    beneficiaries: int, own: int | None, shown: bool
) -> None:
    cell = Published({"project": PROJECT, "pseudocode": CODES[0], "sex": "F"}, beneficiaries, 100, 8, 16, own)

    assert may_be_shown(cell, fewest_own(QUARTER, cell.dims)) is shown


@pytest.mark.parametrize("recipient", Recipient)
@pytest.mark.parametrize("rung", LADDER, ids=lambda rung: rung.name)
def test_cell_is_on_the_rung_that_has_its_dimensions(rung: object, recipient: Recipient) -> None:
    named = next(one for one in LADDER if one is rung)

    assert rung_of([*reversed(named.dims(recipient))], named.period, recipient) is named
    assert rung_of(["project"], named.period, recipient) is None


@pytest.mark.parametrize(
    ("period", "first", "last", "within"),
    [
        (Q1, "2022-01", "2022-03", True),
        (Q1, "2022-01", "2022-02", False),
        (Q1, "2022-02", "2022-12", False),
        (WHOLE_YEAR, "2021-01", "2023-12", True),
        (WHOLE, "2021-09", "2022-12", True),
        (WHOLE, "2021-10", "2022-12", False),
        (WHOLE, "2021-01", "2022-11", False),
    ],
)
def test_period_belongs_when_it_lies_wholly_in_the_range(period: Period, first: str, last: str, within: bool) -> None:
    assert is_within(period, first, last) is within


def climb(*steps: tuple[Closed, list[Published]], insurer: str | None = None) -> list[tuple[Choice, list[Record]]]:
    """The one project's choice and the records of each release."""
    ladder = Ladder(Recipient.POLICY if insurer is None else Recipient.INSURER, insurer)
    found = [ladder.climb(one, cells) for one, cells in steps]
    return [(choices[0], records) for choices, records in found]


COVERED = [*a_class(sex="F"), *a_class(sex="M"), *a_class(210), a_cell(150, 630)]
THIN = [*a_class(100), a_cell(150, 630)]
EMPTY: list[Published] = []


def test_records_of_a_quarter_are_those_of_one_rung_in_order() -> None:
    ((choice, records),) = climb((closed(Q1), COVERED))

    assert (choice.rung and choice.rung.name, choice.is_covered) == ("R3", True)
    assert [(one.pseudocode, one.sex) for one in records] == [(code, sex) for code in CODES for sex in ("F", "M")]
    assert {(one.rung, one.sigma_beneficiaries, one.insurer, one.release) for one in records} == {
        ("R3", "8.125", None, "actions-quarter-2022-Q1-1")
    }


@pytest.mark.parametrize(
    ("quarters", "rung", "is_needed"),
    [
        ([COVERED], None, False),
        ([COVERED, COVERED], None, False),
        ([COVERED, THIN], "R6", True),
        ([EMPTY], "R6", True),
        ([], "R6", True),
    ],
    ids=["one covers", "both cover", "one is thin", "one is empty", "none is released"],
)
def test_year_is_used_only_where_a_quarter_of_it_does_not_cover(
    quarters: list[list[Published]], rung: str | None, is_needed: bool
) -> None:
    steps = [(closed(period), cells) for period, cells in zip((Q1, Q2), quarters, strict=False)]

    *_, (choice, records) = climb(*steps, (closed(WHOLE_YEAR), THIN))

    assert (choice.rung and choice.rung.name, choice.is_needed) == (rung, is_needed)
    assert bool(records) is (rung is not None)


@pytest.mark.parametrize(
    ("years", "is_used"), [([THIN], True), ([COVERED], False), ([], True)], ids=["thin", "covered", "none is released"]
)
def test_convention_is_used_only_where_a_year_does_not_cover_either(
    years: list[list[Published]], is_used: bool
) -> None:
    steps = [(closed(Q1), THIN), *((closed(WHOLE_YEAR), cells) for cells in years)]

    *_, (choice, records) = climb(*steps, (closed(WHOLE), THIN))

    assert choice.is_needed is is_used
    assert {one.rung for one in records} == ({"R7"} if is_used else set())


def test_convention_is_not_used_where_the_quarters_cover() -> None:
    *_, (choice, records) = climb((closed(Q1), COVERED), (closed(WHOLE_YEAR), THIN), (closed(WHOLE), THIN))

    assert (choice.is_needed, records) == (False, [])


def test_protected_parent_is_never_covered() -> None:
    ((choice, records),) = climb((closed(Q1), [one for one in COVERED if "pseudocode" in one.dims]))

    assert (choice.rung and choice.rung.name, choice.coverage, choice.is_covered) == ("R4", None, False)
    assert len(records) == 3


def test_insurer_gets_own_members_alone() -> None:
    own = [*a_class(insurer="100"), a_cell(150, 300, insurer="100")]
    cells = [*own, *a_class(insurer="200"), *a_class(), a_cell(600, 900)]

    ((choice, records),) = climb((closed(Q1), cells), insurer="100")

    assert (choice.rung and choice.rung.name, choice.coverage) == ("R4", Fraction(1))
    assert {one.insurer for one in records} == {"100"}
    assert len(records) == 3


def test_shorter_periods_come_first_within_one_instant() -> None:
    released = [closed(WHOLE), closed(WHOLE_YEAR), closed(Q2), closed(Q1), closed(Q1, "2022-05-14T08:00:00Z", 1)]

    ordered = [str(one.period.kind) for one in sorted(released, key=lambda one: one.order)]

    assert ordered == ["quarter", "quarter", "quarter", "year", "convention"]


def test_checks_measure_what_went_by() -> None:
    *_, (_, records) = climb((closed(Q1), COVERED))
    checks = Checks()

    assert [*checks.watch(records)] == records

    measured = {one["check"]: (one["measured"], one["holds"]) for one in checks.results()}
    assert checks.records == 6
    assert measured == {"singling_out": (60, True), "linkability": (0, True), "inference": (3, True)}


def test_checks_find_what_must_not_be() -> None:
    ((_, fine),) = climb((closed(Q1), COVERED))
    ((_, coarse),) = climb((closed(Q1), THIN))
    checks = Checks()

    assert len([*checks.watch([*fine[:2], *coarse[:1]])]) == 3

    assert [one["holds"] for one in checks.results()] == [True, False, False]


def test_checks_forget_no_record_below_the_floor_for_those_behind_it() -> None:
    ((_, fine),) = climb((closed(Q1), COVERED))
    checks = Checks()

    assert len([*checks.watch([replace(fine[0], beneficiaries=0), *fine[1:]])]) == 6

    assert checks.results()[0] == {
        "check": "singling_out",
        "measured": 0,
        "bound": 10,
        "is": "at least",
        "holds": False,
    }


def test_checks_of_nothing_hold() -> None:
    checks = Checks()

    assert [*checks.watch([])] == []

    assert [(one["measured"], one["holds"]) for one in checks.results()] == [(None, True), (0, True), (None, True)]
