"""The door of the audit: what an auditor sees of who did what, page by page, and nobody else."""

from __future__ import annotations

from gateway.services.chain_audit import chain_some
from tests.builders import SSIN
from tests.http.wire import Gateway


def _items(gateway: Gateway, query: str = "") -> list[dict[str, object]]:
    found: list[dict[str, object]] = gateway.send("GET", f"/v1/audit{query}", role="auditor").get_json()["items"]
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
