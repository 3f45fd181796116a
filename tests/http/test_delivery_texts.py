"""Why a message stands where it does, for people: in four languages, and nothing where there is nothing to say."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.delivery import PERMANENT, RETRYABLE, Answer
from gateway.http.deliveries import delivery
from gateway.http.texts import LANGUAGES, delivery_texts
from gateway.services.collect_answers import collect_answers
from gateway.services.deliver_outbox import deliver_outbox
from gateway.store.tables import outbox
from schemas.fields import Text
from tests.http.wire import Gateway, an_action_request, an_inclusion_request
from tests.services.test_deliver_outbox import PACE, Wire
from tests.store.rows import rows

LISTS = ("/v1/inclusions", "/v1/actions", "/v1/deliveries")
OTHERS = ("broken-seal", "key-missing", "pending", "rejected", "failed")


def test_every_answer_has_a_text_in_four_languages() -> None:
    texts = delivery_texts()

    assert set(texts) == {*PERMANENT, *RETRYABLE, *OTHERS}
    for spoken in texts.values():
        assert set(spoken) == set(LANGUAGES)
        for text in spoken.values():
            assert Text(400).deserialize(text) == text


@pytest.mark.parametrize(
    ("state", "reason", "expected"),
    [
        ("pending", None, {"status": "pending"}),
        ("sent", None, {"status": "pending"}),
        ("accepted", None, {"status": "accepted"}),
        ("pending", "http-503", "pending"),
        ("pending", "temporarily-unavailable", "temporarily-unavailable"),
        ("rejected", "deceased", "deceased"),
        ("rejected", "a-code-of-tomorrow", "rejected"),
        ("failed", "http-422", "failed"),
        ("failed", "broken-seal", "broken-seal"),
    ],
)
def test_reason_without_a_text_of_its_own_has_that_of_its_status(state: str, reason: str | None, expected: Any) -> None:
    for language in LANGUAGES:
        shown = delivery(state, reason, language)

        if isinstance(expected, str):
            text = delivery_texts()[expected][language]
            assert shown == {"status": state, "reason": reason, "text": text}
        else:
            assert shown == expected


def test_client_reads_in_the_language_asked_for_why_nobody_is_included(light_gateway: Gateway) -> None:
    gateway = light_gateway
    included = gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider").get_json()
    gateway.at("2022-03-01T09:00:00Z")
    acted = gateway.send("POST", "/v1/actions", an_action_request(), role="provider").get_json()
    while deliver_outbox(gateway.context, Wire(), PACE):
        continue
    sent = rows(gateway.database_url, outbox)
    answers = [
        Answer(row["kind"], row["id"], False, "deceased", None, row["input_reference"], row["output_reference"])
        for row in sent
    ]
    collect_answers(gateway.context, Wire(answers=answers))

    paths = [f"/v1/inclusions/{included['id']}", f"/v1/actions/{acted['id']}"]
    for language in LANGUAGES:
        asked = {"Accept-Language": language}
        shown = [gateway.send("GET", path, role="provider", headers=asked).get_json() for path in paths]
        lists = [gateway.send("GET", path, role="project_admin", headers=asked) for path in LISTS]

        said = {"status": "rejected", "reason": "deceased", "text": delivery_texts()["deceased"][language]}
        assert [one["delivery"] for one in shown] == [said, said]
        inclusions, actions, deliveries = (page.get_json()["items"] for page in lists)
        assert [one["delivery"] for one in (*inclusions, *actions)] == [said, said]
        assert [{name: one[name] for name in said} for one in deliveries] == [said, said]
