"""What the stand-in plays: fixed answers, and an exchange that goes wrong in every way of the contract."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from flask.testing import FlaskClient

from mock_mycarenet import scenarios, wire
from mock_mycarenet.app import create_app
from mock_mycarenet.decisions import ERRORS, FIXED, PUT_OFF
from schemas.mycarenet.answers import Mailbox
from schemas.mycarenet.outcomes import code_of
from schemas.mycarenet.values import ANSWER_CODES
from tests.documents.texts import read, rows, section
from tests.mock.builders import ISSUER, a_message
from tests.mock.test_exchange import confirm, ledger, mailbox, play, send


def answers(client: FlaskClient) -> list[dict[str, Any]]:
    """The mailbox as its schema loads it."""
    items: list[dict[str, Any]] = Mailbox().load(client.get("/mailbox").get_json())["items"]
    return items


def say(client: FlaskClient, ssin: str, kind: str = "inclusion") -> str:
    """What a message is answered: a code, or nothing when it is accepted; the answer is confirmed."""
    message = send(client, kind=kind, ssin=ssin)
    (answer,) = (one for one in answers(client) if str(one["message_id"]) == message["message_id"])
    confirm(client, answer["answer_id"])
    return code_of(answer["error"]) if "error" in answer else ""


def test_every_answer_of_the_list_has_its_ssin_and_its_path() -> None:
    assert tuple(ERRORS) == tuple(FIXED.values()) == ANSWER_CODES


@pytest.mark.parametrize(("ssin", "code"), [pair for pair in FIXED.items() if pair[1] != "already-closed"])
def test_ssin_with_a_fixed_answer_gets_it(client: FlaskClient, ssin: str, code: str) -> None:
    assert say(client, ssin) == code


def test_what_is_closed_was_open_before(client: FlaskClient) -> None:
    ssin = next(one for one, code in FIXED.items() if code == "already-closed")

    assert [say(client, ssin, kind) for kind in ("inclusion", "action", "exit")] == ["", "", "already-closed"]


def test_ssins_with_a_fixed_answer_are_those_of_the_readme_and_in_no_sample() -> None:
    listed = {row[0].strip("`"): row[1].strip("`") for row in rows(section(read("README.md"), "What is invented"))}
    sample = read("gateway/sandbox/sample/communications.ndjson")

    assert FIXED.items() <= listed.items()
    assert not any(ssin in sample for ssin in FIXED)
    assert {950 <= int(ssin[6:9]) <= 997 for ssin in FIXED} == {True}


def test_message_that_is_put_off_is_decided_anew_when_it_comes_again(client: FlaskClient) -> None:
    message = a_message(ssin=next(one for one, code in FIXED.items() if code == PUT_OFF))
    acknowledged, decided = [], []
    for _ in range(4):
        acknowledged.append(client.post("/messages", json=message).get_json()["output_reference"])
        (answer,) = answers(client)
        decided.append(answer["outcome"])
        confirm(client, answer["answer_id"])

    assert decided == ["rejected", "rejected", "accepted", "accepted"]
    assert acknowledged == ["MCN-000001", "MCN-000002", "MCN-000003", "MCN-000003"]
    assert [one["message_id"] for one in ledger(client)] == [message["message_id"]] * 4


def test_postponement_that_was_not_confirmed_stands(client: FlaskClient) -> None:
    message = a_message(ssin=next(one for one, code in FIXED.items() if code == PUT_OFF))

    references = {client.post("/messages", json=message).get_json()["output_reference"] for _ in range(3)}

    assert references == {"MCN-000001"}
    assert len(mailbox(client)) == 1


def test_another_body_under_the_same_id_is_refused_and_not_recorded(client: FlaskClient) -> None:
    message = send(client)

    answer = client.post("/messages", json=a_message(message_id=message["message_id"]))

    assert answer.status_code == 409
    assert json.loads(answer.data)["issue"][0]["expression"] == ["input_reference"]
    assert len(ledger(client)) == 1


def test_duplicate_answers_come_thrice_and_again_after_their_confirmation(client: FlaskClient) -> None:
    play(client, "duplicate-answer")
    message = send(client)
    seen = []
    for _ in range(4):
        page = mailbox(client)
        seen.append([one["message_id"] for one in page])
        confirm(client, *(one["answer_id"] for one in page))

    assert seen == [[message["message_id"]] * 3] * 3 + [[]]


def test_answer_that_was_confirmed_once_is_not_confirmed_by_the_same_word_twice(client: FlaskClient) -> None:
    play(client, "duplicate-answer")
    send(client)
    for _ in range(5):
        confirm(client, "A-000001")

    assert {one["answer_id"] for one in mailbox(client)} == {"A-000001.1"}


def test_reordered_answers_come_newest_first(client: FlaskClient) -> None:
    play(client, "reordered")
    sent = [send(client)["message_id"] for _ in range(4)]

    assert [one["message_id"] for one in mailbox(client)] == sent[::-1]


@pytest.mark.parametrize(("scenario", "changed"), [("wrong-id", "message_id"), ("wrong-reference", "input_reference")])
def test_wrong_answer_comes_before_the_right_one(client: FlaskClient, scenario: str, changed: str) -> None:
    play(client, scenario)
    message = send(client)

    (wrong,) = mailbox(client)
    confirm(client, wrong["answer_id"])
    (right,) = mailbox(client)
    confirm(client, right["answer_id"])

    unlike = {name for name in ("message_id", "input_reference") if wrong[name] != message[name]}
    assert unlike == {changed}
    assert [right[name] for name in ("message_id", "input_reference")] == [
        message[name] for name in ("message_id", "input_reference")
    ]
    assert mailbox(client) == []


@pytest.mark.parametrize("first", ["accepted", "rejected"])
def test_contradicting_answers_say_one_thing_and_then_the_other(client: FlaskClient, first: str) -> None:
    play(client, "contradicting")
    send(client, **({} if first == "accepted" else {"ssin": next(iter(FIXED))}))
    said = []
    for _ in range(2):
        (answer,) = answers(client)
        said.append(answer["outcome"])
        confirm(client, answer["answer_id"])

    assert said[0] == first
    assert set(said) == {"accepted", "rejected"}
    assert mailbox(client) == []


def test_delayed_answer_comes_late(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(scenarios.SCENARIOS, "delayed", scenarios.Scenario(late_seconds=3600))
    play(client, "delayed")
    send(client)

    assert (mailbox(client), len(ledger(client))) == ([], 1)


def test_slow_stand_in_takes_its_time(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    play(client, "slow")

    send(client)

    assert slept == [scenarios.SLOW_SECONDS]


def test_half_of_the_requests_meet_an_outage_and_what_was_taken_is_recorded(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenarios, "_chances", Random(3))
    play(client, "half-503")

    statuses = [client.post("/messages", json=a_message()).status_code for _ in range(40)]

    assert set(statuses) == {202, 503}
    assert len(ledger(client)) == statuses.count(202)


def test_request_let_in_before_an_outage_is_not_recorded_in_it(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = scenarios.Scenario(decide=scenarios.decide_nothing)
    monkeypatch.setitem(scenarios.SCENARIOS, "outage", row)
    play(client, "outage")

    assert client.post("/messages", json=a_message()).status_code == 503
    assert ledger(client) == []


@pytest.mark.parametrize("scenario", ["http-500", "lost-answer"])
def test_message_whose_acknowledgement_is_lost_is_recorded_and_answered(client: FlaskClient, scenario: str) -> None:
    play(client, scenario)
    message = a_message()
    try:
        status = client.post("/messages", json=message).status_code
    except ConnectionResetError:
        status = 0

    assert status == (500 if scenario == "http-500" else 0)
    assert [one["message_id"] for one in ledger(client)] == [message["message_id"]]
    assert [one["message_id"] for one in mailbox(client)] == [message["message_id"]]


@pytest.mark.parametrize("scenario", ["cut-json", "html"])
def test_answer_that_is_no_answer_is_played_for_the_whole_exchange(client: FlaskClient, scenario: str) -> None:
    play(client, scenario)
    answered = [
        client.post("/messages", json=a_message()),
        client.get("/mailbox"),
        client.post("/mailbox/confirmations", json={"answers": []}),
    ]

    assert [one.status_code for one in answered] == [202, 200, 200]
    for one in answered:
        with pytest.raises(ValueError, match=r"char \d+"):
            json.loads(one.data)
    assert len(ledger(client)) == 1


def test_scenario_with_its_answers_survives_a_restart(data_dir: Path, client: FlaskClient) -> None:
    play(client, "contradicting")
    send(client)
    confirm(client, mailbox(client)[0]["answer_id"])

    again = create_app(data_dir, ISSUER).test_client()

    assert again.get("/scenario").get_json() == {"name": "contradicting"}
    assert [one["outcome"] for one in mailbox(again)] == ["rejected"]


def test_huge_body_is_made_while_it_is_sent(client: FlaskClient) -> None:
    play(client, "huge")

    answer = client.get("/mailbox", buffered=False)
    chunks = iter(answer.response)
    first = [next(chunks) for _ in range(3)]

    assert [len(one) for one in first[1:]] == [len(wire.CHUNK)] * 2
    assert wire.HUGE_BYTES >= 10**9
    answer.close()


def _body(client: FlaskClient, **environ: Any) -> bytes:
    """What comes of the mailbox before its connection breaks off, if it does."""
    came: list[Any] = []
    with suppress(ConnectionResetError):
        for chunk in client.get("/mailbox", buffered=False, environ_overrides=environ).response:
            came.append(chunk)
    return b"".join(came)


def test_answer_that_drips_comes_byte_by_byte(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    play(client, "one-byte-per-second")

    came = _body(client)

    assert json.loads(came) == {"items": []}
    assert slept == [1.0] * len(came)


def test_answer_that_is_reset_comes_by_half(client: FlaskClient) -> None:
    play(client, "reset")
    here, there = socket.socketpair()
    with here, there:
        came = _body(client, **{"gunicorn.socket": here})

        assert here.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 0)
    assert b'{"items":[]}\n'.startswith(came)
    assert came


def test_answer_that_never_comes_ends_with_its_client(client: FlaskClient) -> None:
    play(client, "never")
    here, there = socket.socketpair()
    closing = threading.Timer(0.3, there.close)
    with here, there:
        closing.start()

        assert _body(client, **{"gunicorn.socket": here}) == b""
    closing.join()


def test_huge_body_is_the_right_one_with_a_gigabyte_in_it(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HUGE_BYTES", 3 * len(wire.CHUNK))
    play(client, "huge")

    came = _body(client)

    assert json.loads(came) == {"items": []}
    assert len(came) > 3 * len(wire.CHUNK)


def test_faults_of_what_is_posted_leave_the_mailbox_alone(client: FlaskClient) -> None:
    play(client, "http-500")

    assert json.loads(_body(client)) == {"items": []}
    assert client.post("/mailbox/confirmations", json={"answers": []}).status_code == 500
