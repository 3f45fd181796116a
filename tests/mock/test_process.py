"""The stand-in as a real process, spoken to over real HTTP."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import jwt
import pytest
import requests

from mock_mycarenet.__main__ import main
from tests.mock.builders import Stand, a_message


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    stand = Stand(tmp_path_factory.mktemp("data") / "mock", elsewhere)
    stand.start()
    yield stand
    assert stand.stop(signal.SIGTERM) == 0


@pytest.mark.parametrize("arguments", [[], ["--port", "x", "--data-dir", "."]])
def test_wrong_arguments_are_told_on_standard_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)

    assert "usage: python -m mock_mycarenet" in capsys.readouterr().err


@pytest.fixture(autouse=True)
def accepting(stand: Stand) -> None:
    stand.play("accept")


def test_a_token_verifies_against_the_published_keys(stand: Stand) -> None:
    access_token = stand.post("/auth/token", {"role": "auditor"}).json()["access_token"]

    key = jwt.PyJWKClient(stand.get("/.well-known/openid-configuration")["jwks_uri"]).get_signing_key_from_jwt(
        access_token
    )

    claims = jwt.decode(access_token, key, algorithms=["ES256"], audience="chroniccare-gateway", issuer=stand.url)
    assert claims["sub"] == "sandbox-auditor"


def test_concurrent_messages_are_each_recorded_and_answered_once(stand: Stand) -> None:
    messages = [a_message() for _ in range(100)]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda each: stand.post("/messages", each), messages))

    sent = {each["message_id"] for each in messages}
    assert {each.status_code for each in answers} == {202}
    assert sum(each["message_id"] in sent for each in stand.get("/ledger")["items"]) == 100
    assert sum(each["message_id"] in sent for each in stand.get("/mailbox?limit=1000")["items"]) == 100


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"ssin": 1}', b"\xff", b"[" * 100_000])
def test_a_bad_body_is_400(stand: Stand, body: bytes) -> None:
    assert requests.post(f"{stand.url}/messages", data=body, timeout=10).status_code == 400


def test_a_body_cut_on_its_way_is_not_recorded(stand: Stand) -> None:
    message = a_message()
    body = json.dumps(message).encode()

    with socket.create_connection(("127.0.0.1", stand.port), timeout=10) as connection:
        head = f"POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body) + 1}\r\n\r\n"
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)

    assert b" 400 " in answer.splitlines()[0]
    assert message["message_id"] not in {each["message_id"] for each in stand.get("/ledger")["items"]}


def test_everything_survives_kill_9(stand: Stand) -> None:
    stand.post("/messages", a_message())
    stand.play("reject-all")
    stand.post("/messages", a_message())
    paths = ("/ledger", "/mailbox", "/scenario", "/.well-known/jwks.json")
    before = [stand.get(path) for path in paths]

    assert stand.stop(signal.SIGKILL) == -signal.SIGKILL
    stand.start()

    assert [stand.get(path) for path in paths] == before


def test_what_was_acknowledged_when_it_was_killed_is_there(stand: Stand) -> None:
    acknowledged: list[str] = []

    def send_until_killed(_: int) -> None:
        with requests.Session() as session, suppress(requests.RequestException):
            while True:
                message = a_message()
                assert session.post(f"{stand.url}/messages", json=message, timeout=10).status_code == 202
                acknowledged.append(message["message_id"])

    with ThreadPoolExecutor(4) as threads:
        sending = threads.map(send_until_killed, range(4))
        while len(acknowledged) < 50:
            time.sleep(0.01)
        stand.stop(signal.SIGKILL)
        list(sending)
    stand.start()

    recorded = [each["message_id"] for each in stand.get("/ledger")["items"]]
    answered = [each["message_id"] for each in stand.get("/mailbox?limit=1000")["items"]]
    assert set(acknowledged) <= set(recorded)
    assert set(recorded) == set(answered)
    assert len(recorded) == len(set(recorded))


def test_it_writes_in_its_directory_and_nowhere_else(stand: Stand) -> None:
    stand.post("/messages", a_message())

    assert list(stand.elsewhere.iterdir()) == []
    assert {path.name for path in Path(stand.data_dir).iterdir()} == {"mock.sqlite3", "signing-key.pem"}
