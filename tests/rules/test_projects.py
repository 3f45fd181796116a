"""C1, C2 and C7: how many conventions at a time, whose municipality, and the yardstick of progress."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from gateway.domain.lattice import Period, PeriodKind
from gateway.domain.periods import Interval
from gateway.domain.progress import latest_within, yardsticks
from gateway.domain.project import Convention, Project, check_partnership, check_room, check_zone
from tests.builders import COLLEAGUE, PROJECT, PROVIDER, a_catalogue, a_project, day, days
from tests.rules.tables import ACCEPTED, Refused, Table, answer_to

FULL = Refused("C1", "too-many-projects")
TAKEN = Refused("C2", "zone-taken")

C1 = Table(
    rule="C1",
    statement="At most twenty projects have a convention in force on one day",
    columns=("case", "others until 2021-12-31", "others from 2022-01-01", "convention", "answer"),
    rows=(
        ("the twentieth", 19, 19, days("2021-09-01 .. 2022-12-31"), ACCEPTED),
        ("the twenty-first", 20, 0, days("2021-09-01 .. 2022-12-31"), FULL),
        ("the twenty-first in its second year", 0, 20, days("2021-09-01 .. 2022-12-31"), FULL),
        ("until the day before twenty begin", 0, 20, days("2021-09-01 .. 2021-12-31"), ACCEPTED),
        ("until the day on which twenty begin", 0, 20, days("2021-09-01 .. 2022-01-01"), FULL),
        ("from the last day of twenty", 20, 0, days("2021-12-31 .. 2022-12-31"), FULL),
        ("from the day after twenty ended", 20, 0, days("2022-01-01 .. 2022-12-31"), ACCEPTED),
        ("nineteen on each of its days", 19, 19, days("2021-12-31 .. 2022-01-01"), ACCEPTED),
    ),
)

C2 = Table(
    rule="C2",
    statement="A municipality belongs to the zone of one project only",
    columns=("case", "zone asked for", "own zone", "zone of another project", "answer"),
    rows=(
        ("free", ("25112", "25014"), (), ("92094",), ACCEPTED),
        ("one of two is taken", ("25112", "92094"), (), ("92094",), TAKEN),
        ("a neighbour", ("92093",), (), ("92094",), ACCEPTED),
        ("kept", ("25112",), ("25112",), ("92094",), ACCEPTED),
        ("changed to a taken one", ("92094",), ("25112",), ("92094",), TAKEN),
    ),
)

C7 = Table(
    rule="C7",
    statement="Periods of twelve months count from the first convention's start, and the first four have a percentage",
    columns=("case", "started on", "convention", "population", "period", "percentage", "target"),
    rows=(
        ("first", day("2018-01-01"), days("2021-09-01 .. 2022-12-31"), 47_000, 1, 1, 470),
        ("second", day("2018-01-01"), days("2021-09-01 .. 2022-12-31"), 47_000, 2, 3, 1410),
        ("third", day("2018-01-01"), days("2021-09-01 .. 2022-12-31"), 47_000, 3, 6, 2820),
        ("fourth", day("2018-01-01"), days("2021-09-01 .. 2022-12-31"), 47_000, 4, 10, 4700),
        ("fifth, 2022", day("2018-01-01"), days("2021-09-01 .. 2022-12-31"), 47_000, 5, None, None),
        ("only one convention", None, days("2021-09-01 .. 2022-12-31"), 47_000, 2, 3, 1410),
        ("half an inhabitant counts as one", None, days("2021-09-01 .. 2022-12-31"), 50, 1, 1, 1),
        ("less than half does not", None, days("2021-09-01 .. 2022-12-31"), 49, 1, 1, 0),
    ),
)

C7_DAYS = Table(
    rule="C7",
    statement="The last period is the one that holds the convention's last day",
    columns=("case", "started on", "convention", "last period", "its days"),
    rows=(
        ("whole years", day("2018-01-01"), days("2021-09-01 .. 2022-12-31"), 5, days("2022-01-01 .. 2022-12-31")),
        (
            "in the middle of a month",
            day("2018-03-15"),
            days("2018-03-15 .. 2020-03-14"),
            2,
            days("2019-03-15 .. 2020-03-14"),
        ),
        ("one day more", day("2018-03-15"), days("2018-03-15 .. 2020-03-15"), 3, days("2020-03-15 .. 2021-03-14")),
        ("from a leap day", day("2020-02-29"), days("2020-02-29 .. 2021-02-28"), 1, days("2020-02-29 .. 2021-02-28")),
        (
            "the year after a leap day",
            day("2020-02-29"),
            days("2020-02-29 .. 2021-03-01"),
            2,
            days("2021-03-01 .. 2022-02-28"),
        ),
    ),
)

C7_FIGURE = Table(
    rule="C7",
    statement="The figure beside it is the last released one that begins in the period",
    columns=("case", "period", "released", "shown"),
    rows=(
        ("last quarter", days("2022-01-01 .. 2022-12-31"), ("2022-Q1", "2022-Q3", "2022-Q2"), "2022-Q3"),
        ("quarter before a year of the same day", days("2022-01-01 .. 2022-12-31"), ("2022", "2022-Q1"), "2022-Q1"),
        ("year alone", days("2022-01-01 .. 2022-12-31"), ("2022",), "2022"),
        ("first and last day", days("2022-04-01 .. 2022-10-01"), ("2022-Q2", "2022-Q4", "2023-Q1"), "2022-Q4"),
        ("begun before", days("2022-04-02 .. 2022-06-30"), ("2022-Q2",), None),
        ("begun after", days("2022-02-01 .. 2022-03-31"), ("2022-Q2",), None),
        ("nothing released", days("2022-01-01 .. 2022-12-31"), (), None),
    ),
)

TABLES: list[Table] = [C1, C2, C7, C7_DAYS, C7_FIGURE]


def convention(interval: Interval) -> Convention:
    assert interval.last is not None
    return Convention(interval.first, interval.last)


@pytest.mark.parametrize(("case", "before", "after", "asked", "answer"), C1.cases())
def test_at_most_twenty_conventions_are_in_force_on_one_day(
    case: str, before: int, after: int, asked: Interval, answer: Refused | str
) -> None:
    early, late = convention(days("2021-01-01 .. 2021-12-31")), convention(days("2022-01-01 .. 2022-12-31"))
    known = [Project(f"early-{number}", early) for number in range(before)]
    known += [Project(f"late-{number}", late) for number in range(after)]

    given = answer_to(lambda: check_room(a_catalogue(*known), PROJECT, convention(asked)))

    assert given == answer


def test_replaced_project_does_not_stand_in_its_own_way() -> None:
    known = [a_project(id=f"p-{number}") for number in range(19)]
    catalogue = a_catalogue(a_project(), *known)

    check_room(catalogue, PROJECT, a_project().convention)


@pytest.mark.parametrize(("case", "asked", "own", "others", "answer"), C2.cases())
def test_municipality_belongs_to_one_zone(
    case: str, asked: tuple[str, ...], own: tuple[str, ...], others: tuple[str, ...], answer: Refused | str
) -> None:
    zones = {PROJECT: own, "demo-sud": others}
    catalogue = a_catalogue(*(a_project(id=name, zone=dict.fromkeys(zone, 1)) for name, zone in zones.items()))

    given = answer_to(lambda: check_zone(catalogue, PROJECT, asked))

    assert given == answer


@pytest.mark.parametrize(("case", "started_on", "in_force", "population", "place", "percentage", "target"), C7.cases())
def test_first_four_periods_have_a_percentage(
    case: str,
    started_on: date | None,
    in_force: Interval,
    population: int,
    place: int,
    percentage: int | None,
    target: int | None,
) -> None:
    zone = {"25112": population - 20, "25014": 20}
    project = a_project(convention=convention(in_force), started_on=started_on, zone=zone)

    found = yardsticks(project)[place - 1]

    assert (found.percentage, found.target) == (percentage, target)


@pytest.mark.parametrize(("case", "started_on", "in_force", "count", "last"), C7_DAYS.cases())
def test_periods_reach_the_conventions_last_day(
    case: str, started_on: date, in_force: Interval, count: int, last: Interval
) -> None:
    found = yardsticks(a_project(convention=convention(in_force), started_on=started_on, zone={"25112": 1000}))

    assert (len(found), found[-1].days) == (count, last)
    assert all(
        later.days.first.toordinal() - earlier.days.last.toordinal() == 1
        for earlier, later in pairwise(found)
        if earlier.days.last is not None
    )


@pytest.mark.parametrize(("case", "within", "released", "shown"), C7_FIGURE.cases())
def test_last_released_figure_of_a_period_is_shown(
    case: str, within: Interval, released: tuple[str, ...], shown: str | None
) -> None:
    kinds = {4: PeriodKind.YEAR, 7: PeriodKind.QUARTER}

    found = latest_within(within, [Period(kinds[len(label)], label) for label in released])

    assert (None if found is None else found.label) == shown


@pytest.mark.parametrize(
    ("case", "provider", "period", "is_refused"),
    [
        ("between the two", PROVIDER, "2022-03-01 .. 2022-04-30", False),
        ("before the first", PROVIDER, "2021-01-01 .. 2021-08-31", False),
        ("after the second", PROVIDER, "2023-01-01 ..", False),
        ("from the first one's last day", PROVIDER, "2022-02-28 .. 2022-03-31", True),
        ("over both", PROVIDER, "2021-01-01 ..", True),
        ("within the second", PROVIDER, "2022-07-01 .. 2022-07-31", True),
        ("the first, longer", PROVIDER, "2021-09-01 .. 2022-04-30", False),
        ("the first, into the second", PROVIDER, "2021-09-01 ..", True),
        ("the second, shorter", PROVIDER, "2022-05-01 .. 2022-05-31", False),
        ("somebody else's", COLLEAGUE, "2022-01-01 ..", False),
    ],
)
def test_periods_of_one_partner_never_overlap(case: str, provider: str, period: str, is_refused: bool) -> None:
    project = a_project(partners={PROVIDER: (days("2021-09-01 .. 2022-02-28"), days("2022-05-01 .. 2022-12-31"))})

    given = answer_to(lambda: check_partnership(project, provider, days(period)))

    assert given == (Refused(None, "already-exists") if is_refused else ACCEPTED)
