"""The relay: what each of its modes does to a connection."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.faults.relay import LATE_SECONDS, Relay
from tests.postgres import free_port


@pytest.fixture(scope="module")
def relay() -> Iterator[Relay]:
    """A relay before a server that answers every piece with itself."""
    server = socket.create_server(("127.0.0.1", 0))

    def echo(connection: socket.socket) -> None:
        with closing(connection):
            try:
                while piece := connection.recv(1024):
                    connection.sendall(piece)
            except OSError:
                return

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    made = Relay({"echo": (free_port(), "127.0.0.1", server.getsockname()[1])})
    yield made
    made.close()
    server.close()


def opened(relay: Relay) -> socket.socket:
    return socket.create_connection(("127.0.0.1", relay.routes["echo"][0]), timeout=5)


def asked(connection: socket.socket) -> bytes:
    connection.sendall(b"hello")
    return connection.recv(1024)


def test_pass_hands_on_and_slow_hands_on_late(relay: Relay) -> None:
    with closing(opened(relay)) as connection:
        assert asked(connection) == b"hello"

        relay.choose("echo", "slow")
        began = time.monotonic()
        assert asked(connection) == b"hello"
        assert time.monotonic() - began >= 2 * LATE_SECONDS * 0.9
    relay.choose("echo", "pass")


def test_freeze_keeps_what_was_sent_until_it_goes_on(relay: Relay) -> None:
    with closing(opened(relay)) as connection:
        assert asked(connection) == b"hello"
        relay.choose("echo", "freeze")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            asked(connection)

        relay.choose("echo", "pass")

        connection.settimeout(5)
        assert connection.recv(1024) == b"hello"


@pytest.mark.parametrize("mode", ["cut", "deaf"])
def test_cut_and_deaf_break_connections_and_new_ones_serve_again_afterwards(relay: Relay, mode: str) -> None:
    with closing(opened(relay)) as connection:
        assert asked(connection) == b"hello"
        relay.choose("echo", mode)

        with pytest.raises(ConnectionError):
            asked(connection)
    relay.choose("echo", "pass")
    with closing(opened(relay)) as connection:
        assert asked(connection) == b"hello"
