"""Who joined, who left and who is included: exact counts, day by day and against counting by hand."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.inclusion import Inclusion, annulled, exited, rejected, validity
from gateway.domain.lattice import Measure, Period, PeriodKind
from gateway.domain.periods import Interval
from gateway.store.statistics import Values
from gateway.store.transaction import Store
from tests.builders import PROJECT, a_project, an_exit, an_inclusion, day, instant
from tests.store.oracle import Register, a_register, write
from tests.store.seeds import OTHER_PROJECT, a_project_document

LATE = instant("2022-11-30T10:00+01:00")
MONTHS = [f"{year}-{month:02}" for year in (2021, 2022, 2023) for month in range(1, 13)]
QUARTERS = [f"{year}-Q{number}" for year in (2021, 2022, 2023) for number in range(1, 5)]


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


def _counted(store: Store, measure: Measure, kind: PeriodKind, labels: list[str]) -> dict[str, int]:
    """Where a measure counts anybody over all projects, and how many."""
    with store.reading() as tx:
        found = {label: tx.statistics.of_inclusions(Period(kind, label), measure, ()) for label in labels}
    return {label: counted[()] for label, counted in found.items() if counted}


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

    assert _counted(register, Measure.JOINED, PeriodKind.MONTH, MONTHS) == ({joined_in: 1} if joined_in else {})
    assert _counted(register, Measure.LEFT, PeriodKind.MONTH, MONTHS) == ({left_in: 1} if left_in else {})
    assert _counted(register, Measure.INCLUDED, PeriodKind.QUARTER, QUARTERS) == dict.fromkeys(included_in, 1)
    years = {"2022": 1} if "2022-Q1" in included_in else {}
    assert _counted(register, Measure.INCLUDED, PeriodKind.YEAR, ["2021", "2022", "2023"]) == years


def test_who_comes_back_at_once_leaves_and_joins_and_is_one_person(register: Store) -> None:
    first = exited(an_inclusion(), an_exit("2022-03-10T10:00Z"))
    again = an_inclusion("2022-03-10T11:00Z", id=UUID(int=2))

    _keep(register, first, again)

    assert _counted(register, Measure.JOINED, PeriodKind.MONTH, MONTHS) == {"2022-02": 1, "2022-04": 1}
    assert _counted(register, Measure.LEFT, PeriodKind.MONTH, MONTHS) == {"2022-04": 1, "2023-01": 1}
    assert _counted(register, Measure.INCLUDED, PeriodKind.QUARTER, ["2022-Q2"]) == {"2022-Q2": 1}


def test_end_of_a_convention_that_was_brought_forward_is_when_they_left(register: Store) -> None:
    _keep(register, an_inclusion())
    shorter = {"effective_from": day("2021-09-01"), "last_day": day("2022-06-30")}

    with register.transaction() as tx:
        tx.catalogue.replace_project(a_project_document(convention=shorter), 1, LATE)

    assert _counted(register, Measure.LEFT, PeriodKind.MONTH, MONTHS) == {"2022-07": 1}
    assert _counted(register, Measure.INCLUDED, PeriodKind.QUARTER, QUARTERS) == {"2022-Q2": 1}


def test_same_pseudonym_in_two_projects_counts_once_in_each(register: Store) -> None:
    _keep(register, an_inclusion(), an_inclusion(id=UUID(int=2), project=OTHER_PROJECT))

    with register.reading() as tx:
        month = Period(PeriodKind.MONTH, "2022-02")
        assert tx.statistics.of_inclusions(month, Measure.JOINED, ()) == {(): 2}
        assert tx.statistics.of_inclusions(month, Measure.JOINED, ("project",)) == {(PROJECT,): 1, (OTHER_PROJECT,): 1}


def test_actions_are_no_inclusion_measure(register: Store) -> None:
    with register.reading() as tx, pytest.raises(ValueError, match="of_actions"):
        tx.statistics.of_inclusions(Period(PeriodKind.MONTH, "2022-02"), Measure.ACTIONS, ())


COUNTS: dict[Measure, Callable[[Interval, Period], bool]] = {
    Measure.JOINED: lambda valid, period: valid.first == period.first,
    Measure.LEFT: lambda valid, period: valid.last == period.first - timedelta(days=1),
    Measure.INCLUDED: lambda valid, period: period.first in valid,
}


def _by_hand(register: Register, measure: Measure, period: Period, dims: tuple[str, ...]) -> dict[Values, int]:
    people = defaultdict(set)
    for one in register.inclusions:
        valid = validity(one, a_project())
        if valid is not None and not valid.is_empty and COUNTS[measure](valid, period):
            people[tuple(getattr(one, name) for name in dims)].add((one.project, one.pseudonym))
    return {values: len(found) for values, found in people.items()}


@pytest.mark.parametrize("seed_number", range(3))
def test_inclusion_measures_are_what_counting_by_hand_gives(store: Store, seed_number: int) -> None:
    register = a_register(random.Random(seed_number), 60)
    write(store, register)
    asked = [(measure, PeriodKind.MONTH, label) for measure in (Measure.JOINED, Measure.LEFT) for label in MONTHS[10:]]
    asked += [(Measure.INCLUDED, PeriodKind.QUARTER, label) for label in QUARTERS]
    asked += [(Measure.INCLUDED, PeriodKind.YEAR, "2022")]

    with store.reading() as tx:
        for measure, kind, label in asked:
            for dims in ((), ("project",)):
                counted = tx.statistics.of_inclusions(Period(kind, label), measure, dims)
                assert counted == _by_hand(register, measure, Period(kind, label), dims), (measure, label, dims)
