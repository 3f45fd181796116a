from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from schemas.mycarenet.outcomes import OperationOutcome, code_of
from tests.mock.builders import SSIN, a_message


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
    if path.startswith("/m") and "find" not in path:
        assert len(OperationOutcome().load(json.loads(answer.data))["issue"]) == 1
    else:
        assert answer.mimetype == "application/problem+json"
        assert answer.get_json()["code"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"message_id": "x"}, "message_id"),
        ({"message_id": None}, "message_id"),
        ({"input_reference": "850730-033.28"}, "input_reference"),
        ({"destination": "800"}, "destination"),
        ({"kind": "party"}, "Bundle.entry[0].resource.eventCoding.code"),
        ({"ssin": "85073003329"}, "Bundle.entry[2].resource.identifier[0].value"),
        ({"ssin": 85073003328}, "Bundle.entry[2].resource.identifier[0].value"),
        ({"focus": {"period": {"start": "2022-02-30"}}}, "Bundle.entry[1].resource.period.start"),
        ({"focus": {"resourceType": "Procedure"}}, "Bundle.entry[1].resource.patient"),
        ({"focus": {"resourceType": "Group"}}, "Bundle.entry[1].resource.resourceType"),
        ({"timestamp": "2022-01-12T09:30:00"}, "Bundle.timestamp"),
        ({SSIN: "a member with a number for a name"}, "?"),
    ],
)
def test_a_message_with_a_wrong_member_is_400_says_where_and_is_not_recorded(
    client: FlaskClient, changes: dict[str, Any], path: str
) -> None:
    answer = client.post("/messages", json=a_message(**changes))

    outcome = OperationOutcome().load(json.loads(answer.data))
    assert (answer.status_code, answer.mimetype) == (400, "application/fhir+json")
    assert outcome["issue"][0]["expression"] == [path]
    assert SSIN not in answer.text
    assert client.get("/ledger").get_json() == {"items": []}


@pytest.mark.parametrize("swapped", [(0, 1), (1, 2), (0, 2)])
def test_a_bundle_in_another_order_is_400(client: FlaskClient, swapped: tuple[int, int]) -> None:
    message, (one, other) = a_message(), swapped
    entries = message["body"]["entry"]
    entries[one], entries[other] = entries[other], entries[one]

    assert client.post("/messages", json=message).status_code == 400


def test_a_bundle_whose_resources_do_not_refer_to_each_other_is_400(client: FlaskClient) -> None:
    message, other = a_message(), a_message()
    message["body"]["entry"][2] = other["body"]["entry"][2]
    answers = [client.post("/messages", json=one) for one in (message, a_message("action", focus={"extension": [{}]}))]

    assert [one.status_code for one in answers] == [400, 400]


def test_a_body_without_length_is_411(client: FlaskClient) -> None:
    answer = client.post("/messages", input_stream=io.BytesIO(b"{}"), headers={"Transfer-Encoding": "chunked"})

    assert answer.status_code == 411


def test_a_body_too_long_is_413(client: FlaskClient) -> None:
    assert client.post("/messages", data=b" " * (1024 * 1024 + 1)).status_code == 413


def test_a_body_cut_on_its_way_is_400(client: FlaskClient) -> None:
    environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": "500"}

    answer = client.post("/messages", input_stream=io.BytesIO(b'{"ssin"'), environ_overrides=environ)

    assert answer.status_code == 400
    assert code_of(OperationOutcome().load(json.loads(answer.data))) == "body-cut"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/ledger", 405), ("GET", "/messages", 405)]
)
def test_what_there_is_not_is_said_as_a_problem(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)

    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert ("Allow" in answer.headers) == (status == 405)
