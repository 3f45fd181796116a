"""The client of MyCareNet at the wire: what is sent, and what every kind of answer comes to."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import requests
import responses
from responses import matchers
from structlog.testing import capture_logs

from gateway.domain.delivery import (
    Acknowledged,
    Answer,
    Member,
    Message,
    Outcome,
    StatementLine,
    Unacceptable,
    Unavailable,
)
from gateway.upstream import client
from gateway.upstream.client import LARGEST_ANSWER_BYTES, MailboxUnavailable, MyCareNet
from gateway.upstream.messages import body_of, encode
from schemas.mycarenet import messages
from schemas.mycarenet.values import MESSAGE_KINDS
from tests.builders import PROJECT, SSIN, an_ssin, day, instant
from tests.upstream.raw import an_answer, raw_server

URL = "https://mycarenet.example"
MESSAGE = Message(
    UUID(int=1),
    5,
    PROJECT,
    b"\x01" * 32,
    1,
    "exit",
    UUID(int=2),
    {"reason": "moved", "communicated_at": "2022-01-15T09:00:00Z"},
    input_reference=UUID(int=8),
    insurer="100",
)
TACK = {
    "message_id": str(MESSAGE.id),
    "input_reference": str(MESSAGE.input_reference),
    "output_reference": "MCN-000001",
    "received_at": "2022-01-15T09:00:01Z",
}
MEMBER = {"insurer": "100", "sex": "M", "birth_date": "1985-07-30", "municipality": "25112"}
REFERENCES = {"input_reference": str(UUID(int=8)), "output_reference": "MCN-000001"}
ACCEPTED: dict[str, Any] = {
    **{"answer_id": "a-1", "message_id": str(UUID(int=1)), "outcome": "accepted", "member": MEMBER},
    **REFERENCES,
}
DETAILS = {"coding": [{"system": "urn:chroniccare:answer-code", "code": "not-insured"}]}
ISSUE = {"severity": "error", "code": "business-rule", "details": DETAILS, "expression": ["Bundle"]}
REJECTED: dict[str, Any] = {
    **{"answer_id": "a-2", "message_id": str(UUID(int=3)), "outcome": "rejected"},
    **REFERENCES,
    "error": {"resourceType": "OperationOutcome", "issue": [ISSUE]},
}


@pytest.fixture
def wire() -> Any:
    with responses.RequestsMock() as mocked:
        yield mocked


def _send(wire: responses.RequestsMock, **answer: Any) -> Outcome:
    wire.post(f"{URL}/messages", **answer)
    return MyCareNet(f"{URL}/").send(MESSAGE, an_ssin())


def test_message_meets_its_identity_on_the_way_out(wire: responses.RequestsMock) -> None:
    outcome = _send(wire, status=202, json=TACK)

    request = wire.calls[0].request
    assert outcome == Acknowledged("MCN-000001")
    assert request.headers["Content-Type"] == "application/json"
    assert isinstance(request.body, bytes)
    sent = json.loads(request.body)
    header, focus, patient = (one["resource"] for one in sent["body"]["entry"])
    assert {name: sent[name] for name in ("message_id", "input_reference", "destination")} == {
        "message_id": str(MESSAGE.id),
        "input_reference": str(MESSAGE.input_reference),
        "destination": "100",
    }
    assert header["eventCoding"]["code"] == "exit"
    assert header["sender"]["identifier"]["value"] == PROJECT
    assert header["reason"]["coding"][0]["code"] == "moved"
    assert header["focus"] == [{"reference": f"urn:uuid:{MESSAGE.reference}"}]
    assert (focus["resourceType"], focus["status"]) == ("EpisodeOfCare", "finished")
    assert patient["identifier"][0]["value"] == SSIN
    assert sent["body"]["timestamp"] == "2022-01-15T09:00:00Z"


CONTENTS: dict[str, dict[str, Any]] = {
    "inclusion": {"valid_from": "2022-02-01", "agreed_on": "2022-01-10"},
    "inclusion-correction": {"agreed_on": None},
    "inclusion-annulment": {"reason": "duplicate"},
    "identity-change": {"reason": "mistyped"},
    "exit": {"reason": "moved"},
    "exit-annulment": {"reason": "other"},
    "action": {
        "pseudocode": "794010",
        "performed_on": "2022-02-14",
        "performed_by": "12345625",
        "occurrence": 2,
        "inclusion": str(UUID(int=9)),
    },
    "action-annulment": {"reason": "not-performed"},
}


@pytest.mark.parametrize("kind", MESSAGE_KINDS)
def test_every_kind_of_message_is_of_the_schema_with_all_that_it_says(kind: str) -> None:
    content = {**CONTENTS[kind], "communicated_at": "2022-01-15T09:00:00Z"}

    sent = json.loads(encode(replace(MESSAGE, kind=kind, content=content), an_ssin()))

    loaded = messages.Message().load(sent)
    assert messages.Message().dump(loaded) == sent
    assert loaded["body"]["entry"][0]["resource"]["event_coding"]["code"] == kind
    text = json.dumps(sent)
    assert all(str(value) in text for value in content.values() if value is not None)


def test_body_is_the_same_on_every_try_wherever_it_goes() -> None:
    first, later = MESSAGE, replace(MESSAGE, insurer="900", attempts=7, input_reference=None)

    assert body_of(first, an_ssin()) == body_of(later, an_ssin())
    assert SSIN in body_of(first, an_ssin()).decode()


def test_message_names_nobody_but_the_beneficiary(wire: responses.RequestsMock) -> None:
    _send(wire, status=202)

    assert MESSAGE.pseudonym.hex() not in str(wire.calls[0].request.body)
    assert set(wire.calls[0].request.headers) == {"Content-Type", "Content-Length"}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *[(status, Unacceptable(f"http-{status}")) for status in (400, 404, 409, 413, 415, 422)],
        *[
            (status, Unavailable(f"http-{status}"))
            for status in (200, 301, 302, 401, 403, 408, 429, 500, 502, 503, 504)
        ],
    ],
)
def test_status_says_what_became_of_a_message(wire: responses.RequestsMock, status: int, outcome: Outcome) -> None:
    assert _send(wire, status=status, headers={"Location": "https://elsewhere.example"}) == outcome


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError("refused"),
        requests.ConnectTimeout(),
        requests.ReadTimeout(),
        requests.exceptions.SSLError(),
        requests.exceptions.ChunkedEncodingError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_message_that_nobody_may_have_taken_is_sent_again(
    wire: responses.RequestsMock, error: requests.RequestException
) -> None:
    assert _send(wire, body=error) == Unavailable("unreachable")


@pytest.mark.parametrize(
    "answer",
    [
        {"body": "<html>thank you</html>"},
        {"body": b'{"message_id": '},
        {"json": {}},
        {"json": {**TACK, "message_id": str(UUID(int=4))}},
        {"json": {**TACK, "input_reference": str(UUID(int=4))}},
        {"json": {**TACK, "output_reference": ""}},
        {"body": json.dumps(TACK) + " " * LARGEST_ANSWER_BYTES},
    ],
    ids=["HTML", "cut", "empty", "another's", "of another body", "no reference", "without end"],
)
def test_acknowledgement_that_is_none_leaves_the_message_to_be_sent_again(
    wire: responses.RequestsMock, answer: dict[str, Any]
) -> None:
    assert _send(wire, status=202, **answer) == Unavailable("not-acknowledged")


@pytest.mark.parametrize("is_reset", [False, True], ids=["cut", "reset"])
def test_acknowledgement_that_breaks_off_is_unknown(is_reset: bool) -> None:
    with raw_server(an_answer(b"{", length=100, status="202 Accepted"), is_reset) as url:
        assert MyCareNet(url).send(MESSAGE, an_ssin()) == Unavailable("unreachable")


def test_server_that_says_nothing_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_TIMEOUT_SECONDS", (0.2, 0.2))

    with raw_server(b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\n") as url:
        assert MyCareNet(url).send(MESSAGE, an_ssin()) == Unavailable("unreachable")


def _fetch(wire: responses.RequestsMock, **answer: Any) -> list[Answer]:
    wire.get(f"{URL}/mailbox?limit=200", **answer)
    return MyCareNet(URL).fetch()


def test_mailbox_gives_its_answers_in_order(wire: responses.RequestsMock) -> None:
    answers = _fetch(wire, json={"items": [ACCEPTED, REJECTED]})

    assert answers == [
        Answer(
            "a-1", UUID(int=1), True, None, Member("100", "M", day("1985-07-30"), "25112"), UUID(int=8), "MCN-000001"
        ),
        Answer("a-2", UUID(int=3), False, "not-insured", None, UUID(int=8), "MCN-000001"),
    ]
    assert wire.calls[0].request.headers.get("Cookie") is None


def test_empty_mailbox_has_no_answers(wire: responses.RequestsMock) -> None:
    assert _fetch(wire, json={"items": []}) == []


def test_answer_that_says_more_than_we_know_is_taken(wire: responses.RequestsMock) -> None:
    answers = _fetch(wire, json={"items": [{**REJECTED, "since": "2022"}], "more": True})

    assert [answer.answer_id for answer in answers] == ["a-2"]


@pytest.mark.parametrize(
    "odd",
    [{**ACCEPTED, "outcome": "maybe"}, {**REJECTED, "message_id": "1"}, {"answer_id": "a-9"}, "text", None, []],
    ids=["outcome", "id", "almost nothing", "text", "null", "list"],
)
def test_answer_that_cannot_be_read_holds_up_no_other(wire: responses.RequestsMock, odd: object) -> None:
    with capture_logs() as told:
        answers = _fetch(wire, json={"items": [odd, ACCEPTED, odd, REJECTED]})

    assert [answer.answer_id for answer in answers] == ["a-1", "a-2"]
    assert [(one["event"], one["count"]) for one in told] == [("unreadable_answers", 2)]


def test_compressed_mailbox_is_read(wire: responses.RequestsMock) -> None:
    body = gzip.compress(json.dumps({"items": [REJECTED]}).encode())

    assert len(_fetch(wire, body=body, headers={"Content-Encoding": "gzip"})) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 503},
        {"status": 404},
        {"status": 302, "headers": {"Location": "https://elsewhere.example"}},
        {"status": 200, "body": b""},
        {"status": 200, "body": b"<html><body>Maintenance</body></html>"},
        {"status": 200, "body": b'{"items": ['},
        {"status": 200, "body": b"[]"},
        {"status": 200, "body": b"null"},
        {"status": 200, "body": b'{"items": [], "items": []}'},
        {"status": 200, "body": b'{"items": [{"answer_id": NaN}]}'},
        {"status": 200, "body": "{}".encode("utf-16")},
        {"status": 200, "json": {"items": [{**ACCEPTED, "outcome": "maybe"}]}},
        {"status": 200, "json": {"items": [{**ACCEPTED, "message_id": "1"}]}},
        {"status": 200, "json": {"items": [{**REJECTED, "error": None}]}},
        {"status": 200, "json": {"items": [{**REJECTED, "error": {**REJECTED["error"], "issue": [ISSUE, ISSUE]}}]}},
        {"status": 200, "json": {"items": [{**ACCEPTED, "member": {**MEMBER, "sex": "f"}}]}},
        {"status": 200, "body": b'{"items": []}' + b" " * LARGEST_ANSWER_BYTES},
        {"status": 200, "body": b"no gzip", "headers": {"Content-Encoding": "gzip"}},
        {"body": requests.ConnectionError()},
        {"body": requests.ReadTimeout()},
    ],
    ids=[
        "503",
        "404",
        "redirect",
        "nothing",
        "HTML",
        "cut JSON",
        "a list",
        "null",
        "a member twice",
        "NaN",
        "UTF-16",
        "odd outcome",
        "odd id",
        "no reason",
        "two reasons",
        "odd member",
        "huge",
        "ill-compressed",
        "refused",
        "timeout",
    ],
)
def test_mailbox_that_is_none_is_unavailable(wire: responses.RequestsMock, answer: dict[str, Any]) -> None:
    with pytest.raises(MailboxUnavailable):
        _fetch(wire, **answer)


@pytest.mark.parametrize("is_reset", [False, True], ids=["cut", "reset"])
def test_mailbox_that_breaks_off_is_unavailable(is_reset: bool) -> None:
    with (
        raw_server(an_answer(b'{"items": []}', length=1000), is_reset) as url,
        pytest.raises(MailboxUnavailable),
    ):
        MyCareNet(url).fetch()


def test_mailbox_that_stops_in_the_middle_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_TIMEOUT_SECONDS", (0.2, timedelta(milliseconds=200).total_seconds()))

    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    with raw_server(answer) as url, pytest.raises(MailboxUnavailable):
        MyCareNet(url).fetch()


def test_confirmation_names_the_answers(wire: responses.RequestsMock) -> None:
    wire.post(f"{URL}/mailbox/confirmations", status=204)

    MyCareNet(URL).confirm(["a-1", "a-2"])

    assert json.loads(str(wire.calls[0].request.body, "utf-8")) == {"answers": ["a-1", "a-2"]}  # type: ignore[arg-type]  # the request has a body


@pytest.mark.parametrize("answer", [{"status": 503}, {"body": requests.ConnectionError()}], ids=["503", "refused"])
def test_confirmation_that_is_not_heard_is_no_matter(wire: responses.RequestsMock, answer: dict[str, Any]) -> None:
    wire.post(f"{URL}/mailbox/confirmations", **answer)

    MyCareNet(URL).confirm(["a-1"])


LINE = {
    "message_id": str(UUID(int=1)),
    "input_reference": str(UUID(int=8)),
    "output_reference": "MCN-000001",
    "kind": "exit",
    "reference": str(UUID(int=2)),
    "received_at": "2022-01-15T09:00:01Z",
    "received_count": 2,
    "outcome": "rejected",
    "code": "not-insured",
    "is_answered": True,
}


def test_statement_is_read_page_by_page(wire: responses.RequestsMock) -> None:
    asked = f"{URL}/statement?project=demo-nord&month=2022-01&limit=200"
    wire.get(asked, json={"items": [LINE], "next": "17"}, match=[matchers.query_string_matcher(asked.split("?")[1])])
    wire.get(f"{asked}&cursor=17", json={"items": [{**LINE, "outcome": "accepted", "code": None}], "next": None})

    lines = list(MyCareNet(URL).statement("demo-nord", "2022-01"))

    assert [(one.accepted, one.code) for one in lines] == [(False, "not-insured"), (True, None)]
    assert lines[0] == StatementLine(
        message_id=UUID(int=1),
        input_reference=UUID(int=8),
        output_reference="MCN-000001",
        kind="exit",
        reference=UUID(int=2),
        received_at=instant("2022-01-15T09:00:01Z"),
        received_count=2,
        accepted=False,
        code="not-insured",
        is_answered=True,
    )


@pytest.mark.parametrize(
    "answer", [{"status": 503}, {"json": {"items": [{**LINE, "kind": "find"}], "next": None}}, {"body": b"<html>"}]
)
def test_statement_that_is_none_is_unavailable(wire: responses.RequestsMock, answer: dict[str, Any]) -> None:
    wire.get(f"{URL}/statement?project=demo-nord&month=2022-01&limit=200", **answer)

    with pytest.raises(MailboxUnavailable):
        list(MyCareNet(URL).statement("demo-nord", "2022-01"))
