"""The door of webhooks, and the readme's lines for whoever receives them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from gateway.domain.delivery import Unacceptable
from gateway.services.deliver_outbox import deliver_outbox
from gateway.services.send_webhooks import send_webhooks
from gateway.store.tables import idempotency
from tests.documents.texts import blocks, read, section
from tests.http.wire import Gateway
from tests.services.test_deliver_outbox import PACE, Wire
from tests.store.rows import rows

URL = "https://software.example/hook"


def _register(gateway: Gateway, **named: Any) -> Any:
    return gateway.send("POST", "/v1/webhooks", {"url": URL}, role="project_admin", **named)


def test_secret_is_shown_once_and_kept_nowhere_in_the_clear(gateway: Gateway) -> None:
    key = str(uuid4())

    first, again = _register(gateway, key=key), _register(gateway, key=key)

    (listed,) = gateway.send("GET", "/v1/webhooks", role="project_admin").get_json()["items"]
    (kept,) = [
        row["body"] for row in rows(gateway.database_url, idempotency) if row["body"] and URL.encode() in row["body"]
    ]
    secret = first.get_json()["secret"]
    assert (first.status_code, again.status_code, again.headers["Idempotent-Replayed"]) == (201, 201, "true")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert again.get_json() == listed == {name: value for name, value in first.get_json().items() if name != "secret"}
    assert secret.encode() not in kept


def test_trial_registers_nothing_and_shows_no_secret(gateway: Gateway) -> None:
    tried = gateway.send("POST", "/v1/webhooks?validate_only=true", {"url": URL}, role="project_admin")

    assert (tried.status_code, tried.get_json()["validated"]) == (200, True)
    assert not {"id", "secret"} & set(tried.get_json())
    assert gateway.send("GET", "/v1/webhooks", role="project_admin").get_json()["items"] == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8090/hook", "https://169.254.169.254/latest", "https://a:b@c.example"]
)
def test_address_inside_is_refused(gateway: Gateway, url: str) -> None:
    answer = gateway.send("POST", "/v1/webhooks", {"url": url}, role="project_admin")

    assert (answer.status_code, answer.get_json()["code"]) == (422, "webhook-url-refused")


def test_auditor_says_of_which_project_and_sees_no_secret(gateway: Gateway) -> None:
    _register(gateway)

    unsaid = gateway.send("GET", "/v1/webhooks", role="auditor")
    (listed,) = gateway.send("GET", "/v1/webhooks?project=demo-nord", role="auditor").get_json()["items"]

    assert (unsaid.status_code, unsaid.get_json()["errors"][0]["pointer"]) == (400, "?project")
    assert set(listed) == {"id", "project", "url", "created_at"}


def test_events_are_listed_and_the_readmes_lines_know_a_genuine_one(gateway: Gateway) -> None:
    new = _register(gateway).get_json()
    gateway.include()
    deliver_outbox(gateway.context, Wire(Unacceptable("http-422")), PACE)
    posted: list[tuple[Mapping[str, str], bytes]] = []

    class Receiver:
        def post(self, url: str, headers: Mapping[str, str], body: bytes) -> str | None:
            posted.append((headers, body))
            return None

    send_webhooks(gateway.context, Receiver(), PACE)

    path = f"/v1/webhooks/{new['id']}/events"
    (event,) = gateway.send("GET", path, role="project_admin").get_json()["items"]
    ((headers, body),) = posted
    (lines,) = [
        block.text for block in blocks(section(read("README.md"), "Tell your software")) if block.language == "python"
    ]
    told: dict[str, Any] = {}
    exec(lines, told)  # noqa: S102 - our own README
    is_genuine = told["is_genuine"]
    assert (event["state"], event["status"], event["reason"]) == ("delivered", "failed", "http-422")
    assert event["id"] == headers["webhook-id"]
    assert is_genuine(new["secret"], headers, body)
    assert not is_genuine(new["secret"], headers, body + b" ")
    assert not is_genuine(new["secret"], {**headers, "webhook-timestamp": "1655000000"}, body)
    assert gateway.send("DELETE", f"/v1/webhooks/{new['id']}", role="project_admin").get_json()["id"] == new["id"]
    assert gateway.send("GET", path, role="project_admin").status_code == 404
