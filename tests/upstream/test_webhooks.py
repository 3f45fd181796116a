"""Posting events: to a real receiver, to none that is inside, and never for longer than its time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gateway.upstream import webhooks
from gateway.upstream.webhooks import Postman

BODY = b'{"type": "delivery.changed"}'


class Receiver(ThreadingHTTPServer):
    """A receiver whose paths say how it answers."""

    daemon_threads = True
    seen: list[tuple[str, dict[str, str], bytes]]


class Answering(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers), body))
        if self.path == "/slow":
            time.sleep(3)
        self.send_response(int(self.path[1:]) if self.path[1:].isdigit() else 204)
        self.send_header("Location", "/204")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing of each request."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver(("127.0.0.1", 0), Answering)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def url(receiver: Receiver, path: str) -> str:
    return f"http://127.0.0.1:{receiver.server_port}{path}"


def test_event_arrives_as_it_was_signed(receiver: Receiver) -> None:
    taken = Postman(is_sandbox=True).post(url(receiver, "/hook"), {"webhook-id": "1"}, BODY)

    ((path, headers, body),) = receiver.seen
    assert (taken, path, body) == (None, "/hook", BODY)
    assert (headers["webhook-id"], headers["Content-Type"]) == ("1", "application/json")
    assert headers["Host"] == f"127.0.0.1:{receiver.server_port}"


@pytest.mark.parametrize("status", [302, 307, 400, 404, 410, 500, 503])
def test_whatever_is_no_success_is_none_and_no_redirect_is_followed(receiver: Receiver, status: int) -> None:
    taken = Postman(is_sandbox=True).post(url(receiver, f"/{status}"), {}, BODY)

    assert taken == f"http-{status}"
    assert len(receiver.seen) == 1


def test_receiver_that_takes_too_long_or_is_not_there_is_unreachable(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "TOTAL_SECONDS", 0.2)

    taken = [Postman(is_sandbox=True).post(one, {}, BODY) for one in (url(receiver, "/slow"), "http://127.0.0.1:9/")]

    assert taken == ["unreachable", "unreachable"]


def test_nothing_goes_inside_whatever_a_name_says(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 443))]
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("193.53.238.1", 443)), *inside]
    found: list[Any] = []
    for answer in (inside, both, []):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, answer=answer, **__: answer)
        found.append(Postman(is_sandbox=True).post("https://software.example/hook", {}, BODY))

    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found.append(Postman(is_sandbox=False).post("https://software.example/hook", {}, BODY))

    assert found == ["address-refused"] * 4


def test_outside_the_sandbox_this_machine_gets_nothing(receiver: Receiver) -> None:
    taken = Postman(is_sandbox=False).post(url(receiver, "/hook"), {}, BODY)

    assert (taken, receiver.seen) == ("address-refused", [])


def test_connection_goes_to_the_address_that_was_looked_at(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[Any] = []

    def connect(address: Any, *_: object, **__: object) -> Any:
        connected.append(address)
        raise OSError

    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("193.53.238.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: public)
    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)

    taken = Postman(is_sandbox=False).post("https://software.example/hook", {}, BODY)

    assert (taken, connected) == ("unreachable", [("193.53.238.1", 443)])
