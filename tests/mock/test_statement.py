"""The statement for reconciliation: complete, paged, without anybody in it; and the faults that tests plant in it."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from mock_mycarenet.decisions import FIXED
from schemas.mycarenet.stand_in import FAULTS
from schemas.mycarenet.statement import Statement
from tests.mock.builders import SSIN, a_message
from tests.mock.test_exchange import confirm, mailbox, send

JANUARY = {"project": "demo-nord", "month": "2022-01"}


def statement(client: FlaskClient, **asked: str) -> list[dict[str, Any]]:
    """Every page of it."""
    lines: list[dict[str, Any]] = []
    following: str | None = None
    while True:
        page = client.get(
            "/statement", query_string={**JANUARY, **asked, **({"cursor": following} if following else {})}
        )
        assert page.status_code == 200, page.text
        assert SSIN not in page.text
        Statement().load(page.get_json())
        lines += page.get_json()["items"]
        following = page.get_json()["next"]
        if following is None:
            return lines


def test_statement_says_what_was_received_decided_and_answered(client: FlaskClient) -> None:
    accepted = send(client, kind="action")
    send(client, **accepted)
    refused = send(client, ssin=next(iter(FIXED)))
    confirm(client, mailbox(client)[0]["answer_id"])

    first, second = statement(client)

    assert first == {
        "message_id": accepted["message_id"],
        "input_reference": accepted["input_reference"],
        "output_reference": "MCN-000001",
        "kind": "action",
        "reference": accepted["body"]["entry"][1]["fullUrl"].removeprefix("urn:uuid:"),
        "received_at": first["received_at"],
        "received_count": 2,
        "outcome": "accepted",
        "code": None,
        "is_answered": True,
    }
    assert (second["message_id"], second["outcome"], second["code"], second["is_answered"]) == (
        refused["message_id"],
        "rejected",
        "unknown-person",
        False,
    )


def test_statement_is_of_one_project_and_of_a_month_in_belgium(client: FlaskClient) -> None:
    inside = [send(client, timestamp=at)["message_id"] for at in ("2021-12-31T23:00:00Z", "2022-01-31T22:59:59Z")]
    for at in ("2021-12-31T22:59:59Z", "2022-01-31T23:00:00Z"):
        send(client, timestamp=at)
    other = send(client, project="demo-sud")["message_id"]

    assert [one["message_id"] for one in statement(client)] == inside
    assert [one["message_id"] for one in statement(client, project="demo-sud")] == [other]


@pytest.mark.parametrize("limit", ["1", "3", "7", "1000"])
def test_statement_is_whole_whatever_its_pages(client: FlaskClient, limit: str) -> None:
    sent = [send(client)["message_id"] for _ in range(7)]

    assert [one["message_id"] for one in statement(client, limit=limit)] == sent


@pytest.mark.parametrize(
    "asked",
    [{"month": "2022-13"}, {"project": "Demo"}, {"limit": "0"}, {"cursor": "x"}, {"cursor": ""}, {"ssin": "1"}],
    ids=str,
)
def test_statement_of_nothing_is_400(client: FlaskClient, asked: dict[str, str]) -> None:
    assert client.get("/statement", query_string={**JANUARY, **asked}).status_code == 400


def test_planted_faults_are_in_the_statement_and_nowhere_else(client: FlaskClient) -> None:
    listed = [one for one in FAULTS if one != "lose"]
    sent = [send(client)["message_id"] for _ in range(len(listed) + 1)]
    refused = send(client, ssin=next(iter(FIXED)))["message_id"]
    before = {one["message_id"]: one for one in statement(client)}
    answered, receipts = mailbox(client), client.get("/ledger").get_json()
    for message_id, fault in zip([*sent[1:], refused], [*listed, "contradict"], strict=True):
        assert client.post("/faults", json={"message_id": message_id, "fault": fault}).status_code == 204

    after = statement(client)

    untouched, dropped, doubled, delayed, contradicted = sent
    assert [one["message_id"] for one in after] == [untouched, doubled, doubled, delayed, contradicted, refused]
    lines = {one["message_id"]: one for one in after}
    assert lines[untouched] == before[untouched]
    assert dropped not in lines
    assert {one["output_reference"] for one in after if one["message_id"] == doubled} == {"MCN-000003", "MCN-000003-2"}
    assert lines[delayed]["received_at"] > before[delayed]["received_at"]
    assert (lines[contradicted]["outcome"], lines[contradicted]["code"]) == ("rejected", "unknown-person")
    assert (lines[refused]["outcome"], lines[refused]["code"]) == ("accepted", None)
    assert (mailbox(client), client.get("/ledger").get_json()) == (answered, receipts)


def test_fault_in_a_message_that_never_came_is_404(client: FlaskClient) -> None:
    answer = client.post("/faults", json={"message_id": a_message()["message_id"], "fault": "drop"})

    assert answer.status_code == 404


def test_message_that_is_lost_is_forgotten_but_for_its_receipt_and_is_new_when_it_comes_again(
    client: FlaskClient,
) -> None:
    lost = send(client)
    asked = {"message_id": lost["message_id"], "fault": "lose"}

    assert [client.post("/faults", json=asked).status_code for _ in range(2)] == [204, 404]

    assert (statement(client), mailbox(client)) == ([], [])
    send(client, **lost)
    assert [one["message_id"] for one in statement(client)] == [lost["message_id"]]
    assert [one["output_reference"] for one in mailbox(client)] == ["MCN-000002"]
    assert len(client.get("/ledger").get_json()["items"]) == 2
