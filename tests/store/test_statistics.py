"""Exact statistics of every node against an oracle that counts in plain Python, over small random registers."""

from __future__ import annotations

import random
from dataclasses import astuple, replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

import gateway.store.columns as columns_of_a_close
from gateway.domain.delivery import Member
from gateway.domain.disclosure import ExactCell
from gateway.domain.inclusion import Inclusion, exited
from gateway.domain.ladder import rung_nodes
from gateway.domain.lattice import Measure, Node, Period, PeriodKind, nodes
from gateway.store import dialects
from gateway.store.tables import beneficiary
from gateway.store.transaction import Store
from tests.builders import PROJECT, PROVIDER, PSEUDOCODE, an_action, an_exit, an_inclusion, day
from tests.store.oracle import PROVIDERS, a_register, write
from tests.store.rows import rows
from tests.store.seeds import LATER_PSEUDOCODE, SEEDED_AT, a_partner_document, seed

MONTH = Period(PeriodKind.MONTH, "2022-02")
QUARTER = Period(PeriodKind.QUARTER, "2022-Q1")
YEAR = Period(PeriodKind.YEAR, "2022")
CONVENTION = Period(PeriodKind.CONVENTION, PROJECT, (day("2021-09-01"), day("2022-12-31")))
PSEUDONYM = b"\x01" * 32
TRAITS = ("insurer", "age_band", "sex", "district")


@pytest.mark.parametrize(
    ("period", "seed_number"),
    [
        *((MONTH, number) for number in range(4)),
        (Period(PeriodKind.MONTH, "2022-03"), 4),
        *((QUARTER, number) for number in (5, 6)),
        (YEAR, 7),
        (CONVENTION, 8),
    ],
    ids=str,
)
def test_every_node_and_rung_is_what_counting_by_hand_gives(store: Store, period: Period, seed_number: int) -> None:
    register = a_register(random.Random(seed_number), 30 + 10 * seed_number)
    write(store, register)

    with store.reading() as tx, tx.statistics.columns(period, with_actions=True) as columns:
        for node in (*nodes(period.kind, Measure.ACTIONS), *rung_nodes(period.kind, Measure.ACTIONS)):
            found = list(columns.cells(node))
            counted = {cell.dims: cell for cell in found}

            assert counted == register.cells(period, node.dims), node.dims
            assert len(found) == len(counted)
            assert {type(value) for cell in found for value in astuple(cell)[1:]} <= {int, type(None)}


def test_counting_people_in_shares_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    register = a_register(random.Random(13), 60)
    write(store, register)
    monkeypatch.setattr(columns_of_a_close, "ACTIONS_AT_ONCE", 60)
    monkeypatch.setattr(columns_of_a_close, "ROWS_SUMMED_AT_ONCE", 20)
    several = [("project", "pseudocode", "profession"), ("insurer", "pseudocode"), ("component", "sex"), ()]

    with store.reading() as tx, tx.statistics.columns(QUARTER, with_actions=True) as columns:
        for node in (Node(QUARTER.kind, dims) for dims in several):
            found = list(columns.cells(node, 2))

            expected = {cell for cell in register.cells(QUARTER, node.dims).values() if cell.beneficiaries >= 2}
            assert len(found) == len(expected)
            assert set(found) == expected, node.dims
    assert columns.shares > 1


def test_cells_with_too_few_beneficiaries_never_come_out(store: Store) -> None:
    register = a_register(random.Random(11), 60)
    write(store, register)
    expected = {name: cell for name, cell in register.cells(MONTH, ("insurer",)).items() if cell.beneficiaries >= 6}
    joined = register.of_inclusions(MONTH, Measure.JOINED, ("insurer",))

    with store.reading() as tx, tx.statistics.columns(MONTH, with_actions=True) as columns:
        cells = {cell.dims: cell for cell in columns.cells(Node(MONTH.kind, ("insurer",)), 6)}
        people = dict(columns.people(Node(MONTH.kind, ("insurer",)), Measure.JOINED, 3))

    assert cells == expected
    assert 0 < len(cells) < len(register.cells(MONTH, ("insurer",)))
    assert people == {name: count for name, count in joined.items() if count >= 3}


def test_node_is_not_asked_whose_cells_are_parts_of_too_few_and_none_is_missed(store: Store) -> None:
    register = a_register(random.Random(11), 60)
    write(store, register)
    of_one, of_all = frozenset(("insurer",)), nodes(MONTH.kind, Measure.ACTIONS)

    with store.reading() as tx, tx.statistics.columns(MONTH, with_actions=True) as columns:
        for node in of_all:
            found = {cell.dims: cell for cell in columns.cells(node, 12)}
            counted = register.cells(MONTH, node.dims)
            assert found == {dims: cell for dims, cell in counted.items() if cell.beneficiaries >= 12}, node.dims

    without = columns._without[Measure.ACTIONS, 12]
    assert of_one in without
    assert [one for one in without if of_one < one] == []
    assert [node for node in of_all if of_one < set(node.dims)] != []


