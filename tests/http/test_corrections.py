"""Corrections over HTTP: agreement and municipality, an exit taken back, another number for the same person."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import PROJECT, SSIN
from tests.http.wire import Gateway
from tests.mock.builders import generated_ssins

MISTYPED, THIRD = generated_ssins(2)
CORRECTION = {"agreement": {"agreed_on": "2022-01-09"}, "municipality": "25112"}


def path_of(inclusion: dict[str, Any], part: str = "") -> str:
    return f"/v1/inclusions/{inclusion['id']}{part}"


def exit_of(gateway: Gateway, inclusion: dict[str, Any]) -> Any:
    answer = gateway.send("POST", path_of(inclusion, "/exit"), {"reason": "moved"}, role="provider")
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def found(gateway: Gateway, ssin: str) -> list[dict[str, Any]]:
    answer = gateway.send("POST", "/v1/inclusions/find", {"project": PROJECT, "ssin": ssin}, role="project_admin")
    items: list[dict[str, Any]] = answer.get_json()["items"]
    return items


def test_correction_changes_agreement_and_municipality_and_nothing_else(gateway: Gateway) -> None:
    inclusion = gateway.include()

    answer = gateway.at("2022-03-02T09:00:00+00:00").send(
        "PATCH", path_of(inclusion), CORRECTION, role="provider", headers={"If-Match": '"1"'}
    )

    document = answer.get_json()
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"2"'
    assert document["agreement"]["agreed_on"] == "2022-01-09"
    assert document["municipality"] == "25112"
    assert document["communicated_at"] == inclusion["communicated_at"]
    assert document["valid_from"] == inclusion["valid_from"]
    assert document["receipt"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (CORRECTION, {}, 428, "precondition-required"),
        (CORRECTION, {"If-Match": '"7"'}, 412, "precondition-failed"),
        (CORRECTION, {"If-Match": "*"}, 412, "precondition-failed"),
        ({}, {"If-Match": '"1"'}, 400, "invalid-request"),
        ({"valid_from": "2022-01-01"}, {"If-Match": '"1"'}, 400, "invalid-request"),
        ({"agreement": {"agreed_on": "2022-01-10", "informed": True}}, {"If-Match": '"1"'}, 400, "invalid-request"),
        ({"agreement": {"agreed_on": "2022-01-16"}}, {"If-Match": '"1"'}, 422, "agreement-in-future"),
    ],
)
def test_correction_is_refused(
    light_gateway: Gateway, body: dict[str, Any], headers: dict[str, str], status: int, code: str
) -> None:
    inclusion = light_gateway.include()

    answer = light_gateway.send("PATCH", path_of(inclusion), body, role="provider", headers=headers)

    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


def test_exit_entered_by_mistake_leaves_the_inclusion_open_as_if_it_had_not_been(gateway: Gateway) -> None:
    inclusion = gateway.include()
    exit_of(gateway, inclusion)

    answer = gateway.send("POST", path_of(inclusion, "/exit/annulment"), {"reason": "wrong-person"}, role="provider")

    document = answer.get_json()
    assert answer.status_code == 200
    assert document["status"] == "open"
    assert document["valid_until"] is None
    assert "exit" not in document


def test_there_is_no_exit_to_annul(light_gateway: Gateway) -> None:
    inclusion = light_gateway.include()

    answer = light_gateway.send(
        "POST", path_of(inclusion, "/exit/annulment"), {"reason": "other"}, role="project_admin"
    )

    assert (answer.status_code, answer.get_json()["code"], answer.get_json()["rule"]) == (409, "not-exited", "V8")


def test_exit_is_not_annulled_over_a_later_inclusion(gateway: Gateway) -> None:
    first = gateway.include()
    gateway.at("2022-03-02T09:00:00+00:00")
    exit_of(gateway, first)
    later = gateway.include()

    answer = gateway.send("POST", path_of(first, "/exit/annulment"), {"reason": "other"}, role="provider")

    assert (answer.status_code, answer.get_json()["code"]) == (409, "already-included")
    assert answer.get_json()["existing"] == later["id"]


def test_inclusion_and_its_actions_go_on_under_the_right_number(gateway: Gateway) -> None:
    inclusion = gateway.include(MISTYPED)
    gateway.at("2022-02-15T09:00:00+00:00")
    action = gateway.act(MISTYPED, performed_on="2022-02-14")

    answer = gateway.send(
        "POST", path_of(inclusion, "/identity"), {"ssin": SSIN, "reason": "mistyped"}, role="project_admin"
    )

    assert answer.status_code == 200, answer.text
    assert answer.get_json()["id"] == inclusion["id"]
    assert [one["id"] for one in found(gateway, SSIN)] == [inclusion["id"]]
    assert found(gateway, MISTYPED) == []
    assert gateway.send("GET", path_of(inclusion), role="provider").status_code == 200
    assert (
        gateway.send("GET", f"/v1/actions/{action['id']}", role="provider").get_json()["inclusion"] == inclusion["id"]
    )
    again = gateway.send(
        "POST",
        "/v1/actions",
        {"project": PROJECT, "ssin": SSIN, "pseudocode": action["pseudocode"], "performed_on": "2022-02-14"},
        role="provider",
    )
    assert (again.status_code, again.get_json()["existing"]) == (409, action["id"])
    exit_of(gateway, inclusion)
    annulment = gateway.send(
        "POST", f"/v1/actions/{action['id']}/annulment", {"reason": "wrong-day"}, role="project_admin"
    )
    assert annulment.status_code == 200


def test_number_can_change_twice_and_back(gateway: Gateway) -> None:
    inclusion = gateway.include(MISTYPED)

    for ssin in (THIRD, SSIN, MISTYPED):
        answer = gateway.send(
            "POST", path_of(inclusion, "/identity"), {"ssin": ssin, "reason": "bis-replaced"}, role="project_admin"
        )
        assert answer.status_code == 200, answer.text

    assert [one["id"] for one in found(gateway, MISTYPED)] == [inclusion["id"]]
    assert found(gateway, THIRD) == []


def test_old_number_is_forgotten_and_messages_go_out_under_the_new_one(gateway: Gateway) -> None:
    inclusion = gateway.include(MISTYPED)

    gateway.send("POST", path_of(inclusion, "/identity"), {"ssin": SSIN, "reason": "mistyped"}, role="project_admin")

    rows = gateway.counts()
    assert rows["vault"] == 1
    assert rows["outbox"] == 2


@pytest.mark.parametrize("other", [SSIN, MISTYPED])
def test_number_of_somebody_who_is_included_is_refused(gateway: Gateway, other: str) -> None:
    mine = gateway.include(MISTYPED)
    theirs = mine if other == MISTYPED else gateway.include(SSIN)
    before = gateway.counts()

    answer = gateway.send(
        "POST", path_of(mine, "/identity"), {"ssin": other, "reason": "mistyped"}, role="project_admin"
    )

    assert (answer.status_code, answer.get_json()["code"]) == (409, "already-included")
    assert answer.get_json()["existing"] == theirs["id"]
    assert {**gateway.counts(), "audit_entry": 0} == {**before, "audit_entry": 0}
