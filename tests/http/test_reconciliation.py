"""The door of reconciliation: the three sides, each difference in the caller's language, and no half of an answer."""

from __future__ import annotations

from uuid import UUID

import pytest

from gateway.domain.delivery import StatementLine
from gateway.domain.reconciliation import Kind, Remedy
from gateway.http.texts import LANGUAGES, difference_text, difference_texts
from gateway.services.deliver_outbox import deliver_outbox
from gateway.store.tables import audit_entry, outbox
from schemas.reconciliation import DIFFERENCES, REMEDIES
from tests.builders import instant
from tests.http.wire import Gateway
from tests.services.test_deliver_outbox import PACE, Wire
from tests.store.rows import rows

PATH = "/v1/reconciliation?month=2022-01"


def _line(message_id: UUID, reference: UUID, kind: str = "inclusion") -> StatementLine:
    at = instant("2022-01-15T09:00Z")
    return StatementLine(message_id, UUID(int=1), "MCN-1", kind, reference, at, 1, True, None, False)


def test_three_sides_of_a_month_and_their_differences(gateway: Gateway) -> None:
    included = gateway.include()
    deliver_outbox(gateway.context, Wire(), PACE)
    (message,) = rows(gateway.database_url, outbox)
    gateway.listed.lines = [_line(UUID(int=7), UUID(int=8), "exit")]

    answer = gateway.send("GET", PATH, role="project_admin", headers={"Accept-Language": "nl"})

    told = answer.get_json()
    assert (answer.status_code, answer.headers["Content-Language"]) == (200, "nl")
    assert (told["project"], told["month"], told["asked"]) == ("demo-nord", "2022-01", 1)
    assert told["sent"] == {"pending": 0, "acknowledged": 1, "accepted": 0, "rejected": 0, "failed": 0}
    assert told["answered"] == {"accepted": 1, "rejected": 0}
    assert told["difference_count"] == 2
    foreign, dropped = told["differences"]
    assert (foreign["kind"], foreign["remedy"], foreign["message_id"]) == (
        "unknown-here",
        "ask-origin",
        str(UUID(int=7)),
    )
    assert dropped == {
        "kind": "dropped",
        "remedy": "send-again",
        "message_id": str(message["id"]),
        "reference": included["id"],
        "message_kind": "inclusion",
        "text": difference_text("dropped", "send-again", "nl"),
    }


def test_clean_month_has_no_difference_and_is_audited(gateway: Gateway) -> None:
    gateway.include()
    deliver_outbox(gateway.context, Wire(), PACE)
    (message,) = rows(gateway.database_url, outbox)
    gateway.listed.lines = [_line(message["id"], message["reference"])]

    told = gateway.send("GET", f"{PATH}&project=demo-nord", role="auditor").get_json()

    assert (told["difference_count"], told["differences"]) == (0, [])
    entry = rows(gateway.database_url, audit_entry, "at", "id")[-1]
    assert (entry["verb"], entry["outcome"], entry["project"]) == ("show_reconciliation", "done", "demo-nord")


def test_without_a_statement_there_is_none_and_a_time_to_ask_again(light_gateway: Gateway) -> None:
    light_gateway.include()
    light_gateway.listed.is_away = True

    answer = light_gateway.send("GET", PATH, role="project_admin")

    assert (answer.status_code, answer.get_json()["code"]) == (503, "statement-unavailable")
    assert answer.headers["Retry-After"] == "60"
    asked, failed = rows(light_gateway.database_url, audit_entry, "at", "id")[-2:]
    assert (asked["outcome"], failed["outcome"]) == ("done", "statement-unavailable")
    assert {(one["verb"], one["project"], one["request_id"]) for one in (asked, failed)} == {
        ("show_reconciliation", "demo-nord", asked["request_id"])
    }


@pytest.mark.parametrize(
    ("path", "role", "status", "code"),
    [
        ("/v1/reconciliation", "project_admin", 400, "invalid-request"),
        ("/v1/reconciliation?month=2022-13", "project_admin", 400, "invalid-request"),
        (PATH, "auditor", 400, "invalid-request"),
        (f"{PATH}&project=x-y", "auditor", 404, "unknown-project"),
        (f"{PATH}&project=demo-sud", "project_admin", 403, "foreign-project"),
    ],
)
def test_what_is_asked_wrongly_asks_nobody(
    shared_gateway: Gateway, path: str, role: str, status: int, code: str
) -> None:
    answer = shared_gateway.send("GET", path, role=role)

    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


def test_every_kind_and_remedy_is_on_the_wire_and_has_four_texts() -> None:
    texts = difference_texts()

    assert tuple(texts["kind"]) == DIFFERENCES == tuple(kind.value for kind in Kind)
    assert tuple(texts["remedy"]) == REMEDIES == tuple(remedy.value for remedy in Remedy)
    for group in texts.values():
        for text in group.values():
            assert tuple(text) == LANGUAGES
            assert all(each.endswith(".") for each in text.values())
            assert not any(f" {mark}" in text["fr"] for mark in ":;»")
            assert "« " not in text["fr"]
