"""P1, P2, P7 and P8: under which pseudocode an action is registered."""

from __future__ import annotations

from datetime import date
from functools import partial
from itertools import product

import pytest

from gateway.domain.action import check_may_record
from gateway.domain.errors import UnknownProject, UnknownPseudocode
from gateway.domain.periods import Interval
from gateway.domain.project import NEAREST_COUNT, Pseudocode, check_pseudocode
from schemas.checks import is_pseudocode
from tests.builders import (
    PROJECT,
    PROJECT_LEVEL_PSEUDOCODE,
    PROVIDER,
    PSEUDOCODE,
    TODAY,
    a_catalogue,
    a_project,
    day,
    days,
)
from tests.rules.tables import ACCEPTED, Refused, Table, answer_to

P1 = Table(
    rule="P1",
    statement="A pseudocode is a string of exactly six ASCII digits",
    columns=("case", "string", "a pseudocode"),
    rows=(
        ("six digits", "794010", True),
        ("leading zeros kept", "000123", True),
        ("any six digits, for no check digit is published", "999999", True),
        ("five digits", "79401", False),
        ("seven digits", "7940100", False),
        ("a letter among them", "79401A", False),
        ("a sign before them", "+79401", False),
        ("a space after them", "794010 ", False),
        ("digits of another script", "７９４０１０", False),
        ("nothing", "", False),
    ),
)

P2 = Table(
    rule="P2",
    statement="An action is registered under a pseudocode assigned to its project and valid that day",
    columns=("case", "pseudocode", "assigned to the project", "performed on", "answer"),
    rows=(
        ("assigned for good", "794010", days("2021-09-01 .."), day("2022-02-14"), ACCEPTED),
        ("on the first day of assignment", "794010", days("2022-02-14 .. 2022-02-28"), day("2022-02-14"), ACCEPTED),
        ("on the last day of assignment", "794010", days("2022-02-01 .. 2022-02-14"), day("2022-02-14"), ACCEPTED),
        (
            "on the day before",
            "794010",
            days("2022-02-15 .."),
            day("2022-02-14"),
            Refused("P2", "pseudocode-not-valid-then", day("2022-02-15")),
        ),
        (
            "on the day after",
            "794010",
            days("2022-01-01 .. 2022-02-13"),
            day("2022-02-14"),
            Refused("P2", "pseudocode-not-valid-then", day("2022-01-01"), day("2022-02-13")),
        ),
        (
            "assigned to other projects only",
            "794010",
            None,
            day("2022-02-14"),
            Refused("P2", "pseudocode-not-of-project"),
        ),
        ("assigned to nobody", "794011", None, day("2022-02-14"), Refused("P2", "unknown-pseudocode")),
    ),
)

P7 = Table(
    rule="P7",
    statement="Only an action at population level is registered for a beneficiary",
    columns=("case", "level", "assigned to the project", "performed on", "answer"),
    rows=(
        ("towards an individual beneficiary", "population", days("2022-01-01 .."), day("2022-02-14"), ACCEPTED),
        (
            "at project level",
            "project",
            days("2022-01-01 .."),
            day("2022-02-14"),
            Refused("P7", "project-level-pseudocode"),
        ),
        (
            "at project level and before its assignment",
            "project",
            days("2022-01-01 .."),
            day("2021-09-14"),
            Refused("P7", "project-level-pseudocode"),
        ),
        (
            "at project level and of other projects only",
            "project",
            None,
            day("2022-02-14"),
            Refused("P2", "pseudocode-not-of-project"),
        ),
    ),
)

P8 = Table(
    rule="P8",
    statement="An action links to one or more of the fourteen components",
    columns=("case", "components", "answer"),
    rows=(
        ("to one", (3,), ACCEPTED),
        ("to several", (3, 6), ACCEPTED),
        ("to all", tuple(range(1, 15)), ACCEPTED),
    ),
)

TABLES: list[Table] = [P1, P2, P7, P8]


@pytest.mark.parametrize(("case", "text", "valid"), P1.cases())
def test_pseudocode_is_six_digits(case: str, text: str, valid: bool) -> None:
    string = text

    found = is_pseudocode(string)

    assert found is valid


@pytest.mark.parametrize(("case", "code", "assignment", "performed_on", "answer"), P2.cases())
def test_pseudocode_is_the_projects_and_valid_that_day(
    case: str, code: str, assignment: Interval | None, performed_on: date, answer: Refused | str
) -> None:
    project = a_project(assignments={} if assignment is None else {code: assignment})

    given = answer_to(lambda: check_may_record(a_catalogue(), project, code, performed_on, PROVIDER, TODAY))

    assert given == answer


@pytest.mark.parametrize(("case", "level", "assignment", "performed_on", "answer"), P7.cases())
def test_only_an_action_at_population_level_is_registered(
    case: str, level: str, assignment: Interval | None, performed_on: date, answer: Refused | str
) -> None:
    code = {"population": PSEUDOCODE, "project": PROJECT_LEVEL_PSEUDOCODE}[level]
    project = a_project(assignments={} if assignment is None else {code: assignment})

    given = answer_to(lambda: check_pseudocode(a_catalogue(), project, code, performed_on))

    assert given == answer


@pytest.mark.parametrize(("case", "components", "answer"), P8.cases())
def test_action_links_to_one_or_more_components(case: str, components: tuple[int, ...], answer: Refused | str) -> None:
    known = {PSEUDOCODE: Pseudocode(PSEUDOCODE, "population", components)}
    catalogue = a_catalogue(pseudocodes=known)

    given = answer_to(lambda: check_pseudocode(catalogue, a_project(), PSEUDOCODE, day("2022-02-14")))

    assert given == answer
    assert catalogue.pseudocodes[PSEUDOCODE].components == components


def test_one_pseudocode_may_be_assigned_to_several_projects() -> None:
    north, south = a_project(), a_project(id="demo-sud")
    catalogue = a_catalogue(north, south)

    answers = [
        answer_to(partial(check_pseudocode, catalogue, project, PSEUDOCODE, day("2022-02-14")))
        for project in catalogue.projects.values()
    ]

    assert answers == [ACCEPTED, ACCEPTED]


def test_unknown_pseudocode_is_told_the_projects_nearest_ones_of_population_level() -> None:
    codes = [f"7940{tens}{units}" for tens, units in product("12", "012345")]
    of_the_project = Pseudocode("794017", "project", (3,))
    known = {code: Pseudocode(code, "population", (3,)) for code in codes}
    catalogue = a_catalogue(pseudocodes={**known, of_the_project.code: of_the_project})
    project = a_project(assignments=dict.fromkeys(catalogue.pseudocodes, days("2021-09-01 ..")))

    with pytest.raises(UnknownPseudocode) as refused:
        check_pseudocode(catalogue, project, "794018", day("2022-02-14"))

    assert refused.value.nearest == ["794010", "794011", "794012", "794013", "794014"]
    assert len(refused.value.nearest) == NEAREST_COUNT


def test_unknown_pseudocode_in_a_project_without_any_is_told_none() -> None:
    project = a_project(assignments={})

    with pytest.raises(UnknownPseudocode) as refused:
        check_pseudocode(a_catalogue(), project, "794018", day("2022-02-14"))

    assert refused.value.nearest == []


def test_catalogue_gives_a_project_by_its_id_and_refuses_an_unknown_one() -> None:
    catalogue = a_catalogue()

    project = catalogue.project(PROJECT)

    assert project == a_project()
    with pytest.raises(UnknownProject):
        catalogue.project("demo-nergens")