def test_columns_are_a_copy_that_outlives_its_transaction_and_not_its_block(store: Store) -> None:
    register = a_register(random.Random(12), 20)
    write(store, register)

    with store.reading() as tx:
        columns = tx.statistics.columns(MONTH, with_actions=True)
    with store.transaction() as tx:
        tx.inclusions.add(an_inclusion(id=UUID(int=9_999), pseudonym=b"\x09" * 32))
        tx.actions.add(an_action(id=UUID(int=9_998), pseudonym=b"\x09" * 32, inclusion=UUID(int=9_999)))
    with columns:
        counted = {cell.dims: cell for cell in columns.cells(Node(MONTH.kind, ()))}

    assert counted == register.cells(MONTH, ())
    with pytest.raises(Exception, match="onnection"):
        list(columns.cells(Node(MONTH.kind, ())))


def test_facts_are_joined_when_no_transaction_waits_any_more(store: Store) -> None:
    write(store, a_register(random.Random(12), 20))

    with store.reading() as tx:
        columns = tx.statistics.columns(MONTH, with_actions=True)
        read = {name for (name,) in columns._base.execute("SHOW TABLES").fetchall()}
        if dialects.has_row_locks(tx._connection):
            patience = tx._connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar_one()
            assert patience == "10min"
    with columns:
        assert list(columns.cells(Node(MONTH.kind, ())))
        counted = {name for (name,) in columns._base.execute("SHOW TABLES").fetchall()}

    assert {"done", "person"} <= read
    assert {"fact0", "clipped0"} <= counted - read
    assert not {"done", "person"} & counted


def test_columns_without_actions_hold_no_action(store: Store) -> None:
    write(store, a_register(random.Random(13), 20))

    with store.reading() as tx, tx.statistics.columns(MONTH, with_actions=False) as columns:
        assert list(columns.cells(Node(MONTH.kind, ()))) == []
        assert list(columns.people(Node(MONTH.kind, ()), Measure.JOINED)) != []


def test_empty_register_has_no_cells(store: Store) -> None:
    with store.reading() as tx, tx.statistics.columns(MONTH, with_actions=True) as columns:
        assert list(columns.cells(Node(MONTH.kind, ("project",)))) == []
        assert list(columns.people(Node(MONTH.kind, ()), Measure.JOINED)) == []


def _of_one_person(
    store: Store, period: Period, dims: tuple[str, ...], *performed: tuple[str, str, str]
) -> dict[str, ExactCell]:
    """The cells of one person's actions, by the values of a node: day, pseudocode and provider of each."""
    with store.transaction() as tx:
        seed(tx)
        tx.inclusions.add(an_inclusion())
        for number, (on, code, provider) in enumerate(performed, start=1):
            fact = {"pseudocode": code, "performed_by": provider, "occurrence": number}
            tx.actions.add(an_action(id=UUID(int=number + 9), performed_on=date.fromisoformat(on), **fact))
        with tx.statistics.columns(period, with_actions=True) as columns:
            found = list(columns.cells(Node(period.kind, dims)))
    return {"|".join(value for name, value in one.dims if name in dims): one for one in found}


def test_actions_are_clipped_at_the_cap_per_person_month_and_pseudocode(store: Store) -> None:
    a, b = PROVIDERS[:2]

    counted = _of_one_person(
        store,
        QUARTER,
        (),
        *[("2022-02-14", "794010", a)] * 3,
        ("2022-02-15", "794010", b),
        ("2022-03-01", "794010", a),
        ("2022-02-14", LATER_PSEUDOCODE, a),
    )

    assert counted == {
        "": ExactCell(
            dims=(("quarter", "2022-Q1"),),
            beneficiaries=1,
            actions=4,
            providers=2,
            largest=4,
            second=1,
            largest_beneficiaries=1,
            cap=2,
            all_pseudocodes=None,
            valid=1,
        )
    }


def test_action_counts_once_in_each_component_of_its_pseudocode(store: Store) -> None:
    counted = _of_one_person(
        store, QUARTER, ("component",), ("2022-02-14", PSEUDOCODE, PROVIDER), ("2022-03-14", "794999", PROVIDER)
    )

    assert {name: (cell.actions, cell.all_pseudocodes) for name, cell in counted.items()} == {
        "3": (1, 1),
        "6": (1, 1),
        "14": (1, 1),
    }


