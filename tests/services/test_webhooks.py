"""Webhooks: nothing is lost, nothing comes out of order, and one receiver is not another's trouble."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from gateway.clock import real_now
from gateway.domain import errors
from gateway.domain.access import Role
from gateway.domain.circuit import FAILURES_TO_OPEN
from gateway.domain.delivery import Unacceptable
from gateway.domain.webhook import MOST_OF_A_PROJECT, TRIED_FOR
from gateway.pseudonyms.keyring import new_keys
from gateway.pseudonyms.sealing import Sealer
from gateway.services.collect_answers import collect_answers
from gateway.services.deliver_outbox import deliver_outbox
from gateway.services.keep_webhooks import list_webhook_events, list_webhooks, register_webhook, remove_webhook
from gateway.services.retry_delivery import RetryReason, retry_delivery
from gateway.services.send_webhooks import HookWatch, send_webhooks
from gateway.store.tables import outbox
from gateway.store.webhook_tables import webhook, webhook_event
from tests.builders import PROJECT, a_caller
from tests.services.desk import ADMIN, Desk, ssin
from tests.services.test_deliver_outbox import PACE, Times, Wire, answer_to
from tests.store.rows import rows

URL, OTHER_URL = "https://software.example/hook", "https://other.example/hook"
AUDITOR = a_caller(Role.AUDITOR)


@dataclass
class Receiver:
    """Who is posted to: takes what it takes, by address."""

    failures: dict[str, str] = field(default_factory=dict)
    posted: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> str | None:
        self.posted.append((url, dict(headers), body))
        return self.failures.get(url)

    def told(self, url: str = URL) -> list[tuple[str, str | None]]:
        parts = [json.loads(body)["data"] for to, _, body in self.posted if to == url]
        return [(one["status"], one["reason"]) for one in parts]


@pytest.fixture
def times(desk: Desk) -> Times:
    """Real time, moved by hand from now on."""
    times = Times(real_now())
    desk.context = replace(desk.context, real_now=times)
    return times


def _fail(desk: Desk, number: int = 0) -> UUID:
    """A delivery that failed."""
    reference = desk.include(number).known.inclusion.id
    deliver_outbox(desk.context, Wire(Unacceptable("http-422")), PACE)
    (message,) = [row["id"] for row in rows(desk.database_url, outbox) if row["reference"] == reference]
    return UUID(str(message))


def _states(desk: Desk) -> list[str]:
    return [row["state"] for row in rows(desk.database_url, webhook_event, "created_at", "id")]


def test_event_is_signed_names_no_person_and_is_told_once(desk: Desk) -> None:
    new = desk.ask(ADMIN, register_webhook, URL)
    message, receiver = _fail(desk), Receiver()

    tried = [send_webhooks(desk.context, receiver, PACE) for _ in range(2)]

    ((_, headers, body),) = receiver.posted
    key = base64.b64decode(new.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    (event,) = desk.ask(AUDITOR, list_webhook_events, new.webhook.id, None, 10).items
    document: dict[str, Any] = json.loads(body)
    assert tried == [1, 0]
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert headers["webhook-id"] == str(event.id) == document["data"]["id"]
    assert (document["type"], document["data"]["message"]) == ("delivery.changed", str(message))
    assert set(document["data"]) == {"id", "project", "message", "kind", "reference", "status", "reason"}
    assert (event.state, event.attempts) == ("delivered", 1)
    assert ssin().reveal() not in body.decode()
    sealed = rows(desk.database_url, webhook)[0]["sealed_secret"]
    assert new.secret.encode() not in sealed
    assert key not in sealed


def test_every_change_of_a_delivery_is_told_in_order(desk: Desk) -> None:
    desk.ask(ADMIN, register_webhook, URL)
    message, receiver = _fail(desk), Receiver()
    retry_delivery(desk.context, message, RetryReason.MENDED_THERE)
    collect_answers(desk.context, Wire(answers=[answer_to(desk, accepted=False, code="not-insured")]))

    rounds = [send_webhooks(desk.context, receiver, PACE) for _ in range(4)]

    assert rounds == [1, 1, 1, 0]
    assert receiver.told() == [("failed", "http-422"), ("pending", None), ("rejected", "not-insured")]


def test_acceptance_is_told(desk: Desk) -> None:
    desk.ask(ADMIN, register_webhook, URL)
    desk.include()
    receiver = Receiver()
    collect_answers(desk.context, Wire(answers=[answer_to(desk)]))

    send_webhooks(desk.context, receiver, PACE)

    assert receiver.told() == [("accepted", None)]


def test_receiver_that_fails_gets_the_same_event_later_and_what_follows_waits(desk: Desk, times: Times) -> None:
    desk.ask(ADMIN, register_webhook, URL)
    message, receiver = _fail(desk), Receiver({URL: "http-500"})
    retry_delivery(desk.context, message, RetryReason.MENDED_THERE)

    assert [send_webhooks(desk.context, receiver, PACE) for _ in range(2)] == [1, 0]
    receiver.failures = {}
    times.now += timedelta(minutes=10)
    assert [send_webhooks(desk.context, receiver, PACE) for _ in range(3)] == [1, 1, 0]

    (_, first, body), (_, again, same), _ = receiver.posted
    assert (first["webhook-id"], body) == (again["webhook-id"], same)
    assert first["webhook-timestamp"] != again["webhook-timestamp"]
    assert [status for status, _ in receiver.told()] == ["failed", "failed", "pending"]


def test_silent_receiver_rests_and_delays_no_other(desk: Desk, times: Times) -> None:
    for url in (URL, OTHER_URL):
        desk.ask(ADMIN, register_webhook, url)
    for number in range(FAILURES_TO_OPEN + 2):
        _fail(desk, number)
    receiver, watch = Receiver({URL: "unreachable"}), HookWatch()

    while send_webhooks(desk.context, receiver, PACE, watch):
        continue

    assert len(receiver.told(URL)) == FAILURES_TO_OPEN
    assert len(receiver.told(OTHER_URL)) == FAILURES_TO_OPEN + 2
    receiver.failures = {}
    for _ in range(3):
        times.now += timedelta(minutes=10)
        send_webhooks(desk.context, receiver, PACE, watch)
    assert set(_states(desk)) == {"delivered"}


def test_event_is_given_up_after_thirty_days_and_stays_visible(desk: Desk, times: Times) -> None:
    new = desk.ask(ADMIN, register_webhook, URL)
    _fail(desk)
    receiver = Receiver({URL: "http-410"})

    times.now += TRIED_FOR
    send_webhooks(desk.context, receiver, PACE)
    waiting = _states(desk)
    times.now += timedelta(minutes=20)
    send_webhooks(desk.context, receiver, PACE)

    (event,) = desk.ask(ADMIN, list_webhook_events, new.webhook.id, None, 10).items
    assert (waiting, event.state, event.failure) == (["waiting"], "given-up", "http-410")


def test_event_whose_sender_died_is_sent_by_another(desk: Desk, times: Times) -> None:
    desk.ask(ADMIN, register_webhook, URL)
    _fail(desk)

    class Dying(Receiver):
        def post(self, url: str, headers: Mapping[str, str], body: bytes) -> str | None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send_webhooks(desk.context, Dying(), PACE)
    held = send_webhooks(desk.context, Receiver(), PACE)
    times.now += PACE.lease

    assert (held, send_webhooks(desk.context, Receiver(), PACE)) == (0, 1)


def test_worker_that_is_told_to_stop_posts_nothing_more(desk: Desk) -> None:
    desk.ask(ADMIN, register_webhook, URL)
    _fail(desk)

    assert send_webhooks(desk.context, Receiver(), PACE, HookWatch(lambda: True)) == 0
    assert _states(desk) == ["waiting"]


def test_secret_that_cannot_be_opened_is_waited_for(desk: Desk) -> None:
    desk.ask(ADMIN, register_webhook, URL)
    _fail(desk)
    other = replace(desk.context, veil=replace(desk.context.veil, sealer=Sealer(new_keys())))
    receiver = Receiver()

    assert send_webhooks(other, receiver, PACE) == 1
    assert receiver.posted == []
    assert [row["failure"] for row in rows(desk.database_url, webhook_event)] == ["secret-unreadable"]


def test_removed_webhook_is_told_nothing_and_its_secret_is_gone(desk: Desk) -> None:
    new = desk.ask(ADMIN, register_webhook, URL)
    _fail(desk)
    receiver = Receiver()

    desk.ask(ADMIN, remove_webhook, new.webhook.id)
    _fail(desk, 1)

    assert send_webhooks(desk.context, receiver, PACE) == 0
    assert (_states(desk), rows(desk.database_url, webhook)[0]["sealed_secret"]) == (["given-up"], None)
    assert desk.ask(ADMIN, list_webhooks, PROJECT) == []
    with pytest.raises(errors.NotFound):
        desk.ask(ADMIN, remove_webhook, new.webhook.id)
    with pytest.raises(errors.NotFound):
        desk.ask(ADMIN, list_webhook_events, new.webhook.id, None, 10)


def test_webhook_of_another_project_is_not_there(desk: Desk) -> None:
    new = desk.ask(ADMIN, register_webhook, URL)
    stranger = replace(ADMIN, project="demo-sud")

    with pytest.raises(errors.NotFound):
        desk.ask(stranger, remove_webhook, new.webhook.id)
    with pytest.raises(errors.NotFound):
        desk.ask(AUDITOR, list_webhook_events, uuid4(), None, 10)
    assert desk.ask(AUDITOR, list_webhooks, PROJECT)[0].id == new.webhook.id


def test_project_has_no_more_webhooks_than_it_may(desk: Desk) -> None:
    for _ in range(MOST_OF_A_PROJECT):
        desk.ask(ADMIN, register_webhook, URL)

    with pytest.raises(errors.TooManyWebhooks):
        desk.ask(ADMIN, register_webhook, URL)
    with pytest.raises(errors.WebhookUrlRefused):
        desk.ask(ADMIN, register_webhook, "http://127.0.0.1/hook")


def test_pages_of_events_meet_without_a_gap(desk: Desk) -> None:
    new = desk.ask(ADMIN, register_webhook, URL)
    for number in range(3):
        _fail(desk, number)

    first = desk.ask(ADMIN, list_webhook_events, new.webhook.id, None, 2)
    second = desk.ask(ADMIN, list_webhook_events, new.webhook.id, first.next, 2)

    assert (len(first.items), len(second.items), second.next) == (2, 1, None)
    assert len({one.id for one in (*first.items, *second.items)}) == 3
