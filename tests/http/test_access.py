"""Who may do what, over HTTP: one truth table, written by hand, for every route, role and project.

A cell is the status that a role gets in its own project and in another one; a role that a row does not name gets 403.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from gateway.http.api.docs import FROM_PACKAGE, OURS
from gateway.services.build_extracts import run_extracts
from tests.builders import PROJECT, PROVIDER, PSEUDOCODE, SSIN
from tests.http.issuer import ROLES
from tests.http.wire import (
    FOREIGN_PROJECT,
    FOREIGN_PROVIDER,
    FOREIGN_PSEUDOCODE,
    JSON,
    Body,
    Gateway,
    a_partner_request,
    a_project_request,
    a_pseudocode_request,
    an_action_request,
    an_assignment_request,
    an_inclusion_request,
)

NDJSON = "application/x-ndjson"
NEW_SSIN = "85473003317"
ABSENT = "01a1ffd3-9d73-8040-9e4b-349e59c79749"


@dataclass(frozen=True)
class Place:
    """A project with an inclusion and an action in it, a batch that a provider of it sent, and an extract."""

    project: str
    pseudocode: str
    inclusion: str
    action: str
    batch: str
    extract: str


_NOWHERE = Place("", "", "", "", "", "")


@dataclass(frozen=True)
class Row:
    """One route: how to ask it about a place, and what each role gets there."""

    path: str
    body: Callable[[Place], Body] | None = None
    own: Mapping[str, int] | None = None
    foreign: Mapping[str, int] | None = None
    writes: bool = False
    content_type: str = JSON


PARTNER_OR_ADMIN = {"provider": 200, "project_admin": 200}
NEITHER_FOREIGN = {"provider": 403, "project_admin": 403}
UNKNOWN_TO_THEM = {"provider": 404, "project_admin": 404}
REGISTRAR = {"registrar": 200}
SENDERS = {"provider": 200, "project_admin": 200, "registrar": 200}
WHO_SENT_IT = {"provider": 200, "project_admin": 404, "registrar": 404}
NOT_WHO_SENT_IT = dict.fromkeys(SENDERS, 404)
WHO_ASKED_FOR_IT = {"policy_maker": 200, "insurer": 404}
NOT_WHO_ASKED_FOR_IT = {"policy_maker": 404, "insurer": 404}
EVERYONE = {
    "provider": 200,
    "project_admin": 200,
    "coordinator": 200,
    "insurer": 200,
    "policy_maker": 200,
    "registrar": 200,
    "auditor": 200,
}


def _inclusion(place: Place) -> Body:
    return an_inclusion_request(project=place.project, ssin=NEW_SSIN)


def _action(place: Place) -> Body:
    return an_action_request(project=place.project, pseudocode=place.pseudocode, performed_by=PROVIDER, occurrence=2)


def _lines(place: Place) -> Body:
    return json.dumps({"type": "action", **an_action_request(project=place.project)}).encode() + b"\n"


def _extract(place: Place) -> Body:
    return {"kind": "policy", "from": "2022-01", "to": "2022-06", "format": "csv", "purpose": "policy"}


def _reason(reason: str) -> Callable[[Place], Body]:
    return lambda _: {"reason": reason}


TRUTH = {
    "POST /v1/inclusions": Row("/v1/inclusions", _inclusion, PARTNER_OR_ADMIN, NEITHER_FOREIGN, writes=True),
    "GET /v1/inclusions": Row("/v1/inclusions?project={p.project}", None, {"project_admin": 200}, {}),
    "POST /v1/inclusions/find": Row(
        "/v1/inclusions/find", lambda p: {"project": p.project, "ssin": SSIN}, PARTNER_OR_ADMIN, NEITHER_FOREIGN
    ),
    "GET /v1/inclusions/<inclusion_id>": Row("/v1/inclusions/{p.inclusion}", None, PARTNER_OR_ADMIN, UNKNOWN_TO_THEM),
    "POST /v1/inclusions/<inclusion_id>/exit": Row(
        "/v1/inclusions/{p.inclusion}/exit", _reason("moved"), PARTNER_OR_ADMIN, UNKNOWN_TO_THEM, writes=True
    ),
    "POST /v1/inclusions/<inclusion_id>/annulment": Row(
        "/v1/inclusions/{p.inclusion}/annulment", _reason("other"), PARTNER_OR_ADMIN, UNKNOWN_TO_THEM, writes=True
    ),
    "GET /v1/inclusions/<inclusion_id>/explanation": Row(
        "/v1/inclusions/{p.inclusion}/explanation", None, PARTNER_OR_ADMIN, UNKNOWN_TO_THEM
    ),
    "PATCH /v1/inclusions/<inclusion_id>": Row(
        "/v1/inclusions/{p.inclusion}",
        lambda _: {"agreement": {"agreed_on": "2022-01-11"}},
        PARTNER_OR_ADMIN,
        UNKNOWN_TO_THEM,
        writes=True,
    ),
    "POST /v1/inclusions/<inclusion_id>/exit/annulment": Row(
        "/v1/inclusions/{p.inclusion}/exit/annulment",
        _reason("other"),
        {"provider": 409, "project_admin": 409},
        UNKNOWN_TO_THEM,
        writes=True,
    ),
    "POST /v1/inclusions/<inclusion_id>/identity": Row(
        "/v1/inclusions/{p.inclusion}/identity",
        lambda _: {"ssin": NEW_SSIN, "reason": "mistyped"},
        {"project_admin": 200},
        {"project_admin": 404},
        writes=True,
    ),
    "POST /v1/actions": Row("/v1/actions", _action, PARTNER_OR_ADMIN, NEITHER_FOREIGN, writes=True),
    "GET /v1/actions": Row("/v1/actions?project={p.project}", None, PARTNER_OR_ADMIN, NEITHER_FOREIGN),
    "GET /v1/actions/<action_id>": Row("/v1/actions/{p.action}", None, PARTNER_OR_ADMIN, UNKNOWN_TO_THEM),
    "POST /v1/actions/<action_id>/annulment": Row(
        "/v1/actions/{p.action}/annulment", _reason("other"), PARTNER_OR_ADMIN, UNKNOWN_TO_THEM, writes=True
    ),
    "POST /v1/batches": Row("/v1/batches", _lines, SENDERS, SENDERS, writes=True, content_type=NDJSON),
    "GET /v1/batches/<batch_id>": Row("/v1/batches/{p.batch}", None, WHO_SENT_IT, NOT_WHO_SENT_IT),
    "GET /v1/batches/<batch_id>/results": Row("/v1/batches/{p.batch}/results", None, WHO_SENT_IT, NOT_WHO_SENT_IT),
    "DELETE /v1/batches/<batch_id>": Row("/v1/batches/{p.batch}", None, WHO_SENT_IT, NOT_WHO_SENT_IT, writes=True),
    "GET /v1/projects": Row("/v1/projects", None, EVERYONE, EVERYONE),
    "GET /v1/projects/<project_id>": Row("/v1/projects/{p.project}", None, EVERYONE, EVERYONE),
    "POST /v1/projects": Row(
        "/v1/projects", lambda _: a_project_request(id="demo-est"), REGISTRAR, REGISTRAR, writes=True
    ),
    "PUT /v1/projects/<project_id>": Row(
        "/v1/projects/{p.project}", lambda p: a_project_request(id=p.project), REGISTRAR, REGISTRAR, writes=True
    ),
    "GET /v1/pseudocodes": Row("/v1/pseudocodes?project={p.project}", None, EVERYONE, EVERYONE),
    "POST /v1/pseudocodes": Row(
        "/v1/pseudocodes", lambda _: a_pseudocode_request(code="794055"), REGISTRAR, REGISTRAR, writes=True
    ),
    "PUT /v1/projects/<project_id>/pseudocodes/<code>": Row(
        "/v1/projects/{p.project}/pseudocodes/{p.pseudocode}",
        lambda _: an_assignment_request(),
        REGISTRAR,
        REGISTRAR,
        writes=True,
    ),
    "PUT /v1/projects/<project_id>/partners/<nihii>": Row(
        f"/v1/projects/{{p.project}}/partners/{PROVIDER}",
        lambda _: a_partner_request(),
        {"registrar": 200, "project_admin": 200},
        {"registrar": 200, "project_admin": 403},
        writes=True,
    ),
    "GET /v1/aggregates": Row(
        "/v1/aggregates?by=month&project={p.project}",
        None,
        {"coordinator": 200, "policy_maker": 200, "insurer": 403},
        {"coordinator": 403, "policy_maker": 200, "insurer": 403},
    ),
    "GET /v1/progress": Row(
        "/v1/progress?project={p.project}",
        None,
        {"coordinator": 200, "policy_maker": 200},
        {"coordinator": 403, "policy_maker": 200},
    ),
    "GET /v1/forecast": Row(
        "/v1/forecast?project={p.project}",
        None,
        {"coordinator": 200, "policy_maker": 200},
        {"coordinator": 403, "policy_maker": 200},
    ),
    "GET /v1/releases": Row(
        "/v1/releases", None, {"coordinator": 200, "policy_maker": 200}, {"coordinator": 200, "policy_maker": 200}
    ),
    "POST /v1/extracts": Row("/v1/extracts", _extract, {"policy_maker": 200}, {"policy_maker": 200}, writes=True),
    "GET /v1/extracts/<extract_id>": Row("/v1/extracts/{p.extract}", None, WHO_ASKED_FOR_IT, NOT_WHO_ASKED_FOR_IT),
    "GET /v1/extracts/<extract_id>/files/<file_name>": Row(
        "/v1/extracts/{p.extract}/files/manifest.json", None, WHO_ASKED_FOR_IT, NOT_WHO_ASKED_FOR_IT
    ),
    "DELETE /v1/extracts/<extract_id>": Row(
        "/v1/extracts/{p.extract}", None, WHO_ASKED_FOR_IT, NOT_WHO_ASKED_FOR_IT, writes=True
    ),
    "POST /v1/simulation": Row(
        "/v1/simulation", lambda _: {"action": {"performed_on": "2022-02-14"}}, EVERYONE, EVERYONE
    ),
}
OPEN = {
    "GET /v1/rules": ("/v1/rules", 200),
    "GET /live": ("/live", 200),
    "GET /ready": ("/ready", 200),
    "GET /.well-known/jwks.json": ("/.well-known/jwks.json", 200),
    "GET /metrics": ("/metrics", 200),
    "GET /openapi.json": ("/openapi.json", 200),
    "GET /docs": ("/docs", 200),
    **{f"GET /docs/{name}": (f"/docs/{name}", 200) for name in (*OURS, *FROM_PACKAGE)},
    "GET /problems": ("/problems", 200),
    "GET /problems/<code>": ("/problems/not-found", 200),
}
SANDBOX = {
    "GET /sandbox/clock": ("/sandbox/clock", None, 200),
    "PUT /sandbox/clock": ("/sandbox/clock", {"now": "2022-03-01T08:00:00Z"}, 200),
    "POST /sandbox/release": ("/sandbox/release", {"month": "2021-09"}, 200),
}


@pytest.fixture(scope="module")
def places(shared_gateway: Gateway) -> Iterator[Mapping[str, Place]]:
    """The callers' own project and a foreign one, each with an inclusion and an action of 1 March 2022."""
    found = {}
    shared_gateway.at("2022-01-15T09:00:00+00:00")
    for which, project, code, nihii in (
        ("own", PROJECT, PSEUDOCODE, PROVIDER),
        ("foreign", FOREIGN_PROJECT, FOREIGN_PSEUDOCODE, FOREIGN_PROVIDER),
    ):
        shared_gateway.at("2022-01-15T09:00:00+00:00")
        included = shared_gateway.send(
            "POST", "/v1/inclusions", an_inclusion_request(project=project), role="provider", nihii=nihii
        )
        shared_gateway.at("2022-03-01T08:00:00+00:00")
        body = an_action_request(project=project, pseudocode=code)
        acted = shared_gateway.send("POST", "/v1/actions", body, role="provider", nihii=nihii)
        lines = _lines(replace(_NOWHERE, project=project))
        sent = shared_gateway.send(
            "POST", "/v1/batches", lines, role="provider", nihii=nihii, headers={"Content-Type": NDJSON}
        )
        subject: dict[str, Any] = {} if which == "own" else {"sub": "another-policy-maker"}
        asked = shared_gateway.send("POST", "/v1/extracts", _extract(_NOWHERE), role="policy_maker", **subject)
        made = (answer.get_json()["id"] for answer in (included, acted, sent, asked))
        found[which] = Place(project, code, *made)
    run_extracts(shared_gateway.context, timedelta(seconds=30))
    run_extracts(shared_gateway.context, timedelta(seconds=30))
    yield found
    shared_gateway.at("2022-03-01T08:00:00+00:00")


