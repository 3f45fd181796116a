"""A server that answers with the bytes it is given, however wrong, and then closes or resets the connection."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def raw_server(answer: bytes, is_reset: bool = False) -> Iterator[str]:
    """The URL of a server that answers one request so."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)
                if is_reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        server = threading.Thread(target=serve)
        server.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.join(10)


def an_answer(body: bytes, *headers: str, length: int | None = None, status: str = "200 OK") -> bytes:
    """An HTTP answer; `length` is what it announces, where that is not the truth."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextmanager
def dripping_server(answer: bytes, pause_seconds: float = 0.02) -> Iterator[str]:
    """The URL of a server that answers one request byte by byte, its head too, until the client has had enough."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                for place in range(len(answer)):
                    connection.sendall(answer[place : place + 1])
                    time.sleep(pause_seconds)

        server = threading.Thread(target=serve)
        server.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.join(30)
        assert not server.is_alive()
