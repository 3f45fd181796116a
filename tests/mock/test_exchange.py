from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mock_mycarenet.decisions import error_of
from mock_mycarenet.exchange import exchange_door
from mock_mycarenet.ledger import PAGE_ROWS, ledger_door, record
from mock_mycarenet.members import member_of
from mock_mycarenet.problems import install_problems
from mock_mycarenet.scenarios import SCENARIOS, Stage
from mock_mycarenet.storage import Storage
from schemas.mycarenet import stand_in
from schemas.mycarenet.answers import Answer, Mailbox
from schemas.mycarenet.messages import TechnicalAcknowledgement
from schemas.mycarenet.outcomes import OperationOutcome
from schemas.mycarenet.stand_in import Ledger, LedgerEntry
from tests.mock.builders import SSIN, a_message


def send(client: FlaskClient, **changes: Any) -> dict[str, Any]:
    message = a_message(**changes)
    answer = client.post("/messages", json=message)
    assert answer.status_code == 202, answer.text
    acknowledgement = TechnicalAcknowledgement().load(answer.get_json())
    assert str(acknowledgement["message_id"]) == message["message_id"]
    assert str(acknowledgement["input_reference"]) == message["input_reference"]
    return message


def mailbox(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    body = client.get(f"/mailbox{query}").get_json()
    Mailbox().load(body)
    items: list[dict[str, Any]] = body["items"]
    return items


def confirm(client: FlaskClient, *answer_ids: str) -> None:
    assert client.post("/mailbox/confirmations", json={"answers": answer_ids}).status_code == 204


def ledger(client: FlaskClient) -> list[dict[str, str]]:
    body = client.get("/ledger").get_json()
    Ledger().load(body)
    items: list[dict[str, str]] = body["items"]
    return items


def play(client: FlaskClient, scenario: str) -> None:
    assert client.put("/scenario", json={"name": scenario}).status_code == 200


def test_accepted_message_is_answered_with_its_member(client: FlaskClient) -> None:
    message = send(client)

    [answer] = mailbox(client)

    Answer().load(answer)
    assert answer == {
        "answer_id": answer["answer_id"],
        "message_id": message["message_id"],
        "input_reference": message["input_reference"],
        "output_reference": "MCN-000001",
        "outcome": "accepted",
        "member": member_of(SSIN),
    }


def test_answers_come_oldest_first_and_again_until_confirmed(client: FlaskClient) -> None:
    sent = [send(client)["message_id"] for _ in range(5)]
    answers = mailbox(client)

    confirm(client, answers[1]["answer_id"], answers[3]["answer_id"])
    confirm(client, answers[3]["answer_id"], sent[0], "A-000099", "A-1", "1")

    assert [each["message_id"] for each in answers] == sent
    assert mailbox(client) == [answers[0], answers[2], answers[4]]
    assert mailbox(client, "?limit=2") == [answers[0], answers[2]]


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "", "x", "1.0", "٣", "9" * 5000])
def test_a_limit_that_is_none_is_400(client: FlaskClient, limit: str) -> None:
    assert client.get("/mailbox", query_string={"limit": limit}).status_code == 400


def test_repeated_message_is_in_the_ledger_again_and_has_the_same_answer(client: FlaskClient) -> None:
    message = send(client)
    first = mailbox(client)
    send(client, **message)
    again = mailbox(client)
    confirm(client, first[0]["answer_id"])
    play(client, "reject-all")
    send(client, **message)

    assert first == again == mailbox(client)
    assert [each["message_id"] for each in ledger(client)] == [message["message_id"]] * 3


def test_ledger_is_in_order_of_receipt_without_anybody_in_it(client: FlaskClient) -> None:
    inclusion = send(client)
    leave = send(client, kind="exit-annulment")

    items = ledger(client)

    assert [(each["message_id"], each["kind"]) for each in items] == [
        (inclusion["message_id"], "inclusion"),
        (leave["message_id"], "exit-annulment"),
    ]
    assert set(items[0]) == {"message_id", "kind", "received_at"}
    assert [LedgerEntry().load(each)["kind"] for each in items] == ["inclusion", "exit-annulment"]
    assert items[0]["received_at"] <= items[1]["received_at"]


def test_ledger_is_whole_however_long_it_is(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "mock.sqlite3")
    app = Flask("ledger")
    app.register_blueprint(ledger_door(storage))
    assert ledger(app.test_client()) == []

    ids = [a_message()["message_id"] for _ in range(2 * PAGE_ROWS + 1)]
    with storage.transaction() as tx:
        for each in ids:
            record(tx, each, "action", "2026-01-01T00:00:00.000000Z")

    assert [each["message_id"] for each in ledger(app.test_client())] == ids


def test_reject_all_records_and_rejects(client: FlaskClient) -> None:
    play(client, "reject-all")
    message = send(client)

    [answer] = mailbox(client)

    Answer().load(answer)
    assert (answer["message_id"], answer["outcome"]) == (message["message_id"], "rejected")
    assert answer["error"] == error_of("unknown-person")
    assert "member" not in answer
    assert len(ledger(client)) == 1


def test_outage_refuses_the_exchange_records_nothing_and_lets_the_rest_answer(client: FlaskClient) -> None:
    play(client, "outage")

    refused = [
        client.post("/messages", json=a_message()),
        client.get("/mailbox"),
        client.post("/mailbox/confirmations", json={"answers": []}),
    ]

    assert [each.status_code for each in refused] == [503, 503, 503]
    assert all(int(each.headers["Retry-After"]) > 0 for each in refused)
    for each in refused:
        OperationOutcome().load(json.loads(each.data))
    assert client.get("/live").status_code == 200
    assert client.get("/scenario").get_json() == {"name": "outage"}
    assert client.get("/.well-known/jwks.json").status_code == 200
    assert client.post("/auth/token", json={"role": "registrar"}).status_code == 200
    assert client.post("/members/find", json={"ssin": SSIN}).status_code == 200
    play(client, "accept")
    assert ledger(client) == []
    assert mailbox(client) == []


def test_every_scenario_of_the_contract_has_its_row() -> None:
    assert tuple(SCENARIOS) == stand_in.SCENARIOS


@pytest.mark.parametrize("body", [{"name": "no-such"}, {"name": 1}, {}, []])
def test_unknown_scenario_is_400_and_changes_nothing(client: FlaskClient, body: object) -> None:
    answer = client.put("/scenario", json=body)

    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    assert client.get("/scenario").get_json() == {"name": "accept"}


def test_no_file_holds_an_ssin(client: FlaskClient, data_dir: Path) -> None:
    for _ in range(20):
        send(client)
    confirm(client, mailbox(client)[0]["answer_id"])

    files = [path.read_bytes() for path in data_dir.rglob("*") if path.is_file()]

    assert len(files) == 2
    assert not any(SSIN.encode() in each for each in files)


def test_full_disk_is_503_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "mock.sqlite3")
    app = Flask("full")
    for door in (exchange_door(storage, Stage(storage)), ledger_door(storage)):
        app.register_blueprint(door)
    install_problems(app)
    client = app.test_client()
    with storage.reading() as connection:
        [(pages,)] = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    statuses = [client.post("/messages", json=a_message()).status_code for _ in range(200)]

    taken = statuses.count(202)
    assert statuses == [202] * taken + [503] * (200 - taken)
    assert len(ledger(client)) == len(mailbox(client, "?limit=1000")) == taken < 200