@pytest.mark.parametrize(
    ("performed_on", "provider", "profession"),
    [
        ("2022-02-09", PROVIDER, "physician"),
        ("2022-02-10", PROVIDER, "physician"),
        ("2022-02-11", PROVIDER, "other"),
        ("2022-02-20", PROVIDER, "nurse"),
        ("2022-02-14", "99999999", "other"),
    ],
    ids=["member", "last day", "between two periods", "came back as another", "never a member"],
)
def test_profession_is_that_of_the_performer_on_the_day(
    store: Store, performed_on: str, provider: str, profession: str
) -> None:
    with store.transaction() as tx:
        seed(tx)
        tx.catalogue.put_partner(a_partner_document(member_until=day("2022-02-10")), SEEDED_AT)
        back = a_partner_document(discipline="nurse", member_from=day("2022-02-20"))
        tx.catalogue.put_partner(back, SEEDED_AT)
        tx.inclusions.add(an_inclusion())
        tx.actions.add(an_action(performed_on=day(performed_on), performed_by=provider))

    with store.reading() as tx, tx.statistics.columns(MONTH, with_actions=True) as columns:
        (cell,) = columns.cells(Node(MONTH.kind, ("profession",)))

    assert dict(cell.dims)["profession"] == profession


def _municipalities(store: Store, *inclusions: Inclusion, member: Member | None = None) -> list[str]:
    """In which municipalities one person counts in 2022."""
    with store.transaction() as tx:
        seed(tx)
        for one in inclusions:
            tx.inclusions.add(replace(one, status="open", exit=None))
            if one.exit is not None:
                tx.inclusions.supersede(one, one.exit.communicated_at)
        tx.beneficiaries.lock_or_add(0, PROJECT, PSEUDONYM)
        if member is not None:
            tx.beneficiaries.describe([((0, PROJECT, PSEUDONYM), member)])
        tx.actions.add(an_action(inclusion=inclusions[-1].id))
        with tx.statistics.columns(YEAR, with_actions=True) as columns:
            found = [dict(one.dims) for one in columns.cells(Node(YEAR.kind, ("municipality",)))]
    return [one["municipality"] for one in found]


HOME = Member("100", "F", day("1985-07-30"), "62063")
LEFT_IN_MARCH = exited(an_inclusion(municipality="25112"), an_exit("2022-03-10T10:00Z"))
NEVER_VALID = exited(an_inclusion(municipality="25112"), an_exit("2022-01-20T10:00Z"))


@pytest.mark.parametrize(
    ("inclusions", "member", "expected"),
    [
        ([an_inclusion()], None, []),
        ([an_inclusion()], HOME, ["62063"]),
        ([an_inclusion(municipality="25014")], HOME, ["25014"]),
        ([an_inclusion(municipality="25014")], None, ["25014"]),
        ([LEFT_IN_MARCH, an_inclusion("2022-04-10T10:00Z", id=UUID(int=2), municipality="25014")], HOME, ["25014"]),
        ([LEFT_IN_MARCH, an_inclusion("2022-04-10T10:00Z", id=UUID(int=2))], HOME, ["62063"]),
        ([LEFT_IN_MARCH, an_inclusion("2022-04-10T10:00Z", id=UUID(int=2))], None, ["25112"]),
        ([NEVER_VALID, an_inclusion("2022-01-25T10:00Z", id=UUID(int=2), municipality="25014")], HOME, ["25014"]),
    ],
    ids=[
        "unknown",
        "of the member register",
        "of the inclusion",
        "of the inclusion alone",
        "of the latest inclusion",
        "of the member register, as the latest inclusion has none",
        "of an earlier inclusion, the only one known",
        "not of an inclusion that ended before it began",
    ],
)
def test_person_counts_in_the_municipality_of_the_latest_inclusion(
    store: Store, inclusions: list[Inclusion], member: Member | None, expected: list[str]
) -> None:
    assert _municipalities(store, *inclusions, member=member) == expected


def test_person_unknown_to_the_member_register_has_an_unknown_sex_and_no_other_trait(store: Store) -> None:
    with store.transaction() as tx:
        seed(tx)
        tx.inclusions.add(an_inclusion())
        tx.actions.add(an_action())

    with store.reading() as tx, tx.statistics.columns(MONTH, with_actions=True) as columns:
        found: dict[str, Any] = {
            name: [dict(cell.dims)[name] for cell in columns.cells(Node(MONTH.kind, (name,)))] for name in TRAITS
        }

    assert found == {"insurer": [], "age_band": [], "sex": ["X"], "district": []}


def test_traits_are_the_newest_word_of_the_member_register(register: Store, database_url: str) -> None:
    with register.transaction() as tx:
        tx.beneficiaries.lock_or_add(3, PROJECT, PSEUDONYM)
        tx.beneficiaries.describe([((3, PROJECT, PSEUDONYM), Member("100", "M", day("1985-07-30"), "25112"))])
        tx.beneficiaries.describe([((3, PROJECT, PSEUDONYM), Member("300", "F", day("1985-07-31"), "25014"))])
        tx.beneficiaries.describe([((3, PROJECT, b"\x02" * 32), Member("300", "F", day("1985-07-31"), "25014"))])

    (row,) = rows(database_url, beneficiary)
    assert (row["insurer"], row["sex"], row["birth_date"], row["municipality"]) == (
        "300",
        "F",
        day("1985-07-31"),
        "25014",
    )
