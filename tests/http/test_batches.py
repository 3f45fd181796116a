"""Batches over HTTP: whole or not at all on the way in, in the form in which they came on the way out."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.domain.batches import MOST_ATOMIC_LINES, MOST_LINES
from gateway.domain.rulebook import VERSION
from gateway.http.api.batch_lines import read_line
from gateway.http.api.batches import LARGEST_BATCH_BYTES
from gateway.pseudonyms.receipts import verify_receipt
from gateway.services.run_batches import run_batches
from tests.builders import COLLEAGUE, PROJECT, PSEUDOCODE, SSIN
from tests.http.issuer import ROLES
from tests.http.wire import Gateway, an_action_request, an_inclusion_request
from tests.sandboxes import synthetic_ssin

NDJSON, CSV = "application/x-ndjson", "text/csv"
SENDERS = ("provider", "project_admin", "registrar")
HEADER = ("type", "ref", "project", "ssin", "agreement.agreed_on", "agreement.informed", "agreement.in_target_group")


def ndjson(*lines: Any) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def a_line(**changes: Any) -> dict[str, Any]:
    return {"type": "inclusion", **an_inclusion_request(**changes)}


def post(gateway: Gateway, body: bytes, kind: str = NDJSON, query: str = "", **sent: Any) -> TestResponse:
    headers = {"Content-Type": kind, **sent.pop("headers", {})}
    sent = {"role": "provider", **sent}
    return gateway.send("POST", f"/v1/batches{query}", body, headers=headers, **sent)


def run(gateway: Gateway) -> None:
    while run_batches(gateway.context, read_line, timedelta(seconds=30)):
        pass


def done(gateway: Gateway, body: bytes, kind: str = NDJSON, role: str = "provider") -> tuple[Any, TestResponse]:
    """A batch that was run: how far it is, and its results."""
    answer = post(gateway, body, kind, role=role)
    assert answer.status_code == 202, answer.text
    run(gateway)
    location = answer.headers["Location"]
    status = gateway.send("GET", location, role=role)
    return status.get_json(), gateway.send("GET", f"{location}/results", role=role)


def lines_of(answer: TestResponse) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_batch_is_accepted_run_and_answered(gateway: Gateway) -> None:
    body = ndjson(a_line(ref="first"), a_line(ref="again"), a_line(ssin=synthetic_ssin(1), project="demo-unknown"))

    answer = post(gateway, body)
    batch = answer.get_json()
    receipt = batch.pop("receipt")
    status, results = done(gateway, ndjson({"type": "action", "ref": "x", **an_action_request()}))

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/batches/{batch['id']}"
    assert {**batch, "id": ""} == {
        "id": "",
        "status": "queued",
        "mode": "per_item",
        "communicated_at": "2022-01-15T09:00:00Z",
        "lines": 3,
        "accepted": 0,
        "duplicate": 0,
        "refused": 0,
        "progress": 0.0,
    }
    claims = verify_receipt(receipt, gateway.send("GET", "/.well-known/jwks.json").get_json())
    assert {**claims, "audit_entry": ""} == {
        "id": batch["id"],
        "kind": "batch",
        "mode": "per_item",
        "communicated_at": "2022-01-15T09:00:00Z",
        "lines": 3,
        "refused": 0,
        "rules": VERSION,
        "audit_entry": "",
    }
    first = gateway.send("GET", answer.headers["Location"], role="provider").get_json()
    assert first == {**batch, "status": "done", "accepted": 1, "duplicate": 1, "refused": 1, "progress": 1.0}
    made, again, refused = lines_of(gateway.send("GET", f"{answer.headers['Location']}/results", role="provider"))
    assert (made["number"], made["ref"], made["outcome"]) == (1, "first", "accepted")
    assert again == {"number": 2, "ref": "again", "outcome": "duplicate", "existing": made["id"]}
    assert (refused["problem"]["code"], refused["problem"]["status"]) == ("unknown-project", 404)
    assert refused["problem"]["instance"] == f"{batch['id']}/3"
    assert (status["refused"], lines_of(results)[0]["problem"]["code"]) == (1, "performed-in-future")
    assert gateway.send("GET", f"/v1/inclusions/{made['id']}", role="provider").status_code == 200


def test_line_is_refused_with_the_problem_of_its_own_endpoint(gateway: Gateway) -> None:
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("inclusion", an_inclusion_request(ssin="85073003329", municipality=7)),
        ("inclusion", {**an_inclusion_request(), "valid_from": "2022-01-01"}),
        ("inclusion", an_inclusion_request(communicated_by="12345625")),
        (
            "inclusion",
            an_inclusion_request(agreement={"agreed_on": "2022-03-01", "informed": True, "in_target_group": True}),
        ),
        ("inclusion", an_inclusion_request(project="demo-sud")),
        ("action", an_action_request(performed_on="2022-01-10")),
        ("action", an_action_request(performed_on="2022-01-10", pseudocode="794011")),
        ("action", an_action_request(performed_on="2022-01-10", performed_by=COLLEAGUE)),
        ("action", an_action_request(occurrence=0)),
    ]
    alone = [gateway.send("POST", f"/v1/{kind}s", body, role="provider").get_json() for kind, body in bodies]

    _, results = done(gateway, ndjson(*({"type": kind, **body} for kind, body in bodies)))

    together = [line["problem"] for line in lines_of(results)]
    for one in (*alone, *together):
        one.pop("instance")
    assert together == alone


@pytest.mark.parametrize(("language", "title"), [("fr", "Projet inconnu"), ("nl", "Onbekend project")])
def test_problem_of_a_line_is_in_the_readers_language(light_gateway: Gateway, language: str, title: str) -> None:
    answer = post(light_gateway, ndjson(a_line(project="demo-unknown")))
    run(light_gateway)

    path = f"{answer.headers['Location']}/results"
    results = light_gateway.send("GET", path, role="provider", headers={"Accept-Language": language})

    assert lines_of(results)[0]["problem"]["title"] == title
    assert results.headers["Content-Language"] == language


def a_table(delimiter: str, *rows: tuple[str, ...], header: tuple[str, ...] = HEADER) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([header, *rows])
    return text.getvalue().encode()


def a_row(ref: str, ssin: str = SSIN, project: str = PROJECT) -> tuple[str, ...]:
    return ("inclusion", ref, project, ssin, "2022-01-10", "true", "TRUE")


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
def test_csv_comes_back_as_csv(light_gateway: Gateway, delimiter: str, mark: bytes) -> None:
    table = a_table(
        delimiter,
        a_row("été"),
        a_row("b", project="demo-unknown"),
        ("",) * 7,
        (*a_row("c"), "", "more"),
        a_row("d", "85073003329"),
        a_row("e")[:-1],
    )

    status, results = done(light_gateway, mark + table, f"{CSV}; charset=utf-8")

    assert results.headers["Content-Type"] == "text/csv; charset=utf-8"
    text = results.text
    assert text.startswith("\ufeff") is bool(mark)
    assert (status["encoding"], status["delimiter"]) == ("utf-8-sig" if mark else "utf-8", delimiter)
    found = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter))
    assert [(one["row"], one["ref"], one["outcome"], one["code"], one["errors"]) for one in found] == [
        ("2", "été", "accepted", "", ""),
        ("3", "b", "refused", "unknown-project", ""),
        ("5", "", "refused", "malformed-csv", ""),
        ("6", "d", "refused", "invalid-ssin", "#/ssin invalid-ssin"),
        ("7", "e", "refused", "invalid-request", "#/agreement/in_target_group required"),
    ]
    assert [one["number"] for one in found] == ["1", "2", "4", "5", "6"]
    assert (status["lines"], status["accepted"], status["refused"]) == (5, 1, 4)
    assert SSIN not in results.text


def test_csv_holds_actions_and_exits_too(light_gateway: Gateway) -> None:
    light_gateway.include()
    light_gateway.at("2022-03-01T08:00:00+00:00")
    header = ("type", "project", "ssin", "pseudocode", "performed_on", "occurrence", "reason", "left_on")
    table = a_table(
        ",",
        ("action", PROJECT, SSIN, PSEUDOCODE, "2022-02-14", "2", "", ""),
        ("action", PROJECT, SSIN, PSEUDOCODE, "2022-02-14", "two", "", ""),
        ("exit", PROJECT, SSIN, "", "", "", "moved", "2022-02-20"),
        header=header,
    )

    _, results = done(light_gateway, table, CSV)

    found = list(csv.DictReader(io.StringIO(results.text)))
    assert [(one["outcome"], one["errors"]) for one in found] == [
        ("accepted", ""),
        ("refused", "#/occurrence wrong-type"),
        ("accepted", ""),
    ]


ILL_FORMED: dict[str, tuple[str, bytes, str]] = {
    "nothing": (NDJSON, b"", "invalid-request"),
    "blank lines": (NDJSON, b"\n \r\n\n", "invalid-request"),
    "no table": (CSV, b"", "malformed-csv"),
    "a header alone": (CSV, b"type,project\r\n", "invalid-request"),
    "a column twice": (CSV, b"type,ssin,ssin\r\na,b,c\r\n", "malformed-csv"),
    "a column without a name": (CSV, b"type,,ssin\r\na,b,c\r\n", "malformed-csv"),
    "a column within a column": (CSV, b"agreement,agreement.agreed_on\r\na,b\r\n", "malformed-csv"),
    "a name that is none": (CSV, f"type,{SSIN}\r\na,b\r\n".encode(), "malformed-csv"),
    "an open quote": (CSV, b'type,ref\r\naction,"abc\r\n', "malformed-csv"),
    "two encodings": (CSV, "type,ref\r\naction,é\r\n".encode() + b"action,\xe9\r\n", "malformed-csv"),
    "not the charset declared": (f"{CSV}; charset=utf-8", b"type,ref\r\naction,\xe9\r\n", "malformed-csv"),
    "a marked text of another encoding": (CSV, b"\xef\xbb\xbftype,ref\r\naction,\xe9\r\n", "malformed-csv"),
    "no character of Windows-1252": (CSV, b"type,ref\r\naction,\x81\r\n", "malformed-csv"),
    "a row without an end": (CSV, b"type,ref\r\naction," + b'"\n","\n",' * 90_000, "malformed-csv"),
    "a line without an end": (CSV, b"type,ref\r\n" + b"a" * 70_000, "line-too-long"),
    "UTF-16": (CSV, "type,ref\r\naction,a\r\n".encode("utf-16"), "malformed-csv"),
}


@pytest.fixture
def refusing(shared_gateway: Gateway) -> Iterator[Gateway]:
    """A gateway in which nothing was stored at the end: no batch, no line, no key."""
    before = shared_gateway.counts()
    yield shared_gateway
    after = shared_gateway.counts()
    assert {name: after[name] - before[name] for name in ("batch", "batch_line", "idempotency")} == {
        "batch": 0,
        "batch_line": 0,
        "idempotency": 0,
    }


@pytest.mark.parametrize("case", ILL_FORMED)
def test_body_that_holds_no_batch_is_refused_whole(refusing: Gateway, case: str) -> None:
    kind, body, code = ILL_FORMED[case]

    answer = post(refusing, body, kind, environ={"CONTENT_LENGTH": str(len(body))})

    assert (answer.status_code, answer.get_json()["code"]) == (400, code)
    assert SSIN not in answer.text


def test_cut_upload_has_no_effect_and_takes_no_key(gateway: Gateway) -> None:
    body = ndjson(a_line(), a_line(ssin=synthetic_ssin(1)))
    before = gateway.counts()

    cut = post(gateway, body[: len(body) // 2], key="once", environ={"CONTENT_LENGTH": str(len(body))})
    between = gateway.counts()
    whole = post(gateway, body, key="once")

    assert (cut.status_code, cut.get_json()["code"]) == (400, "body-incomplete")
    assert between == before
    assert whole.status_code == 202
    assert "Idempotent-Replayed" not in whole.headers


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"query": "?mode=some"}, 400, "invalid-parameter"),
        ({"query": "?mode=per_item&mode=per_item"}, 400, "invalid-parameter"),
        ({"query": "?colour=red"}, 400, "unknown-parameter"),
        ({"key": None}, 400, "idempotency-key-missing"),
        ({"kind": "application/json"}, 415, "unsupported-media-type"),
        ({"kind": "text/csv; charset=iso-8859-1"}, 415, "unsupported-media-type"),
        ({"headers": {"Content-Encoding": "gzip"}}, 415, "unsupported-media-type"),
        ({"headers": {"Content-Digest": "sha-256=:AAAA:"}}, 400, "digest-mismatch"),
        ({"environ": {"CONTENT_LENGTH": None}}, 411, "length-required"),
        ({"environ": {"CONTENT_LENGTH": str(LARGEST_BATCH_BYTES + 1)}}, 413, "body-too-large"),
    ],
)
def test_batch_is_refused_before_it_is_kept(refusing: Gateway, sent: dict[str, Any], status: int, code: str) -> None:
    answer = post(refusing, ndjson(a_line()), **sent)

    assert (answer.status_code, answer.get_json()["code"]) == (status, code), answer.text


def test_batch_has_as_many_lines_as_the_limit_says(refusing: Gateway) -> None:
    assert post(refusing, b"0\n" * MOST_LINES, query="?validate_only=true").status_code == 200
    assert post(refusing, b"0\n" * (MOST_LINES + 1), query="?validate_only=true").status_code == 413
    too_many = post(refusing, b"0\n" * (MOST_ATOMIC_LINES + 1), query="?mode=atomic")
    assert (too_many.status_code, too_many.get_json()["code"]) == (413, "too-many-lines")


def test_right_digest_is_taken(light_gateway: Gateway) -> None:
    body = ndjson(a_line())
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()

    assert post(light_gateway, body, headers={"Content-Digest": f"sha-256=:{digest}:"}).status_code == 202


def test_same_key_gives_the_first_answer_again(gateway: Gateway) -> None:
    body = ndjson(a_line())

    first, again = (post(gateway, body, key="k", query="?mode=per_item") for _ in range(2))
    other = post(gateway, body + b"\n", key="k", query="?mode=per_item")

    assert again.get_json() == first.get_json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency-key-reused")
    assert gateway.counts()["batch"] == 1


def test_validation_stores_nothing(refusing: Gateway) -> None:
    answer = post(refusing, ndjson(a_line()), query="?validate_only=true", key=None)

    assert answer.status_code == 200
    assert answer.get_json()["validated"] is True
    assert "id" not in answer.get_json()


@pytest.mark.parametrize("role", ROLES)
def test_three_roles_send_batches(light_gateway: Gateway, role: str) -> None:
    answer = post(light_gateway, ndjson(a_line()), role=role)

    assert answer.status_code == (202 if role in SENDERS else 403)


@pytest.mark.parametrize("method_and_path", [("GET", ""), ("GET", "/results"), ("DELETE", "")])
def test_foreign_batch_is_not_found(light_gateway: Gateway, method_and_path: tuple[str, str]) -> None:
    method, path = method_and_path
    location = post(light_gateway, ndjson(a_line())).headers["Location"]

    others = [light_gateway.send(method, location + path, role=role) for role in SENDERS[1:]]
    others.append(light_gateway.send(method, location + path, role="provider", nihii=COLLEAGUE))
    none = light_gateway.send(method, f"/v1/batches/not-an-id{path}", role="provider")

    assert {answer.status_code for answer in (*others, none)} == {404}
    assert {answer.get_json()["code"] for answer in (*others, none)} == {"not-found"}


def test_cancelled_batch_says_so(gateway: Gateway) -> None:
    location = post(gateway, ndjson(a_line(ref="a"), a_line())).headers["Location"]

    cancelled = gateway.send("DELETE", location, role="provider")
    run(gateway)

    assert (cancelled.status_code, cancelled.get_json()["status"]) == (200, "cancelled")
    assert gateway.send("GET", location, role="provider").get_json()["progress"] == 0
    results = lines_of(gateway.send("GET", f"{location}/results", role="provider"))
    assert results == [{"number": number, "outcome": "cancelled"} for number in (1, 2)]
    assert gateway.counts()["inclusion"] == 0


def test_no_answer_holds_an_ssin(gateway: Gateway) -> None:
    lines = [a_line(), a_line(ref=f"of {SSIN}"), {**a_line(), SSIN: SSIN}, {"type": SSIN}]

    status, results = done(gateway, ndjson(*lines))

    assert status["refused"] == 3
    assert SSIN not in results.text + str(results.headers)
