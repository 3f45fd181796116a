"""The catalogue over HTTP: what is put is what is got, versions guard replacements, lists go on by cursors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import PROJECT, PROVIDER, PSEUDOCODE
from tests.http.wire import (
    EARLY_PSEUDOCODE,
    FOREIGN_PROJECT,
    FOREIGN_PSEUDOCODE,
    STRANGER,
    Gateway,
    a_partner_request,
    a_project_request,
    a_pseudocode_request,
    an_assignment_request,
    an_inclusion_request,
)

WHOLE = a_project_request(
    id="demo-est",
    name={"fr": "Démo Est", "nl": "Demo Oost", "de": "Demo Ost", "en": "Demo East"},
    zone=[{"nis": "63001", "population": 0}, {"nis": "63023", "population": 19_000}],
    registration_closes_on="2023-01-31",
    started_on="2018-01-01",
)


def get(gateway: Gateway, path: str) -> Any:
    answer = gateway.send("GET", path, role="auditor")
    assert answer.status_code == 200, answer.text
    return answer.get_json()


@pytest.mark.parametrize("document", [WHOLE, a_project_request(id="demo-est")])
def test_project_is_got_as_it_was_posted(gateway: Gateway, document: dict[str, Any]) -> None:
    posted = gateway.send("POST", "/v1/projects", document, role="registrar")
    got = gateway.send("GET", "/v1/projects/demo-est", role="auditor")

    assert (posted.status_code, posted.headers["Location"], posted.headers["ETag"]) == (
        201,
        "/v1/projects/demo-est",
        '"1"',
    )
    assert posted.get_json() == got.get_json() == document
    assert got.headers["ETag"] == '"1"'


def test_project_is_replaced_whole_under_the_version_last_read(gateway: Gateway) -> None:
    gateway.send("POST", "/v1/projects", WHOLE, role="registrar")
    smaller = a_project_request(id="demo-est", zone=[{"nis": "63001", "population": 1}])
    without_id = {name: value for name, value in smaller.items() if name != "id"}

    first = gateway.send("PUT", "/v1/projects/demo-est", smaller, role="registrar", headers={"If-Match": '"1"'})
    stale = gateway.send("PUT", "/v1/projects/demo-est", WHOLE, role="registrar", headers={"If-Match": '"1"'})
    second = gateway.send("PUT", "/v1/projects/demo-est", without_id, role="registrar", headers={"If-Match": ' "2" '})

    assert [answer.status_code for answer in (first, stale, second)] == [200, 412, 200]
    assert [answer.headers["ETag"] for answer in (first, second)] == ['"2"', '"3"']
    assert first.get_json() == second.get_json() == get(gateway, "/v1/projects/demo-est") == smaller


def test_project_that_exists_is_not_posted_again(gateway: Gateway) -> None:
    answer = gateway.send("POST", "/v1/projects", a_project_request(), role="registrar")

    assert (answer.status_code, answer.get_json()["code"]) == (409, "already-exists")
    assert gateway.send("GET", f"/v1/projects/{PROJECT}", role="auditor").headers["ETag"] == '"1"'


def test_project_that_is_unknown_is_not_put(light_gateway: Gateway) -> None:
    for path, body in (
        ("/v1/projects/absent", a_project_request(id="absent")),
        (f"/v1/projects/absent/partners/{PROVIDER}", a_partner_request()),
        (f"/v1/projects/absent/pseudocodes/{PSEUDOCODE}", an_assignment_request()),
    ):
        answer = light_gateway.send("PUT", path, body, role="registrar", headers={"If-Match": '"1"'})
        assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown-project")
    assert light_gateway.send("GET", "/v1/pseudocodes?project=absent", role="auditor").status_code == 404


def test_projects_are_listed_by_id_and_go_on(gateway: Gateway) -> None:
    first = get(gateway, "/v1/projects?limit=1")
    second = get(gateway, f"/v1/projects?limit=1&cursor={first['next']}")

    assert [item["id"] for item in (*first["items"], *second["items"])] == [PROJECT, FOREIGN_PROJECT]
    assert second["next"] is None
    assert get(gateway, "/v1/projects")["items"][0] == a_project_request()


def test_pseudocode_is_listed_as_it_was_posted(gateway: Gateway) -> None:
    document = a_pseudocode_request(
        code="794055", components=[14], cap=31, tariff={"amount": "25.00", "beneficiary_pays": "0.00"}
    )

    posted = gateway.send("POST", "/v1/pseudocodes", document, role="registrar")
    again = gateway.send("POST", "/v1/pseudocodes", document, role="registrar")

    assert (posted.status_code, posted.get_json()) == (201, document)
    assert (again.status_code, again.get_json()["code"]) == (409, "already-exists")
    assert document in get(gateway, "/v1/pseudocodes")["items"]


def test_pseudocode_without_cap_gets_the_usual_one(light_gateway: Gateway) -> None:
    posted = light_gateway.send("POST", "/v1/pseudocodes", a_pseudocode_request(code="794055"), role="registrar")

    assert posted.get_json()["cap"] == 2


def test_pseudocodes_are_listed_by_code_and_go_on(gateway: Gateway) -> None:
    codes, cursor = [], ""
    for _ in range(9):
        page = get(gateway, f"/v1/pseudocodes?limit=3{cursor}")
        codes += [item["code"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"

    assert codes == sorted(codes)
    assert {PSEUDOCODE, FOREIGN_PSEUDOCODE, EARLY_PSEUDOCODE} <= set(codes)


@pytest.mark.parametrize(
    ("query", "present", "absent"),
    [
        (f"project={PROJECT}", EARLY_PSEUDOCODE, FOREIGN_PSEUDOCODE),
        (f"project={PROJECT}&on=2022-02-10", EARLY_PSEUDOCODE, FOREIGN_PSEUDOCODE),
        (f"project={PROJECT}&on=2022-02-11", PSEUDOCODE, EARLY_PSEUDOCODE),
        ("on=2022-02-11", FOREIGN_PSEUDOCODE, EARLY_PSEUDOCODE),
        ("on=2022-02-10", EARLY_PSEUDOCODE, "000000"),
    ],
)
def test_pseudocodes_of_a_project_and_day(gateway: Gateway, query: str, present: str, absent: str) -> None:
    items = {item["code"]: item for item in get(gateway, f"/v1/pseudocodes?{query}")["items"]}

    assert present in items
    assert absent not in items
    if "project" in query:
        assert items[present]["valid_from"] == "2021-09-01"


def test_assignment_is_put_and_put_again(gateway: Gateway) -> None:
    path = f"/v1/projects/{PROJECT}/pseudocodes/{FOREIGN_PSEUDOCODE}"
    planned = {"2022": {"beneficiaries": 400, "actions": 4800}}

    first = gateway.send("PUT", path, an_assignment_request(planned=planned), role="registrar")
    second = gateway.send("PUT", path, an_assignment_request(valid_until="2022-06-30"), role="registrar")

    assert first.get_json() == {
        "project": PROJECT,
        "code": FOREIGN_PSEUDOCODE,
        **an_assignment_request(planned=planned),
    }
    assert second.status_code == 200
    listed = get(gateway, f"/v1/pseudocodes?project={PROJECT}")["items"]
    assert [item["valid_until"] for item in listed if item["code"] == FOREIGN_PSEUDOCODE] == ["2022-06-30"]


def test_pseudocode_that_nobody_registered_is_not_assigned(light_gateway: Gateway) -> None:
    answer = light_gateway.send(
        "PUT", f"/v1/projects/{PROJECT}/pseudocodes/794011", an_assignment_request(), role="registrar"
    )

    assert (answer.status_code, answer.get_json()["code"]) == (422, "unknown-pseudocode")
    assert PSEUDOCODE in answer.get_json()["nearest"]


@pytest.mark.parametrize("role", ["registrar", "project_admin"])
def test_partner_is_admitted_and_may_register_at_once(gateway: Gateway, role: str) -> None:
    path = f"/v1/projects/{PROJECT}/partners/{STRANGER}001"

    answer = gateway.send("PUT", path, a_partner_request(until="2022-12-31"), role=role)
    registered = gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", nihii=STRANGER)

    assert (answer.status_code, answer.get_json()) == (
        200,
        {"project": PROJECT, "nihii": f"{STRANGER}001", **a_partner_request(until="2022-12-31")},
    )
    assert registered.status_code == 201


def test_partner_who_leaves_may_register_no_longer(gateway: Gateway) -> None:
    path = f"/v1/projects/{PROJECT}/partners/{PROVIDER}"
    gateway.send("PUT", path, a_partner_request(until="2022-01-14"), role="project_admin")

    answer = gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider")

    assert (answer.status_code, answer.get_json()["code"]) == (403, "not-a-partner")
