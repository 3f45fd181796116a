"""Who joined, who left and who is included: exact counts, day by day and against counting by hand."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from gateway.domain.inclusion import Inclusion, annulled, exited, rejected
from gateway.domain.lattice import Dims, Measure, Node, Period, PeriodKind, nodes
from gateway.store.columns import Columns
from gateway.store.transaction import Store
from tests.builders import PROJECT, an_exit, an_inclusion, day, instant
from tests.store.oracle import a_register, write
from tests.store.seeds import OTHER_PROJECT, a_project_document

LATE = instant("2022-11-30T10:00+01:00")
MONTHS = ["2022-01", "2022-02", "2022-03", "2022-04", "2022-05", "2022-07", "2023-01"]
QUARTERS = ["2022-Q1", "2022-Q2", "2022-Q3", "2022-Q4", "2023-Q1"]


def _keep(store: Store, *people: Inclusion) -> Store:
    with store.transaction() as tx:
        for one in people:
            first = an_inclusion(
                one.communicated_at.isoformat(), id=one.id, project=one.project, pseudonym=one.pseudonym
            )
            tx.inclusions.add(first)
            if one.status != "open":
                tx.inclusions.supersede(one, LATE)
    return store


def _counted(store: Store) -> list[dict[str, int]]:
    """Where joined, left and included count anybody over all projects, and how many."""
    joined, left, included = (dict[str, int]() for _ in range(3))
    for label in MONTHS:
        with _copied(store, Period(PeriodKind.MONTH, label)) as columns:
            joined.update(_everybody(columns, PeriodKind.MONTH, Measure.JOINED))
            left.update(_everybody(columns, PeriodKind.MONTH, Measure.LEFT))
    for kind, labels in ((PeriodKind.QUARTER, QUARTERS), (PeriodKind.YEAR, ["2022", "2023"])):
        for label in labels:
            with _copied(store, Period(kind, label)) as columns:
                included.update(_everybody(columns, kind, Measure.INCLUDED))
    return [joined, left, included]


def _everybody(columns: Columns, kind: PeriodKind, measure: Measure) -> dict[str, int]:
    return {dict(dims)[kind]: count for dims, count in columns.people(Node(kind, ()), measure)}


@contextmanager
def _copied(store: Store, period: Period) -> Iterator[Columns]:
    with store.reading() as tx, tx.statistics.columns(period, with_actions=False) as columns:
        yield columns


def _people(store: Store, period: Period, measure: Measure, *dims: str) -> dict[Dims, int]:
    """Every cell of one node."""
    with _copied(store, period) as columns:
        return dict(columns.people(Node(period.kind, dims), measure))


@pytest.mark.parametrize(
    ("one", "joined_in", "left_in", "included_in"),
    [
        (an_inclusion(), "2022-02", "2023-01", ["2022-Q2", "2022-Q3", "2022-Q4"]),
        (an_inclusion("2021-12-31T23:00Z"), "2022-02", "2023-01", ["2022-Q2", "2022-Q3", "2022-Q4"]),
        (an_inclusion("2021-12-31T22:59:59Z"), "2022-01", "2023-01", ["2022-Q1", "2022-Q2", "2022-Q3", "2022-Q4"]),
        (exited(an_inclusion(), an_exit("2022-03-31T21:59:59Z")), "2022-02", "2022-04", []),
        (exited(an_inclusion(), an_exit("2022-03-31T22:00:00Z")), "2022-02", "2022-05", ["2022-Q2"]),
        (exited(an_inclusion(), an_exit("2022-12-31T12:00Z")), "2022-02", "2023-01", ["2022-Q2", "2022-Q3", "2022-Q4"]),
        (exited(an_inclusion(), an_exit("2023-02-01T12:00Z")), "2022-02", "2023-01", ["2022-Q2", "2022-Q3", "2022-Q4"]),
        (exited(an_inclusion(), an_exit("2022-01-20T12:00Z")), None, None, []),
        (annulled(an_inclusion(), "duplicate"), None, None, []),
        (rejected(an_inclusion(), "not-insured"), None, None, []),
    ],
    ids=[
        "open until the convention's end",
        "from February, still December in UTC",
        "from January, in the last second of December",
        "left at the end of March",
        "left at the end of April",
        "left with the convention",
        "left after the convention",
        "never valid",
        "annulled",
        "rejected",
    ],
)
def test_inclusion_is_counted_where_it_begins_where_it_ended_and_while_it_is_valid(
    register: Store, one: Inclusion, joined_in: str | None, left_in: str | None, included_in: list[str]
) -> None:
    _keep(register, one)

    assert _counted(register) == [
        {joined_in: 1} if joined_in else {},
        {left_in: 1} if left_in else {},
        dict.fromkeys([*included_in, *(["2022"] if "2022-Q1" in included_in else [])], 1),
    ]


def test_who_comes_back_at_once_leaves_and_joins_and_is_one_person(register: Store) -> None:
    first = exited(an_inclusion(), an_exit("2022-03-10T10:00Z"))
    again = an_inclusion("2022-03-10T11:00Z", id=UUID(int=2))

    _keep(register, first, again)

    assert _counted(register) == [
        {"2022-02": 1, "2022-04": 1},
        {"2022-04": 1, "2023-01": 1},
        dict.fromkeys(["2022-Q2", "2022-Q3", "2022-Q4"], 1),
    ]


def test_end_of_a_convention_that_was_brought_forward_is_when_they_left(register: Store) -> None:
    _keep(register, an_inclusion())
    shorter = {"effective_from": day("2021-09-01"), "last_day": day("2022-06-30")}

    with register.transaction() as tx:
        tx.catalogue.replace_project(a_project_document(convention=shorter), 1, LATE)

    assert _counted(register) == [{"2022-02": 1}, {"2022-07": 1}, {"2022-Q2": 1}]


def test_same_pseudonym_in_two_projects_counts_once_in_each(register: Store) -> None:
    _keep(register, an_inclusion(), an_inclusion(id=UUID(int=2), project=OTHER_PROJECT))

    month = Period(PeriodKind.MONTH, "2022-02")
    assert _people(register, month, Measure.JOINED) == {(("month", "2022-02"),): 2}
    assert _people(register, month, Measure.JOINED, "project") == {
        (("month", "2022-02"), ("project", PROJECT)): 1,
        (("month", "2022-02"), ("project", OTHER_PROJECT)): 1,
    }


def test_actions_are_no_inclusion_measure(register: Store) -> None:
    with pytest.raises(KeyError):
        _people(register, Period(PeriodKind.MONTH, "2022-02"), Measure.ACTIONS)


MEASURED = [
    (Measure.JOINED, PeriodKind.MONTH, ["2022-01", "2022-02", "2022-04"]),
    (Measure.LEFT, PeriodKind.MONTH, ["2022-04", "2023-01"]),
    (Measure.INCLUDED, PeriodKind.QUARTER, ["2022-Q1", "2022-Q2", "2023-Q1"]),
    (Measure.INCLUDED, PeriodKind.YEAR, ["2022"]),
]


@pytest.mark.parametrize("seed_number", range(3))
def test_inclusion_measures_of_every_node_are_what_counting_by_hand_gives(store: Store, seed_number: int) -> None:
    register = a_register(random.Random(100 + seed_number), 60)
    write(store, register)

    seen = 0
    for measure, kind, labels in MEASURED:
        for label in labels:
            period = Period(kind, label)
            with store.reading() as tx, tx.statistics.columns(period, with_actions=False) as columns:
                for node in nodes(kind, measure):
                    counted = dict(columns.people(node, measure))
                    assert counted == register.of_inclusions(period, measure, node.dims), (measure, label, node.dims)
                    seen += len(counted)

    assert seen > 500
