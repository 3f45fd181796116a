"""Figures over HTTP, of releases whose cells are known: dimensions, own members, changes and the next step."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.app import ROUTES
from gateway.domain.disclosure import ProtectedCell
from gateway.domain.lattice import CODES, DISTRICTS, Measure, Period, PeriodKind, cell_dims
from gateway.http.openapi.document import document
from gateway.store.releases import Release
from tests.builders import PROJECT, PSEUDOCODE, instant
from tests.http.wire import FOREIGN_PROJECT, FOREIGN_PSEUDOCODE, Gateway
from tests.openapi.conforming import check

MONTH, QUARTER, YEAR, CONVENTION = PeriodKind
DOCUMENT = document(ROUTES, is_sandbox=True)
NOTHING = {"status": "protected", "beneficiaries": None, "actions": None, "providers": None}
Named = dict[str, str]
Value = tuple[int, int | None]


def keep(
    gateway: Gateway, kind: PeriodKind, label: str, *cells: tuple[Named, Value], measure: Measure = Measure.ACTIONS
) -> None:
    """A release in which these cells are published, for the own coordinator as for everybody."""
    shown = [
        ProtectedCell(cell_dims(Period(kind, label), named), audience, people, actions, None, 6, actions and 12)
        for named, (people, actions) in cells
        for audience in (("own", "general") if "project" in named else ("general",))
    ]
    kept = Release(
        id=f"{measure}-{kind}-{label}-1",
        lattice="v1",
        measure=measure.value,
        kind=kind.value,
        period=label,
        revision=1,
        released_at=instant("2022-06-10T08:00Z"),
        rho=0.1,
        declared={
            PROJECT: {"pseudocodes": [PSEUDOCODE, "794032"], "municipalities": ["25112", "98001"]},
            FOREIGN_PROJECT: {"pseudocodes": [FOREIGN_PSEUDOCODE], "municipalities": ["62063"]},
        },
    )
    with gateway.context.store.transaction() as tx:
        tx.releases.add(kept, shown)


OWN, CODE = {"project": PROJECT}, {"project": PROJECT, "pseudocode": PSEUDOCODE}


@pytest.fixture(scope="module")
def released(shared_gateway: Gateway) -> Gateway:
    """Four months, a quarter, a year and a convention, of which little is published."""
    keep(shared_gateway, MONTH, "2022-01", (OWN, (40, 80)), ({"sex": "F"}, (30, 70)))
    keep(
        shared_gateway,
        MONTH,
        "2022-02",
        (OWN, (48, 97)),
        ({"sex": "F"}, (21, 50)),
        ({**OWN, "insurer": "100"}, (33, 66)),
        ({**OWN, "age_band": "75-84"}, (22, 44)),
    )
    keep(shared_gateway, MONTH, "2022-03", ({"sex": "F"}, (60, 60)))
    keep(shared_gateway, MONTH, "2022-04", (OWN, (50, 90)), ({"sex": "F"}, (60, 75)))
    keep(
        shared_gateway,
        QUARTER,
        "2022-Q1",
        (OWN, (90, 200)),
        (CODE, (44, 88)),
        ({**OWN, "component": "3"}, (44, 88)),
        ({**OWN, "insurer": "100"}, (60, 120)),
        ({**OWN, "insurer": "100", "sex": "M"}, (25, 50)),
        ({**OWN, "age_band": "85+"}, (26, 52)),
    )
    keep(shared_gateway, YEAR, "2022", (OWN, (120, 300)), ({**OWN, "municipality": "25112"}, (70, 140)))
    keep(shared_gateway, CONVENTION, PROJECT, (OWN, (150, 400)))
    for month, people in (("2022-01", 20), ("2022-02", 41)):
        keep(shared_gateway, MONTH, month, (OWN, (people, None)), measure=Measure.JOINED)
    return shared_gateway


def ask(gateway: Gateway, query: str, role: str = "policy_maker") -> Any:
    return gateway.send("GET", f"/v1/aggregates?{query}", role=role)


def figures(gateway: Gateway, query: str, role: str = "policy_maker") -> Any:
    answer = ask(gateway, query, role)
    assert answer.status_code == 200, answer.text
    check(DOCUMENT, "GET", "/v1/aggregates", answer)
    return answer.get_json()


@pytest.mark.parametrize(
    ("query", "name", "shown"),
    [
        ("by=sex&month=2022-02", "sex", {"F": 21}),
        (f"by=insurer&month=2022-02&project={PROJECT}", "insurer", {"100": 33}),
        (f"by=age_band&month=2022-02&project={PROJECT}", "age_band", {"75-84": 22}),
        ("by=profession&month=2022-02", "profession", {}),
        (f"by=component&quarter=2022-Q1&project={PROJECT}", "component", {"3": 44}),
        (f"by=sex&quarter=2022-Q1&project={PROJECT}&insurer=100", "sex", {"M": 25}),
    ],
)
def test_dimension_by_name_has_its_whole_code_list(
    released: Gateway, query: str, name: str, shown: dict[str, int]
) -> None:
    found = figures(released, query)

    assert [cell["dims"] for cell in found["cells"]] == [{name: value} for value in CODES[name]]
    assert {
        cell["dims"][name]: cell["beneficiaries"] for cell in found["cells"] if cell["status"] == "published"
    } == shown


@pytest.mark.parametrize(
    ("query", "beneficiaries"),
    [
        ("sex=F&month=2022-02", 21),
        (f"insurer=100&month=2022-02&project={PROJECT}", 33),
        (f"insurer=100&sex=M&quarter=2022-Q1&project={PROJECT}", 25),
        (f"component=3&quarter=2022-Q1&project={PROJECT}", 44),
        (f"municipality=25112&year=2022&project={PROJECT}", 70),
        (f"age_band=85%2B&quarter=2022-Q1&project={PROJECT}", 26),
    ],
)
def test_dimension_held_to_one_value_is_the_same_cell(released: Gateway, query: str, beneficiaries: int) -> None:
    (cell,) = figures(released, query)["cells"]

    assert (cell["dims"], cell["beneficiaries"]) == ({}, beneficiaries)


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("by=district&month=2022-02", sorted({*DISTRICTS, "98"})),
        (f"by=district&month=2022-02&project={FOREIGN_PROJECT}", sorted(DISTRICTS)),
        ("by=municipality&year=2022", ["25112", "62063", "98001"]),
        (f"by=municipality&year=2022&project={PROJECT}", ["25112", "98001"]),
    ],
)
def test_places_are_the_declared_ones_at_the_close(released: Gateway, query: str, places: list[str]) -> None:
    name = query[3:].split("&", maxsplit=1)[0]

    assert [cell["dims"][name] for cell in figures(released, query)["cells"]] == places


@pytest.mark.parametrize(
    "query",
    [
        f"month=2022-02&project={PROJECT}&insurer=100",
        f"by=month&project={PROJECT}&insurer=100",
        f"by=sex&quarter=2022-Q1&project={PROJECT}&insurer=100",
        "by=project,pseudocode&quarter=2022-Q1&insurer=100",
    ],
)
def test_insurer_sees_of_the_own_members_what_everybody_sees(released: Gateway, query: str) -> None:
    own, general = (ask(released, query, role) for role in ("insurer", "policy_maker"))

    assert own.status_code == 200
    assert {**own.get_json(), "next_step": None} == {**general.get_json(), "next_step": None}


@pytest.mark.parametrize(
    "query",
    [
        f"month=2022-02&project={PROJECT}",
        f"month=2022-02&project={PROJECT}&insurer=300",
        "by=insurer&month=2022-02",
    ],
)
def test_insurer_is_refused_everybody_elses_members(released: Gateway, query: str) -> None:
    answer = ask(released, query, "insurer")

    assert (answer.status_code, answer.get_json()["code"]) == (403, "foreign-project")


@pytest.mark.parametrize(
    ("query", "role", "step"),
    [
        (
            f"month=2022-02&project={PROJECT}&pseudocode={PSEUDOCODE}",
            "policy_maker",
            ([], {"project": PROJECT, "pseudocode": PSEUDOCODE, "quarter": "2022-Q1"}, 1),
        ),
        (
            f"by=sex&quarter=2022-Q1&project={PROJECT}&insurer=100",
            "insurer",
            ([], {"project": PROJECT, "insurer": "100", "quarter": "2022-Q1"}, 2),
        ),
        (
            f"by=pseudocode,month&project={PROJECT}&from=2022-02&to=2022-03",
            "coordinator",
            (["pseudocode", "quarter"], {"project": PROJECT}, 2),
        ),
        (
            f"by=insurer&month=2022-04&project={PROJECT}",
            "policy_maker",
            ([], {"project": PROJECT, "month": "2022-04"}, 7),
        ),
        (
            f"month=2022-03&project={PROJECT}&age_band=85%2B",
            "coordinator",
            ([], {"project": PROJECT, "age_band": "85+", "quarter": "2022-Q1"}, 1),
        ),
        (
            f"component=6&quarter=2022-Q1&project={PROJECT}",
            "coordinator",
            ([], {"project": PROJECT, "quarter": "2022-Q1"}, 1),
        ),
        (
            f"convention={PROJECT}&project={PROJECT}&by=sex",
            "policy_maker",
            ([], {"project": PROJECT, "convention": PROJECT}, 3),
        ),
        (
            f"measure=joined&by=age_band&month=2022-02&project={PROJECT}",
            "coordinator",
            ([], {"project": PROJECT, "month": "2022-02"}, 6),
        ),
    ],
    ids=[
        "longer",
        "of an insurer",
        "of a span",
        "fewer dimensions",
        "of the oldest",
        "of a component",
        "of a convention",
        "of joined",
    ],
)
def test_next_step_can_be_followed_and_shows_something(
    released: Gateway, query: str, role: str, step: tuple[list[str], dict[str, str], int]
) -> None:
    found = figures(released, query, role)["next_step"]

    assert (found["by"], found["filters"], found["shown"]) == step
    assert found["url"].startswith("/v1/aggregates?")
    followed = released.send("GET", found["url"], role=role)
    assert followed.status_code == 200, followed.text
    answer = followed.get_json()
    assert (answer["by"], answer["filters"]) == (found["by"], found["filters"])
    assert [cell for cell in answer["cells"] if cell["status"] == "published"]


@pytest.mark.parametrize(
    "query",
    [f"month=2022-02&project={PROJECT}", f"by=month&project={FOREIGN_PROJECT}", f"year=2022&project={FOREIGN_PROJECT}"],
    ids=["all is published", "nothing longer is", "nothing wider is"],
)
def test_there_is_no_step_where_none_would_help(released: Gateway, query: str) -> None:
    assert figures(released, query)["next_step"] is None


def test_change_is_said_where_two_periods_that_follow_are_published(released: Gateway) -> None:
    cells = figures(released, f"by=month&project={PROJECT}&from=2022-01&to=2022-04")["cells"]

    assert [cell.get("change") for cell in cells] == [
        None,
        {
            "beneficiaries": {"difference": 8, "is_real": False},  # 2 sqrt(2) sigma is 8.49
            "actions": {"difference": 17, "is_real": True},  # 16.97
        },
        None,  # protected
        None,  # after a protected one
    ]
    assert cells[2] == {"dims": {"month": "2022-03"}, **NOTHING}


def test_change_is_within_one_cell(released: Gateway) -> None:
    cells = figures(released, "by=month,sex&from=2022-02&to=2022-04")["cells"]

    changes = {(cell["dims"]["month"], cell["dims"]["sex"]): cell.get("change") for cell in cells}
    assert {name: found for name, found in changes.items() if found is not None} == {
        ("2022-03", "F"): {
            "beneficiaries": {"difference": 39, "is_real": True},
            "actions": {"difference": 10, "is_real": False},
        },
        ("2022-04", "F"): {
            "beneficiaries": {"difference": 0, "is_real": False},
            "actions": {"difference": 15, "is_real": False},
        },
    }


def test_change_of_an_inclusion_measure_is_of_beneficiaries_alone(released: Gateway) -> None:
    cells = figures(released, f"by=month&measure=joined&project={PROJECT}")["cells"]

    assert [cell.get("change") for cell in cells] == [None, {"beneficiaries": {"difference": 21, "is_real": True}}]


@pytest.mark.parametrize("query", [f"month=2022-02&project={PROJECT}", f"by=quarter&project={PROJECT}"])
def test_single_period_says_no_change(released: Gateway, query: str) -> None:
    (cell,) = figures(released, query)["cells"]

    assert (cell["status"], "change" in cell) == ("published", False)


@pytest.mark.parametrize(
    ("query", "dimension"),
    [
        ("by=sex,insurer&month=2022-02", "sex"),
        ("by=sex&insurer=100&month=2022-02", "sex"),
        ("by=sex,insurer,age_band&quarter=2022-Q1", "sex"),
        ("by=component,sex&quarter=2022-Q1", "sex"),
        (f"by=component&pseudocode={PSEUDOCODE}&quarter=2022-Q1", "component"),
        ("component=3&month=2022-02", "component"),
        ("by=municipality&quarter=2022-Q1", "municipality"),
        ("by=municipality,district&year=2022", "municipality"),
        ("by=age_group&quarter=2022-Q1", "age_group"),
        ("measure=joined&profession=nurse&month=2022-02", "profession"),
    ],
)
def test_question_outside_the_lattice_names_the_dimension_that_is_too_many(
    released: Gateway, query: str, dimension: str
) -> None:
    answer = ask(released, query)

    assert (answer.status_code, answer.get_json()["code"]) == (422, "not-in-lattice")
    assert f"“{dimension}”" in answer.get_json()["detail"]
