"""The door of deliveries: what a client sees of each message, page by page."""

from __future__ import annotations

from gateway.services.deliver_outbox import deliver_outbox
from tests.http.wire import Gateway
from tests.services.test_deliver_outbox import PACE, Wire


def test_delivery_is_shown_without_anything_about_the_person(gateway: Gateway) -> None:
    included = gateway.include()

    (shown,) = gateway.send("GET", "/v1/deliveries", role="project_admin").get_json()["items"]

    assert shown["reference"] == included["id"]
    assert set(shown) == {"id", "kind", "reference", "status", "attempts", "created_at", "next_attempt_at"}
    assert (shown["kind"], shown["status"], shown["attempts"]) == ("inclusion", "pending", 0)


def test_delivery_that_was_taken_waits_for_its_answer_and_for_no_other_try(gateway: Gateway) -> None:
    gateway.include()
    deliver_outbox(gateway.context, Wire(), PACE)

    (shown,) = gateway.send("GET", "/v1/deliveries?status=pending", role="project_admin").get_json()["items"]

    assert (shown["status"], shown["attempts"], "next_attempt_at" in shown) == ("pending", 1, False)
    assert gateway.send("GET", "/v1/deliveries?status=failed", role="project_admin").get_json()["items"] == []


def test_pages_go_on_where_the_cursor_says(gateway: Gateway) -> None:
    gateway.include()
    gateway.at("2022-03-01T08:00:00+00:00").act()

    first = gateway.send("GET", "/v1/deliveries?limit=1", role="project_admin").get_json()
    second = gateway.send("GET", f"/v1/deliveries?limit=1&cursor={first['next']}", role="project_admin").get_json()
    wrong = gateway.send("GET", "/v1/deliveries?cursor=ZGVtbw", role="project_admin")

    assert [page["items"][0]["kind"] for page in (first, second)] == ["inclusion", "action"]
    assert second["next"] is None
    assert (wrong.status_code, wrong.get_json()["code"]) == (400, "invalid-cursor")


def test_auditor_says_of_which_project(gateway: Gateway) -> None:
    gateway.include()

    answers = [gateway.send("GET", path, role="auditor") for path in ("/v1/deliveries", "/v1/deliveries?project=x-y")]
    listed = gateway.send("GET", "/v1/deliveries?project=demo-nord", role="auditor")

    assert [(one.status_code, one.get_json()["code"]) for one in answers] == [
        (400, "invalid-request"),
        (404, "unknown-project"),
    ]
    assert len(listed.get_json()["items"]) == 1
