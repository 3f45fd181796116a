"""Inclusion measures, progress and places in the catalogue, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import PROJECT, PROVIDER
from tests.http.wire import FOREIGN_PROJECT, Gateway, a_partner_request, a_project_request
from tests.mock.builders import generated_ssins

INCLUDED = 60
MONTH = "2022-02"
QUARTER = "2022-Q2"


@pytest.fixture(scope="module")
def crowd(shared_gateway: Gateway) -> Gateway:
    """Sixty people are valid from February 2022; the inclusion measures are closed on the days they are due."""
    for ssin in generated_ssins(INCLUDED):
        shared_gateway.include(ssin)
    shared_gateway.at("2022-02-01T08:00:00+00:00")
    assert close(shared_gateway, {"month": MONTH, "measures": "inclusions"}).status_code == 200
    shared_gateway.at("2022-04-01T08:00:00+00:00")
    assert close(shared_gateway, {"quarter": QUARTER, "measures": "inclusions"}).status_code == 200
    return shared_gateway


def close(gateway: Gateway, body: dict[str, str]) -> Any:
    return gateway.send("POST", "/sandbox/release", body)


def ask(gateway: Gateway, path: str, role: str = "policy_maker", **headers: str) -> Any:
    return gateway.send("GET", path, role=role, headers=headers)


def test_receipt_lists_every_release(gateway: Gateway) -> None:
    gateway.at("2022-02-01T08:00:00+00:00")
    early = close(gateway, {"month": MONTH, "measures": "inclusions"}).get_json()
    gateway.at("2022-03-09T22:59:59+00:00")
    too_early = close(gateway, {"month": MONTH})
    gateway.at("2022-03-10T08:00:00+00:00")
    later, whole = close(gateway, {"month": MONTH}).get_json(), close(gateway, {"month": "2022-01"}).get_json()
    again = [close(gateway, body) for body in ({"month": MONTH}, {"month": MONTH, "measures": "inclusions"})]

    assert early == {
        "period": "month",
        "value": MONTH,
        "measures": ["inclusions"],
        "released_at": "2022-02-01T08:00:00Z",
        "releases": ["joined-month-2022-02-1", "left-month-2022-02-1"],
    }
    problem = too_early.get_json()
    assert (too_early.status_code, problem["code"], problem["available_from"]) == (422, "not-due", "2022-03-10")
    assert (later["measures"], later["releases"]) == (["actions"], ["actions-month-2022-02-1"])
    assert whole["measures"] == ["inclusions", "actions"]
    assert whole["releases"] == ["joined-month-2022-01-1", "left-month-2022-01-1", "actions-month-2022-01-1"]
    assert [(one.status_code, one.get_json()["code"]) for one in again] == [(409, "already-released")] * 2


@pytest.mark.parametrize(
    ("body", "available_from"),
    [
        ({"month": "2030-02", "measures": "inclusions"}, "2030-02-01"),
        ({"quarter": "2030-Q3", "measures": "inclusions"}, "2030-07-01"),
        ({"year": "2030", "measures": "inclusions"}, "2030-01-01"),
        ({"month": "2030-02", "measures": "actions"}, "2030-03-10"),
        ({"quarter": "2030-Q1"}, "2030-05-15"),
        ({"year": "2030"}, "2031-03-01"),
        ({"convention": PROJECT}, "2023-03-14"),
    ],
    ids=str,
)
def test_period_that_is_not_due_says_from_when(
    shared_gateway: Gateway, body: dict[str, str], available_from: str
) -> None:
    answer = close(shared_gateway, body)

    problem = answer.get_json()
    assert (answer.status_code, problem["code"], problem["available_from"]) == (422, "not-due", available_from)


def test_convention_has_no_inclusion_measures(shared_gateway: Gateway) -> None:
    answer = close(shared_gateway, {"convention": PROJECT, "measures": "inclusions"})

    assert (answer.status_code, answer.get_json()["code"]) == (422, "not-in-lattice")


@pytest.mark.parametrize("role", ["policy_maker", "coordinator"])
@pytest.mark.parametrize(
    "query", [f"measure=joined&month={MONTH}", f"measure=included&quarter={QUARTER}"], ids=["joined", "included"]
)
def test_inclusion_measures_have_beneficiaries_alone(crowd: Gateway, query: str, role: str) -> None:
    answer = ask(crowd, f"/v1/aggregates?{query}&project={PROJECT}", role).get_json()

    (cell,) = answer["cells"]
    margin = cell.pop("margin")
    assert list(margin) == ["beneficiaries"]
    assert abs(cell.pop("beneficiaries") - INCLUDED) <= 4 * margin["beneficiaries"]
    assert cell == {"dims": {}, "status": "published", "actions": None, "providers": None}
    assert answer["release"]["measure"] == query[8:].split("&", maxsplit=1)[0]


def test_nobody_who_left_looks_like_whatever_is_protected(crowd: Gateway) -> None:
    cells = ask(crowd, f"/v1/aggregates?by=project,month&measure=left&from={MONTH}&to={MONTH}").get_json()["cells"]

    nothing = {"status": "protected", "beneficiaries": None, "actions": None, "providers": None}
    assert cells == [
        {"dims": {"project": name, "month": MONTH}, **nothing} for name in sorted([PROJECT, FOREIGN_PROJECT])
    ]


@pytest.mark.parametrize(
    ("query", "status", "code", "available_from"),
    [
        ("measure=joined&month=2022-03", 404, "not-released", "2022-03-01"),
        ("measure=included&year=2022", 404, "not-released", "2022-01-01"),
        ("measure=actions&month=2022-02", 404, "not-released", "2022-03-10"),
        ("measure=included&month=2022-02", 422, "not-in-lattice", None),
        ("measure=joined&quarter=2022-Q2", 422, "not-in-lattice", None),
        ("measure=left&convention=demo-nord&project=demo-nord", 422, "not-in-lattice", None),
        ("measure=joined&month=2022-02&pseudocode=794010", 422, "not-in-lattice", None),
        ("measure=born&month=2022-02", 400, "invalid-request", None),
    ],
)
def test_question_about_inclusions_is_refused(
    crowd: Gateway, query: str, status: int, code: str, available_from: str | None
) -> None:
    answer = ask(crowd, f"/v1/aggregates?{query}")

    problem = answer.get_json()
    assert (answer.status_code, problem["code"], problem.get("available_from")) == (status, code, available_from)


def test_ledger_shows_inclusion_measures_with_what_they_spent(crowd: Gateway) -> None:
    items = ask(crowd, "/v1/releases").get_json()["items"]

    shown = {one["id"]: (one["measures"], one["rho"]) for one in items}
    assert shown == {
        "joined-month-2022-02-1": ("inclusions", "0.1209"),
        "left-month-2022-02-1": ("inclusions", "0.1209"),
        f"included-quarter-{QUARTER}-1": ("inclusions", "0.1212"),
    }


@pytest.mark.parametrize("role", ["policy_maker", "coordinator"])
def test_progress_shows_released_figure_and_yardstick_side_by_side(crowd: Gateway, role: str) -> None:
    answer = ask(crowd, f"/v1/progress?project={PROJECT}", role, **{"Accept-Language": "nl-BE, fr;q=0.5"})

    found = answer.get_json()
    first, second = found.pop("periods")
    margin = first.pop("margin")
    assert abs(first.pop("included") - INCLUDED) <= 4 * margin["beneficiaries"]
    assert first == {
        "from": "2021-09-01",
        "until": "2022-08-31",
        "percentage": 1,
        "target": 350,
        "as_of": "2022-04-01",
        "status": "published",
    }
    assert second == {
        "from": "2022-09-01",
        "until": "2023-08-31",
        "percentage": 3,
        "target": 1050,
        "included": None,
        "as_of": None,
        "status": "not-released",
        "margin": None,
    }
    assert found.pop("note").startswith("De percentages")
    assert found == {"project": PROJECT, "zone_population": 35_000}
    assert answer.headers["Content-Language"] == "nl"


@pytest.mark.parametrize(
    ("query", "role", "status", "code"),
    [
        ("", "policy_maker", 400, "invalid-request"),
        ("?project=Demo", "policy_maker", 400, "invalid-request"),
        (f"?project={PROJECT}&year=2022", "policy_maker", 400, "unknown-parameter"),
        ("?project=demo-ouest", "policy_maker", 404, "unknown-project"),
        (f"?project={FOREIGN_PROJECT}", "coordinator", 403, "foreign-project"),
        (f"?project={PROJECT}", "insurer", 403, "role-not-allowed"),
    ],
)
def test_progress_is_refused(shared_gateway: Gateway, query: str, role: str, status: int, code: str) -> None:
    answer = ask(shared_gateway, f"/v1/progress{query}", role)

    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


def test_municipality_of_another_project_is_409_and_named(gateway: Gateway) -> None:
    taken = a_project_request()["zone"]
    before = gateway.counts()["project"]

    new = gateway.send("POST", "/v1/projects", a_project_request(id="demo-est", zone=taken), role="registrar")
    put = gateway.send(
        "PUT",
        f"/v1/projects/{FOREIGN_PROJECT}",
        a_project_request(id=FOREIGN_PROJECT, zone=taken),
        role="registrar",
        headers={"If-Match": '"1"', "Accept-Language": "en"},
    )

    assert gateway.counts()["project"] == before
    for answer in (new, put):
        problem = answer.get_json()
        assert (answer.status_code, problem["code"], problem["rule"]) == (409, "zone-taken", "C2")
        assert problem["source"] == "D 8 §1, 3°"
    assert taken[0]["nis"] in put.get_json()["detail"]


def test_twenty_first_project_is_409(light_gateway: Gateway) -> None:
    for number in range(18):
        body = a_project_request(id=f"p-{number}", zone=[{"nis": f"{80000 + number}", "population": 1000}])
        assert light_gateway.send("POST", "/v1/projects", body, role="registrar").status_code == 201

    body = a_project_request(id="demo-est")
    answers = [
        light_gateway.send("POST", f"/v1/projects{query}", body, role="registrar")
        for query in ("", "?validate_only=true")
    ]

    for answer in answers:
        problem = answer.get_json()
        assert (answer.status_code, problem["code"], problem["rule"]) == (409, "too-many-projects", "C1")
        assert problem["source"] == "D 2"


def test_partner_who_comes_back_may_register_again(gateway: Gateway) -> None:
    path = f"/v1/projects/{PROJECT}/partners/{PROVIDER}"

    def put(first: str, last: str | None) -> int:
        body = a_partner_request(**{"from": first, "until": last})
        return gateway.send("PUT", path, body, role="registrar").status_code

    assert [put("2021-09-01", "2021-12-31"), put("2022-01-15", None)] == [200, 200]
    assert [put("2021-12-31", "2022-01-10"), put("2022-01-14", "2022-01-20")] == [409, 409]
    gateway.include()
    gateway.at("2022-03-01T08:00:00+00:00")
    assert gateway.act()["status"] == "recorded"
