"""The door of the audit: what an auditor sees of who did what, page by page, and nobody else."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import NullPool, create_engine

from gateway.domain.access import Caller, Role
from gateway.domain.periods import day_of
from gateway.services.chain_audit import chain_some
from tests.builders import PROJECT, SSIN
from tests.http.wire import Gateway


def _items(gateway: Gateway, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gateway.send("GET", f"/v1/audit{query}", role="auditor").get_json()["items"]
    return found


def test_entry_says_who_did_what_about_what_and_its_place_once_it_is_chained(gateway: Gateway) -> None:
    included = gateway.include()
    (waiting,) = _items(gateway, f"?inclusion={included['id']}")
    while chain_some(gateway.context):
        pass

    (shown,) = _items(gateway, f"?inclusion={included['id']}")

    assert {"chain", "position"} == shown.keys() - waiting.keys()
    assert (shown["verb"], shown["outcome"], shown["role"]) == ("register_inclusion", "done", "provider")
    assert (shown["organisation"], shown["project"], shown["object"]) == ("10000106", "demo-nord", included["id"])
    assert set(shown) == {
        *("id", "at", "role", "organisation", "person", "verb", "outcome", "request_id", "project", "object"),
        *("chain", "position"),
    }
    assert SSIN not in str(shown)


def test_reading_the_audit_is_in_the_audit(gateway: Gateway) -> None:
    _items(gateway)

    assert _items(gateway)[-1]["verb"] == "list_audit"


def test_entries_of_a_person_and_of_a_time_are_found(gateway: Gateway) -> None:
    included = gateway.include()
    gateway.send("GET", f"/v1/inclusions/{included['id']}", role="provider")
    chain_some(gateway.context)
    gateway.send("GET", f"/v1/inclusions/{included['id']}", role="provider")
    first, *_ = _items(gateway, f"?inclusion={included['id']}")

    of_person = _items(gateway, f"?caller={first['person']}")

    assert [one["verb"] for one in of_person] == ["register_inclusion", "get_inclusion", "get_inclusion"]
    assert ["position" in one for one in of_person] == [True, True, False]
    assert of_person == _items(gateway, f"?caller={first['person']}&from=2022-01-01T00:00:00Z")
    assert _items(gateway, "?to=2022-01-01T00:00:00Z") == []
    begun, ended = (day_of(datetime.fromisoformat(one["at"])) for one in (of_person[0], of_person[-1]))
    assert of_person == _items(gateway, f"?caller={first['person']}&from={begun}&to={ended}")
    assert _items(gateway, f"?to={begun - timedelta(days=1)}") == []
    assert _items(gateway, f"?caller={SSIN}{'a' * 21}") == []  # a hash that holds one by chance
    assert _items(gateway, "?caller=nobody") == _items(gateway, "?from=2199-01-01T00:00:00Z") == []


def test_pages_hold_every_entry_once_chained_or_not(gateway: Gateway) -> None:
    gateway.include()
    chain_some(gateway.context)
    gateway.at("2022-03-01T08:00:00+00:00").act()
    until = "to=2199-01-01T00:00:00Z"
    whole = [one["id"] for one in _items(gateway, f"?{until}&limit=1000")]

    paged: list[object] = []
    cursor = ""
    while len(paged) < len(whole):
        page = gateway.send("GET", f"/v1/audit?{until}&limit=3{cursor}", role="auditor").get_json()
        paged += [one["id"] for one in page["items"]]
        cursor = f"&cursor={page['next']}"

    assert paged[: len(whole)] == whole
    assert len(set(paged)) == len(paged)


def test_cursor_that_was_never_given_is_refused(light_gateway: Gateway) -> None:
    for cursor in ("ZGVtbw", "YXxi", "MjAyMi0wMS0wMXw"):
        refused = light_gateway.send("GET", f"/v1/audit?cursor={cursor}", role="auditor")
        assert (refused.status_code, refused.get_json()["code"]) == (400, "invalid-cursor")


def test_person_in_two_roles_acts_in_the_one_that_the_token_names_and_the_audit_says_in_which(gateway: Gateway) -> None:
    included = gateway.include()
    subject = "coordinates-and-administers"
    paths = (f"/v1/inclusions/{included['id']}", f"/v1/progress?project={PROJECT}")

    answers = {
        role: [gateway.send("GET", path, role=role, sub=subject, project=PROJECT).status_code for path in paths]
        for role in ("project_admin", "coordinator")
    }

    assert answers == {"project_admin": [200, 403], "coordinator": [403, 200]}
    caller = Caller(gateway.issuer.url, subject, Role.COORDINATOR)
    entries = _items(gateway, f"?caller={gateway.context.veil.fingerprints.person(caller)}")
    assert [(one["role"], one["verb"], one["outcome"]) for one in entries] == [
        ("project_admin", "get_inclusion", "done"),
        ("project_admin", "show_progress", "role-not-allowed"),
        ("coordinator", "get_inclusion", "role-not-allowed"),
    ]


def test_nothing_of_the_register_is_shown_or_changed_while_the_audit_cannot_be_written(gateway: Gateway) -> None:
    included = gateway.include()
    own = f"/v1/inclusions/{included['id']}"
    engine = create_engine(gateway.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_entry RENAME TO audit_away")

    asked = [
        gateway.send("GET", own, role="provider"),
        gateway.send("GET", f"{own}/explanation", role="provider"),
        gateway.send("GET", "/v1/inclusions?project=demo-nord", role="project_admin"),
        gateway.send("POST", "/v1/inclusions/find", {"project": PROJECT, "ssin": SSIN}, role="provider"),
        gateway.send("GET", "/v1/deliveries", role="project_admin"),
        gateway.send("POST", f"{own}/exit", {"reason": "moved"}, role="provider"),
        gateway.send("GET", "/v1/audit", role="auditor"),
        gateway.send("GET", own, role="auditor"),
    ]

    assert [(one.status_code, included["id"] in one.text) for one in asked] == [(503, False)] * len(asked)
    assert gateway.send("GET", "/v1/projects", role="provider").status_code == 200