def ask(gateway: Gateway, route: str, place: Place, *, trial: bool, role: str | None, **claims: Any) -> TestResponse:
    row = TRUTH[route]
    path = row.path.format(p=place) + ("?validate_only=true" if trial and row.writes else "")
    body = None if row.body is None else row.body(place)
    method = route.partition(" ")[0]
    headers = (
        {"Content-Type": row.content_type} if method == "GET" else {"If-Match": '"1"', "Content-Type": row.content_type}
    )
    return gateway.send(method, path, body, role=role, headers=headers, **claims)


def rules_of(app: Flask) -> set[str]:
    """Every method and path that an app answers."""
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_of_the_application_has_a_row(shared_gateway: Gateway) -> None:
    assert rules_of(shared_gateway.app) == {*TRUTH, *OPEN, *SANDBOX}


@pytest.mark.parametrize("which", ["own", "foreign"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", TRUTH)
def test_role_gets_what_the_table_says(
    shared_gateway: Gateway, places: Mapping[str, Place], route: str, role: str, which: str
) -> None:
    row, place = TRUTH[route], places[which]
    rights = (row.own if which == "own" else row.foreign) or {}
    expected = rights.get(role, 403)

    answer = ask(shared_gateway, route, place, trial=expected == 200, role=role)

    assert answer.status_code == expected, answer.text
    if role not in (row.own or {}):
        assert answer.get_json()["code"] == "role-not-allowed"


@pytest.mark.parametrize("route", TRUTH)
def test_role_does_not_inherit_from_claims_of_other_roles(
    shared_gateway: Gateway, places: Mapping[str, Place], route: str
) -> None:
    claims = {"nihii": PROVIDER, "project": PROJECT, "insurer": "100"}

    for role in set(ROLES) - set(TRUTH[route].own or {}):
        answer = ask(shared_gateway, route, places["own"], trial=False, role=role, **claims)

        assert (answer.status_code, answer.get_json()["code"]) == (403, "role-not-allowed"), role


@pytest.mark.parametrize("route", TRUTH)
def test_nobody_gets_past_401_without_a_token(shared_gateway: Gateway, places: Mapping[str, Place], route: str) -> None:
    before = shared_gateway.counts()

    answer = ask(shared_gateway, route, places["own"], trial=False, role=None)

    assert (answer.status_code, answer.get_json()["code"]) == (401, "no-token")
    assert shared_gateway.counts() == before


@pytest.mark.parametrize("token", [None, "not-a-token"])
@pytest.mark.parametrize("route", OPEN)
def test_open_route_needs_no_token_and_looks_at_none(shared_gateway: Gateway, route: str, token: str | None) -> None:
    path, expected = OPEN[route]

    assert shared_gateway.send("GET", path, token=token).status_code == expected


@pytest.mark.parametrize("token", [None, "not-a-token"])
def test_sandbox_route_needs_no_token_and_looks_at_none(light_gateway: Gateway, token: str | None) -> None:
    for route, (path, body, expected) in SANDBOX.items():
        answer = light_gateway.send(route.partition(" ")[0], path, body, token=token)

        assert answer.status_code == expected, answer.text


@pytest.mark.parametrize(
    ("route", "role"),
    [
        (route, role)
        for route, row in TRUTH.items()
        for role in row.foreign or {}
        if "{p.i" in row.path or "{p.a" in row.path or "{p.e" in row.path
    ],
)
def test_foreign_object_looks_like_one_that_is_not_there(
    shared_gateway: Gateway, places: Mapping[str, Place], route: str, role: str
) -> None:
    absent = Place(FOREIGN_PROJECT, FOREIGN_PSEUDOCODE, ABSENT, ABSENT, ABSENT, ABSENT)

    answers = [
        ask(shared_gateway, route, place, trial=False, role=role).get_json() for place in (places["foreign"], absent)
    ]

    assert [answer.pop("instance") != "" for answer in answers] == [True, True]
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "not-found"


@pytest.mark.parametrize("role", ["provider", "project_admin"])
def test_colleague_of_the_project_sees_its_inclusion_but_not_anothers_action(
    shared_gateway: Gateway, places: Mapping[str, Place], role: str
) -> None:
    own = places["own"]
    colleague: dict[str, Any] = {"nihii": "20000212"} if role == "provider" else {}

    inclusion = shared_gateway.send("GET", f"/v1/inclusions/{own.inclusion}", role=role, **colleague)
    action = shared_gateway.send("GET", f"/v1/actions/{own.action}", role=role, **colleague)

    assert inclusion.status_code == 200
    assert action.status_code == (404 if role == "provider" else 200)


@pytest.mark.parametrize("body", [{}, {"performed_by": PROVIDER}])
def test_what_an_administrator_must_say_is_not_asked_of_roles_without_the_right(
    shared_gateway: Gateway, body: dict[str, str]
) -> None:
    answers = {
        role: shared_gateway.send("POST", "/v1/actions", an_action_request(**body), role=role).status_code
        for role in set(ROLES) - set(PARTNER_OR_ADMIN)
    }

    assert set(answers.values()) == {403}


@pytest.mark.parametrize(("path", "allowed"), [("/v1/inclusions", set()), ("/v1/actions", {"provider"})])
def test_project_of_a_list_is_asked_of_the_roles_with_the_right_alone(
    shared_gateway: Gateway, places: Mapping[str, Place], path: str, allowed: set[str]
) -> None:
    answers = {role: shared_gateway.send("GET", path, role=role).status_code for role in ROLES}

    expected = {role: 400 if role in allowed else 403 for role in ROLES}
    assert answers == {**expected, "project_admin": 200}
