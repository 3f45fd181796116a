"""The first failure answers: 401, 400, role 403, project 404 or 403, object 404, rules in their order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import COLLEAGUE, PROJECT, PROVIDER
from tests.http.wire import (
    EARLY_PSEUDOCODE,
    FOREIGN_PROJECT,
    FOREIGN_PROVIDER,
    FOREIGN_PSEUDOCODE,
    STRANGER,
    Body,
    Gateway,
    a_project_request,
    an_action_request,
    an_inclusion_request,
)

ABSENT = "01a1ffd3-9d73-8040-9e4b-349e59c79749"
NOT_JSON = b"{"
REFUSED_AGREEMENT = {"agreed_on": "2022-01-10", "informed": False, "in_target_group": False}


@pytest.mark.parametrize(
    ("role", "method", "path", "body", "code"),
    [
        (None, "POST", "/v1/inclusions", NOT_JSON, "no-token"),
        (None, "GET", "/v1/projects?nonsense=1", None, "no-token"),
        (None, "GET", f"/v1/inclusions/{ABSENT}", None, "no-token"),
        ("auditor", "POST", "/v1/inclusions", NOT_JSON, "malformed-json"),
        ("auditor", "POST", "/v1/inclusions", {}, "required"),
        ("auditor", "GET", "/v1/releases?nonsense=1", None, "unknown-parameter"),
        ("auditor", "GET", "/v1/inclusions?limit=0", None, "invalid-parameter"),
        ("auditor", "POST", "/v1/inclusions?validate_only=yes", {}, "invalid-parameter"),
        ("auditor", "POST", "/v1/inclusions", an_inclusion_request(project="absent"), "role-not-allowed"),
        ("auditor", "GET", f"/v1/inclusions/{ABSENT}", None, "role-not-allowed"),
        ("auditor", "GET", "/v1/actions/no-id", None, "role-not-allowed"),
        ("auditor", "PUT", "/v1/projects/absent", a_project_request(id="absent"), "role-not-allowed"),
        ("auditor", "GET", "/v1/aggregates?by=month,colour&project=absent", None, "role-not-allowed"),
        ("provider", "POST", "/v1/inclusions", an_inclusion_request(project="absent"), "unknown-project"),
        ("project_admin", "POST", "/v1/inclusions", an_inclusion_request(project="absent"), "unknown-project"),
        (
            "project_admin",
            "POST",
            "/v1/inclusions",
            an_inclusion_request(project=FOREIGN_PROJECT, agreement=REFUSED_AGREEMENT),
            "foreign-project",
        ),
        ("project_admin", "GET", "/v1/inclusions?project=absent", None, "unknown-project"),
        ("project_admin", "GET", f"/v1/inclusions?project={FOREIGN_PROJECT}", None, "foreign-project"),
        ("provider", "GET", f"/v1/inclusions/{ABSENT}", None, "not-found"),
        ("registrar", "PUT", "/v1/projects/absent", a_project_request(id="absent"), "precondition-required"),
        ("coordinator", "GET", f"/v1/aggregates?by=month,colour&project={FOREIGN_PROJECT}", None, "foreign-project"),
        ("insurer", "GET", "/v1/aggregates?by=month,colour&insurer=200", None, "foreign-project"),
        ("policy_maker", "GET", "/v1/aggregates?by=month,colour&from=2022-02&to=2022-02", None, "not-in-lattice"),
        ("policy_maker", "GET", "/v1/aggregates?by=month&from=2022-02&to=2022-02", None, "not-released"),
        ("policy_maker", "GET", "/v1/aggregates?by=month,municipality&from=2022-02&to=2022-02", None, "not-in-lattice"),
    ],
)
def test_first_failure_answers(
    shared_gateway: Gateway, role: str | None, method: str, path: str, body: Body, code: str
) -> None:
    answer = shared_gateway.send(method, path, body, role=role).get_json()

    codes = {answer["code"], *(error["code"] for error in answer.get("errors", ()))}
    assert code in codes, answer


def test_missing_idempotency_key_is_told_before_the_role(shared_gateway: Gateway) -> None:
    answer = shared_gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="auditor", key=None)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "idempotency-key-missing")


IN_ORDER = {"informed": True, "in_target_group": True}


@pytest.mark.parametrize(
    ("now", "communicated_by", "agreement", "code", "rule"),
    [
        ("2023-02-01", STRANGER, {}, "not-informed", "I1"),
        ("2023-02-01", STRANGER, {"informed": True, "agreed_on": "2024-01-01"}, "agreement-in-future", "I1"),
        ("2023-02-01", STRANGER, {"informed": True}, "not-in-target-group", "I7"),
        ("2023-02-01", STRANGER, IN_ORDER, "not-a-partner", "I4"),
        ("2023-02-01", PROVIDER, IN_ORDER, "convention-not-in-force", "I5"),
        ("2022-12-15", PROVIDER, IN_ORDER, "valid-after-convention-end", "V6"),
        ("2022-11-15", PROVIDER, IN_ORDER, "already-included", "I3"),
    ],
)
def test_rules_of_an_inclusion_in_their_order(
    gateway: Gateway, now: str, communicated_by: str, agreement: dict[str, Any], code: str, rule: str
) -> None:
    gateway.include()
    gateway.at(f"{now}T09:00:00+00:00")
    body = an_inclusion_request(agreement={**REFUSED_AGREEMENT, **agreement})

    answer = gateway.send("POST", "/v1/inclusions", body, role="provider", nihii=communicated_by).get_json()

    assert (answer["code"], answer["rule"]) == (code, rule)


WRONG_CODE = {"pseudocode": "794998"}


@pytest.mark.parametrize(
    ("now", "changes", "code", "rule"),
    [
        ("2023-02-01", {"performed_on": "2023-03-01", **WRONG_CODE}, "performed-in-future", "P4"),
        ("2023-02-01", {"performed_on": "2023-01-31", **WRONG_CODE}, "outside-convention", "P4"),
        ("2023-03-02", {"performed_on": "2022-01-20", **WRONG_CODE}, "unknown-pseudocode", "P2"),
        ("2023-03-02", {"pseudocode": FOREIGN_PSEUDOCODE}, "pseudocode-not-of-project", "P2"),
        ("2023-03-02", {"pseudocode": EARLY_PSEUDOCODE}, "pseudocode-not-valid-then", "P2"),
        ("2023-03-02", {"performed_on": "2022-01-20", "performed_by": STRANGER}, "not-a-partner", "P5"),
        ("2023-03-02", {"performed_on": "2022-01-20", "performed_by": FOREIGN_PROVIDER}, "not-a-partner", "P5"),
        ("2023-03-02", {"performed_on": "2022-01-20", "performed_by": COLLEAGUE}, "outside-validity", "P3"),
        ("2023-03-02", {"ssin": "85473003317", "performed_by": COLLEAGUE}, "not-included", "P3"),
        ("2023-03-02", {"performed_by": PROVIDER}, "registration-closed", "P9"),
        ("2023-02-01", {"performed_by": PROVIDER}, "duplicate-action", "P6"),
    ],
)
def test_rules_of_an_action_in_their_order(
    light_gateway: Gateway, now: str, changes: dict[str, Any], code: str, rule: str
) -> None:
    light_gateway.include()
    light_gateway.at("2022-03-01T09:00:00+00:00").act()
    light_gateway.at(f"{now}T09:00:00+00:00")
    body = an_action_request(**{"performed_by": STRANGER, **changes})

    answer = light_gateway.send("POST", "/v1/actions", body, role="project_admin").get_json()

    assert (answer["code"], answer["rule"]) == (code, rule)


def test_provider_registers_only_under_the_own_number(light_gateway: Gateway) -> None:
    light_gateway.include()
    light_gateway.at("2022-03-01T09:00:00+00:00")

    refused = light_gateway.send("POST", "/v1/actions", an_action_request(performed_by=COLLEAGUE), role="provider")
    own = light_gateway.send("POST", "/v1/actions", an_action_request(performed_by=f"{PROVIDER}001"), role="provider")

    assert (refused.status_code, refused.get_json()["code"], refused.get_json()["rule"]) == (403, "not-a-partner", "P5")
    assert (own.status_code, own.get_json()["performed_by"]) == (201, PROVIDER)


def test_object_is_unknown_before_its_rules_are_asked(light_gateway: Gateway) -> None:
    inclusion = light_gateway.include()
    path = f"/v1/inclusions/{inclusion['id']}/annulment"
    light_gateway.send("POST", path, {"reason": "other"}, role="provider")

    foreign = light_gateway.send("POST", path, {"reason": "other"}, role="project_admin", project=FOREIGN_PROJECT)
    own = light_gateway.send("POST", path, {"reason": "other"}, role="project_admin", project=PROJECT)

    assert (foreign.status_code, foreign.get_json()["code"]) == (404, "not-found")
    assert (own.status_code, own.get_json()["code"]) == (409, "already-annulled")
