"""Inclusions over HTTP: registered, read, listed as known then, ended, annulled; each write with a signed receipt."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.pseudonyms.receipts import BrokenReceipt, verify_receipt
from tests.builders import COLLEAGUE, PROJECT, PROVIDER, SSIN
from tests.http.wire import Gateway, an_inclusion_request
from tests.mock.builders import generated_ssins

MEMBERS = {
    "id",
    "project",
    "status",
    "communicated_at",
    "valid_from",
    "valid_until",
    "convention_last_day",
    "agreement",
    "delivery",
}


def get(gateway: Gateway, path: str, role: str = "project_admin") -> Any:
    answer = gateway.send("GET", path, role=role)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def ids_of(page: Any) -> list[str]:
    return [item["id"] for item in page["items"]]


def claims_of(gateway: Gateway, answer: TestResponse) -> dict[str, Any]:
    jwks = gateway.send("GET", "/.well-known/jwks.json").get_json()
    return verify_receipt(answer.get_json()["receipt"], jwks)


def test_inclusion_is_registered(gateway: Gateway) -> None:
    answer = gateway.send("POST", "/v1/inclusions", an_inclusion_request(municipality="25112"), role="provider")

    document = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/inclusions/{document['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert answer.content_type == "application/json"
    receipt = document.pop("receipt")
    assert document == {
        "id": document["id"],
        "project": PROJECT,
        "status": "open",
        "communicated_at": "2022-01-15T09:00:00Z",
        "valid_from": "2022-02-01",
        "valid_until": None,
        "convention_last_day": "2022-12-31",
        "agreement": {"agreed_on": "2022-01-10", "informed": True, "in_target_group": True},
        "municipality": "25112",
        "delivery": {"status": "pending"},
    }
    assert SSIN not in receipt


def test_receipt_verifies_with_the_published_keys(gateway: Gateway) -> None:
    answer = gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider")

    claims = claims_of(gateway, answer)

    assert set(claims) == {"id", "kind", "project", "communicated_at", "valid_from", "rules", "audit_entry"}
    assert claims["id"] == answer.get_json()["id"]
    assert (claims["kind"], claims["project"], claims["valid_from"]) == ("inclusion", PROJECT, "2022-02-01")


def test_receipt_that_was_changed_does_not_verify(light_gateway: Gateway) -> None:
    jwks = light_gateway.send("GET", "/.well-known/jwks.json").get_json()
    header, payload, signature = light_gateway.include()["receipt"].split(".")

    with pytest.raises(BrokenReceipt):
        verify_receipt(f"{header}.{payload[:-4]}AAAA.{signature}", jwks)


def test_administrator_communicates_for_a_partner(gateway: Gateway) -> None:
    body = an_inclusion_request(communicated_by=f"{COLLEAGUE}001")

    assert gateway.send("POST", "/v1/inclusions", body, role="project_admin").status_code == 201


@pytest.mark.parametrize("role", ["provider", "project_admin"])
def test_inclusion_is_read_with_its_version(gateway: Gateway, role: str) -> None:
    inclusion = gateway.include()

    answer = gateway.send("GET", f"/v1/inclusions/{inclusion['id']}", role=role)

    assert set(answer.get_json()) == MEMBERS
    assert answer.get_json() == {name: inclusion[name] for name in MEMBERS}
    assert answer.headers["ETag"] == '"1"'


def test_beneficiary_is_found_newest_first(gateway: Gateway) -> None:
    first = gateway.include()["id"]
    gateway.send("POST", f"/v1/inclusions/{first}/annulment", {"reason": "other"}, role="provider")
    second = gateway.at("2022-01-16T09:00:00+00:00").include()["id"]
    gateway.include("85473003317")

    body = {"project": PROJECT, "ssin": SSIN}
    answer = gateway.send("POST", "/v1/inclusions/find", body, role="provider", nihii=COLLEAGUE, key=None)

    assert ids_of(answer.get_json()) == [second, first]
    assert [item["status"] for item in answer.get_json()["items"]] == ["open", "annulled"]
    assert answer.get_json()["next"] is None


def test_exit_ends_the_inclusion(gateway: Gateway) -> None:
    inclusion = gateway.include()["id"]
    gateway.at("2022-05-16T08:00:00+00:00")
    body = {"reason": "moved", "left_on": "2022-05-02"}

    answer = gateway.send("POST", f"/v1/inclusions/{inclusion}/exit", body, role="provider")
    again = gateway.send("POST", f"/v1/inclusions/{inclusion}/exit", body, role="provider")

    document = answer.get_json()
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert (document["status"], document["valid_until"]) == ("exited", "2022-05-31")
    assert document["exit"] == {**body, "communicated_at": "2022-05-16T08:00:00Z"}
    assert claims_of(gateway, answer)["kind"] == "exit"
    assert (again.status_code, again.get_json()["code"]) == (409, "already-exited")


def test_validity_after_an_exit_is_capped_by_the_convention(light_gateway: Gateway) -> None:
    inclusion = light_gateway.include()["id"]
    light_gateway.at("2022-12-20T08:00:00+00:00")

    answer = light_gateway.send("POST", f"/v1/inclusions/{inclusion}/exit", {"reason": "other"}, role="project_admin")

    assert answer.get_json()["valid_until"] == "2022-12-31"
    assert answer.get_json()["exit"] == {
        "reason": "other",
        "left_on": None,
        "communicated_at": "2022-12-20T08:00:00Z",
    }


def test_annulment_is_shown_and_stands(gateway: Gateway) -> None:
    path = f"/v1/inclusions/{gateway.include()['id']}/annulment"

    answer = gateway.send("POST", path, {"reason": "wrong-person"}, role="project_admin")
    again = gateway.send("POST", path, {"reason": "wrong-person"}, role="project_admin")
    exit_after = gateway.send("POST", path.replace("annulment", "exit"), {"reason": "moved"}, role="provider")

    assert answer.status_code == 200
    assert (answer.get_json()["status"], answer.get_json()["annulment"]) == ("annulled", {"reason": "wrong-person"})
    assert claims_of(gateway, answer)["kind"] == "inclusion-annulment"
    assert (again.status_code, again.get_json()["code"]) == (409, "already-annulled")
    assert (exit_after.status_code, exit_after.get_json()["code"]) == (409, "already-annulled")


def test_list_goes_on_by_its_cursor(gateway: Gateway) -> None:
    registered = [gateway.include(ssin)["id"] for ssin in generated_ssins(5)]
    path, seen, pages = "/v1/inclusions?limit=2", [], 0

    cursor: str | None = ""
    while cursor is not None:
        page = get(gateway, path + (f"&cursor={cursor}" if cursor else ""))
        seen += ids_of(page)
        cursor, pages = page["next"], pages + 1

    assert sorted(seen) == sorted(registered)
    assert pages == 3


def test_list_of_exactly_a_page_ends_there(light_gateway: Gateway) -> None:
    for ssin in generated_ssins(2):
        light_gateway.include(ssin)

    assert get(light_gateway, "/v1/inclusions?limit=2")["next"] is None
    assert len(get(light_gateway, f"/v1/inclusions?project={PROJECT}&limit=1000")["items"]) == 2


def test_list_shows_what_was_known_then(gateway: Gateway) -> None:
    inclusion = gateway.include()["id"]
    gateway.at("2022-05-16T08:00:00+00:00")
    gateway.send("POST", f"/v1/inclusions/{inclusion}/exit", {"reason": "moved"}, role="provider")

    before = get(gateway, "/v1/inclusions?known_at=2022-01-15T08:59:59Z")
    between = get(gateway, "/v1/inclusions?known_at=2022-05-16T09:59:59.999%2B02:00")
    after = get(gateway, "/v1/inclusions?known_at=2022-05-16T08:00:00Z")

    assert before["items"] == []
    assert [item["status"] for item in between["items"]] == ["open"]
    assert [item["status"] for item in after["items"]] == ["exited"]


@pytest.mark.parametrize(
    ("day", "count"),
    [("2022-01-31", 0), ("2022-02-01", 1), ("2022-05-31", 1), ("2022-06-01", 0), ("2023-01-01", 0), ("2199-12-31", 0)],
)
def test_list_of_a_day_holds_who_is_valid_then(gateway: Gateway, day: str, count: int) -> None:
    inclusion = gateway.include()["id"]
    gateway.at("2022-05-16T08:00:00+00:00")
    gateway.send("POST", f"/v1/inclusions/{inclusion}/exit", {"reason": "moved"}, role="provider")

    assert len(get(gateway, f"/v1/inclusions?valid_on={day}")["items"]) == count


@pytest.mark.parametrize(("status", "count"), [("open", 1), ("annulled", 1), ("exited", 0), ("rejected", 0)])
def test_list_of_a_status(light_gateway: Gateway, status: str, count: int) -> None:
    annulled = light_gateway.include("85473003317")["id"]
    light_gateway.send("POST", f"/v1/inclusions/{annulled}/annulment", {"reason": "other"}, role="provider")
    light_gateway.include()

    assert len(get(light_gateway, f"/v1/inclusions?status={status}")["items"]) == count


def test_former_partner_no_longer_knows_the_projects_inclusions(light_gateway: Gateway) -> None:
    inclusion = light_gateway.include()["id"]
    days = {"category": "first_line", "discipline": "nurse", "from": "2021-09-01", "until": "2022-01-14"}
    light_gateway.send("PUT", f"/v1/projects/{PROJECT}/partners/{PROVIDER}", days, role="registrar")

    answer = light_gateway.send("GET", f"/v1/inclusions/{inclusion}", role="provider")

    assert (answer.status_code, answer.get_json()["code"]) == (404, "not-found")
