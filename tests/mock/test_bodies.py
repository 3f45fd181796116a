from __future__ import annotations

import io

import pytest
from flask.testing import FlaskClient

from tests.mock.builders import SSIN, inclusion_message

GOOD = inclusion_message()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe{}",
        b'{"ssin": NaN}',
        b'{"ssin": "1", "ssin": "2"}',
        b"[" * 100_000,
        b'{"ssin": "\\ud800"}',
    ],
)
@pytest.mark.parametrize("path", ["/messages", "/mailbox/confirmations", "/members/find", "/scenario"])
def test_a_body_that_is_not_what_was_asked_for_is_400(client: FlaskClient, path: str, body: bytes) -> None:
    answer = client.open(path, method="PUT" if path == "/scenario" else "POST", data=body)

    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["code"]


@pytest.mark.parametrize(
    "changes",
    [
        {"message_id": "x"},
        {"message_id": None},
        {"kind": "party"},
        {"ssin": "85073003329"},
        {"ssin": 85073003328},
        {"valid_from": "2022-02-30"},
        {"communicated_at": "2022-01-12T09:30:00"},
        {SSIN: "a member with a number for a name"},
    ],
)
def test_a_message_with_a_wrong_member_is_400_and_not_recorded(client: FlaskClient, changes: dict[str, object]) -> None:
    answer = client.post("/messages", json={**GOOD, **changes})

    assert answer.status_code == 400
    assert answer.get_json()["errors"]
    assert SSIN not in answer.text
    assert client.get("/ledger").get_json() == {"items": []}


def test_a_body_without_length_is_411(client: FlaskClient) -> None:
    answer = client.post("/messages", input_stream=io.BytesIO(b"{}"), headers={"Transfer-Encoding": "chunked"})

    assert answer.status_code == 411


def test_a_body_too_long_is_413(client: FlaskClient) -> None:
    assert client.post("/messages", data=b" " * (1024 * 1024 + 1)).status_code == 413


def test_a_body_cut_on_its_way_is_400(client: FlaskClient) -> None:
    environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": "500"}

    answer = client.post("/messages", input_stream=io.BytesIO(b'{"ssin"'), environ_overrides=environ)

    assert answer.status_code == 400
    assert answer.get_json()["code"] == "body-cut"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/ledger", 405), ("GET", "/messages", 405)]
)
def test_what_there_is_not_is_said_as_a_problem(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)

    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert ("Allow" in answer.headers) == (status == 405)
