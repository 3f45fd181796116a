"""The wire itself: bytes that no client library sends, to a real server on a real socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
import requests

from tests.builders import SSIN
from tests.http.wire import an_inclusion_request
from tests.sandboxes import Sandbox, sandbox

BODY = json.dumps(an_inclusion_request()).encode()
LENGTH = f"Content-Length: {len(BODY)}"
CHUNK = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("wire")) as opened:
        yield opened


def speak(served: Sandbox, raw: bytes) -> bytes:
    """What comes back until the server closes, having been told that nothing more will come."""
    host, port = served.gateway.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def post(token: str, *headers: str) -> bytes:
    lines = [
        "POST /v1/inclusions HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        'Idempotency-Key: "k"',
        "Content-Type: application/json",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


CASES = {
    "cut body": (("Content-Length: 9999",), BODY, (400,)),
    "no length": ((), BODY, (411,)),
    "chunked": (("Transfer-Encoding: chunked",), CHUNK, (411,)),
    "chunked and cut": (("Transfer-Encoding: chunked",), CHUNK[:40], (400, 411)),
    "chunked with a length": ((LENGTH, "Transfer-Encoding: chunked"), CHUNK, (400, 411)),
    "two lengths": ((LENGTH, "Content-Length: 1"), BODY, (400,)),
    "a list of lengths": ((f"{LENGTH}, 1",), BODY, (400,)),
    "a negative length": (("Content-Length: -1",), BODY, (400,)),
    "a length with a sign": ((f"Content-Length: +{len(BODY)}",), BODY, (400,)),
    "a length in hexadecimal": (("Content-Length: 0x10",), BODY, (400,)),
    "a length of too much": (("Content-Length: 1048577",), BODY, (413,)),
    "an unknown coding": ((LENGTH, "Transfer-Encoding: x"), BODY, (400, 411, 501)),
    "a folded header": ((LENGTH, f"X-Note: a\r\n {SSIN}"), BODY, (400,)),
    "a header without a colon": ((LENGTH, f"X-{SSIN}"), BODY, (400,)),
    "a header with a space": ((LENGTH, f"X {SSIN}: 1"), BODY, (400,)),
    "a NUL in a header": ((LENGTH, f"X-Note: \x00{SSIN}"), BODY, (400,)),
    "a header of 9 KiB": ((LENGTH, f"X-Note: {SSIN * 840}"), BODY, (400, 431)),
    "two hundred headers": ((LENGTH, *(f"X-{n}: {SSIN}" for n in range(200))), BODY, (400, 431)),
    "two hosts": ((LENGTH, "Host: 127.0.0.1"), BODY, (400,)),
    "two keys": ((LENGTH, 'Idempotency-Key: "a"'), BODY, (400,)),
    "two tokens": ((LENGTH, "Authorization: Bearer x"), BODY, (400, 401)),
}


@pytest.mark.parametrize("case", CASES)
def test_broken_request_is_4xx_or_closed_repeats_nothing_and_has_no_effect(served: Sandbox, case: str) -> None:
    headers, body, statuses = CASES[case]
    token = served.token("provider", nihii="10000106")

    answer = speak(served, post(token, *headers) + body)

    assert answer == b"" or int(answer.split(b" ", 2)[1]) in statuses, answer
    assert SSIN.encode() not in answer
    assert token.encode() not in answer


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /live\r\n\r\n",
        b"GET /live HTTP/9.9\r\n\r\n",
        b"G\x00T /live HTTP/1.1\r\n\r\n",
        f"GET /{SSIN} FTP/1.1\r\n\r\n".encode(),
        b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /live HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request_are_refused(served: Sandbox, raw: bytes) -> None:
    answer = speak(served, raw)

    assert answer == b"" or answer.split(b" ", 2)[1][:1] in (b"4", b"5"), answer
    assert not answer.startswith((b"HTTP/1.1 500", b"HTTP/1.1 502", b"HTTP/1.1 503"))
    assert SSIN.encode() not in answer


def test_what_is_no_http_is_answered_with_a_problem_all_the_same(served: Sandbox) -> None:
    head, _, body = speak(served, b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Broken\r\n\r\n").partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 Bad Request")
    assert b"Content-Type: application/problem+json" in head
    assert json.loads(body)["code"] == "malformed-http"


def test_server_lives_on_and_names_no_software(served: Sandbox) -> None:
    answer = requests.get(f"{served.gateway}/live", timeout=10)

    assert answer.json() == {"status": "live"}
    assert "python" not in str(answer.headers).lower()
    assert "werkzeug" not in str(answer.headers).lower()
