"""A server that answers with the bytes it is given, however wrong, and then closes or resets the connection."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager


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
