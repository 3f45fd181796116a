"""Answers that go wrong on their way: each play takes the right answer, and gives what the client gets of it."""

import errno
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Final

from flask import Response, request

HUGE_BYTES: Final = 2**30
CHUNK: Final = b" " * 65536
LONGEST_SECONDS: Final = 120
POLL_SECONDS: Final = 0.2
PAGE: Final = b"<!doctype html><title>Maintenance</title><p>Back soon."

Play = Callable[[Response], Response]


def as_it_is(answer: Response) -> Response:
    """The answer itself."""
    return answer


def server_error(_answer: Response) -> Response:
    """500, although everything was done."""
    return Response(PAGE, 500, mimetype="text/html")


def lost(_answer: Response) -> Response:
    """Not one byte: the connection ends instead."""
    return Response(_break_off(b""), 200)


def reset(answer: Response) -> Response:
    """Half of the body, then a reset."""
    body = answer.get_data() or b"{}"
    connection = _connection()
    return _with_body(answer, _break_off(body[: len(body) // 2], connection), len(body))


def never(answer: Response) -> Response:
    """Nothing, until the client has had enough."""
    return _with_body(answer, _wait(_connection()), None)


def one_byte_per_second(answer: Response) -> Response:
    """The right body, a byte a second."""
    body = answer.get_data()
    return _with_body(answer, _drip(body), len(body))


def cut(answer: Response) -> Response:
    """A whole answer, but half of the JSON."""
    body = answer.get_data()
    return Response(body[: len(body) // 2] or b"{", _status(answer), mimetype="application/json")


def html(answer: Response) -> Response:
    """A page for people, under the right status."""
    return Response(PAGE, _status(answer), mimetype="text/html")


def huge(answer: Response) -> Response:
    """A body of more than a gigabyte, made while it is sent."""
    return _with_body(answer, _fill(answer.get_data()), None)


def only_posts(play: Play) -> Play:
    """A play on what is sent to the stand-in; the mailbox is read as ever."""
    return lambda answer: play(answer) if request.method == "POST" else answer


def _with_body(answer: Response, body: Iterator[bytes], length: int | None) -> Response:
    changed = Response(body, _status(answer), mimetype="application/json")
    if length is not None:
        changed.content_length = length
    return changed


def _status(answer: Response) -> int:
    """The answer's own, or 200 for one that may have no body."""
    return 200 if answer.status_code == 204 else answer.status_code


def _connection() -> socket.socket | None:
    found: socket.socket | None = request.environ.get("gunicorn.socket")
    return found


def _break_off(first: bytes, connection: socket.socket | None = None) -> Iterator[bytes]:
    if first:
        yield first
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The server closes without a word what fails so.
    raise ConnectionResetError(errno.ECONNRESET, "played")


def _wait(connection: socket.socket | None) -> Iterator[bytes]:
    ends_at = time.monotonic() + LONGEST_SECONDS
    while connection is not None and time.monotonic() < ends_at:
        if select.select([connection], [], [], POLL_SECONDS)[0]:
            break  # it closed; nobody sends a second request before the first is answered
    yield from _break_off(b"")


def _drip(body: bytes) -> Iterator[bytes]:
    for place in range(min(len(body), LONGEST_SECONDS)):
        yield body[place : place + 1]
        time.sleep(1)
    yield from _break_off(b"")


def _fill(body: bytes) -> Iterator[bytes]:
    yield body[:-2]
    for _ in range(HUGE_BYTES // len(CHUNK) + 1):
        yield CHUNK
    yield body[-2:]
