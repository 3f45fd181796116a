"""Who may do what, over HTTP: the truth table, asked route by route, role by role and project by project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event
from werkzeug.test import TestResponse

from gateway.services.build_extracts import run_extracts
from tests.builders import PROJECT, PROVIDER, PSEUDOCODE
from tests.http.issuer import ROLES
from tests.http.truth import (
    ABSENT,
    NDJSON,
    NOWHERE,
    OPEN,
    PARTNER_OR_ADMIN,
    SANDBOX,
    TRUTH,
    Place,
    an_extract,
    some_lines,
)
from tests.http.wire import (
    FOREIGN_PROJECT,
    FOREIGN_PROVIDER,
    FOREIGN_PSEUDOCODE,
    Gateway,
    an_action_request,
    an_inclusion_request,
)


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
        lines = some_lines(replace(NOWHERE, project=project))
        sent = shared_gateway.send(
            "POST", "/v1/batches", lines, role="provider", nihii=nihii, headers={"Content-Type": NDJSON}
        )
        subject: dict[str, Any] = {} if which == "own" else {"sub": "another-policy-maker"}
        asked = shared_gateway.send("POST", "/v1/extracts", an_extract(NOWHERE), role="policy_maker", **subject)
        hook = shared_gateway.send(
            "POST", "/v1/webhooks", {"url": "https://software.example/hook"}, role="project_admin", project=project
        )
        made = (answer.get_json()["id"] for answer in (included, acted, sent, asked, hook))
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


@contextmanager
def executed(gateway: Gateway) -> Iterator[list[str]]:
    """Every statement that a gateway's register executes meanwhile for requests, without its values.

    Shape: without the look at denied keys, which whichever request comes first after 15 seconds takes, in a
    transaction of its own that reads.
    """
    engine, statements = gateway.context.store._engine, list[str]()

    def note(_c: object, _r: object, statement: str, *_: object) -> None:
        if statement != "BEGIN" and "denied_key" not in statement:
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("route", "role"),
    [(route, role) for route, row in TRUTH.items() for role, status in (row.foreign or {}).items() if status == 404],
)
def test_foreign_object_looks_like_one_that_is_not_there(
    shared_gateway: Gateway, places: Mapping[str, Place], route: str, role: str
) -> None:
    absent = Place(FOREIGN_PROJECT, FOREIGN_PSEUDOCODE, *[ABSENT] * 5)

    with executed(shared_gateway) as statements:
        foreign = ask(shared_gateway, route, places["foreign"], trial=False, role=role)
        half = len(statements)
        none = ask(shared_gateway, route, absent, trial=False, role=role)

    answers = [foreign.get_json(), none.get_json()]
    assert statements[:half] == statements[half:]
    assert len(foreign.data) == len(none.data)
    assert [*foreign.headers.keys()] == [*none.headers.keys()]
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
