"""Fields at fault: all of them at once, each by its pointer and stable code; one code alone is the problem's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.http.texts import LANGUAGES, problem_texts
from tests.builders import PROJECT, PROVIDER, PSEUDOCODE, SSIN
from tests.http.wire import (
    Body,
    Gateway,
    a_partner_request,
    a_project_request,
    a_pseudocode_request,
    an_action_request,
    an_assignment_request,
    an_inclusion_request,
)

ABSENT = "01a1ffd3-9d73-8040-9e4b-349e59c79749"
PARTNER = f"/v1/projects/{PROJECT}/partners/{PROVIDER}"
ASSIGNMENT = f"/v1/projects/{PROJECT}/pseudocodes/{PSEUDOCODE}"
Found = list[tuple[str, str]]


def without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def an_agreement(**changes: Any) -> dict[str, Any]:
    return {"agreed_on": "2022-01-10", "informed": True, "in_target_group": True, **changes}


CASES: Mapping[str, tuple[str, str, Body, Found]] = {
    "empty inclusion": (
        "POST",
        "/v1/inclusions",
        {},
        [("#/agreement", "required"), ("#/project", "required"), ("#/ssin", "required")],
    ),
    "inclusion of nulls": (
        "POST",
        "/v1/inclusions",
        {"project": None, "ssin": None, "agreement": None},
        [("#/agreement", "null-not-allowed"), ("#/project", "null-not-allowed"), ("#/ssin", "null-not-allowed")],
    ),
    "inclusion of wrong types": (
        "POST",
        "/v1/inclusions",
        {
            "project": 1,
            "ssin": int(SSIN),
            "agreement": an_agreement(agreed_on=20220110, informed="yes", in_target_group=1),
        },
        [
            ("#/agreement/agreed_on", "wrong-type"),
            ("#/agreement/in_target_group", "wrong-type"),
            ("#/agreement/informed", "wrong-type"),
            ("#/project", "wrong-type"),
            ("#/ssin", "wrong-type"),
        ],
    ),
    "inclusion of wrong forms": (
        "POST",
        "/v1/inclusions",
        {"project": "Demo", "ssin": SSIN[:-1] + "9", "agreement": [], "municipality": "2511"},
        [
            ("#/agreement", "not-an-object"),
            ("#/municipality", "invalid-nis"),
            ("#/project", "invalid-project-id"),
            ("#/ssin", "invalid-ssin"),
        ],
    ),
    "inclusion with what it may not say": (
        "POST",
        "/v1/inclusions",
        an_inclusion_request(communicated_at="2022-01-01T00:00:00Z", valid_from="2022-01-01", valid_until=None),
        [
            ("#/communicated_at", "unknown-member"),
            ("#/valid_from", "unknown-member"),
            ("#/valid_until", "unknown-member"),
        ],
    ),
    "inclusion with what the register decides": (
        "POST",
        "/v1/inclusions",
        an_inclusion_request(id=ABSENT, status="open", pseudonym="x", bucket=1, role="registrar"),
        [(f"#/{name}", "unknown-member") for name in ("bucket", "id", "pseudonym", "role", "status")],
    ),
    "inclusion with an identity as a member": (
        "POST",
        "/v1/inclusions",
        an_inclusion_request(**{SSIN: 1, "a/b~c": 1, "\u202e": 1}),
        [("#/?", "unknown-member"), ("#/a~1b~0c", "unknown-member")],
    ),
    "inclusion under a number in display form": (
        "POST",
        "/v1/inclusions",
        an_inclusion_request(ssin="85.07.30-033.28"),
        [("#/ssin", "invalid-ssin")],
    ),
    "find": (
        "POST",
        "/v1/inclusions/find",
        {"ssin": "0", "limit": 5},
        [("#/limit", "unknown-member"), ("#/project", "required"), ("#/ssin", "invalid-ssin")],
    ),
    "exit": (
        "POST",
        f"/v1/inclusions/{ABSENT}/exit",
        {"reason": "Moved", "left_on": "2022-02-29", "valid_until": "2022-02-28"},
        [("#/left_on", "invalid-day"), ("#/reason", "unknown-value"), ("#/valid_until", "unknown-member")],
    ),
    "annulment": ("POST", f"/v1/inclusions/{ABSENT}/annulment", {"reason": ""}, [("#/reason", "unknown-value")]),
    "annulment of an action": (
        "POST",
        f"/v1/actions/{ABSENT}/annulment",
        {"reason": ["other"]},
        [("#/reason", "wrong-type")],
    ),
    "action": (
        "POST",
        "/v1/actions",
        {"pseudocode": "79401", "performed_on": "2022-2-1", "occurrence": 0, "performed_by": "10000107"},
        [
            ("#/occurrence", "out-of-range"),
            ("#/performed_by", "invalid-nihii"),
            ("#/performed_on", "invalid-day"),
            ("#/project", "required"),
            ("#/pseudocode", "malformed-pseudocode"),
            ("#/ssin", "required"),
        ],
    ),
    "action with a fraction of an occurrence": (
        "POST",
        "/v1/actions",
        json.dumps(an_action_request()).replace("}", ', "occurrence": 1.0}').encode(),
        [("#/occurrence", "wrong-type")],
    ),
    "action too often": (
        "POST",
        "/v1/actions",
        an_action_request(occurrence=2**31),
        [("#/occurrence", "out-of-range")],
    ),
    "project": (
        "POST",
        "/v1/projects",
        a_project_request(
            id="Demo",
            name={"fr": " ", "nl": "a\u0000b", "es": "x"},
            nihii="12345625",
            contractor={"name": "x" * 201, "cbe": "0403019262"},
            zone=[{"nis": "25112", "population": -1}, {"nis": 25112}],
            convention={"effective_from": "2022-12-31", "last_day": "2021-09-01"},
        ),
        [
            ("#/contractor/cbe", "invalid-cbe"),
            ("#/contractor/name", "too-long"),
            ("#/convention/last_day", "ends-before-it-begins"),
            ("#/id", "invalid-project-id"),
            ("#/name/es", "unknown-member"),
            ("#/name/fr", "required"),
            ("#/name/nl", "invalid-characters"),
            ("#/nihii", "invalid-nihii"),
            ("#/zone/0/population", "out-of-range"),
            ("#/zone/1/nis", "wrong-type"),
            ("#/zone/1/population", "required"),
        ],
    ),
    "project without a zone": ("POST", "/v1/projects", a_project_request(zone=[]), [("#/zone", "required")]),
    "project with a municipality twice": (
        "POST",
        "/v1/projects",
        a_project_request(zone=[{"nis": "25112", "population": 1}] * 2),
        [("#/zone", "not-unique")],
    ),
    "project under another id than its path": (
        "PUT",
        f"/v1/projects/{PROJECT}",
        a_project_request(id="demo-sud"),
        [("#/id", "unknown-value")],
    ),
    "pseudocode": (
        "POST",
        "/v1/pseudocodes",
        a_pseudocode_request(
            code="7940100",
            label=None,
            level="other",
            components=[0, 15, "3"],
            cap=32,
            tariff={"amount": "25", "beneficiary_pays": -1},
        ),
        [
            ("#/cap", "out-of-range"),
            ("#/code", "malformed-pseudocode"),
            ("#/components/0", "out-of-range"),
            ("#/components/1", "out-of-range"),
            ("#/components/2", "wrong-type"),
            ("#/label", "null-not-allowed"),
            ("#/level", "unknown-value"),
            ("#/tariff/amount", "invalid-amount"),
            ("#/tariff/beneficiary_pays", "wrong-type"),
        ],
    ),
    "assignment": (
        "PUT",
        ASSIGNMENT,
        {"valid_from": None, "planned": {"22": {}, "2022": {"beneficiaries": 1.5}, "2023": 1}},
        [
            ("#/planned/2022/actions", "required"),
            ("#/planned/2022/beneficiaries", "wrong-type"),
            ("#/planned/2023", "not-an-object"),
            ("#/planned/22", "invalid-year"),
            ("#/valid_from", "null-not-allowed"),
            ("#/valid_until", "required"),
        ],
    ),
    "assignment that ends before it begins": (
        "PUT",
        ASSIGNMENT,
        an_assignment_request(valid_until="2021-08-31"),
        [("#/valid_until", "ends-before-it-begins")],
    ),
    "partner": (
        "PUT",
        PARTNER,
        {"category": "firstline", "discipline": "Nurse", "from": "x"},
        [
            ("#/category", "unknown-value"),
            ("#/discipline", "unknown-value"),
            ("#/from", "invalid-day"),
            ("#/until", "required"),
        ],
    ),
    "partner who leaves before coming": (
        "PUT",
        PARTNER,
        a_partner_request(until="2021-08-31"),
        [("#/until", "ends-before-it-begins")],
    ),
    "clock": ("PUT", "/sandbox/clock", {"now": "2022-02-14T10:00:00"}, [("#/now", "invalid-instant")]),
    "clock without instant": ("PUT", "/sandbox/clock", {}, [("#/now", "required")]),
    "release of nothing": ("POST", "/sandbox/release", {}, [("#", "exactly-one-period")]),
    "release of two": ("POST", "/sandbox/release", {"month": "2022-02", "year": "2022"}, [("#", "exactly-one-period")]),
    "release of no month": ("POST", "/sandbox/release", {"month": "2022-13"}, [("#/month", "invalid-month")]),
    "release of no quarter": ("POST", "/sandbox/release", {"quarter": "2022-Q5"}, [("#/quarter", "invalid-quarter")]),
    "release of no year": ("POST", "/sandbox/release", {"year": "22"}, [("#/year", "invalid-year")]),
    "release of no measure": (
        "POST",
        "/sandbox/release",
        {"month": "2022-02", "measures": "joined"},
        [("#/measures", "unknown-value")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_fields_at_fault_are_all_named_at_once(shared_gateway: Gateway, case: str) -> None:
    method, path, body, expected = CASES[case]
    before = shared_gateway.counts()

    answer = shared_gateway.send(method, path, body, role="registrar", headers={"If-Match": '"1"'})

    document = answer.get_json()
    assert answer.status_code == 400, answer.text
    assert [(error["pointer"], error["code"]) for error in document["errors"]] == sorted(set(expected))
    assert all(error["detail"] for error in document["errors"])
    assert SSIN not in answer.text
    assert shared_gateway.counts() == before


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/inclusions", an_inclusion_request(ssin="85073003329"), "invalid-ssin"),
        ("/v1/inclusions", an_inclusion_request(ssin="00000000097"), "invalid-ssin"),
        ("/v1/inclusions", an_inclusion_request(ssin="８５０７３００３３２８"), "invalid-ssin"),
        ("/v1/inclusions", an_inclusion_request(ssin=f"{SSIN}\n"), "invalid-ssin"),
        ("/v1/inclusions", an_inclusion_request(communicated_by="10000107"), "invalid-nihii"),
        ("/v1/actions", an_action_request(pseudocode="79401O"), "malformed-pseudocode"),
        ("/v1/actions", an_action_request(performed_by="1"), "invalid-nihii"),
        ("/v1/projects", a_project_request(contractor={"name": "x", "cbe": "1"}), "invalid-cbe"),
        ("/v1/projects", a_project_request(name={"fr": f"M. {SSIN}", "nl": "x"}), "identity-in-text"),
        ("/v1/projects", a_project_request(name={"fr": "85.07.30-033.28", "nl": "850730 03328"}), "identity-in-text"),
        ("/v1/projects", a_project_request(contractor={"name": f"x{SSIN}", "cbe": "0403019261"}), "identity-in-text"),
        (
            "/v1/pseudocodes",
            a_pseudocode_request(label={"fr": "x", "nl": "８５０７３００３３２８"}),
            "identity-in-text",
        ),
    ],
)
def test_code_that_all_fields_share_is_the_code_of_the_problem(
    shared_gateway: Gateway, path: str, body: Body, code: str
) -> None:
    answer = shared_gateway.send("POST", path, body, role="registrar")

    assert (answer.status_code, answer.get_json()["code"]) == (400, code)
    assert {error["code"] for error in answer.get_json()["errors"]} == {code}
    assert SSIN not in answer.text


def test_two_codes_together_are_an_invalid_request(shared_gateway: Gateway) -> None:
    body = an_action_request(ssin="1", pseudocode="1")

    answer = shared_gateway.send("POST", "/v1/actions", body, role="provider").get_json()

    assert answer["code"] == "invalid-request"
    assert [error["code"] for error in answer["errors"]] == ["malformed-pseudocode", "invalid-ssin"]


@pytest.mark.parametrize("role", ["provider", "coordinator", "registrar"])
def test_only_an_administrator_names_who_communicated(shared_gateway: Gateway, role: str) -> None:
    answer = shared_gateway.send(
        "POST", "/v1/inclusions", an_inclusion_request(communicated_by=PROVIDER), role=role
    ).get_json()

    assert [(error["pointer"], error["code"]) for error in answer["errors"]] == [
        ("#/communicated_by", "unknown-member")
    ]


def test_administrator_must_name_who_performed(shared_gateway: Gateway) -> None:
    answer = shared_gateway.send("POST", "/v1/actions", an_action_request(), role="project_admin").get_json()

    assert [(error["pointer"], error["code"]) for error in answer["errors"]] == [("#/performed_by", "required")]


def test_no_more_than_two_hundred_fields_are_named(shared_gateway: Gateway) -> None:
    answer = shared_gateway.send("POST", "/v1/inclusions", {f"m{n}": 1 for n in range(1000)}, role="provider")

    assert len(answer.get_json()["errors"]) == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_fields_are_explained_in_the_language_asked_for(shared_gateway: Gateway, language: str) -> None:
    answer = shared_gateway.send("POST", "/v1/inclusions", {}, role="provider", headers={"Accept-Language": language})

    expected = problem_texts()["field"]["required"]["detail"][language]
    assert {error["detail"] for error in answer.get_json()["errors"]} == {expected}
