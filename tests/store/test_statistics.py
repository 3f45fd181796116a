"""Exact statistics against an oracle that counts in plain Python, over small random registers."""

from __future__ import annotations

import random
from datetime import date
from uuid import UUID

import pytest

from gateway.domain.delivery import Member
from gateway.domain.lattice import RELEASED, Measure, Period, PeriodKind, nodes
from gateway.store.statistics import Counts, Values
from gateway.store.tables import beneficiary
from gateway.store.transaction import Store
from tests.builders import PROJECT, an_action, an_inclusion, day
from tests.store.oracle import PROVIDERS, a_register, write
from tests.store.rows import rows
from tests.store.seeds import LATER_PSEUDOCODE, seed

PERIODS = [
    Period(PeriodKind.MONTH, "2022-02"),
    Period(PeriodKind.MONTH, "2022-03"),
    Period(PeriodKind.QUARTER, "2022-Q1"),
    Period(PeriodKind.YEAR, "2022"),
    Period(PeriodKind.CONVENTION, PROJECT, (day("2021-09-01"), day("2022-12-31"))),
]


@pytest.mark.parametrize("seed_number", range(6))
def test_statistics_are_what_counting_by_hand_gives(store: Store, seed_number: int) -> None:
    register = a_register(random.Random(seed_number), 15 + 5 * seed_number)
    write(store, register)

    with store.reading() as tx:
        for period in PERIODS:
            for node in nodes(period.kind, Measure.ACTIONS, RELEASED):
                counted = tx.statistics.of_actions(period, node.dims)
                assert counted == register.of_actions(period, node.dims), (period, node.dims)
                assert {type(value) for counts in counted.values() for value in _numbers(counts)} <= {int}
            for dims in ((), ("project",)):
                valid = tx.statistics.of_valid(period, dims)
                assert valid == register.of_valid(period, dims), (period, dims)


@pytest.mark.parametrize("seed_number", range(3))
def test_inclusion_measures_are_what_counting_by_hand_gives(store: Store, seed_number: int) -> None:
    register = a_register(random.Random(100 + seed_number), 40)
    write(store, register)
    months = [Period(PeriodKind.MONTH, f"{label}") for label in ("2021-12", "2022-02", "2022-05", "2023-01")]
    asked = [(month, measure) for month in months for measure in (Measure.JOINED, Measure.LEFT)]
    asked += [(period, Measure.INCLUDED) for period in PERIODS if period.kind is not PeriodKind.CONVENTION]

    with store.reading() as tx:
        for period, measure in asked:
            for dims in ((), ("project",)):
                counted = tx.statistics.of_inclusions(period, measure, dims)
                assert counted == register.of_inclusions(period, measure, dims), (period, measure, dims)


def test_actions_are_no_inclusion_measure(store: Store) -> None:
    with store.reading() as tx, pytest.raises(ValueError, match="of_actions"):
        tx.statistics.of_inclusions(PERIODS[0], Measure.ACTIONS, ())


def _numbers(counts: Counts) -> list[int]:
    return [getattr(counts, name) for name in Counts.__dataclass_fields__]


def _one_person(store: Store, *performed: tuple[str, str, str]) -> dict[Values, Counts]:
    """The counts of February 2022 for one person's actions: day, pseudocode and provider of each."""
    with store.transaction() as tx:
        seed(tx)
        tx.inclusions.add(an_inclusion())
        for number, (on, code, provider) in enumerate(performed, start=1):
            fact = {"pseudocode": code, "performed_by": provider, "occurrence": number}
            tx.actions.add(an_action(id=UUID(int=number + 9), performed_on=date.fromisoformat(on), **fact))
        return tx.statistics.of_actions(Period(PeriodKind.QUARTER, "2022-Q1"), ())


def test_actions_are_clipped_at_the_cap_per_person_month_and_pseudocode(store: Store) -> None:
    a, b = PROVIDERS[:2]

    counted = _one_person(
        store,
        *[("2022-02-14", "794010", a)] * 3,
        ("2022-02-15", "794010", b),
        ("2022-03-01", "794010", a),
        ("2022-02-14", LATER_PSEUDOCODE, a),
    )

    assert counted == {
        (): Counts(beneficiaries=1, actions=4, cap=2, providers=2, largest=4, second=1, largest_beneficiaries=1)
    }


def test_empty_register_has_no_cells(store: Store) -> None:
    with store.reading() as tx:
        counted = tx.statistics.of_actions(PERIODS[0], ("project",))
        valid = tx.statistics.of_valid(PERIODS[0], ())

    assert (counted, valid.get((), 0)) == ({}, 0)


def test_traits_are_the_newest_word_of_the_member_register(register: Store, database_url: str) -> None:
    with register.transaction() as tx:
        tx.beneficiaries.lock_or_add(3, PROJECT, b"\x01" * 32)
        tx.beneficiaries.describe(3, PROJECT, b"\x01" * 32, Member("100", "M", day("1985-07-30"), "25112"))
        tx.beneficiaries.describe(3, PROJECT, b"\x01" * 32, Member("300", "F", day("1985-07-31"), "25014"))
        tx.beneficiaries.describe(3, PROJECT, b"\x02" * 32, Member("300", "F", day("1985-07-31"), "25014"))

    (row,) = rows(database_url, beneficiary)
    assert (row["insurer"], row["sex"], row["birth_date"], row["municipality"]) == (
        "300",
        "F",
        day("1985-07-31"),
        "25014",
    )
