"""Clients that take their time hold up nobody: neither with a head, nor a body, nor an answer that they do not take."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gateway.http.inlet import BODY_SECONDS, HEAD_SECONDS
from gateway.http.server import MOST_PER_THREAD
from gateway.pseudonyms.keyring import Keyring, write_keyring
from tests.http.hostile.carriers import Server, served
from tests.http.wire import Gateway

THREADS = 2
SLOW = 50
LIVE = b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST = LIVE + b"Connection: close\r\n\r\n"


@pytest.fixture(scope="module")
def server(shared_gateway: Gateway, tmp_path_factory: pytest.TempPathFactory, keyring: Keyring) -> Iterator[Server]:
    """The production server with two threads."""
    home = tmp_path_factory.mktemp("patience")
    write_keyring(keyring, home / "keys.json")
    with served(shared_gateway, "", home, THREADS=THREADS) as opened:
        yield opened


def begun(server: Server, opened: ExitStack, raw: bytes) -> socket.socket:
    """A connection on which so much was sent, and nothing more for now."""
    connection = opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
    connection.sendall(raw)
    return connection


def slow_body(server: Server) -> bytes:
    """The beginning of a request whose body does not come."""
    head = [
        "POST /v1/inclusions HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {server.token('provider')}",
        "Idempotency-Key: slow",
        "Content-Type: application/json",
        "Content-Length: 1000",
    ]
    return "\r\n".join([*head, "", "{"]).encode()


def rest_of(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("begin", [b"", b"G", LIVE, LIVE + b"X-A: "], ids=["silent", "a letter", "a head", "a header"])
def test_heads_that_do_not_end_hold_no_thread(server: Server, begin: bytes) -> None:
    with ExitStack() as opened:
        for _ in range(SLOW):
            begun(server, opened, begin)
        started = time.monotonic()

        answer = server.speak(LAST)

        assert answer.status == 200
        assert time.monotonic() - started < HEAD_SECONDS / 2


def test_clients_that_keep_their_side_open_after_the_last_answer_hold_up_nobody(server: Server) -> None:
    with ExitStack() as opened:
        lingering = [begun(server, opened, LAST) for _ in range(SLOW // 2)]
        answers = [rest_of(one) for one in lingering]
        started = time.monotonic()

        answer = server.speak(LAST)

        assert all(one.startswith(b"HTTP/1.1 200") for one in answers)
        assert answer.status == 200
        assert time.monotonic() - started < HEAD_SECONDS / 2


def test_requests_that_come_at_once_on_one_connection_are_all_answered(server: Server) -> None:
    with ExitStack() as opened:
        connection = begun(server, opened, LIVE + b"\r\n" + LIVE + b"\r\n" + LAST[:30])
        time.sleep(0.2)
        connection.sendall(LAST[30:])

        assert rest_of(connection).count(b"HTTP/1.1 200") == 3


def test_head_is_waited_for_and_body_too_but_not_for_ever(server: Server) -> None:
    with ExitStack() as opened:
        started = time.monotonic()
        head, body = begun(server, opened, LIVE), begun(server, opened, slow_body(server))

        said, closed = rest_of(body), rest_of(head)

        assert closed == b""
        assert said.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"body-too-slow"' in said
        assert time.monotonic() - started >= min(HEAD_SECONDS, BODY_SECONDS) - 0.5


def test_server_with_too_much_at_hand_turns_requests_away_and_does_the_others(server: Server) -> None:
    before = server.counts()
    with ExitStack() as opened:
        held = [begun(server, opened, slow_body(server)) for _ in range(THREADS)]
        time.sleep(0.5)
        taken = [begun(server, opened, LAST) for _ in range(THREADS * (MOST_PER_THREAD - 1))]
        time.sleep(0.5)

        refused = [rest_of(begun(server, opened, LAST)) for _ in range(10)]
        for one in held:
            one.close()
        done = [rest_of(one) for one in taken]

    assert all(one.startswith(b"HTTP/1.1 503 ") for one in refused)
    assert all(b"Retry-After: 1\r\n" in one and b'"code":"overloaded"' in one for one in refused)
    assert all(re.search(rb'X-Request-ID: (\S+)\r\n(?s:.+)"instance":"\1"', one) for one in refused)
    assert all(one.startswith(b"HTTP/1.1 200 ") for one in done)
    assert server.counts() == before


def expecting(server: Server, token: str, body: bytes) -> bytes:
    """The head of a request whose client waits to be told to go on before it sends its body."""
    head = [
        "POST /v1/inclusions/find HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
    ]
    return "\r\n".join([*head, "", ""]).encode()


def test_client_that_waits_to_be_told_is_told_to_go_on_only_when_its_body_is_wanted(server: Server) -> None:
    body, token = b'{"project": "demo-nord", "ssin": "85073003328"}', server.token("provider")
    with ExitStack() as opened:
        wanted = begun(server, opened, expecting(server, token, body))
        told = wanted.recv(len(GO_ON))
        wanted.sendall(body)
        found = rest_of(wanted)
        too_long = rest_of(begun(server, opened, expecting(server, token, bytes(2**20 + 1))))
        nobody = rest_of(begun(server, opened, expecting(server, "x", body)))
        eager = rest_of(begun(server, opened, expecting(server, token, body) + body))

    assert told == GO_ON
    assert found.startswith(b"HTTP/1.1 200 ")
    assert too_long.startswith(b"HTTP/1.1 413 ")
    assert nobody.startswith(b"HTTP/1.1 401 ")
    assert eager.startswith(b"HTTP/1.1 200 ")
    assert all(b"\r\nConnection: close\r\n" in one for one in (found, too_long, nobody, eager))
