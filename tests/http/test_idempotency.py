"""Idempotency over HTTP: one key, one request, one effect, one answer to the byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.builders import COLLEAGUE, PROJECT
from tests.http.test_bodies import assert_problem
from tests.http.wire import (
    Body,
    Gateway,
    a_project_request,
    a_pseudocode_request,
    an_action_request,
    an_inclusion_request,
)

KEY = "2a4c1e1e-5f5c-4d0e-8d4b-0d5b2f6f3c11"


def business(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if name != "audit_entry"}


@pytest.mark.parametrize("path", ["/v1/inclusions", "/v1/actions", "/v1/projects", "/v1/pseudocodes"])
def test_post_that_writes_needs_a_key(shared_gateway: Gateway, path: str) -> None:
    assert_problem(shared_gateway.send("POST", path, {}, role="registrar", key=None), 400, "idempotency-key-missing")


BAD_KEYS = {
    "empty": "",
    "quotes around nothing": '""',
    "256 characters": "k" * 256,
    "256 in quotes": f'"{"k" * 256}"',
    "a space": "a b",
    "a space in quotes": '"a b"',
    "a quote in quotes": '"a"b"',
    "two in quotes": '"a", "b"',
    "two in quotes, joined": '"a","b"',
    "two bare": "a, b",
    "a tab": "a\tb",
    "not ASCII": "clé",
    "a parameter": '"a"; x=1',
}


@pytest.mark.parametrize("case", BAD_KEYS)
def test_key_of_another_form_is_400(shared_gateway: Gateway, case: str) -> None:
    before = shared_gateway.counts()

    answer = shared_gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", key=BAD_KEYS[case])

    assert_problem(answer, 400, "idempotency-key-invalid")
    assert shared_gateway.counts() == before


@pytest.mark.parametrize("key", ["k", "k" * 255, f'"{"k" * 255}"', "' OR 1=1--".replace(" ", ""), '"', "{}[]:;,.<>?"])
def test_key_is_1_to_255_visible_characters(light_gateway: Gateway, key: str) -> None:
    answers = [
        light_gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", key=key) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("path", "body", "role"),
    [
        ("/v1/inclusions", an_inclusion_request(), "provider"),
        ("/v1/projects", a_project_request(id="demo-est"), "registrar"),
        ("/v1/pseudocodes", a_pseudocode_request(code="794055"), "registrar"),
    ],
)
def test_same_request_gets_the_first_answer_to_the_byte(gateway: Gateway, path: str, body: Body, role: str) -> None:
    first = gateway.send("POST", path, body, role=role, key=KEY)
    counted = business(gateway.counts())
    gateway.at("2022-01-20T09:00:00+00:00")

    again = [gateway.send("POST", path, body, role=role, key=key) for key in (KEY, f'"{KEY}"')]

    for answer in again:
        assert (answer.status_code, answer.data) == (first.status_code, first.data)
        assert answer.headers["Idempotent-Replayed"] == "true"
        for name in ("Location", "ETag", "Content-Type"):
            assert answer.headers.get(name) == first.headers.get(name)
    assert "Idempotent-Replayed" not in first.headers
    assert business(gateway.counts()) == counted


def test_answer_of_a_change_is_given_again_too(gateway: Gateway) -> None:
    path = f"/v1/inclusions/{gateway.include()['id']}/exit"

    first, again = (gateway.send("POST", path, {"reason": "moved"}, role="provider", key=KEY) for _ in range(2))

    assert (first.status_code, first.data) == (again.status_code, again.data) == (200, again.data)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_order_of_members_and_white_space_are_no_other_request(light_gateway: Gateway) -> None:
    body = an_inclusion_request()
    reordered = json.dumps(dict(reversed(body.items())), indent=3).encode()

    first = light_gateway.send("POST", "/v1/inclusions", body, role="provider", key=KEY)
    again = light_gateway.send("POST", "/v1/inclusions", reordered, role="provider", key=KEY)

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.data == first.data


@pytest.mark.parametrize("change", [{"municipality": "25112"}, {"ssin": "85473003317"}])
def test_other_request_under_the_key_is_422_without_effect(gateway: Gateway, change: dict[str, Any]) -> None:
    gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", key=KEY)
    counted = business(gateway.counts())

    answer = gateway.send("POST", "/v1/inclusions", an_inclusion_request(**change), role="provider", key=KEY)

    assert_problem(answer, 422, "idempotency-key-reused")
    assert business(gateway.counts()) == counted


def test_other_object_under_the_key_is_422(light_gateway: Gateway) -> None:
    ids = [light_gateway.include(ssin)["id"] for ssin in ("85073003328", "85473003317")]

    answers = [
        light_gateway.send("POST", f"/v1/inclusions/{one}/exit", {"reason": "moved"}, role="provider", key=KEY)
        for one in ids
    ]

    assert [answer.status_code for answer in answers] == [200, 422]


def test_other_caller_or_route_has_a_scope_of_its_own(gateway: Gateway) -> None:
    gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", key=KEY)

    colleague = gateway.send(
        "POST", "/v1/inclusions", an_inclusion_request(), role="provider", nihii=COLLEAGUE, key=KEY
    )
    gateway.at("2022-03-01T09:00:00+00:00")
    action = gateway.send("POST", "/v1/actions", an_action_request(), role="provider", key=KEY)

    assert (colleague.status_code, colleague.get_json()["code"]) == (409, "already-included")
    assert action.status_code == 201


def test_new_token_of_the_same_caller_has_the_same_scope(light_gateway: Gateway) -> None:
    tokens = [light_gateway.issuer.token("provider") for _ in range(2)]

    answers = [
        light_gateway.send("POST", "/v1/inclusions", an_inclusion_request(), token=token, key=KEY) for token in tokens
    ]

    assert answers[1].headers["Idempotent-Replayed"] == "true"


def test_refusal_is_not_kept(gateway: Gateway) -> None:
    gateway.at("2021-08-01T09:00:00+00:00")
    agreement = {"agreed_on": "2021-07-01", "informed": True, "in_target_group": True}
    body = an_inclusion_request(agreement=agreement)
    refused = gateway.send("POST", "/v1/inclusions", body, role="project_admin", key=KEY)
    gateway.at("2022-01-15T09:00:00+00:00")

    accepted = gateway.send("POST", "/v1/inclusions", body, role="project_admin", key=KEY)

    assert (refused.status_code, accepted.status_code) == (422, 201)


def test_refusal_of_the_form_is_not_kept(light_gateway: Gateway) -> None:
    first = light_gateway.send("POST", "/v1/inclusions", {}, role="provider", key=KEY)
    second = light_gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", key=KEY)

    assert (first.status_code, second.status_code) == (400, 201)


TRIALS: Mapping[str, tuple[str, str, Body, str]] = {
    "inclusion": ("POST", "/v1/inclusions", an_inclusion_request(ssin="85473003317"), "provider"),
    "action": ("POST", "/v1/actions", an_action_request(occurrence=2), "provider"),
    "exit": ("POST", "/v1/inclusions/{inclusion}/exit", {"reason": "moved"}, "provider"),
    "annulment": ("POST", "/v1/inclusions/{inclusion}/annulment", {"reason": "other"}, "project_admin"),
    "annulment of an action": ("POST", "/v1/actions/{action}/annulment", {"reason": "other"}, "provider"),
    "project": ("POST", "/v1/projects", a_project_request(id="demo-est"), "registrar"),
    "project again": ("PUT", f"/v1/projects/{PROJECT}", a_project_request(), "registrar"),
    "pseudocode": ("POST", "/v1/pseudocodes", a_pseudocode_request(code="794055"), "registrar"),
}


@pytest.mark.parametrize("case", TRIALS)
def test_trial_is_answered_and_stores_nothing_but_its_audit_entry(gateway: Gateway, case: str) -> None:
    method, path, body, role = TRIALS[case]
    inclusion = gateway.include()["id"]
    action = gateway.at("2022-03-01T09:00:00+00:00").act()["id"]
    before = gateway.counts()
    path = path.format(inclusion=inclusion, action=action) + "?validate_only=true"

    answer = gateway.send(method, path, body, role=role, key=None, headers={"If-Match": '"1"'})

    document = answer.get_json()
    assert (answer.status_code, document["validated"]) == (200, True)
    assert not {"receipt", "delivery"} & set(document)
    assert "id" not in document
    assert "Location" not in answer.headers
    assert gateway.counts() == {**before, "audit_entry": before["audit_entry"] + 1}


def test_trial_under_a_key_leaves_the_key_free(light_gateway: Gateway) -> None:
    trial = light_gateway.send(
        "POST", "/v1/inclusions?validate_only=true", an_inclusion_request(), role="provider", key=KEY
    )
    real = light_gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", key=KEY)

    assert (trial.status_code, real.status_code) == (200, 201)
    assert "Idempotent-Replayed" not in real.headers


def test_trial_is_refused_as_the_request_would_be(light_gateway: Gateway) -> None:
    light_gateway.include()

    answer = light_gateway.send(
        "POST", "/v1/inclusions?validate_only=true", an_inclusion_request(), role="provider", key=None
    )

    assert_problem(answer, 409, "already-included")


def test_validate_only_false_is_the_request_itself(light_gateway: Gateway) -> None:
    path = "/v1/inclusions?validate_only=false"

    without = light_gateway.send("POST", path, an_inclusion_request(), role="provider", key=None)
    done = light_gateway.send("POST", path, an_inclusion_request(), role="provider")

    assert (without.status_code, done.status_code) == (400, 201)


def test_post_that_only_reads_needs_no_key_and_keeps_none(light_gateway: Gateway) -> None:
    before = light_gateway.counts()["idempotency"]
    body = {"project": PROJECT, "ssin": "85073003328"}

    answers = [light_gateway.send("POST", "/v1/inclusions/find", body, role="provider", key=key) for key in (None, KEY)]

    assert [answer.get_json() for answer in answers] == [{"items": [], "next": None}] * 2
    assert light_gateway.counts()["idempotency"] == before
